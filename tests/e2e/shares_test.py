#!/usr/bin/env python3
"""Work is divided among hosts by what they can do, or by what they are told to do (a lab; root)."""
import json
import pathlib
import re

import gguf
from harness import DEMO, PROMPT, YOKE, main
from on_hosts import TOKENS, HostsTest

MODEL = "/root/large.gguf"


class SharesTest(HostsTest):
    nodes = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Larger than any machine's caches, so that speeds count. A hole, so that it takes no disk.
        home = pathlib.Path(f"/proc/{cls.cluster.host('node1').pid}/root/root")
        gguf.write_llama(home / "large.gguf", layers=16, dim=4096, ffn=16384, heads=32, kv_heads=8)

    def parts(self, *arguments):
        """What each host does of the work, and why, as `yoke info` says."""
        code, out, err = self.yoke_on("node1", "info", MODEL, "-H", self.addresses(), *arguments)
        self.assertEqual(code, 0, err)
        found = re.findall(r"^(\S+) does ([\d.]+)% of the work: (.*)$", out, re.MULTILINE)
        self.assertEqual([host for host, _, _ in found], [self.addresses(node) for node in range(1, 4)], out)
        return [(float(part), why) for _, part, why in found]


class UnequalHosts(SharesTest):
    options = ("--network", "10.77.13.0/24", "--cpu", "1,0.2,0.2")

    def test_speeds_are_measured_once_and_divide_the_work(self):
        first = self.parts()
        # Of five times the processor time: a margin of two and more, for memory is read while a host rests, too.
        self.assertGreater(first[0][0], 1.5 * max(first[1][0], first[2][0]), first)
        for _, why in first:
            self.assertRegex(why, r"^it reads [\d.]+ GB/s of weights$")
        self.assertEqual(self.parts(), first)
        self.assertNotEqual(self.parts("--weights", "measure"), first)

    def test_where_one_machine_is_faster_it_is_named(self):
        # Many small layers: what is exchanged takes longer than what is read. Larger than caches, as the other.
        model = self.root("node1") / "root/deep.gguf"
        gguf.write_llama(model, layers=1000, dim=128, ffn=128, heads=4, kv_heads=4)
        code, out, err = self.yoke_on("node1", "info", "/root/deep.gguf", "-H", self.addresses())
        self.assertEqual(code, 0, err)
        found = re.search(rf"^{self.addresses(1)} alone: ([\d.]+) instead of ([\d.]+) tokens/s \(modelled\)$", out, re.MULTILINE)
        self.assertTrue(found, out)
        self.assertGreater(float(found[1]), float(found[2]))


class EqualHosts(SharesTest):
    options = ("--network", "10.77.14.0/24")

    def test_weights_are_the_users_word(self):
        self.assertEqual(self.parts("--weights", "2,1,1"),
                         [(50, "its weight is 2"), (25, "its weight is 1"), (25, "its weight is 1")])
        self.assertEqual([part for part, _ in self.parts("--weights", "equal")], [33.3, 33.3, 33.3])
        code, out, err = self.run_on_hosts(self.addresses(), "--weights", "2,1,1", "-v")
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate("--ranks", 3, "--weights", "2,1,1"))
        self.assertIn("does 50% of the work: its weight is 2", err)

    def test_a_host_with_little_memory_does_less(self):
        path = self.root("node1") / "tmp" / "cluster.toml"
        hosts = "".join(f'[[hosts]]\nname = "{self.addresses(node)}"\n{memory}\n' for node, memory in
                        ((1, ""), (2, 'memory = "1.2GB"'), (3, "")))
        path.write_text(hosts, encoding="utf-8")
        self.files_before["node1"] |= {"tmp/cluster.toml"}
        self.addCleanup(path.unlink)
        code, out, err = self.yoke_on("node1", "info", MODEL, "--cluster", "/tmp/cluster.toml", "--json")
        self.assertEqual(code, 0, err)
        ranks, shares = json.loads(out)["ranks"], json.loads(out)["shares"]
        need = [sum(rank[kind] for kind in ("weight_bytes", "kv_bytes", "scratch_bytes")) for rank in ranks]
        self.assertLessEqual(need[1], 1.2e9)
        self.assertGreater(need[1], 0.8e9)
        self.assertIn("its 1.20 GB hold no more", shares[1])
        code, out, err = self.yoke_on("node1", "doctor", "--cluster", "/tmp/cluster.toml", "-m", MODEL, "--no-transfers", "--json")
        findings = [each for each in json.loads(out)["findings"] if each["host"] == self.addresses(2)]
        self.assertEqual({each["level"] for each in findings if each["subject"] == "memory"}, {"ok"}, out)
        self.assertIn("hold no more", next(each["sentence"] for each in findings if each["subject"] == "share"))


if __name__ == "__main__":
    main()
