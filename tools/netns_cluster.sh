#!/usr/bin/env bash
# A cluster on one machine: network namespaces act as hosts, joined by a bridge. Needs root and iproute2.
#
#   netns_cluster.sh NAME up N             make the hosts NAME-1 … NAME-N with the addresses 10.77.0.1 … 10.77.0.N
#   netns_cluster.sh NAME exec I CMD...    run a command on host I
#   netns_cluster.sh NAME rsh ADDRESS CMD  the same by address, as ssh would: for mpirun's plm_rsh_agent
#   netns_cluster.sh NAME down             end what runs on the hosts and remove them
#
# Everything lives in namespaces called NAME-*, the bridge too, so that clusters of different names do not meet and
# the machine's own network is not touched.
set -euo pipefail

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }
case "${1-}" in -h | --help) usage; exit 0 ;; esac
[ $# -ge 2 ] || { usage >&2; exit 2; }

name=$1
action=$2
shift 2
hub=$name-hub

up() {
  local count=$1 i
  trap down ERR
  ip netns add "$hub"
  ip -n "$hub" link add bridge type bridge
  ip -n "$hub" link set bridge up
  for ((i = 1; i <= count; i++)); do
    ip netns add "$name-$i"
    ip -n "$name-$i" link set lo up
    ip link add eth0 netns "$name-$i" type veth peer name "port$i" netns "$hub"
    ip -n "$hub" link set "port$i" master bridge up
    ip -n "$name-$i" address add "10.77.0.$i/24" dev eth0
    ip -n "$name-$i" link set eth0 up
  done
}

# Gives the host a name of its own, as separate machines have.
exec_on() {
  local host=$name-$1
  shift
  # shellcheck disable=SC2016  # the inner shell expands them
  exec ip netns exec "$host" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$@"
}

down() {
  local namespace
  for namespace in $(ip netns list | cut -d' ' -f1 | grep -E "^$name-([0-9]+|hub)$" || true); do
    ip netns pids "$namespace" | xargs -r kill -KILL 2>/dev/null || true
    ip netns delete "$namespace"
  done
}

case "$action" in
  up) up "${1:?how many hosts}" ;;
  exec) exec_on "$@" ;;
  rsh)
    address=$1
    shift
    exec_on "${address##*.}" sh -c "$*"
    ;;
  down) down ;;
  *) usage >&2; exit 2 ;;
esac
