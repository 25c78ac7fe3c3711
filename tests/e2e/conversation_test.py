#!/usr/bin/env python3
"""`yoke run` on a terminal without a prompt: a conversation."""
import os
import random
import re
import signal
import stat

import gguf
from conversation import FIGURES, ConversationTest
from harness import DEMO, PROMPT, YOKE, main
from terminal import BACKSPACE, CTRL_C, CTRL_D, CTRL_Z, LEFT, UP, TerminalRun


class Conversation(ConversationTest):
    def test_it_answers_says_how_fast_and_remembers(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 20, "--ranks", ranks)
                first = self.answer(run.ask(PROMPT))
                self.assertEqual(PROMPT + first + "\n", self.generate(tokens=20))
                second = self.answer(run.ask("The people"))
                together = f"{PROMPT}{first}\nThe people"
                self.assertEqual(together + second + "\n", self.generate(prompt=together, tokens=20))
                self.leave(run)

    def test_a_turn_computes_only_what_is_new(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 150, "--ranks", ranks)
                run.ask(PROMPT)
                run.ask("The people")
                # Two full pages of 64 positions; what is behind them is computed again.
                self.assertRegex(run.ask("/stats"), r"prompt +[0-9]{2} tokens in .* tokens/s; 128 more were known")
                self.leave(run)

    def test_it_says_that_there_is_no_chat_template(self):
        run = self.converse()
        self.assertIn("The model has no chat template: what you write is continued as plain text.", run.greeting)
        self.leave(run)

    def chat_model(self, template):
        """A model with this chat template and a token for each byte; it writes x for ever."""
        pairs = [*gguf.tokenizer_pairs(first="x"), gguf.string_pair("tokenizer.chat_template", template)]
        return gguf.write_llama(self.scratch() / "chat.gguf", tokenizer=pairs)

    def test_it_talks_through_the_models_chat_template(self):
        model = self.chat_model("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]")
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 5, "--system", "Be brief.", "--ranks", ranks, model=model)
                self.assertNotIn("plain text", run.greeting)
                prompt = "[system]Be brief.[user]ab[assistant]"
                shown = run.ask("ab")
                self.assertEqual(self.answer(shown), "xxxxx")
                self.assertIn(f"; {len(prompt) + 5} of 512 positions", shown)
                prompt += "xxxxx[user]c[assistant]"
                self.assertIn(f"; {len(prompt) + 5} of 512 positions", run.ask("c"))
                self.leave(run)

    def test_it_leaves_the_chat_template_alone_on_request(self):
        run = self.converse("-n", 5, "--no-chat", model=self.chat_model("{{ no | template }}"))
        self.assertIn("The chat template is not applied (--no-chat): what you write is continued as plain text.",
                      run.greeting)
        self.assertIn("; 7 of 512 positions", run.ask("ab"))
        self.leave(run)

    def test_what_the_template_refuses_is_told_and_the_conversation_goes_on(self):
        template = "{% if 'no' in messages[-1].content %}{{ raise_exception('not that') }}{% endif %}{{ messages[-1].content }}"
        run = self.converse("-n", 5, model=self.chat_model(template))
        self.assertIn("tokenizer.chat_template, line 1: the template refuses this: not that", run.ask("no"))
        self.assertEqual(self.answer(run.ask("yes")), "xxxxx")
        self.leave(run)

    def test_clear_forgets(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 20, "--ranks", ranks)
                first = run.ask(PROMPT)
                again = self.answer(run.ask(PROMPT))
                self.assertNotEqual(again, self.answer(first), "it remembers")
                self.assertEqual(run.ask("/clear"), "The conversation is forgotten.\n")
                self.assertEqual(self.answer(run.ask(PROMPT)), self.answer(first))
                self.leave(run)

    def test_quiet_shows_the_answer_alone(self):
        run = self.converse("-n", 20, "--quiet")
        self.assertEqual(PROMPT + run.ask(PROMPT), self.generate(tokens=20))
        self.leave(run)

    def test_a_stop_string_ends_an_answer(self):
        run = self.converse("-n", 60, "--stop", "important")
        shown = run.ask(PROMPT)
        self.assertTrue(self.answer(shown).endswith(" have been the most "), shown)
        self.assertIn(", ended by a stop string;", shown)
        self.leave(run)

    def test_a_conversation_needs_a_terminal_for_its_output_too(self):
        run = TerminalRun(["sh", "-c", f"'{YOKE}' run '{DEMO}' | cat"])
        self.addCleanup(run.close)
        _, shown = run.end()
        self.assertEqual(shown, "yoke: there is no prompt, and a conversation needs a terminal for its output too; give a "
                                "prompt with -p or -f\n")


