#!/usr/bin/env bash
# Installs what is missing of some groups of tools/packages; does nothing, quickly, where all is there.
#
#   tools/install_packages.sh [--list] GROUP...
#
# --list names the missing packages, one a line, and installs nothing. Uses apt-get or dnf, as root or through
# sudo. Exits 1 with one sentence that names the missing packages where it cannot install them.
set -euo pipefail
shopt -s nullglob

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0"
}

list_only=no
groups=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
    --list) list_only=yes ;;
    -*) echo "install_packages.sh: unknown option $argument" >&2; exit 2 ;;
    *) groups+=("$argument") ;;
  esac
done
[ ${#groups[@]} -gt 0 ] || { usage >&2; exit 2; }

table="$(dirname "$(readlink -f "$0")")/packages"
for group in "${groups[@]}"; do
  grep -q "^$group " "$table" || { echo "install_packages.sh: $table has no group $group" >&2; exit 2; }
done

if command -v apt-get >/dev/null; then
  manager=apt
elif command -v dnf >/dev/null; then
  manager=dnf
else
  manager=none
fi

# Whether what a package brings is on this machine, whoever put it there.
is_present() {
  local what=${1#*:} pattern
  case "$1" in
    cmd:*) command -v "$what" >/dev/null || [ -x "/usr/lib64/openmpi/bin/$what" ] || [ -x "/usr/sbin/$what" ] ;;
    pc:*) command -v pkg-config >/dev/null && pkg-config --exists "$what" ;;
    py:*) python3 -c "import $what" 2>/dev/null || /usr/bin/python3 -c "import $what" 2>/dev/null ;;
    file:*)
      local -a patterns found
      IFS=, read -r -a patterns <<<"$what"
      for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2206  # the pattern is meant to expand
        found=($pattern)
        [ ${#found[@]} -gt 0 ] && [ -e "${found[0]}" ] && return 0
      done
      return 1 ;;
    *) echo "install_packages.sh: $table: unknown test $1" >&2; exit 2 ;;
  esac
}

# The missing packages of the groups, under the names of this distribution; Debian's where it is another one.
missing_packages() {
  local group present apt dnf
  while read -r group present apt dnf; do
    [[ " ${groups[*]} " == *" $group "* ]] || continue
    is_present "$present" && continue
    if [ "$manager" = dnf ]; then echo "$dnf"; else echo "$apt"; fi
  done < <(grep -v '^#' "$table" | grep .) | grep -vx -e - | sort -u || true
}

mapfile -t missing < <(missing_packages)
if [ $list_only = yes ]; then
  [ ${#missing[@]} -eq 0 ] || printf '%s\n' "${missing[@]}"
  exit 0
fi
[ ${#missing[@]} -gt 0 ] || exit 0

refuse() {
  echo "install_packages.sh: ${missing[*]} must be installed first, but $1." >&2
  exit 1
}

as_root=()
if [ $manager = none ]; then
  refuse "this machine has neither apt-get nor dnf (the names are Debian's)"
elif [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || refuse "you are not root and there is no sudo"
  sudo -n true 2>/dev/null || [ -t 0 ] || refuse "you are not root and sudo asks for a password"
  as_root=(sudo)
fi

echo "Installing ${missing[*]} with $manager" >&2
if [ $manager = apt ]; then
  apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0)
  "${apt_get[@]}" update >&2 || echo "apt-get update failed; trying with the lists that are there" >&2
  "${apt_get[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2 ||
    refuse "apt-get could not install them (see above)"
else
  "${as_root[@]}" dnf install -y "${missing[@]}" </dev/null >&2 || refuse "dnf could not install them (see above)"
fi

mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] || refuse "$manager ended well without bringing them"
