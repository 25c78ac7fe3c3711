#!/usr/bin/env python3
"""A model that lies on one of the hosts only (a lab; root)."""
import os
import re
import shutil
import signal

import gguf
from harness import DEMO, PROMPT, YOKE, main
from on_hosts import HostsTest, TOKENS

SHARD = ".yoke-shard"


class FarModel(HostsTest):
    nodes = 3
    options = ("--network", "10.77.7.0/24")

    def setUp(self):
        super().setUp()
        for number in range(1, self.nodes + 1):
            shutil.rmtree(self.root(number) / "root/.cache/yoke/shards", ignore_errors=True)
        self.give(2)

    def give(self, number, model=DEMO):
        """Puts the model on one host; on the starter, too, which needs its vocabulary."""
        for each in range(1, self.nodes + 1):
            (self.root(each) / "root/model.gguf").unlink(missing_ok=True)
        shutil.copy(model, self.root(number) / "root/model.gguf")
        return self.root(number) / "root/model.gguf"

    def run_far(self, *arguments, hosts=None, start="node2"):
        """(text, stderr) of a run of the model that lies where it was put."""
        code, out, err = self.yoke_on(start, "run", "/root/model.gguf", "-p", PROMPT, "-n", TOKENS, "-H", hosts or self.addresses(),
                                      *arguments)
        self.assertEqual(code, 0, err)
        return out, err

    def shards(self, number, suffix=SHARD):
        folder = self.root(number) / "root/.cache/yoke/shards"
        return sorted(path for path in folder.glob("*") if path.name.endswith(suffix)) if folder.exists() else []

    @staticmethod
    def fetched(err):
        """Bytes that came from another machine, by what the run says."""
        found = re.search(r"; ([\d.]+) (\wB) came from another machine", err)
        return float(found[1]) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[found[2]] if found else 0

    def test_hosts_without_it_write_the_same_text_and_keep_their_parts(self):
        text = self.generate("--ranks", 3, tokens=TOKENS)
        first, said = self.run_far()
        self.assertEqual(first, text)
        self.assertIn(f"{self.addresses(1)}, {self.addresses(3)} have no copy of the model: what is not kept there comes from "
                      f"{self.addresses(2)}\n", said)
        self.assertGreater(self.fetched(said), 3e6)
        self.assertEqual([len(self.shards(number)) for number in (1, 2, 3)], [1, 0, 1])
        second, said = self.run_far()
        self.assertEqual(second, text)
        # The header, twice; of weights but vectors.
        self.assertLess(self.fetched(said), 2.2e6)
        self.assertNotIn("written", said)

    def test_any_host_may_have_it_and_any_number_lack_it(self):
        for has, hosts in (1, (1, 2)), (2, (1, 2)), (2, (2, 1, 3)):
            with self.subTest(has=has, hosts=hosts):
                self.give(has)
                text, _ = self.run_far(hosts=self.addresses(*hosts), start=f"node{has}")
                self.assertEqual(text, self.generate("--ranks", len(hosts), tokens=TOKENS))

    def test_a_damaged_shard_is_told_and_fetched_again(self):
        text, _ = self.run_far()
        shard, = self.shards(3)
        whole = shard.read_bytes()
        middle = len(whole) // 2
        shard.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:])
        again, said = self.run_far()
        self.assertEqual(again, text)
        self.assertRegex(said, r"; the weights are packed again \(rank 2 on node3\)")
        again, said = self.run_far()
        self.assertEqual(again, text)
        self.assertNotIn("packed again", said)

    def test_a_start_that_was_killed_goes_on_where_it_was(self):
        model = self.root(2) / "root/model.gguf"
        gguf.write_llama(model, context=512, dim=1024, ffn=4096, layers=8)
        command = "run", "/root/model.gguf", "-p", "Go on", "-n", 3, "--weights", "equal", "-H", self.addresses()
        self.plant("rate", "node2", "200mbit")
        run = self.start_on("node2", YOKE, *command)

        def some_is_there():
            return any(path.stat().st_size > 40e6 for path in self.shards(1, ".unfinished"))
        run.wait_for(some_is_there, 20, "a part of the model on node1")
        for host in ("node1", "node2", "node3"):
            for pid in self.ranks_on(host):
                os.kill(pid, signal.SIGKILL)
        run.finish(10)
        self.assert_nothing_left(run, 10)
        kept = sum(path.stat().st_size for number in (1, 3) for path in self.shards(number, ".unfinished"))
        self.lab("rate", "node2", "10gbit")
        code, out, err = self.yoke_on("node2", *command)
        self.assertEqual(code, 0, err)
        whole = sum(path.stat().st_size for number in (1, 3) for path in self.shards(number))
        torn = 10e6  # a matrix of each host, and headers
        self.assertLess(self.fetched(err), whole - kept + 2 * torn)
        self.assertEqual([len(self.shards(number)) for number in (1, 2, 3)], [1, 0, 1])
        self.assertEqual(self.shards(1, ".unfinished"), [])
        again = self.yoke_on("node2", *command)
        self.assertEqual(again[1], out)

    def test_the_doctor_says_where_its_part_comes_from(self):
        code, out, err = self.yoke_on("node2", "doctor", "-H", self.addresses(), "-m", "/root/model.gguf")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(out.count(f"not there: its part comes from {self.addresses(2)}"), 2, out)


if __name__ == "__main__":
    main()
