#!/usr/bin/env python3
"""yoke under Slurm on two nodes of a lab: srun, mpirun in an allocation, and a batch script."""
import os
import signal
import unittest

import gguf
from harness import DEMO, PROMPT, YOKE, main
from lab import NETWORK, LabTest, slurm

ALONE = (YOKE, "run", DEMO, "-p", PROMPT, "-n", 40)
RUN = (*ALONE, "--key-file", "/root/link-key")
SRUN = ("srun", "--mpi=pmix", "--kill-on-bad-exit")
MPIRUN = ("mpirun", "--mca", "btl_tcp_if_include", NETWORK, "--mca", "oob_tcp_if_include", NETWORK,
          "--mca", "odls_base_sigkill_timeout", "0", "--mca", "mpi_yield_when_idle", "1", "--bind-to", "none")


class TwoNodes(LabTest):
    @classmethod
    def setUpClass(cls):
        if reason := slurm.why_not():
            raise unittest.SkipTest(reason)
        super().setUpClass()
        slurm.up(cls.cluster)

    def setUp(self):
        super().setUp()
        self.give_key("link-key")
        self.addCleanup(self.on, "outside", "scancel", "--partition", "all")

    def assert_two_ranks_wrote_the_text(self, run, out, err):
        """What two ranks on this machine write, by a rank on each node, and nothing is left."""
        self.assertEqual(out.replace("\r\n", "\n"), self.generate("--ranks", 2))
        for node in ("node1", "node2"):
            self.assertIn(node, err)
        self.assert_nothing_left(run)

    def finish(self, *command, user=False):
        run = self.start_on("outside", *command, user=user)
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        return run, out, err

    def test_srun_starts_a_rank_on_each_node(self):
        for user, home in (False, "/root"), (True, "/home/worker"):
            with self.subTest(root=not user):
                self.assert_two_ranks_wrote_the_text(*self.finish(
                    *SRUN, "-N", 2, "-n", 2, *ALONE, "--key-file", f"{home}/link-key", user=user))

    def test_srun_without_pmix_is_refused_with_one_sentence_from_one_rank(self):
        for user in (False, True):
            with self.subTest(root=not user):
                run = self.start_on("outside", "srun", "--mpi=none", "-N", 2, "-n", 2, *ALONE, user=user)
                code, out, err, _ = run.finish(60)
                self.assertEqual((code, out), (1, ""), err)
                said = [line for line in err.splitlines() if not line.startswith(("srun: ", "slurmstepd: "))]
                self.assertEqual(len(said), 1, err)
                self.assertIn("yoke: srun has started 2 ranks that cannot find each other", said[0])
                self.assertIn("srun --mpi=pmix", said[0])
                self.assert_nothing_left(run)

    def test_mpirun_in_an_allocation_starts_a_rank_on_each_node(self):
        self.assert_two_ranks_wrote_the_text(*self.finish("salloc", "--quiet", "-N", 2, "-n", 2, *MPIRUN, *RUN))

    def test_a_batch_script_starts_ranks_both_ways(self):
        launchers = {"mpirun": MPIRUN, "srun": SRUN}
        for name, launcher in launchers.items():
            with self.subTest(launcher=name):
                command = " ".join(f"'{part}'" for part in (*launcher, *RUN))
                script = self.scratch() / "job"
                script.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
                self.lab("copy", "--to", "outside", script, "/run/")
                run, _, _ = self.finish("sbatch", "--quiet", "--wait", "-N", 2, "-n", 2, "-o", "/run/out",
                                        "-e", "/run/err", "/run/job")
                # The script runs on the first node, and there its output lies.
                out, err = (self.on("node1", "cat", f"/run/{stream}")[1] for stream in ("out", "err"))
                self.assert_two_ranks_wrote_the_text(run, out, err)

    def test_a_rank_stopped_on_the_other_node_ends_the_step(self):
        model = gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000)
        self.lab("copy", model, "models/")
        run = self.start_on("outside", *SRUN, "-N", 2, "-n", 2, YOKE, "run", f"/root/models/{model.name}", "-p", "Go on",
                            "-n", 900_000, "--key-file", "/root/link-key")
        run.wait_for_text(100)
        ranks = self.processes("node2", YOKE.name)
        self.assertEqual(len(ranks), 1)
        os.kill(ranks[0], signal.SIGSTOP)
        # Yoke's 5 s, and Slurm's 2 (KillWait) before it kills what does not end.
        code, _, err, _ = run.finish(8)
        self.assertNotEqual(code, 0)
        self.assertIn("yoke: rank 1 (host node2, ", err)
        self.assert_nothing_runs(run, 5)

    def test_a_plain_run_in_a_batch_script_has_the_ranks_that_it_asks_for(self):
        command = " ".join(f"'{part}'" for part in (*ALONE, "--ranks", 2))
        run, out, err = self.finish("srun", "-N", 1, "-n", 1, "sh", "-c", command)
        self.assertEqual(out, self.generate("--ranks", 2), err)
        self.assert_nothing_left(run)


if __name__ == "__main__":
    main()
