#!/usr/bin/env python3
"""A conversation outlives its ranks; where its terminal is lost, it ends within seconds and leaves nothing behind."""
import os
import re
import signal

from conversation import ConversationTest
from harness import PROMPT, main

LIMIT = 5  # seconds from the loss to the end
LOST = r"\n[^\n]+ \(starting again\)\n"


class Failure(ConversationTest):
    def undisturbed(self, *options):
        run = self.converse(*options)
        text = self.answer(run.ask(PROMPT))
        self.leave(run)
        return text

    def assert_outlived(self, shown, expected):
        """`shown` is the expected text with one sentence somewhere in it."""
        self.assertEqual(len(re.findall(LOST, shown)), 1, shown)
        self.assertRegex(shown, r"\n[^\n]*rank 1[^\n]*\(starting again\)\n")
        self.assertEqual(self.answer(re.sub(LOST, "", shown)), expected)

    def test_an_answer_goes_on_where_a_rank_is_lost_in_mid_sentence(self):
        for loss, sampling in ((signal.SIGKILL, ()), (signal.SIGKILL, ("--temp", 0.9, "--seed", 7)), (signal.SIGSTOP, ())):
            with self.subTest(loss=loss.name, sampling=sampling):
                options = ("-n", 400, "--ranks", 3, *sampling)
                expected = self.undisturbed(*options)
                run = self.converse(*options)
                first = run.ranks()
                run.enter(PROMPT)
                shown = run.expect(r"\n.{40}")
                os.kill(first[1].pid, loss)
                shown += run.expect_prompt()
                self.assert_outlived(shown.partition("\n")[2], expected)
                left = {rank.pid for rank in first.values()} & {rank.pid for rank in run.ranks().values()}
                self.assertFalse(left, "a rank of the lost engine is left")
                self.leave(run)

    def test_a_rank_lost_at_the_prompt_is_back_for_the_next_message(self):
        expected = self.undisturbed("-n", 20, "--ranks", 3)
        run = self.converse("-n", 20, "--ranks", 3)
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        run.wait_for(lambda: not run.ranks(), LIMIT, "the end of the ranks")
        self.assert_outlived("\n" + run.ask(PROMPT).lstrip("\n"), expected)
        self.leave(run)

    def test_a_rank_that_crashes_now_and_then_costs_no_answer(self):
        expected = self.undisturbed("-n", 400, "--ranks", 3)
        run = self.converse("-n", 400, "--ranks", 3)
        run.enter(PROMPT)
        shown = ""
        for place in r"\n.{40}", r"\(starting again\)\n.{40}":
            shown += run.expect(place)
            os.kill(run.ranks()[1].pid, signal.SIGSEGV)
        shown = (shown + run.expect_prompt()).partition("\n")[2]
        self.assertEqual(len(re.findall(LOST, shown)), 2, shown)
        self.assertEqual(self.answer(re.sub(LOST, "", shown)), expected)
        self.leave(run)

    def test_what_was_said_outlives_the_ranks(self):
        run = self.converse("-n", 20, "--ranks", 3)
        first = self.answer(run.ask(PROMPT))
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        run.wait_for(lambda: not run.ranks(), LIMIT, "the end of the ranks")
        shown = "\n" + run.ask("The people").lstrip("\n")
        second = self.answer(re.sub(LOST, "", shown))
        together = f"{PROMPT}{first}\nThe people"
        self.assertEqual(together + second + "\n", self.generate(prompt=together, tokens=20))
        self.leave(run)

    def test_a_model_that_is_gone_ends_the_program_with_a_sentence(self):
        model = self.endless()
        run = self.converse("-n", -1, "--ranks", 3, model=model)
        run.enter("Go on")
        run.expect("x{100}")
        model.unlink()
        os.kill(run.ranks()[1].pid, signal.SIGKILL)
        code, shown = run.end(30)
        self.assertEqual(code, 1, shown)
        self.assertEqual(len(re.findall(r"\(starting again\)\n", shown)), 3, shown)
        self.assert_sentence(shown.rstrip("\n").split("\n")[-1])
        self.assertTrue(run.modes_are_restored())
        self.assert_nothing_left(run, LIMIT)

    def test_a_terminal_that_is_gone_leaves_no_process(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("--ranks", ranks)
                run.hang_up()
                run.process.wait(LIMIT)
                self.assert_nothing_left(run, LIMIT)


if __name__ == "__main__":
    main()
