#!/usr/bin/env python3
"""A rank that dies or stands still ends the run, in time and with a sentence; nothing outlives the starter."""
import os
import signal

import gguf
from harness import YOKE, YokeTest, main
from stopped_thread import StoppedThread

LIMIT = 5  # seconds from the fault to the end
LIMIT_STARTING = 10  # of an engine that starts
HANG_LIMIT = 10  # where only one thread hangs


class FaultTest(YokeTest):
    """Runs of a model that writes for much longer than any test lasts."""

    def start_loading(self, ranks=3, **options):
        model = gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000)
        return self.start(YOKE, "run", model, "-p", "Go on", "-n", 900_000, "--ranks", ranks, **options)

    def start_writing(self, ranks=3, **options):
        run = self.start_loading(ranks, **options)
        run.wait_for_text(100)
        return run


class Failure(FaultTest):
    def assert_ends(self, run, *mentions):
        # Half a second for what this test itself needs on a busy machine.
        code, _, err, _ = run.finish(LIMIT + 0.5)
        self.assert_died_with_a_sentence(code, err, *mentions)
        self.assert_nothing_left(run, LIMIT)

    def test_a_rank_killed_while_it_loads(self):
        for rank in (0, 1, 2):
            with self.subTest(rank=rank):
                run = self.start_loading()
                os.kill(run.wait_for_rank(rank).pid, signal.SIGKILL)
                self.assert_ends(run)

    def test_a_rank_killed_while_it_works(self):
        for rank in (0, 1, 2):
            with self.subTest(rank=rank):
                run = self.start_writing()
                os.kill(run.ranks()[rank].pid, signal.SIGKILL)
                self.assert_ends(run)

    def test_a_rank_that_crashes_while_it_works(self):
        run = self.start_writing()
        os.kill(run.ranks()[1].pid, signal.SIGSEGV)
        self.assert_ends(run)

    def test_the_sentence_has_a_line_of_its_own_after_the_text(self):
        run = self.start_writing(combined=True)
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        code, out, _, _ = run.finish(LIMIT + 0.5)
        self.assertNotEqual(code, 0)
        *text, sentence = out.rstrip("\n").split("\n")
        self.assert_sentence(sentence)
        self.assertTrue(text)
        self.assertNotIn("yoke: ", "".join(text))

    def test_a_rank_stopped_while_it_works(self):
        for rank in (0, 1, 2):
            with self.subTest(rank=rank):
                run = self.start_writing()
                os.kill(run.ranks()[rank].pid, signal.SIGSTOP)
                self.assert_ends(run)

    def test_a_rank_whose_working_thread_hangs(self):
        for ranks, rank in ((3, 0), (3, 2), (1, 0)):
            with self.subTest(ranks=ranks, rank=rank):
                run = self.start_writing(ranks)
                pids = [p.pid for p in run.alive() if "engine" in p.command] if ranks == 1 else [run.ranks()[rank].pid]
                self.assertEqual(len(pids), 1)
                StoppedThread(pids[0])
                code, _, err, _ = run.finish(HANG_LIMIT + 0.5)
                self.assertEqual(code, 1)
                self.assert_died_with_a_sentence(code, err)
                self.assertRegex(err, r"op \d+ for [5-9] s(; the others wait for it)?\n")
                if ranks > 1:
                    self.assertIn(f"rank {rank} on ", err)
                self.assert_nothing_left(run, LIMIT)

    def test_a_rank_stopped_while_it_loads(self):
        run = self.start_loading()
        os.kill(run.wait_for_rank(1).pid, signal.SIGSTOP)
        code, _, err, _ = run.finish(LIMIT_STARTING)
        self.assert_died_with_a_sentence(code, err)
        self.assertRegex(err, r"rank 1 |process \d+ of the engine, was stopped by a signal")
        self.assert_nothing_left(run, LIMIT)

    def test_mpirun_killed(self):
        run = self.start_writing()
        mpirun = [p for p in run.alive() if "mpirun" in p.command[0] or "prterun" in p.command[0]]
        self.assertEqual(len(mpirun), 1, run.alive())
        os.kill(mpirun[0].pid, signal.SIGKILL)
        self.assert_ends(run)


class Starter(FaultTest):
    def test_its_sudden_death_leaves_no_process(self):
        run = self.start_writing()
        self.assertEqual(len(run.ranks()), 3)
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait_for(lambda: not run.alive(), LIMIT, f"the end of {run.alive()}")

    def test_its_sudden_death_while_ranks_load_leaves_no_process(self):
        run = self.start_loading()
        run.wait_for_rank(0)
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait_for(lambda: not run.alive(), LIMIT, f"the end of {run.alive()}")

    def test_an_interrupt_ends_everything(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                run = self.start_writing()
                os.kill(run.process.pid, number)
                code, _, err, _ = run.finish(LIMIT)
                self.assertNotEqual(code, 0)
                self.assertNotIn("mpirun", err)
                self.assert_nothing_left(run, LIMIT)

    def test_a_reader_that_goes_away_ends_the_run(self):
        run = self.start_writing()
        run.process.stdout.close()
        self.assertNotEqual(run.process.wait(LIMIT), 0)
        self.assert_nothing_left(run, LIMIT)


if __name__ == "__main__":
    main()
