"""Runs of `yoke run -H` on a lab, and how they may end."""
import os
import pathlib

import gguf
from harness import DEMO, PROMPT, YOKE
from lab import LabTest

TOKENS = 40
LIMIT_RUNNING = 5  # seconds from a fault to the end of a run that computes
LIMIT_STARTING = 10  # of one that starts
LIMIT_LEFT = 10  # until nothing is left of it anywhere


class RanksTest(LabTest):
    """Finds the ranks of a run."""

    def ranks_on(self, host, command="engine"):
        """The pids of the engines that run on a host."""
        return [pid for pid in self.processes(host, YOKE.name) if self.command_of(pid) == command]

    def rank_on(self, host, command="engine"):
        found = self.ranks_on(host, command)
        self.assertEqual(len(found), 1, host)
        return found[0]

    @staticmethod
    def command_of(pid):
        """Which of yoke's commands a process runs; empty where it has ended."""
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return ""
        return os.fsdecode(words[1]) if len(words) > 1 else ""


class HostsTest(RanksTest):
    def run_on_hosts(self, hosts, *arguments, start="node1", timeout=60, **options):
        """(exit code, stdout, stderr) of `yoke run -H` of the demo model, of which nothing may be left."""
        return self.yoke_on(start, "run", DEMO, "-p", PROMPT, "-n", TOKENS, "-H", hosts, *arguments, timeout=timeout, **options)

    def assert_sentence_alone(self, result, *mentions):
        """The run wrote no text, ended with 1, and the first and only line on stderr says why."""
        code, out, err = result
        self.assertEqual((code, out), (1, ""), err)
        self.assert_one_sentence(err, *mentions)

    def assert_one_sentence(self, err, *mentions):
        lines = err.strip().splitlines()
        self.assertEqual(len(lines), 1, err)
        self.assert_sentence(lines[0], *mentions)


class EndlessTest(HostsTest):
    """Runs of a model that writes for much longer than any test lasts."""
    nodes = 3
    shape = {}  # of the model, where it is to take a while to load

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in cls.cluster.hosts:  # the starter that is not in the list needs its vocabulary
            home = pathlib.Path(f"/proc/{host.pid}/root/root")
            gguf.write_llama(home / "endless.gguf", context=1_000_000, **cls.shape)

    def start_loading(self, *arguments, start="node1", tokens=900_000):
        return self.start_on(start, YOKE, "run", "/root/endless.gguf", "-p", "Go on", "-n", tokens, "-H", self.addresses(),
                             *arguments)

    def start_writing(self, *arguments, start="node1"):
        run = self.start_loading(*arguments, start=start)
        run.wait_for_text(100)
        return run

    def assert_ends(self, run, *mentions, limit=LIMIT_RUNNING, reachable=None):
        code, _, err, _ = run.finish(limit + 1)
        self.assertEqual(code, 1, err)
        self.assert_one_sentence(err, *mentions)
        self.assert_nothing_left(run, LIMIT_LEFT, hosts=reachable)
