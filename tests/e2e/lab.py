"""Tests on a lab: several hosts on this machine, made by tools/lab, which see each other through real ssh.

    class Something(LabTest):
        nodes = 3
        options = ("--rate", "1gbit")

        def test_it(self):
            self.plant("firewall", "node2", "block", "1024-65535")
            run = self.start_on("outside", YOKE, "run", "-H", self.addresses(), ...)

One lab serves all tests of a class. What a test plants is undone when it ends, and what it started is killed.
"""
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import unittest
import uuid

from harness import ROOT, TINY, YOKE, YokeTest

sys.path.insert(0, str(ROOT / "tools"))

from lab_lib import cluster, files, linux, login, network, slurm  # noqa: E402

LAB = ROOT / "tools" / "lab"
PYTHON = (sys.executable, "-IS")  # without site-packages, whose start can take longer than the rest
NETWORK = "10.77.0.0/24"
_PRIVATE = ("tmp", "var/tmp", "dev/shm")  # where nothing of a run may be left on a host

# What undoes a defect: the arguments after the host.
_UNDO = {"firewall": ["clear"], "link": ["up"], "rate": ["none"], "mtu": ["1500"], "login": ["key"], "disk": ["free"]}


def why_not():
    """Why this machine cannot have a lab; None where it can."""
    try:
        cluster.check_machine()
    except linux.LabError as error:
        return str(error)
    command = ["unshare", "--net", "--mount", "--uts", "--ipc", "true"]
    probe = subprocess.run(command, capture_output=True, text=True, timeout=10)
    return f"no namespaces here: {probe.stderr.strip()}" if probe.returncode != 0 else None


def run_lab(name, *arguments, timeout=60):
    """(exit code, stdout, stderr) of a command of tools/lab."""
    command = [*PYTHON, LAB, "--name", name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def shares():
    """The arguments by which hosts see what is tested, wherever it was built."""
    folders = {folder for folder in (YOKE.parent, TINY.parent) if folder.exists() and not folder.is_relative_to(ROOT)}
    return [part for folder in folders for part in ("--share", folder)]


class LabTest(YokeTest):
    nodes = 2
    options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if reason := why_not():
            raise unittest.SkipTest(reason)
        cls.name = f"t{uuid.uuid4().hex[:8]}"
        cls.addClassCleanup(run_lab, cls.name, "down")
        code, _, err = run_lab(cls.name, "up", cls.nodes, "--quiet", *cls.options, *shares())
        if code != 0:
            raise AssertionError(err)
        cls.cluster = cluster.Lab(cls.name).load()

    def setUp(self):
        super().setUp()
        self.residents = set()
        self.residents = {pid for host in self.cluster.hosts for pid in self.processes(host.name)}
        self.files_before = {host.name: self.files(host.name) for host in self.cluster.hosts}
        self.addCleanup(self._kill_what_runs)

    def _kill_what_runs(self):
        for host in self.cluster.hosts:
            for pid in self.processes(host.name):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def lab(self, *arguments):
        """The output of a command of tools/lab that must succeed."""
        code, out, err = run_lab(self.name, *arguments)
        self.assertEqual(code, 0, err)
        return out

    def plant(self, defect, host, *arguments):
        """A defect of tools/lab (firewall, link, rate, mtu, login, disk, address, signal, off), for this test."""
        self.lab(defect, host, *arguments)
        if defect == "off":
            self.addCleanup(self.lab, "on", host)
        elif defect == "address":
            self.addCleanup(self.lab, "address", host, self.cluster.host(host).links[0].address)
        elif defect == "signal" and arguments[0] == "STOP":
            self.addCleanup(run_lab, self.name, "signal", host, "CONT")
        elif defect == "mtu" and "--switch" in arguments:
            self.addCleanup(self.lab, "mtu", host, 0, "--switch")
        elif defect == "rate" and "--rate" in self.options:
            self.addCleanup(self.lab, "rate", host, self.options[self.options.index("--rate") + 1])
        elif defect in _UNDO:
            self.addCleanup(self.lab, defect, host, *_UNDO[defect])

    def addresses(self, *numbers):
        """The addresses of these nodes, or of all, as -H takes them."""
        return ",".join(self.cluster.host(str(number)).address for number in numbers or range(1, self.nodes + 1))

    def command_on(self, host, *command, user=False):
        return [*PYTHON, LAB, "--name", self.name, "exec", *(["--user"] if user else []), str(host), *map(str, command)]

    def start_on(self, host, *command, user=False, **options):
        """A harness.Run on a host. Its processes on other hosts do not carry its mark: see processes()."""
        return self.start(*self.command_on(host, *command, user=user), **options)

    def on(self, host, *command, user=False, timeout=30):
        """(exit code, stdout, stderr) of a command on a host."""
        code, out, err, _ = self.start_on(host, *command, user=user).finish(timeout)
        return code, out, err

    def yoke_on(self, host, *arguments, user=False, timeout=60):
        """(exit code, stdout, stderr) of yoke on a host, of which nothing may be left anywhere."""
        run = self.start_on(host, YOKE, *arguments, user=user)
        code, out, err, _ = run.finish(timeout)
        self.assert_nothing_left(run)
        return code, out, err

    def processes(self, host, program=None):
        """The pids of what runs on a host, but for its sshd and what ran as the test began; of one program where it
        is named."""
        place = self.cluster.host(str(host))
        others = self.residents | {login.server_pid(place)}
        programs = {pid: linux.program_of(pid) for pid in place.processes() if pid not in others}
        return [pid for pid, name in programs.items() if name and program in (None, name)]

    def root(self, host):
        """The host's file system as this process can read it."""
        return pathlib.Path(f"/proc/{self.cluster.host(str(host)).pid}/root")

    def give_key(self, name="link-key"):
        """A new key for yoke's --key-file in the homes of every node, the same in all: its name in a home."""
        digits = secrets.token_hex(32)
        for number in range(1, self.nodes + 1):
            for home, owner in ("root", 0), (f"home/{files.USER}", files.USER_ID):
                path = self.root(number) / home / name
                path.write_text(f"{digits}\n", encoding="ascii")
                path.chmod(0o600)
                os.chown(path, owner, owner)
        return name

    def files(self, host):
        """What lies in the host's folders for temporary files."""
        root = self.root(host)
        return {str(path.relative_to(root)) for folder in _PRIVATE for path in (root / folder).rglob("*")}

    def assert_nothing_runs(self, run, seconds, hosts=None):
        """No process of the run on any of these hosts (default: all) after so long."""
        def remains():
            found = {name: self.processes(name) for name in hosts or self.files_before}
            return run.alive() + [pids for pids in found.items() if pids[1]]
        run.wait_for(lambda: not remains(), seconds, f"the end of {remains()}")

    def assert_nothing_left(self, run, seconds=60, hosts=None):
        """No process of the run on any of these hosts (default: all) after so long, and no file of it."""
        self.assert_nothing_runs(run, seconds, hosts)
        for name in hosts or self.files_before:
            self.assertEqual(self.files(name) - self.files_before[name], set(), name)
