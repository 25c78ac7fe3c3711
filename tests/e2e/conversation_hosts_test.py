#!/usr/bin/env python3
"""A conversation with an engine on several hosts outlives what happens to a rank there (a lab; root)."""
import json
import os
import re
import signal

from conversation import ConversationTest
from harness import DEMO, PROMPT, YOKE, main
from on_hosts import LIMIT_LEFT, RanksTest
from terminal import TerminalRun

TOKENS = 400
SLOW = ("--rate", "50mbit")  # so that an answer takes a second and more, and what strikes it comes in time
LOST = r"\n[^\n]+ \(starting again\)\n"


class HostsConversationTest(RanksTest, ConversationTest):
    nodes = 3

    def converse_on(self, start, *arguments, model=DEMO):
        """A conversation that has shown its first prompt, from a host."""
        command = self.command_on(start, YOKE, "run", model, "-n", TOKENS, *arguments)
        run = TerminalRun(command, {"XDG_STATE_HOME": "/root", "HOME": "/root"})
        self.addCleanup(run.close)
        run.greeting = run.expect_prompt()
        return run

    def interrupt(self, run, strike):
        """What an answer shows where strike() comes in mid-sentence, without the line typed."""
        run.enter(PROMPT)
        shown = run.expect(r"\n.{40}")
        strike()
        return (shown + run.expect_prompt()).partition("\n")[2]

    def leave_hosts(self, run):
        run.type("\x04")
        code, shown = run.end()
        self.assertEqual(code, 0, shown)
        self.assert_nothing_left(run, LIMIT_LEFT)


class Failure(HostsConversationTest):
    options = ("--network", "10.77.8.0/24", *SLOW)

    def assert_outlives(self, strike, *mentions, start="node1", sampling=()):
        options = ("-H", self.addresses(), *sampling)
        expected = self.generate(*sampling, "--ranks", 3, tokens=TOKENS)
        run = self.converse_on(start, *options)
        shown = self.interrupt(run, strike)
        lines = re.findall(LOST, shown)
        self.assertEqual(len(lines), 1, shown)
        for mention in mentions:
            self.assertIn(mention, lines[0])
        self.assertEqual(PROMPT + self.answer(re.sub(LOST, "", shown)) + "\n", expected)
        self.leave_hosts(run)

    def test_a_rank_killed(self):
        for host, start in (("node2", "node1"), ("node1", "node1"), ("node1", "outside")):
            with self.subTest(host=host, start=start):
                self.assert_outlives(lambda: os.kill(self.rank_on(host), signal.SIGKILL), host, start=start)

    def test_a_rank_killed_while_tokens_are_drawn(self):
        self.assert_outlives(lambda: os.kill(self.rank_on("node3"), signal.SIGKILL), "node3",
                             sampling=("--temp", 0.9, "--seed", 7))

    def test_a_rank_stopped(self):
        for host in ("node1", "node3"):
            with self.subTest(host=host):
                self.assert_outlives(lambda: os.kill(self.rank_on(host), signal.SIGSTOP), host)

    def test_a_daemon_killed(self):
        def strike():
            for pid in self.processes("node2", "orted"):
                os.kill(pid, signal.SIGKILL)
        self.assert_outlives(strike, "node2")