class Refusal(ConversationTest):
    def test_a_message_that_is_not_utf8_is_told_and_the_conversation_goes_on(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 20, "--ranks", ranks)
                # libedit drops a byte that begins no character, but takes what lies beyond U+10FFFF.
                os.write(run.master, b"ab\xf4\x90\x80\x80c\r")
                self.assertIn("\nthe message: is not UTF-8: byte 3 of 7 begins no character\n", run.expect_prompt())
                self.assertEqual(PROMPT + self.answer(run.ask(PROMPT)) + "\n", self.generate(tokens=20))
                self.leave(run)

    def test_a_message_that_the_vocabulary_cannot_spell_is_told_and_the_conversation_goes_on(self):
        run = self.converse("-n", 3, model=gguf.write_llama(self.scratch() / "no_q.gguf", vocabulary=255,
                                                            tokenizer=gguf.tokenizer_pairs(first="x", without="q")))
        for _ in range(2):
            self.assertEqual(run.ask("quick"), "the text has the byte 0x71, for which the vocabulary has no token\n")
            self.assertEqual(self.answer(run.ask("slow")), "xxx")
        self.leave(run)


class Commands(ConversationTest):
    def test_help_names_every_command(self):
        run = self.converse()
        shown = run.ask("/help")
        for command in ("/help", "/clear", "/stats", "/bye", "Ctrl-C", "Ctrl-D", '"""'):
            self.assertIn(command, shown)
        self.leave(run)

    def test_an_unknown_command_is_no_message(self):
        run = self.converse()
        self.assertEqual(run.ask("/forget"), "There is no command /forget; /help shows those there are.\n")
        self.leave(run)

    def test_stats_tell_of_the_last_answer_and_of_every_rank(self):
        run = self.converse("-n", 20, "--ranks", 3)
        self.assertNotIn("decode", run.ask("/stats"))
        run.ask(PROMPT)
        shown = run.ask("/stats")
        self.assertRegex(shown, r"decode +19 tokens in ")
        for rank in range(3):
            self.assertRegex(shown, rf"(?m)^{rank} .*heads .* of 8")
        self.leave(run)

    def test_every_way_to_leave(self):
        run = self.converse()
        run.type(CTRL_C)
        self.assertIn("Ctrl-C once more, or Ctrl-D, leaves.", run.expect_prompt())
        self.leave(run, CTRL_C)
        self.leave(self.converse("--ranks", 3), "/bye\r")


