#!/usr/bin/env python3
"""Random faults at random moments of runs on several hosts: whatever is hit, a run ends as it should (a lab; root).

YOKE_SOAK_SEED chooses the faults (default: drawn, and printed), YOKE_SOAK_KILLS how many (default: 50), YOKE_SOAK_ONLY
one of them by its number: YOKE_SOAK_SEED=7 YOKE_SOAK_ONLY=23 does again what kill 23 of seed 7 did.
"""
import dataclasses
import os
import random
import signal
import time

from harness import main
from lab import linux, network
from on_hosts import LIMIT_LEFT, LIMIT_RUNNING, LIMIT_STARTING, EndlessTest

NODES = ("node1", "node2", "node3")
ENDLESS = 900_000  # tokens
NOISE = ("terminate called", "what():", "Traceback", "-----", "ORTE", "PRTE", "MPI_", "orted", "mpirun", "and said:")
# A model of half a gigabyte, so that it takes a while to load.
SHAPE = {"layers": 4, "dim": 2048, "ffn": 4096, "heads": 16}


@dataclasses.dataclass
class Kill:
    """What is done to a run, and when."""
    fault: str
    host: str
    start: str  # where the run is started
    stage: str  # what is waited for: the command's start, a rank on the host, text
    delay: float  # seconds from then on
    tokens: int

    def __str__(self):
        length = "endless" if self.tokens == ENDLESS else f"of {self.tokens} tokens"
        return f"{self.fault} on {self.host}, {self.delay:.2f} s into {self.stage}, run {length} from {self.start}"

    @property
    def limit(self):
        return LIMIT_RUNNING if self.stage == "writing" else LIMIT_STARTING

    @property
    def cuts_off(self):
        return self.fault in ("link down", "host frozen", "host off")


def draw(seed, number):
    """Kill `number` of a seed, whatever the others are."""
    chance = random.Random(f"{seed} {number}")
    start = chance.choice(["node1", "node1", "outside"])
    fault = chance.choice(["rank killed", "rank killed", "rank stopped", "rank stopped", "mpirun killed", "daemon killed",
                           "link down", "host frozen", "host off"])
    others = [node for node in NODES if node != start]
    # Who starts a run has mpirun and no daemon, and is nobody's host to freeze.
    host = start if fault == "mpirun killed" else chance.choice(NODES if fault.startswith("rank") else others)
    stage, longest = chance.choice([("starting", 1.5), ("loading", 1.0), ("writing", 1.5)])
    return Kill(fault, host, start, stage, chance.uniform(0, longest), chance.choice([ENDLESS] * 4 + [8]))


