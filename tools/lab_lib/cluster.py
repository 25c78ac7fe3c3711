"""A lab: its hosts, its state on disk, and how all of it comes and goes.

State is one folder, STATE: state.json (written last, so its absence tells an `up` that did not finish), client/ (ssh
for the machine itself), hosts/NAME/ (what is bound into the host's /etc).
"""
import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import shutil
import stat

from . import cpu, files, linux, login, network
from .host import Host, Link
from .linux import LabError

OUTSIDE = "outside"  # a host that is in the networks and in no list of hosts: where a person sits
_PROGRAMS = {"sshd": "openssh-server", "ssh": "openssh-client", "ip": "iproute2", "tc": "iproute2", "nft": "nftables"}


def state_folder(name):
    """Where a lab of this name keeps its state."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,9}", name):
        raise LabError(f"a lab's name is a small letter and up to 9 small letters or digits, not {name!r}")
    return pathlib.Path("/run", f"yoke-lab-{name}")


def parse_networks(texts, count):
    """[(network, numbers of its hosts)] from "10.77.0.0/24" (all hosts) and "10.78.0.0/24=1,3"."""
    found = []
    for text in texts:
        cidr, _, members = text.partition("=")
        try:
            parsed = ipaddress.IPv4Network(cidr)
            numbers = [int(part) for part in members.split(",")] if members else list(range(1, count + 1))
        except ValueError as error:
            raise LabError(f"--network {text}: {error}; expected such as 10.78.0.0/24 or 10.78.0.0/24=1,3") from None
        if parsed.num_addresses < count + 4 or not set(numbers) <= set(range(1, count + 1)):
            raise LabError(f"--network {text} does not fit {count} hosts")
        found.append((parsed, numbers))
    if lonely := set(range(1, count + 1)) - {number for _, numbers in found for number in numbers}:
        raise LabError(f"host {min(lonely)} is in no --network")
    return found


class Lab:
    def __init__(self, name):
        self.name = name
        self.state = state_folder(name)
        self.hosts = []  # node1 … nodeN, then outside
        self.hub = None
        self.limited = False  # whether --disk bounds the disks

    # ---- coming and going

    def up(self, count, options):
        """Makes the lab. Remains of one that did not come up or whose hosts have died are removed first."""
        check_machine()
        if self._is_running():
            self.load()
            raise LabError(f"the lab {self.name} is up already with {len(self.nodes())} hosts; tools/lab down ends it")
        self.down()
        try:
            self._make(count, options)
        except BaseException:
            self.down()
            raise

    def _make(self, count, options):
        networks = parse_networks(options.network, count)
        self.state.mkdir(mode=0o700)
        self._describe_hosts(count, networks, options)
        login.make_keys(self.state, self.hosts)
        plan = files.Plan(ssh=pathlib.Path(), client=self.state / "client", key=self.state / "client" / "key",
                          hosts=self._names(), disk=options.disk or "", shared=options.share)
        for host in (self.hub, *self.hosts):
            folder = self.state / "hosts" / host.name / "ssh"
            folder.mkdir(parents=True, exist_ok=True)
            host.create(dataclasses.replace(plan, ssh=folder))
        network.wire(self.hub, self.hosts, networks, options.docker0)
        for host in self.nodes():
            if options.mtu:
                network.set_mtu(host, options.mtu)
            if options.rate:
                network.shape(self.hub, host, options.rate)
            if host.name in options.password_only:
                login.write_server_config(self.state, host, "password")
            login.start_server(host)
        for host in self.nodes():
            login.await_server(host)
        if options.attach:
            first = networks[0][0]
            network.attach(self.hub, f"{first[-3]}/{first.prefixlen}", f"lab-{self.name}")
        self.limited = bool(options.disk)
        self._save()

    def _describe_hosts(self, count, networks, options):
        for number in range(1, count + 1):
            links = [Link(index, f"{subnet[number]}/{subnet.prefixlen}")
                     for index, (subnet, members) in enumerate(networks) if number in members]
            cores = [options.cores[(number - 1) % len(options.cores)]] if options.cores else []
            name = f"node{number}"
            group = ""
            if options.cpu:
                group = cpu.make_group(self.name, name, options.cpu[(number - 1) % len(options.cpu)])
            self.hosts.append(Host(self.name, name, links, cores, group))
        links = [Link(index, f"{subnet[-2]}/{subnet.prefixlen}") for index, (subnet, _) in enumerate(networks)]
        self.hosts.append(Host(self.name, OUTSIDE, links, [], ""))
        self.hub = Host(self.name, network.HUB, [], [], "")

    def _names(self):
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        return "\n".join([*lines, *(f"{host.address} {host.name}" for host in self.hosts)]) + "\n"

    def down(self):
        """Ends what runs in the lab and removes all of it, whatever is left."""
        def none_left():
            mine = [pid for (lab, _), pids in linux.inhabitants().items() if lab == self.name for pid in pids]
            for pid in mine:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            return not mine
        linux.wait_until(none_left, 10, f"processes of the lab {self.name} do not end; tools/lab down once more")
        cpu.remove_groups(self.name)
        if self.state.is_symlink() or self.state.exists():
            self._check_owner()
            shutil.rmtree(self.state)
        self.hosts = []

    def _check_owner(self):
        entry = self.state.lstat()
        if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
            raise LabError(f"{self.state} is not a folder of yours; move it away, or choose another --name")

    # ---- state

    def _save(self):
        hosts = {host.name: dataclasses.asdict(host) for host in (*self.hosts, self.hub)}
        (self.state / "state.json").write_text(json.dumps({"hosts": hosts, "limited": self.limited}, indent=1),
                                               encoding="utf-8")

    def _is_running(self):
        found = linux.inhabitants()
        return (self.state / "state.json").exists() and (self.name, network.HUB) in found

    def load(self):
        """Reads the state of a lab that is up."""
        try:
            self._check_owner()
            known = json.loads((self.state / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LabError(f"there is no lab {self.name}; tools/lab up 2 makes one") from None
        *self.hosts, self.hub = (Host(**{**entry, "links": [Link(**link) for link in entry["links"]]})
                                 for entry in known["hosts"].values())
        self.limited = known["limited"]
        return self

    # ---- hosts

    def nodes(self):
        return self.hosts[:-1]

    def host(self, text):
        """A host by number, name or address."""
        for host in self.hosts:
            if text in (host.name, host.name.removeprefix("node"), *host.addresses):
                return host
        raise LabError(f"the lab {self.name} has no host {text}; it has {', '.join(host.name for host in self.hosts)}")

    def switch_off(self, host):
        """As if the power went: the others hear nothing more of it."""
        network.set_links(self.hub, host, "down")
        host.kill()

    def switch_on(self, host):
        network.set_links(self.hub, host, "up")
        if host.name != OUTSIDE and not login.server_pid(host):
            login.start_server(host)
            login.await_server(host)


def check_machine():
    """Refuses what would fail later."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces, which needs root; use sudo")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"
    os.environ["PATH"] = path
    for program, package in _PROGRAMS.items():
        if not shutil.which(program):
            raise LabError(f"there is no {program}; install {package} (tools/install_packages.sh lab)")
