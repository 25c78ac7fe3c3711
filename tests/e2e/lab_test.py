#!/usr/bin/env python3
"""tools/lab: hosts that are apart as machines are, the defects that it plants, and that it leaves nothing."""
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest
import uuid

from harness import YokeTest, main
from lab import LAB, NETWORK, PYTHON, LabTest, linux, run_lab, why_not

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2")

RECEIVE = """
import socket, time
with socket.create_server(("", 5001)) as server:
    print("listening", flush=True)
    peer, _ = server.accept()
    start, count = time.monotonic(), 0
    while data := peer.recv(1 << 20):
        count += len(data)
    print(count * 8e-6 / (time.monotonic() - start))
"""
SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], 5001), timeout=2) as peer:
    peer.sendall(bytes(int(sys.argv[2])))
"""


class TwoHosts(LabTest):
    options = ("--rate", "2gbit")

    def send(self, receiver, count):
        """Sends so many bytes from `outside`: (Mbit/s as the receiver saw them, None where it failed; stderr)."""
        server = self.start_on(receiver, "python3", "-c", RECEIVE)
        server.wait_for_text(len("listening\n"))
        code, _, err = self.on("outside", "python3", "-c", SEND, receiver, count)
        if code != 0:
            server.kill()
            return None, err
        return float(server.finish(30)[1]), err

    def test_hosts_have_names_and_folders_of_their_own(self):
        for way, name in ((1, "node1"), ("node2", "node2"), ("10.77.0.2", "node2"), ("outside", "outside")):
            self.assertEqual(self.on(way, "hostname")[:2], (0, f"{name}\n"))
        self.assertRegex(self.on("outside", "getent", "hosts", "node2")[1], r"^10\.77\.0\.2\s+node2$")
        paths = [f"{folder}/mine" for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/root/models", "/home")]
        self.assertEqual(self.on(1, "touch", *paths)[0], 0)
        self.addCleanup(self.on, 1, "rm", *paths)
        self.assertEqual(self.on(1, "ls", *paths)[1].split(), sorted(paths))
        self.assertEqual(self.on(2, "ls", *paths)[1], "")
        self.assertEqual([path for path in paths if os.path.exists(path)], [])
        self.assertEqual(sorted(self.on(1, "ls", "/sys/class/net")[1].split()), ["eth0", "lo"])
        self.assertNotEqual(*(self.on(number, "cat", "/etc/machine-id")[1] for number in (1, 2)))

    def test_exec_passes_arguments_and_the_exit_code(self):
        code, out, _ = self.on(1, "sh", "-c", 'printf "%s|" "$@"; exit 7', "sh", "a b", "--name", "c")
        self.assertEqual((code, out), (7, "a b|--name|c|"))
        self.assertEqual(self.on(1, "id", "-un", user=True)[1], "worker\n")
        code, _, err = run_lab(self.name, "exec", "node9", "true")
        self.assertEqual((code, err),
                         (1, f"lab: the lab {self.name} has no host node9; it has node1, node2, outside.\n"))

    def test_ssh_reaches_every_host_from_every_host_and_from_this_machine(self):
        for user in (False, True):
            name = "worker" if user else "root"
            with self.subTest(user=name):
                code, out, err = self.on("outside", *SSH, "node1", *SSH, "10.77.0.2", "hostname;", "id", "-un",
                                         user=user)
                self.assertEqual((code, out), (0, f"node2\n{name}\n"), err)
        command = self.lab("ssh").split()
        for way in ([], self.command_on("node1")):
            done = subprocess.run([*way, *command, "node2", "hostname"], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.stdout, "node2\n", done.stderr)
        self.assertEqual(self.lab("hosts"), "10.77.0.1,10.77.0.2\n")

    def test_copy_brings_a_file_to_each_host(self):
        source = self.scratch() / "a file"
        source.write_text("content", encoding="utf-8")
        self.lab("copy", source, "models/")
        for host in (1, 2):
            self.assertEqual(self.on(host, "cat", "/root/models/a file")[1], "content")

    def test_a_rate_bounds_a_transfer(self):
        self.plant("rate", "node2", "100mbit")
        bounded, _ = self.send("node2", 5_000_000)
        free, _ = self.send("node1", 50_000_000)
        self.assertTrue(50 < bounded < 200, bounded)
        self.assertGreater(free, 2 * bounded)
        self.assertRegex(self.lab("status"), r"node2 .* 100 Mbit/s; ")

    def test_a_packet_too_long_for_the_switch_vanishes(self):
        self.plant("mtu", "node2", "1400")
        self.assertEqual(self.on(2, "cat", "/sys/class/net/eth0/mtu")[1], "1400\n")
        self.assertIsNotNone(self.send("node2", 100_000)[0])
        self.plant("mtu", "node1", "1400", "--switch")
        self.assertEqual(self.on(1, "cat", "/sys/class/net/eth0/mtu")[1], "1500\n")
        small, _ = self.send("node1", 1000)
        self.assertIsNotNone(small)
        large, err = self.send("node1", 20_000_000)
        self.assertIsNone(large)
        self.assertIn("timed out", err)

    def test_a_firewall_drops_or_refuses(self):
        self.plant("firewall", "node2", "block", "1024-65535")
        self.assertIn("timed out", self.send("node2", 1)[1])
        self.assertEqual(self.on("outside", *SSH, "node2", "hostname")[1], "node2\n")
        self.lab("firewall", "node2", "clear")
        self.lab("firewall", "node2", "block", "5001", "--reject", "--from", "10.77.0.254")
        self.assertIn("refused", self.send("node2", 1)[1])
        self.lab("firewall", "node2", "clear")
        self.assertIsNotNone(self.send("node2", 1)[0])

    def test_a_cut_link_and_a_host_without_power_are_silent(self):
        for defect, back in ((("link", "node2", "down"), ("link", "node2", "up")), (("off", "node2"), ("on", "node2"))):
            with self.subTest(defect=defect[0]):
                self.lab(*defect)
                code, _, err = self.on("outside", *SSH, "node2", "true")
                self.assertEqual(code, 255)
                self.assertRegex(err, "timed out|No route")
                self.assertRegex(self.lab("status"), "node2 .* DOWN ")
                self.lab(*back)
                # A link carries packets a moment after it is up, and a packet that was lost before comes again in seconds.
                deadline = time.monotonic() + 20
                while (answer := self.on("outside", *SSH, "node2", "hostname")[1]) != "node2\n":
                    self.assertLess(time.monotonic(), deadline, answer)

    def answer(self, password):
        """A program on `outside` that tells ssh this password."""
        program = self.scratch() / "answer"
        program.write_text(f"#!/bin/sh\necho {password}\n", encoding="utf-8")
        program.chmod(0o755)
        self.lab("copy", "--to", "outside", program, "/run/")
        return "/run/answer"

    def test_a_host_takes_keys_or_passwords_or_nobody(self):
        self.plant("login", "node2", "password")
        self.assertIn("Permission denied (password)", self.on("outside", *SSH, "node2", "true")[2])
        asked = self.on("outside", "env", "SSH_ASKPASS_REQUIRE=force", f"SSH_ASKPASS={self.answer('lab')}",
                        "ssh", "node2", "hostname")
        self.assertEqual(asked[:2], (0, "node2\n"), asked[2])
        self.lab("login", "node2", "off")
        self.assertIn("Connection refused", self.on("outside", *SSH, "node2", "true")[2])
        self.lab("login", "node2", "key")
        self.assertEqual(self.on("outside", *SSH, "node2", "hostname")[1], "node2\n")

    def test_a_signal_reaches_one_program_on_one_host(self):
        runs = {host: self.start_on(host, "sleep", 60) for host in ("node1", "node2")}
        for host, run in runs.items():
            run.wait_for(lambda: self.processes(host, "sleep"), 10, f"sleep on {host}")
        self.lab("signal", "node2", "KILL", "sleep")
        self.assertEqual(runs["node2"].finish(10)[0], -9)
        self.assertEqual(len(self.processes("node1", "sleep")), 1)

    def test_mpirun_reaches_both_hosts_through_ssh(self):
        if not shutil.which("mpirun"):
            raise unittest.SkipTest("no mpirun")
        run = self.start_on("node1", "mpirun", "--host", "10.77.0.1,10.77.0.2", "--mca", "oob_tcp_if_include", NETWORK,
                            "--mca", "plm_rsh_agent", "ssh", "hostname")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        self.assertEqual(sorted(out.split()), ["node1", "node2"])
        self.assert_nothing_left(run)


class Labs(YokeTest):
    """What concerns a lab as a whole; each test makes its own."""

    def setUp(self):
        super().setUp()
        if reason := why_not():
            raise unittest.SkipTest(reason)
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.addCleanup(run_lab, self.name, "down")

    def lab(self, *arguments):
        code, out, err = run_lab(self.name, *arguments)
        self.assertEqual(code, 0, err)
        return out

    def exec(self, host, *command):
        return run_lab(self.name, "exec", host, *command)

    def traces(self):
        """What of the lab shows on this machine."""
        mounts = pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        places = {"links": os.listdir("/sys/class/net"), "state": os.listdir("/run"), "mounts": mounts,
                  "groups": [str(path) for path in pathlib.Path("/sys/fs/cgroup").glob("**/yoke-lab-*")]}
        found = {place: [entry for entry in entries if self.name in entry] for place, entries in places.items()}
        found["processes"] = [pid for (lab, _), pids in linux.inhabitants().items() if lab == self.name for pid in pids]
        return {place for place, entries in found.items() if entries}

    def test_down_leaves_nothing_and_may_be_repeated(self):
        self.lab("up", 2, "--cpu", "0.5", "--attach", "--network", "10.79.0.0/24")
        self.assertEqual(self.traces(), {"links", "state", "groups", "processes"})
        left = self.start(*PYTHON, LAB, "--name", self.name, "exec", "node1", "sh", "-c", "echo; exec sleep 60")
        left.wait_for_text(1)
        self.assertEqual(run_lab(self.name, "up", "2")[::2], (
            1, f"lab: the lab {self.name} is up already with 2 hosts; tools/lab down ends it.\n"))
        for _ in range(2):
            self.lab("down")
            # A namespace's interfaces go a moment after it.
            left.wait_for(lambda: not self.traces(), 20, f"the end of {self.traces()}")
        self.assertEqual(left.finish(10)[0], -9)
        self.assertEqual(run_lab(self.name, "status")[::2],
                         (1, f"lab: there is no lab {self.name}; tools/lab up 2 makes one.\n"))

    def test_up_removes_what_a_dead_lab_left(self):
        self.lab("up", 1)
        # Everything of it is killed, as at the end of a container; its state stays.
        for (lab, _), pids in linux.inhabitants().items():
            for pid in pids if lab == self.name else []:
                os.kill(pid, 9)
        linux.wait_until(lambda: not any(lab == self.name for lab, _ in linux.inhabitants()), 10, "it lives")
        self.lab("up", 2)
        self.assertEqual(self.exec("node2", "hostname")[1], "node2\n")

    def test_hosts_have_the_part_of_the_processor_that_was_asked_for(self):
        self.lab("up", 2, "--cpu", "0.5", "--cores", "0")
        self.assertEqual(self.exec("node2", "nproc")[1], "1\n")
        loop = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass\nprint(time.process_time())"
        used = float(self.exec("node2", "python3", "-c", loop)[1])
        self.assertLess(used, 0.75)
        ssh = self.exec("outside", "ssh", "node2", f"python3 -c '{loop}'; nproc")[1].split()
        self.assertLess(float(ssh[0]), 0.75)
        self.assertEqual(ssh[1], "1")

    def test_a_disk_can_be_full_and_networks_can_be_apart(self):
        self.lab("up", 3, "--disk", "8M", "--network", "10.77.0.0/24=1,3", "--network", "10.78.0.0/24=2,3", "--docker0",
                 "--password-only", "node1")
        write = ("dd", "if=/dev/zero", "of=/tmp/file", "bs=1M", "count=1")
        self.lab("disk", "node1", "full")
        self.assertIn("No space left", self.exec("node1", *write)[2])
        self.assertEqual(self.exec("node2", *write)[0], 0)
        self.lab("disk", "node1", "free")
        self.assertEqual(self.exec("node1", *write)[0], 0)

        def names(*links):
            return sorted(["docker0", "lo", *links])
        for host, links in (("node1", ["eth0"]), ("node2", ["eth1"]), ("node3", ["eth0", "eth1"])):
            self.assertEqual(sorted(self.exec(host, "ls", "/sys/class/net")[1].split()), names(*links))
            self.assertIn("172.17.0.1", self.exec(host, "ip", "-brief", "address", "show", "docker0")[1])
        for host in ("node2", "node3", "10.78.0.3"):
            self.assertEqual(self.exec("outside", *SSH, host, "true")[0], 0)
        self.assertEqual(self.exec("node1", *SSH, "node2", "true")[0], 255)
        self.assertIn("Permission denied (password)", self.exec("outside", *SSH, "node1", "true")[2])

    def test_refusals_are_one_sentence(self):
        cases = [(["up", "2", "--network", "10.77.0.0/30"], "does not fit 2 hosts"),
                 (["up", "2", "--network", "10.77.0.0/24=1"], "host 2 is in no --network"),
                 (["up", "1", "--network", "10.77.0.1/24"], "has host bits set"),
                 (["up", "1", "--share", "/nowhere"], "No such file or directory: /nowhere"),
                 (["up", "1", "--rate", "fast"], "tc failed on "),
                 (["up", "1", "--disk", "much"], "cannot mount disk")]
        for arguments, mention in cases:
            with self.subTest(arguments=arguments):
                code, out, err = run_lab(self.name, *arguments)
                self.assertEqual((code, out), (1, ""))
                self.assertTrue(re.fullmatch(r"lab: [^\n]+\.\n", err), err)
                self.assertIn(mention, err)
                self.assertFalse(pathlib.Path(f"/run/yoke-lab-{self.name}").exists())
        command = ["/usr/bin/env", "python3", LAB, "up", "1"]  # another Python may lie in root's home
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, **self.nobody())
        self.assertEqual(done.stderr, "lab: the lab makes network namespaces, which needs root; use sudo.\n")


if __name__ == "__main__":
    main()