class RandomKills(EndlessTest):
    options = ("--network", "10.77.4.0/24")
    shape = SHAPE

    def setUp(self):
        super().setUp()
        self.remains = {host.name: set() for host in self.cluster.hosts}  # on hosts that were cut off

    def test_whatever_is_hit_one_sentence_and_nothing_left(self):
        seed = os.environ.get("YOKE_SOAK_SEED") or str(random.SystemRandom().randrange(1_000_000))
        only = os.environ.get("YOKE_SOAK_ONLY")
        numbers = [int(only)] if only else range(1, int(os.environ.get("YOKE_SOAK_KILLS", "50")) + 1)
        print(f"YOKE_SOAK_SEED={seed}", flush=True)
        failed = 0
        for number in numbers:
            kill = draw(seed, number)
            with self.subTest(seed=seed, number=number, kill=str(kill)):
                try:
                    told = self.endure(kill)
                    print(f"{number}: {kill}: {told}", flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"{number}: {kill}: FAILED: {error}", flush=True)
                    raise
                finally:
                    self.heal(kill)
        print(f"{len(numbers)} kills, {failed} failed", flush=True)

    def endure(self, kill):
        """How long the run took to end after the kill, and what it said."""
        run = self.start_loading(start=kill.start, tokens=kill.tokens)
        self.wait_for_stage(run, kill)
        time.sleep(kill.delay)  # the moment itself is what is random
        if not self.strike(run, kill):
            self.assertEqual(run.finish(60)[0], 0, "it ended before anything was done to it")
            return "had ended"
        code, _, err, seconds = run.finish(kill.limit + LIMIT_LEFT)
        reachable = [host.name for host in self.cluster.hosts if not (kill.cuts_off and host.name == kill.host)]
        try:
            self.assert_nothing_runs(run, LIMIT_LEFT, reachable)
        finally:
            left = self.new_files(reachable)
        self.assertEqual(left, {}, "files were left")
        if code == 0:
            return f"had ended, {seconds:.1f} s"
        self.assertEqual(code, 1, err)
        self.assert_one_sentence(err)
        for word in NOISE:
            self.assertNotIn(word, err)
        if not self.may_leave_host_open(kill):
            self.assertIn(self.name_in(err, kill.host), err)
        self.assertLessEqual(seconds, kill.limit + 0.5, err)
        return f"{seconds:.1f} s, {err.strip()}"

    def may_leave_host_open(self, kill):
        """mpirun's end has nothing to do with a host."""
        return kill.fault == "mpirun killed"

    def name_in(self, err, host):
        """A host is called by the name that it gives itself, before it has said that by its place in the list."""
        return host if host in err else self.cluster.host(host).address

    def wait_for_stage(self, run, kill):
        if kill.stage == "writing":
            run.wait_for_text(1)
        elif kill.stage == "loading":
            run.wait_for(lambda: self.ranks_on(kill.host if kill.host in NODES else "node1"), 20, "the start of a rank")

    def strike(self, run, kill):
        """Whether there was still something to hit."""
        host = self.cluster.host(kill.host)
        if kill.fault == "link down":
            network.set_links(self.cluster.hub, host, "down")
        elif kill.fault == "host frozen":
            self.freeze(host)
        elif kill.fault == "host off":
            self.cluster.switch_off(host)
        else:
            number = signal.SIGSTOP if kill.fault == "rank stopped" else signal.SIGKILL
            victims = run.wait_for(lambda: self.victims(kill) or run.process.poll() is not None, 20, "a victim's start")
            return isinstance(victims, list) and any([self.hit(pid, number) for pid in victims])
        return run.process.poll() is None

    @staticmethod
    def hit(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def victims(self, kill):
        if kill.fault.startswith("rank"):
            return self.ranks_on(kill.host)
        found = self.processes(kill.host, "mpirun" if kill.fault == "mpirun killed" else "orted")
        return [pid for pid in found if self.command_of(pid) != "--version"]  # which the survey asks

    @staticmethod
    def freeze(host):
        """Everything on it, also what is just being started."""
        while not all(map(linux.is_stopped, host.processes())):
            host.signal(signal.SIGSTOP)

    def heal(self, kill):
        """Gives back what a host has lost. Its processes end by themselves; its folder waits for the next run."""
        if not kill.cuts_off:
            return
        host = self.cluster.host(kill.host)
        network.set_links(self.cluster.hub, host, "up")
        host.signal(signal.SIGCONT)
        self.cluster.switch_on(host)
        linux.wait_until(lambda: not self.processes(kill.host), LIMIT_LEFT,
                         f"what ran on {kill.host} does not end: {self.describe(kill.host)}")
        self.remains[kill.host] |= self.files(kill.host) - self.files_before[kill.host]

    def describe(self, host):
        return [f"{pid} {linux.program_of(pid)}" for pid in self.processes(host)]

    def new_files(self, hosts):
        """{host: files} that were not there before, nor left by a run that could not reach the host."""
        found = {name: sorted(self.files(name) - self.files_before[name] - self.remains[name]) for name in hosts}
        return {name: files for name, files in found.items() if files}


if __name__ == "__main__":
    main()