class Interrupt(ConversationTest):
    def test_it_stops_the_answer_and_nothing_else(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", -1, "--ranks", ranks, model=self.endless())
                processes = sorted(process.pid for process in run.alive())
                for _ in range(3):
                    run.enter("Go on")
                    run.expect("x{100}")
                    run.type(CTRL_C)
                    self.assertRegex(run.expect_prompt(), rf"(?s)\n{FIGURES}\n$")
                self.assertEqual(sorted(process.pid for process in run.alive()), processes)
                self.leave(run)

    def test_a_stopped_answer_counts_as_far_as_it_got(self):
        run = self.converse("-n", -1, model=self.endless())
        expected = 0
        for words in ("Go on", "\nGo on"):  # a token for each byte
            run.enter("Go on")
            run.expect("x{100}")
            run.type(CTRL_C)
            figures = run.expect(r"\d+ tokens, [^;]*, stopped; \d+ of")
            written, used = int(re.search(r"(\d+) tokens", figures)[1]), int(re.search(r"(\d+) of", figures)[1])
            expected += len(words) + written
            self.assertEqual(used, expected)
            run.expect_prompt()
        self.leave(run)

    def test_at_the_prompt_it_gives_up_the_line(self):
        run = self.converse("-n", 20)
        run.type("Nonsense")
        run.expect("Nonsense")
        run.type(CTRL_C)
        self.assertEqual(run.expect_prompt(), "^C\n")
        self.assertEqual(PROMPT + self.answer(run.ask(PROMPT)) + "\n", self.generate(tokens=20))
        self.leave(run)

    def test_a_signal_from_elsewhere_ends_no_conversation_either(self):
        run = self.converse("-n", 20)
        os.kill(run.process.pid, signal.SIGINT)
        run.enter(PROMPT)
        self.assertIn(self.generate(tokens=20)[len(PROMPT):], run.expect(FIGURES))
        run.expect_prompt()
        self.leave(run)


class Editing(ConversationTest):
    def test_keys_edit_the_line(self):
        run = self.converse("-n", 20)
        run.type("The staff" + 2 * BACKSPACE + "te of Union" + 5 * LEFT + "the \r")
        self.assertEqual(PROMPT + self.answer(run.expect_prompt().split("\n", 1)[1]) + "\n", self.generate(tokens=20))
        self.leave(run)

    def test_characters_are_characters_in_any_locale(self):
        prompt = "Ünïon – 日本 🐂"
        run = self.converse("-n", 5)
        run.type(prompt + "🐃é" + 2 * BACKSPACE + "\r")
        self.assertEqual(prompt + self.answer(run.expect_prompt().split("\n", 1)[1]) + "\n",
                         self.generate(prompt=prompt, tokens=5))
        self.leave(run)

    def test_quotes_hold_several_lines_together(self):
        run = self.converse("-n", 20)
        run.enter('"""The state')
        run.expect(r"(?m)^\.\.\. ")
        shown = run.ask('of the Union"""')
        prompt = "The state\nof the Union"
        self.assertEqual(prompt + self.answer(shown) + "\n", self.generate(prompt=prompt, tokens=20))
        self.leave(run)

    def test_the_program_can_be_suspended_twice(self):
        run = TerminalRun(["bash", "-c", 'set -m; "$@"; echo SUSPENDED; fg; echo SUSPENDED; fg', "-", YOKE, "run", DEMO,
                           "-n", "20"], {"XDG_STATE_HOME": str(self.state)})
        self.addCleanup(run.close)
        run.expect_prompt()
        run.type("The state ")
        for _ in range(2):
            run.type(CTRL_Z)
            run.expect("(?m)^SUSPENDED$")
            run.expect("> The state ")
        shown = run.ask("of the Union")
        self.assertEqual(PROMPT + self.answer(shown) + "\n", self.generate(tokens=20))
        self.leave(run)

    def test_lines_come_back_in_the_next_conversation(self):
        run = self.converse("-n", 5)
        shown = run.ask(PROMPT)
        run.ask("/clear")
        self.leave(run)
        again = self.converse("-n", 5)
        again.type(UP + UP)
        again.expect(PROMPT)
        again.type("\r")
        self.assertEqual(self.answer(again.expect_prompt().split("\n", 1)[1]), self.answer(shown))
        self.leave(again)

    def test_nobody_else_may_read_the_history(self):
        history = self.state / "yoke" / "history"
        history.parent.mkdir()
        history.write_text("")
        history.chmod(0o644)
        run = self.converse()
        run.ask("/help")
        self.leave(run)
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)
        self.assertIn("/help", history.read_text())

    def test_a_history_that_cannot_be_kept_or_read_is_no_failure(self):
        blocked = self.scratch() / "file"
        blocked.touch()
        garbage = self.scratch()
        (garbage / "yoke").mkdir()
        (garbage / "yoke" / "history").write_bytes(random.Random(20261122).randbytes(5000))
        for state in (blocked, garbage):
            with self.subTest(state=state):
                run = self.converse("-n", 20, state=state)
                self.assertEqual(PROMPT + self.answer(run.ask(PROMPT)) + "\n", self.generate(tokens=20))
                self.leave(run)


class Context(ConversationTest):
    ADVICE = "/clear forgets the conversation; a larger one can be asked for with --ctx, up to the 512 that the model was " \
             "trained for."

    def test_a_full_context_says_so_and_clearing_makes_room(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", -1, "--ctx", 64, "--ranks", ranks)
                first = run.ask(PROMPT)
                self.assertRegex(first, rf"{FIGURES}\nThe context of 64 positions is full: {self.ADVICE}\n$")
                self.assertEqual(re.search(r"; (\d+) of (\d+) positions", first).groups(), ("64", "64"))
                self.assertEqual(run.ask("More"), f"The context of 64 positions has no room for this: {self.ADVICE}\n")
                run.ask("/clear")
                self.assertEqual(run.ask(PROMPT).split("\n")[0], first.split("\n")[0])
                self.leave(run)

    def test_words_that_do_not_fit_are_refused_and_shorter_ones_heard(self):
        run = self.converse("-n", 5, "--ctx", 64)
        self.assertEqual(run.ask("union " * 60), f"The context of 64 positions has no room for this: {self.ADVICE}\n")
        self.assertEqual(PROMPT + self.answer(run.ask(PROMPT)) + "\n", self.generate(tokens=5))
        self.leave(run)

    def test_a_file_that_was_renamed_meanwhile_is_not_missed(self):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                model = gguf.write_llama(self.scratch() / "before.gguf", tokenizer=gguf.tokenizer_pairs(first="x"))
                run = self.converse("-n", -1, "--ctx", 64, "--ranks", ranks, model=model)
                model.rename(model.with_name("after.gguf"))
                self.assertIn(f"The context of 64 positions is full: {self.ADVICE}\n", run.ask("Go on"))
                self.assertEqual(run.ask("More"), f"The context of 64 positions has no room for this: {self.ADVICE}\n")
                self.leave(run)

    def test_a_context_as_large_as_can_be_offers_no_larger_one(self):
        run = self.converse("-n", -1)
        self.assertIn("The context of 512 positions is full: /clear forgets the conversation; the model was trained for no "
                      "more.\n", run.ask(PROMPT))
        self.leave(run)


if __name__ == "__main__":
    main()
