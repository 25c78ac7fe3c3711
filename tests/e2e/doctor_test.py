#!/usr/bin/env python3
"""yoke doctor on a lab: each defect that is planted is named, with a remedy, and nothing else is."""
import json
import time
import unittest

import gguf
from harness import DEMO, YOKE, main
from lab import LabTest

# What the machine below the lab is up to is no defect of a host.
OF_THE_MACHINE = {"load", "swap", "governor"}


class Doctor(LabTest):
    nodes = 3
    options = ("--rate", "1gbit", "--disk", "64M")

    def doctor(self, *arguments, hosts=None):
        """(exit code, report) of yoke doctor --json on the host outside."""
        chosen = [] if "--cluster" in arguments else ["-H", hosts or self.addresses()]
        code, out, err = self.yoke_on("outside", "doctor", *chosen, "--json", *arguments)
        self.assertEqual(err, "")
        return code, json.loads(out)

    def wrong(self, report):
        """{(host, subject): level} of what is not ok; each has a sentence and a remedy."""
        found = {}
        for finding in report["findings"]:
            if finding["level"] != "ok" and finding["subject"] not in OF_THE_MACHINE:
                self.assertTrue(finding["sentence"] and finding["remedy"], finding)
                found[finding["host"], finding["subject"]] = finding["level"]
        return found

    def sentence(self, report, host, subject):
        return next(each["sentence"] for each in report["findings"] if (each["host"], each["subject"]) == (host, subject))

    def assert_named(self, expected, *arguments, **options):
        """These defects are named, and no others; the report."""
        code, report = self.doctor(*arguments, **options)
        self.assertEqual(self.wrong(report), expected, json.dumps(report["findings"], indent=1))
        self.assertEqual(code, 1 if "failure" in expected.values() else 0)
        return report

    def address(self, number):
        return self.addresses(number)

    def cluster_file(self, *tables):
        """A cluster file with the first node as it is and these tables, as `outside` sees it."""
        text = f'[[hosts]]\nname = "{self.address(1)}"\n' + "".join(f"[[hosts]]\n{table}\n" for table in tables)
        (self.root("outside") / "root" / "cluster.toml").write_text(text, encoding="utf-8")
        self.addCleanup((self.root("outside") / "root" / "cluster.toml").unlink)
        return "/root/cluster.toml"

    def test_healthy_hosts_are_fit(self):
        report = self.assert_named({}, "-m", DEMO, "--cache-dir", "/tmp/cache")
        self.assertEqual(report["fit"], self.addresses())
        self.assertEqual(report["network"], "10.77.0.0/24")
        self.assertEqual(len(report["transfers"]), 6)
        for transfer in report["transfers"]:
            self.assertEqual([port["trouble"] for port in transfer["ports"]], ["", "", ""])
            self.assertLess(transfer["bytes_per_second"], 200e6)

    def test_the_text_ends_with_the_hosts_to_paste(self):
        code, out, err = self.yoke_on("outside", "doctor", "-H", f"root@{self.address(1)},{self.address(2)}:2")
        self.assertEqual((code, err), (0, ""), out)
        self.assertEqual(out.splitlines()[-1], f"Fit: -H root@{self.address(1)},{self.address(2)}:2")
        self.assertIn("nft add rule inet yoke input iifname != lo ip saddr != 10.77.0.0/24", out)

    def test_a_slow_link(self):
        self.plant("rate", "node2", "50mbit")
        report = self.assert_named({(self.address(2), "link"): "warning"})
        self.assertIn("MB/s at most, where others reach", self.sentence(report, self.address(2), "link"))

    def test_another_mtu(self):
        self.plant("mtu", "node3", 1400)
        self.assert_named({(self.address(3), "MTU"): "warning"})

    def test_a_switch_that_drops_long_packets(self):
        for node in ("node1", "node2", "node3"):
            self.plant("mtu", node, 9000)  # the lab's switch carries 1500
        report = self.assert_named({(self.address(number), "MTU"): "failure" for number in (1, 2, 3)})
        self.assertIn(f"packets of 9000 bytes from {self.address(1)} to {self.address(2)} are lost",
                      self.sentence(report, self.address(1), "MTU"))

    def test_a_firewall(self):
        self.plant("firewall", "node3", "block", "46000-46999")
        report = self.assert_named({(self.address(3), "firewall"): "failure"})
        self.assertIn(f"{self.address(1)} and {self.address(2)} cannot reach {self.address(3)} on port 46000",
                      self.sentence(report, self.address(3), "firewall"))
        self.assertEqual(report["fit"], self.addresses(1, 2))

    def test_another_version(self):
        fake = self.scratch() / "yoke"
        fake.write_text("#!/bin/sh\necho yoke 99 0123456789abcdef0123456789abcdef01234567\n", encoding="utf-8")
        fake.chmod(0o755)
        self.lab("copy", "--to", "node2", fake, "fake/")
        report = self.assert_named({(self.address(2), "version"): "failure"}, "--cluster", self.cluster_file(
            f'name = "{self.address(2)}"\nyoke = "~/fake/yoke"'))
        self.assertIn("protocol 99, commit 0123456789ab", self.sentence(report, self.address(2), "version"))

    def test_no_yoke_at_all(self):
        self.assert_named({(self.address(2), "ssh"): "failure"}, "--cluster", self.cluster_file(
            f'name = "{self.address(2)}"\nyoke = "/nowhere/yoke"'))

    def test_too_little_memory(self):
        report = self.assert_named({(self.address(2), "memory"): "failure"}, "-m", DEMO, "--cluster", self.cluster_file(
            f'name = "{self.address(2)}"\nmemory = "1MB"'))
        self.assertIn("but there is only 1.00 MB", self.sentence(report, self.address(2), "memory"))

    def test_another_model(self):
        other = self.root(3) / "root/model.gguf"
        gguf.write_llama(other)
        self.addCleanup(other.unlink)
        self.assert_named({(self.address(3), "model"): "failure"}, "-m", DEMO, "--cluster", self.cluster_file(
            f'name = "{self.address(3)}"\nmodel = "/root/model.gguf"'))

    def test_a_full_disk(self):
        self.plant("disk", "node2", "full")  # with a file that is there until the test ends
        code, out, err = self.on("outside", YOKE, "doctor", "-H", self.addresses(), "--json")
        self.assertEqual((code, err, self.wrong(json.loads(out))), (1, "", {(self.address(2), "disk"): "failure"}))

    def test_a_host_that_wants_a_password(self):
        self.plant("login", "node2", "password")
        report = self.assert_named({(self.address(2), "ssh"): "failure"})
        self.assertIn("ssh needs a password", self.sentence(report, self.address(2), "ssh"))
        self.assertEqual(report["fit"], self.addresses(1, 3))

    def test_a_host_without_sshd(self):
        self.plant("login", "node2", "off")
        self.assert_named({(self.address(2), "ssh"): "failure"})

    def test_a_host_that_is_off_holds_up_nobody(self):
        self.plant("off", "node2")
        begin = time.monotonic()
        self.assert_named({(self.address(2), "ssh"): "failure"}, "--no-transfers")
        self.assertLess(time.monotonic() - begin, 10)

    def test_hosts_that_share_no_network(self):
        self.plant("address", "node2", "10.99.0.2/24")
        code, report = self.doctor("--no-transfers", hosts=self.addresses(1, 3))
        self.assertEqual((code, self.wrong(report)), (0, {}))
        self.assert_named({(None, "network"): "failure"}, "--network", "10.99.0.0/24", hosts=self.addresses(1, 3))

    def test_a_name_that_nobody_knows(self):
        self.assert_named({("nosuchhost.invalid", "ssh"): "failure"}, "--no-transfers",
                          hosts=f"{self.address(1)},nosuchhost.invalid")

    def test_the_same_host_under_two_names(self):
        found = self.wrong(self.doctor("--no-transfers", hosts=f"{self.address(1)},node1")[1])
        self.assertEqual(found["node1", "machine"], "failure")

    def test_nothing_is_read_by_a_shell(self):
        report = self.assert_named({(self.address(2), "ssh"): "failure"}, "--cluster", self.cluster_file(
            f'''name = "{self.address(2)}"\nyoke = "/bin/true; touch /root/caught"'''))
        self.assertIn("/bin/true; touch /root/caught", self.sentence(report, self.address(2), "ssh"))
        self.assertFalse((self.root("node2") / "root" / "caught").exists())

    def test_a_user_who_is_not_root(self):
        code, out, err = self.yoke_on("outside", "doctor", "-H", self.addresses(), "--json", user=True)
        self.assertEqual((code, err, self.wrong(json.loads(out))), (0, "", {}))


class Survey(LabTest):
    nodes = 1

    def test_the_key_of_a_run_travels_through_ssh(self):
        key = "0123456789abcdef" * 4
        run = self.start_on("outside", "ssh", "node1", f"{YOKE} survey --run beef", stdin=f"{key}\n".encode())
        code, out, err, _ = run.finish(30)
        self.assertEqual(code, 0, err)
        self.assertRegex(out.splitlines()[0], "^yoke [0-9]+ ")
        self.assertEqual(json.loads(out.splitlines()[1])["host"], "node1")
        folder = self.root("node1") / "tmp" / "yoke-beef"
        self.assertEqual((folder / "key").read_text(), key + "\n")
        self.assertEqual((folder.stat().st_mode & 0o777, (folder / "key").stat().st_mode & 0o777), (0o700, 0o600))
        self.assertEqual(self.on("outside", "ssh", "node1", f"{YOKE} survey --end beef"), (0, "", ""))
        self.assertFalse(folder.exists())


if __name__ == "__main__":
    main()
