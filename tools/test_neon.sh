#!/usr/bin/env bash
# Builds the formats of weights and the kernels for aarch64 and runs their tests under qemu, in build/neon.
#
#   tools/test_neon.sh [CTEST OPTION...]
#
# Needs an aarch64 cross compiler, qemu-user and GoogleTest's sources (tools/install_packages.sh neon); exits with 77
# where one of them is missing. YOKE_NEON_BUILD names another build folder.
set -euo pipefail
case "${1-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
cd "$(dirname "$(readlink -f "$0")")/.."

for needed in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$needed" >/dev/null || { echo "test_neon.sh: $needed is not installed." >&2; exit 77; }
done
[ -e /usr/src/googletest/CMakeLists.txt ] || { echo "test_neon.sh: GoogleTest's sources are not installed." >&2; exit 77; }

build=${YOKE_NEON_BUILD:-build/neon}
cmake -S tests/kernels/neon -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DCMAKE_SYSTEM_NAME=Linux \
  -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_CROSSCOMPILING_EMULATOR="qemu-aarch64;-cpu;max" >/dev/null
cmake --build "$build" --parallel "$(nproc)"
ctest --test-dir "$build" --parallel "$(nproc)" --no-tests=error --output-on-failure "$@"
