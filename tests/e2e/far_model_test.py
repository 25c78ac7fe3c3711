#!/usr/bin/env python3
"""A model that lies on one of the hosts only (a lab; root)."""
import os
import re
import shutil
import signal
import time

import gguf
from conversation_hosts_test import HostsConversationTest
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


class LostSource(HostsConversationTest):
    """The host with the model's file is lost."""
    options = ("--network", "10.77.23.0/24")

    def reaches_all(self, host):
        """Whether the host finds the way to every node: one that was without power is not known to others at once."""
        return all(self.on(host, "ssh", self.addresses(number), "true")[0] == 0 for number in range(1, self.nodes + 1))

    def setUp(self):
        super().setUp()
        deadline = time.monotonic() + 20
        while not all(self.reaches_all(f"node{number}") for number in range(1, self.nodes + 1)):
            self.assertLess(time.monotonic(), deadline, "a node cannot be reached")
        self.model = gguf.write_llama(self.scratch() / "model.gguf", context=512, dim=512, ffn=1536, layers=4)
        for number in range(1, self.nodes + 1):
            shutil.rmtree(self.root(number) / "root/.cache/yoke/shards", ignore_errors=True)
            (self.root(number) / "root/model.gguf").unlink(missing_ok=True)
        shutil.copy(self.model, self.root(2) / "root/model.gguf")

    def kept(self, number):
        return [path.name.partition(".")[2] for path in (self.root(number) / "root/.cache/yoke/shards").glob("*.replica-*")]

    def run_on(self, start, hosts, *arguments):
        return self.yoke_on(start, "run", "/root/model.gguf", "-p", "Go on", "-n", 20, "-H", hosts, *arguments)

    def test_others_go_on_for_good(self):
        self.assertGreater(self.model.stat().st_size, 3 * 8e6)
        code, out, err = self.run_on("node2", self.addresses(), "--replicate")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.kept(1), ["replica-0-of-2.yoke-shard"])
        self.assertEqual(self.kept(2), [])
        self.assertEqual(self.kept(3), ["replica-1-of-2.yoke-shard"])
        code, out, err = self.yoke_on("node3", "cache", "ls", "--cache-dir", "/root/.cache/yoke/shards")
        self.assertRegex(out, r"part 2 of 2 \|[^\n]* valid")
        (self.root(2) / "root/model.gguf").unlink()
        self.plant("off", "node2")
        # On fewer hosts each has another part than before. The starter has no file, either.
        code, out, err = self.run_on("node1", self.addresses(1, 3))
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate("--ranks", 2, model=self.model, prompt="Go on", tokens=20))
        self.assertIn("no host has the model's file: its parts come from the hosts that keep them\n", err)
        code, out, err = self.yoke_on("node1", "doctor", "-H", self.addresses(1, 3), "-m", "/root/model.gguf")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(out.count("not there: its part comes from the hosts that keep it in 2 parts"), 2, out)
        # Not without one of them, which the other could replace only if both kept all of it: that is asked for now.
        result = self.run_on("node1", self.addresses(1))
        self.assertEqual(result[:2], (1, ""))
        self.assertIn("of the 2 parts in which they keep it 2 is missing", result[2])
        code, _, err = self.run_on("node1", self.addresses(1, 3), "--replicate")
        self.assertEqual(code, 0, err)
        for number in (1, 3):
            self.assertEqual(sorted(self.kept(number)), ["replica-0-of-2.yoke-shard", "replica-1-of-2.yoke-shard"])
        code, out, err = self.run_on("node1", self.addresses(1))
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate(model=self.model, prompt="Go on", tokens=20))

    def test_a_conversation_goes_on(self):
        shutil.copy(self.model, self.root("outside") / "root/model.gguf")  # for its vocabulary
        expected = self.generate("--ranks", 3, model=self.model, tokens=400)
        run = self.converse_on("outside", "-H", self.addresses(), "--replicate", "--no-chat", model="/root/model.gguf")
        shown = self.interrupt(run, lambda: self.plant("off", "node2"))
        lost = re.compile(r"\n[^\n]+ \(starting again; node2 is gone, node[13] does its part too\)\n")
        self.assertEqual(len(lost.findall(shown)), 1, shown)
        self.assertEqual(PROMPT + self.answer(lost.sub("", shown)) + "\n", expected)
        run.type("\x04")
        self.assertEqual(run.end()[0], 0)


if __name__ == "__main__":
    main()
