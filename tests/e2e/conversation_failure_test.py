#!/usr/bin/env python3
"""A conversation whose ranks or terminal are lost ends within seconds and leaves nothing behind."""
import os
import signal

from conversation import ConversationTest
from harness import main

LIMIT = 5  # seconds from the loss to the end


class Failure(ConversationTest):
    def assert_ends(self, run):
        code, shown = run.end(LIMIT)
        self.assertEqual(code, 1, shown)
        self.assert_sentence(shown.rstrip("\n").split("\n")[-1])
        self.assertTrue(run.modes_are_restored())
        self.assert_nothing_left(run, LIMIT)

    def test_a_rank_lost_in_mid_answer_ends_the_program_with_a_sentence(self):
        run = self.converse("-n", -1, "--ranks", 3, model=self.endless())
        run.enter("Go on")
        run.expect("x{100}")
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        self.assert_ends(run)

    def test_a_rank_lost_at_the_prompt_ends_the_program_with_the_next_message(self):
        run = self.converse("--ranks", 3)
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        run.wait_for(lambda: not run.ranks(), LIMIT, "the end of the ranks")
        run.enter("Go on")
        self.assert_ends(run)

    def test_a_terminal_that_is_gone_leaves_no_process(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("--ranks", ranks)
                run.hang_up()
                run.process.wait(LIMIT)
                self.assert_nothing_left(run, LIMIT)


if __name__ == "__main__":
    main()
