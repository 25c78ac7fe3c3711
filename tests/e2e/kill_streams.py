"""Eight streams under a supervisor (the program streams of tests/cli) while what is behind it is killed at random."""
import dataclasses
import os
import pathlib
import random
import signal
import threading
import time

from harness import DEMO, YOKE
from lab import LabTest, linux, network
from stopped_thread import StoppedThread

STREAMS = pathlib.Path(os.environ.get("YOKE_STREAMS", YOKE.parent / "streams")).resolve()
TOKENS = 250  # of each stream
RANKS = 3
LIMIT = 90  # seconds until streams go on


@dataclasses.dataclass
class Pause:
    """What a kill has cost: seconds without any token, and of the start that worked."""
    silence: float
    start: float


class Streams:
    """A run of the program, read as it goes."""

    def __init__(self, run):
        self.run = run
        self.changed = threading.Condition()
        self.tokens = {}  # {(round, stream): tokens}
        self.ended = set()  # those that are done
        self.failures, self.losses, self.returns, self.times = [], [], [], []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.run.process.stdout:
            kind, at, rest = (line.decode().rstrip("\n") + "  ").split(" ", 2)
            with self.changed:
                self._note(kind, float(at), rest.strip())
                self.changed.notify_all()

    def _note(self, kind, at, rest):
        if kind == "token":
            number, stream, token = map(int, rest.split())
            self.tokens.setdefault((number, stream), []).append(token)
            self.times.append(at)
        elif kind == "done":
            self.ended.add(tuple(map(int, rest.split())))
        elif kind == "failed":
            self.failures.append(rest)
        else:
            (self.losses if kind == "lost" else self.returns).append((at, rest))

    def wait(self, condition, what):
        end = time.monotonic() + LIMIT
        with self.changed:
            while not condition():
                if not self.reader.is_alive():
                    raise AssertionError(f"the streams have ended: {self.run.process.stderr.read()}")
                if time.monotonic() > end:
                    raise AssertionError(f"{what} did not come within {LIMIT} s; lost: {self.losses[-2:]}")
                self.changed.wait(0.5)

    def wait_for_tokens(self, count):
        before = len(self.times)
        self.wait(lambda: len(self.times) >= before + count, f"{count} more tokens")

    def endure(self, strike):
        """The pause that strike() costs."""
        lost, began = len(self.losses), time.monotonic()
        strike()
        self.wait(lambda: len(self.losses) > lost and self.returns and self.returns[-1] > self.losses[-1]
                  and self.times[-1] > self.returns[-1][0], "a token of another engine")
        times = [at for at in self.times if at > began - 1]
        return Pause(max(b - a for a, b in zip(times, times[1:])), self.returns[-1][0] - self.losses[-1][0])

    def finish(self):
        self.run.process.stdin.close()
        self.run.process.stdin = None
        self.reader.join(LIMIT)


def draw(seed, number, faults):
    """Kill `number` of a seed, whatever the others are: fault, rank, tokens to wait for, seconds to wait then."""
    chance = random.Random(f"{seed} {number}")
    return chance.choice(faults), chance.randrange(RANKS), chance.randint(1, 400), chance.uniform(0, 0.3)


class KillTest(LabTest):
    """Local ranks unless `hosts`."""
    hosts = False
    nodes = RANKS

    @classmethod
    def setUpClass(cls):
        if cls.hosts:
            super().setUpClass()

    def setUp(self):
        if self.hosts:
            super().setUp()

    def start_streams(self, *place, **options):
        command = [STREAMS, "run", DEMO, "-n", TOKENS, "-t", 1, *place]
        run = self.start(*(self.command_on("node1", *command) if self.hosts else command), **options)
        return Streams(run)

    def undisturbed(self):
        streams = self.start_streams("--ranks", RANKS)
        streams.reader.join(LIMIT)
        return {stream: streams.tokens[0, stream] for _, stream in streams.ended}

    def kill_often(self, seed, numbers, faults):
        """The pauses that so many kills have cost, after which every stream is as in an undisturbed run."""
        expected = self.undisturbed()
        self.assertEqual(len(expected), 8)
        streams = self.start_streams(*(["-H", self.addresses()] if self.hosts else ["--ranks", RANKS]), stdin=None)
        pauses = []
        for number in numbers:
            fault, rank, tokens, delay = draw(seed, number, faults)
            streams.wait_for_tokens(tokens)
            time.sleep(delay)  # the moment itself is what is random
            pauses.append(streams.endure(lambda: self.strike(streams.run, fault, rank)))
            self.heal()
            print(f"{number}: {fault}, rank {rank}: {pauses[-1].silence:.2f} s without a token, "
                  f"{pauses[-1].start:.2f} s of them the start; {streams.losses[-1][1]} {streams.returns[-1][1]}",
                  flush=True)
        streams.finish()
        self.assertEqual(streams.failures, [])
        for number, stream in sorted(streams.ended):
            self.assertEqual(streams.tokens[number, stream], expected[stream], f"round {number}, stream {stream}")
        return pauses

    def victims(self, run):
        """The pids of the ranks, in their order."""
        if not self.hosts:
            found = {int(process.rank): process.pid for process in run.alive() if process.rank is not None}
            return [found[rank] for rank in sorted(found)]
        return [pid for host in self.cluster.nodes() for pid in self.processes(host.name, STREAMS.name)
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1] == b"engine"]

    def strike(self, run, fault, rank):
        if fault == "link down":
            self.cut = self.cluster.host(f"node{2 + rank % 2}")  # node1 is the starter
            return network.set_links(self.cluster.hub, self.cut, "down")
        found = run.wait_for(lambda: len(self.victims(run)) == RANKS and self.victims(run), 20, "ranks")
        if fault == "thread stopped":
            StoppedThread(found[rank], anywhere=True)
        else:
            os.kill(found[rank], signal.Signals[fault])

    cut = None

    def heal(self):
        """Plugs in the cable that was pulled; the host counts again at the next start."""
        if self.cut is None:
            return
        host, self.cut = self.cut, None
        network.set_links(self.cluster.hub, host, "up")
        linux.wait_until(lambda: not self.processes(host.name), 20, f"what ran on {host.name} does not end")
