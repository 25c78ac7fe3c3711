#!/usr/bin/env python3
"""Random kills of ranks and machines at random moments of eight streams, each of which ends as if nothing had happened.

YOKE_SOAK_SEED chooses the kills (default: drawn, and printed), YOKE_SOAK_KILLS how many (default: 200), half of them of
ranks of this machine, half on a lab.
"""
import os
import random

from harness import main
from kill_streams import KillTest

SEED = os.environ.get("YOKE_SOAK_SEED") or str(random.SystemRandom().randrange(1_000_000))
KILLS = int(os.environ.get("YOKE_SOAK_KILLS", "200")) // 2
FAULTS = ["SIGKILL"] * 6 + ["SIGSTOP"] * 2 + ["thread stopped"]


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class SoakTest(KillTest):
    def kill(self, faults):
        print(f"YOKE_SOAK_SEED={SEED}", flush=True)
        pauses = self.kill_often(SEED, range(1, KILLS + 1), faults)
        for name in "silence", "start":
            values = [getattr(pause, name) for pause in pauses]
            print(f"{name}: median {quantile(values, 0.5):.2f} s, 95% within {quantile(values, 0.95):.2f} s", flush=True)


class Local(SoakTest):
    def test_streams_outlive_kills_of_ranks_here(self):
        self.kill(FAULTS)


class Hosts(SoakTest):
    hosts = True
    options = ("--network", "10.77.11.0/24")

    def test_streams_outlive_kills_of_ranks_and_machines(self):
        self.kill(FAULTS + ["link down"])


if __name__ == "__main__":
    main()
