# What ./demo and ./check share; sourced by them, from the root of the project.

# Fedora and RHEL keep Open MPI's programs out of the PATH.
if [ -d /usr/lib64/openmpi/bin ] && ! command -v mpirun >/dev/null; then
  export PATH="$PATH:/usr/lib64/openmpi/bin"
fi

# One line that tells the person what happens next.
say() {
  if [ -t 1 ]; then printf '\033[1m==> %s\033[0m\n' "$*"; else printf '==> %s\n' "$*"; fi
}

# One sentence, and the end.
give_up() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# prepare_build NAME: build/NAME can be built in, or the script ends. A folder that was configured when the project
# lay elsewhere is of no use to CMake, so it goes.
prepare_build() {
  local path cache=build/$1/CMakeCache.txt
  for path in build "build/$1"; do
    [ ! -e "$path" ] || [ -w "$path" ] ||
      give_up "$PWD/$path belongs to $(stat -c %U "$path"), so $(id -un) cannot build in it; remove it or run as its owner."
  done
  [ -e build ] || [ -w . ] || give_up "$(id -un) may not write to $PWD, where the build folder goes."
  if [ -e "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then
    say "Removing build/$1, which was made when the project lay elsewhere"
    rm -rf "build/$1"
  fi
}
