#!/usr/bin/env python3
"""Ranks on two hosts, under a user's own mpirun. The hosts are network namespaces, which only root can make."""
import json
import os
import signal
import subprocess
import unittest
import uuid

import gguf
from harness import DEMO, PROMPT, ROOT, YOKE, YokeTest, main

CLUSTER = ROOT / "tools" / "netns_cluster.sh"
NETWORK = "10.77.0.0/24"


def can_make_hosts():
    """Why this machine cannot have network namespaces; None where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"yoke-{uuid.uuid4().hex[:8]}"
    made = subprocess.run([CLUSTER, name, "up", "1"], capture_output=True, text=True, timeout=30)
    subprocess.run([CLUSTER, name, "down"], capture_output=True, timeout=30)
    if made.returncode != 0:
        return f"no network namespaces here: {made.stderr.strip().splitlines()[-1:]}"
    return None


class TwoHosts(YokeTest):
    def setUp(self):
        if reason := can_make_hosts():
            raise unittest.SkipTest(reason)
        self.name = f"yoke-{uuid.uuid4().hex[:8]}"
        self.addCleanup(subprocess.run, [CLUSTER, self.name, "down"], timeout=30, check=True)
        subprocess.run([CLUSTER, self.name, "up", "2"], timeout=30, check=True)
        # mpirun splits the agent at spaces, so a path with spaces cannot be given to it directly.
        self.agent = self.scratch() / "agent"
        self.agent.write_text(f"#!/bin/sh\nexec '{CLUSTER}' {self.name} rsh \"$@\"\n", encoding="utf-8")
        self.agent.chmod(0o755)

    def start_on_hosts(self, *command, per_host=2):
        return self.start(
            CLUSTER, self.name, "exec", 1, "mpirun", "--host", f"10.77.0.1:{per_host},10.77.0.2:{per_host}",
            "--mca", "plm_rsh_agent", self.agent, "--mca", "btl_tcp_if_include", NETWORK,
            "--mca", "oob_tcp_if_include", NETWORK, "--mca", "odls_base_sigkill_timeout", "0",
            "--mca", "mpi_yield_when_idle", "1", "--bind-to", "none",
            YOKE, *command)

    def test_two_hosts_write_the_text_of_one(self):
        for per_host in (1, 2):
            with self.subTest(per_host=per_host):
                run = self.start_on_hosts("run", DEMO, "-p", PROMPT, "-n", 40, per_host=per_host)
                code, out, err, _ = run.finish(60)
                self.assertEqual(code, 0, err)
                self.assertEqual(out.replace("\r\n", "\n"), self.generate())
                for host in (1, 2):
                    self.assertIn(f"{self.name}-{host}", err)

    def test_speeds_are_held_against_what_both_hosts_can_do_together(self):
        run = self.start_on_hosts("bench", DEMO, "-p", 16, "-n", 4, "-r", 1, "--json")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        prompt, generation = json.loads(out)
        self.assertEqual(len({rank["host"] for rank in prompt["ranks"]}), 2)
        self.assertGreater(prompt["percent_of_int8"], 0)
        self.assertGreater(generation["percent_of_stream"], 0)

    def test_a_rank_stopped_on_the_other_host_ends_the_run(self):
        model = gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000)
        run = self.start_on_hosts("run", model, "-p", "Go on", "-n", 900_000, per_host=1)
        run.wait_for_text(100)
        inside = subprocess.run(["ip", "netns", "pids", f"{self.name}-2"], capture_output=True, text=True, timeout=10)
        other = {int(pid) for pid in inside.stdout.split()} & {p.pid for p in run.ranks().values()}
        self.assertEqual(len(other), 1)
        os.kill(other.pop(), signal.SIGSTOP)
        code, _, err, _ = run.finish(5)
        self.assertNotEqual(code, 0)
        self.assertIn("yoke: ", err)
        run.wait_for(lambda: not run.alive(), 5, f"the end of {run.alive()}")


if __name__ == "__main__":
    main()
