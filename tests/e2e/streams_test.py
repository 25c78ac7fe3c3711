#!/usr/bin/env python3
"""Eight streams, greedy and sampled, go on as if nothing had happened where ranks are killed."""
from harness import main
from kill_streams import KillTest


class Kills(KillTest):
    def test_eight_streams_outlive_three_kills(self):
        self.kill_often("7", range(1, 4), ["SIGKILL", "SIGKILL", "SIGSTOP"])


if __name__ == "__main__":
    main()