class LostMachine(HostsConversationTest):
    options = ("--network", "10.77.9.0/24", *SLOW)

    def setUp(self):
        super().setUp()
        self.expected = self.generate("--ranks", 3, tokens=TOKENS)

    def test_parts_stay_as_they_were_without_a_machine(self):
        weights = ("--weights", "1,3,2")
        self.expected = self.generate("--ranks", 3, *weights, tokens=TOKENS)
        run = self.converse_on("node1", "-H", self.addresses(), *weights)
        self.assert_goes_on(run, lambda: self.plant("off", "node2"), "node2 is gone, node[13] does its part too")
        self.end_of(run, "node1", "node3", "outside")

    def end_of(self, run, *reachable):
        run.type("\x04")
        code, shown = run.end()
        self.assertEqual(code, 0, shown)
        self.assert_nothing_left(run, LIMIT_LEFT, reachable)

    def assert_goes_on(self, run, strike, change):
        """The whole text, with one line that says so."""
        shown = self.interrupt(run, strike)
        lost = re.compile(rf"\n[^\n]+ \(starting again; {change}\)\n")
        self.assertEqual(len(lost.findall(shown)), 1, shown)
        self.assertEqual(PROMPT + self.answer(lost.sub("", shown)) + "\n", self.expected)

    def test_the_rank_of_a_machine_without_power_moves_to_another_and_back(self):
        run = self.converse_on("node1", "-H", self.addresses())
        self.assert_goes_on(run, lambda: self.plant("off", "node3"), "node3 is gone, node1 does its part too")
        self.assertEqual(len(self.ranks_on("node1")), 2)
        self.lab("on", "node3")
        self.assertEqual(self.ranks_on("node3"), [])
        os.kill(self.rank_on("node2"), signal.SIGKILL)
        run.wait_for(lambda: not self.ranks_on("node2"), LIMIT_LEFT, "the end of the ranks")
        run.ask("The people")
        for node in range(1, 4):
            self.rank_on(node)
        self.leave_hosts(run)

    def test_another_machine_takes_the_place_of_the_first(self):
        run = self.converse_on("outside", "-H", self.addresses())
        self.assert_goes_on(run, lambda: self.plant("link", "node1", "down"), "node1 is gone, node2 does its part too")
        self.end_of(run, "node2", "node3", "outside")

    def test_a_starter_that_is_left_alone_does_everything(self):
        run = self.converse_on("node1", "-H", self.addresses())

        def strike():
            self.plant("off", "node2")
            self.plant("off", "node3")
        self.assert_goes_on(run, strike, "node2 and node3 are gone, node1 does their part too")
        self.end_of(run, "node1", "outside")


class LittleMemory(HostsConversationTest):
    """Machines on which no rank fits beside another."""
    options = ("--network", "10.77.12.0/24", *SLOW)

    def need(self, ranks):
        """The bytes that the largest of so many ranks takes."""
        code, out, err = self.yoke("info", DEMO, "--ranks", ranks, "--json")
        self.assertEqual(code, 0, err)
        kinds = ("weight_bytes", "kv_bytes", "scratch_bytes")
        return max(sum(rank[kind] for kind in kinds) for rank in json.loads(out)["ranks"])

    def lose_a_machine(self, memory):
        """What an answer shows of a machine that is lost where each may take so many bytes, and the run."""
        path = self.root("node1") / "tmp" / "cluster.toml"
        hosts = ", ".join(f'"node{node}"' for node in range(1, 4))
        path.write_text(f'network = "10.77.12.0/24"\nmemory = "{memory / 1e6:.3f}MB"\nhosts = [{hosts}]\n', encoding="utf-8")
        self.files_before["node1"] |= {"tmp/cluster.toml"}
        self.addCleanup(path.unlink)
        run = self.converse_on("node1", "--cluster", "/tmp/cluster.toml")
        run.enter(PROMPT)
        shown = run.expect(r"\n.{40}")
        self.plant("off", "node3")
        return run, shown

    def test_fewer_ranks_go_on_and_say_so(self):
        expected = self.generate("--ranks", 3, tokens=TOKENS)[len(PROMPT):]
        run, before = self.lose_a_machine(1.2 * self.need(2))
        shown = (before + run.expect_prompt()).partition("\n")[2]
        lost = re.compile(r"\n[^\n]+ \(starting again; node3 is gone, going on with 2 ranks in place of 3: from here on texts "
                          r"may differ from what those would write\)\n")
        self.assertEqual(len(lost.findall(shown)), 1, shown)
        text = self.answer(lost.sub("", shown))
        kept = lost.split(shown)[0]
        self.assertEqual(kept, expected[:len(kept)])
        self.assertGreater(len(text), 2 * len(kept))
        self.assertEqual([len(self.ranks_on(f"node{node}")) for node in (1, 2)], [1, 1])
        run.type("\x04")
        self.assertEqual(run.end()[0], 0)
        self.assert_nothing_left(run, LIMIT_LEFT, ("node1", "node2", "outside"))

    def test_a_model_that_fits_no_more_ends_the_conversation_with_that_sentence(self):
        run, _ = self.lose_a_machine((self.need(3) + self.need(2)) / 2)
        code, shown = run.end()
        self.assertEqual(code, 1, shown)
        self.assertRegex(shown, r"node3 is gone, and the model does not fit the machines that are left: the part of node\d needs "
                                r"[\d.]+ MB, but only [\d.]+ MB are available there")
        self.assert_nothing_left(run, LIMIT_LEFT, ("node1", "node2", "outside"))


if __name__ == "__main__":
    main()
