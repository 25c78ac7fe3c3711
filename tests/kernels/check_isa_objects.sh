#!/bin/sh
# check_isa_objects.sh NM OBJECT...: fails if an object that is built for one instruction set (isa_*, panels_*) defines a
# weak symbol. That would be an instance of a template or an inline function, which the linker may choose for code that
# runs everywhere. nm marks weak symbols with u, V or W.
nm=$1
shift
seen=0
for object in "$@"; do
  case $object in
    *isa_* | *panels_*) ;;
    *) continue ;;
  esac
  seen=$((seen + 1))
  symbols=$("$nm" -C "$object") || exit
  if weak=$(printf '%s\n' "$symbols" | grep -E ' [uVW] '); then
    printf '%s defines:\n%s\n' "$object" "$weak" >&2
    exit 1
  fi
done
[ "$seen" -ge 4 ]
