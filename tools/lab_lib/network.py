"""The networks of a lab: a bridge for each in a namespace of its own, the hub, and a pair of devices for each host.

The machine's own network is touched only by `lab up --attach`.
"""
import json
import os
import subprocess

from .linux import LabError

HUB = "hub"
_TABLE = "lab"


def wire(hub, hosts, networks, docker):
    """Joins the hosts to their networks."""
    lines = []
    for number in range(len(networks)):
        lines += [f"link add name net{number} type bridge", f"link set net{number} up"]
    for host in hosts:
        for link in host.links:
            lines += [f"link add {host.port(link)} type veth peer name {link.device} netns {host.pid}",
                      f"link set {host.port(link)} master net{link.network} up"]
    _batch(hub, "ip", lines)
    for host in hosts:
        lines = ["link set lo up"]
        for link in host.links:
            lines += [f"address add {link.address} broadcast + dev {link.device}", f"link set {link.device} up"]
        if docker:
            # The same on every host, as Docker makes it: nothing can be reached through it.
            lines += ["link add name docker0 type bridge", "address add 172.17.0.1/16 dev docker0",
                      "link set docker0 up"]
        _batch(host, "ip", lines)


def attach(hub, address, device):
    """Gives the machine itself an address in the first network."""
    _batch(hub, "ip", [f"link add machine type veth peer name {device} netns {os.getpid()}",
                       "link set machine master net0 up"])
    _batch(None, "ip", [f"address add {address} dev {device}", f"link set {device} up"])


def _batch(host, program, lines):
    """Gives lines to `ip -batch` or `tc -batch` on a host, or on the machine itself."""
    if host:
        host.run(program, "-batch", "-", text="\n".join(lines))
        return
    done = subprocess.run([program, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise LabError(f"{program} failed: {done.stderr.strip().splitlines()[0]}")


def shape(hub, host, rate, number=None):
    """Bounds what the host sends and receives; rate None: unbounded again."""
    for link in links(host, number):
        for place, device in (host, link.device), (hub, host.port(link)):
            if rate:
                _batch(place, "tc", [f"qdisc replace dev {device} root tbf rate {rate} burst 256kb latency 20ms"])
            elif "tbf" in place.run("tc", "qdisc", "show", "dev", device):
                _batch(place, "tc", [f"qdisc delete dev {device} root"])


def set_mtu(host, size, number=None):
    _batch(host, "ip", [f"link set {link.device} mtu {size}" for link in links(host, number)])


def drop_long_packets(hub, host, size, number=None):
    """The switch drops what is longer to and from this host, and tells nobody. Size None: it no longer does."""
    table = f"{_TABLE}_{host.name}"
    rules = [f"add table bridge {table}", f"delete table bridge {table}"]
    if size:
        rules += [f"add table bridge {table}",
                  f"add chain bridge {table} forward {{ type filter hook forward priority 0; }}"]
        for link in links(host, number):
            rules += [f'add rule bridge {table} forward {way} "{host.port(link)}" meta length > {size} drop'
                      for way in ("iifname", "oifname")]
    _filter(hub, rules)


def set_links(hub, host, state, number=None):
    """Pulls or plugs the cable at the switch's end."""
    _batch(hub, "ip", [f"link set {host.port(link)} {state}" for link in links(host, number)])


def change_address(host, address, number=0):
    """Moves one interface to another address."""
    device = links(host, number)[0].device
    _batch(host, "ip", [f"address flush dev {device} scope global", f"address add {address} broadcast + dev {device}"])


def block(host, ports, source=None, reject=False):
    """The host's own firewall takes no new TCP connections at these ports; what is connected stays so."""
    origin = f"ip saddr {source} " if source else ""
    verdict = "reject with tcp reset" if reject else "drop"
    _filter(host, [f"add table inet {_TABLE}",
                   f"add chain inet {_TABLE} input {{ type filter hook input priority 0; }}",
                   f'add rule inet {_TABLE} input iifname != "lo" {origin}tcp dport {ports} '
                   f"tcp flags & (syn|ack) == syn {verdict}"])


def clear_firewall(host):
    _filter(host, [f"add table inet {_TABLE}", f"delete table inet {_TABLE}"])


def filters(hub, host):
    """What block() and drop_long_packets() have set up for a host, as nft writes it."""
    own = [line for line in host.run("nft", "list", "ruleset").splitlines() if "dport" in line]
    switch = [line for line in hub.run("nft", "list", "ruleset").splitlines() if f'"{host.name}-' in line]
    return [line.strip() for line in own + switch]


def _filter(place, lines):
    place.run("nft", "-f", "-", text="\n".join(lines) + "\n")


def links(host, number=None):
    """All links of a host, or the one to this network."""
    found = [link for link in host.links if number in (None, link.network)]
    if not found:
        raise LabError(f"{host.name} has no interface eth{number}")
    return found


def devices(host):
    """{device: {address, mtu, up, rate}} of the host's own links, as the kernel tells."""
    described = {device["ifname"]: device for device in json.loads(host.run("ip", "-json", "address"))}
    rates = {queue["dev"]: queue["options"]["rate"] * 8 for queue in json.loads(host.run("tc", "-json", "qdisc"))
             if queue["kind"] == "tbf"}
    return {link.device: {
        "address": ", ".join(f"{entry['local']}/{entry['prefixlen']}" for entry in described[link.device]["addr_info"]
                             if entry["family"] == "inet"),
        "mtu": described[link.device]["mtu"],
        "up": described[link.device]["operstate"] == "UP",
        "rate": rates.get(link.device),
    } for link in host.links}
