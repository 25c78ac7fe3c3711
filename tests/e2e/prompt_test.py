#!/usr/bin/env python3
"""Where a prompt comes from, and where the text that continues it ends."""
import shutil
import subprocess

from harness import DEMO, PROMPT, YOKE, YokeTest, main
from terminal import TerminalRun


class Prompt(YokeTest):
    def file(self, content):
        path = self.scratch() / "prompt.txt"
        path.write_bytes(content)
        return path

    def run_without_p(self, *arguments, **options):
        code, out, err = self.yoke("run", DEMO, "-n", 20, *arguments, **options)
        self.assertEqual(code, 0, err)
        return out

    def test_a_file_says_what_the_command_line_would(self):
        expected = self.generate(tokens=20)
        self.assertEqual(self.run_without_p("-f", self.file(PROMPT.encode())), expected)
        self.assertEqual(self.run_without_p("-f", self.file(PROMPT.encode() + b"\n"), "--ranks", 2), expected)

    def test_standard_input_says_what_the_command_line_would(self):
        expected = self.generate(tokens=20)
        for arguments in ([], ["-f", "-"], ["--ranks", 3]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_without_p(*arguments, stdin=PROMPT.encode() + b"\n"), expected)

    def test_several_lines_are_one_prompt(self):
        prompt = "The state\nof the\n\nUnion"
        self.assertEqual(self.run_without_p(stdin=prompt.encode()), self.generate(prompt=prompt, tokens=20))

    def test_standard_input_reaches_rank_0_under_a_users_own_mpirun(self):
        run = self.start("mpirun", "-n", 3, "--oversubscribe", "--bind-to", "none", YOKE, "run", DEMO, "-n", 20,
                         stdin=PROMPT.encode())
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.replace("\r\n", "\n"), self.generate(tokens=20))

    def test_a_person_is_told_what_is_read_until_the_text_begins(self):
        run = TerminalRun([YOKE, "run", DEMO, "-p", PROMPT, "-n", "20", "--quiet"])
        self.addCleanup(run.close)
        run.expect(r"reading 7 tokens")
        self.assertEqual(run.end(), (0, self.generate(tokens=20)))

    def assert_says(self, sentence, *arguments, code=1, **options):
        for ranks in ([], ["--ranks", 3]):
            result = self.yoke("run", DEMO, "-n", 4, *ranks, *arguments, **options)
            self.assert_refused(result, codes=(code,))
            self.assertEqual(result[2].splitlines()[0], f"yoke: {sentence}")

    def test_what_is_no_prompt_is_refused(self):
        bad = self.file(b"ab\xff")
        for sentence, *arguments in (
                ("there is no prompt: standard input is empty; give one with -p or -f",),
                ("the prompt in standard input is empty; expected some text to continue", "-f", "-"),
                ("the prompt is empty; expected some text to continue, given with -p", "-p", ""),
                ("/nonexistent: cannot be opened: No such file or directory", "-f", "/nonexistent"),
                ("/etc: cannot be read: Is a directory", "-f", "/etc"),
                ("/dev/zero: is larger than 64 MiB, which is the most that is taken at once", "-f", "/dev/zero"),
                (f"{bad}: is not UTF-8: byte 3 of 3 begins no character", "-f", bad),
                ("-p: is not UTF-8: byte 2 of 2 begins no character", "-p", "a\udcff")):
            with self.subTest(sentence=sentence):
                self.assert_says(sentence, *arguments)
        self.assert_says("standard input: is not UTF-8: byte 1 of 2 begins no character", stdin=b"\x80\n")
        empty = self.file(b"\n")
        self.assert_says(f"the prompt in {empty} is empty; expected some text to continue", "-f", empty)

    def test_two_prompts_are_one_too_many(self):
        self.assert_says("--prompt and --file do not go together: expected one of them", "-p", PROMPT, "-f", self.file(b"x"), code=2)

    def test_what_a_model_is_told_before_needs_a_message(self):
        self.assert_says("--system is of no use to a text that is continued; --chat makes the prompt a message", "-p", PROMPT,
                         "--system", "Be brief.", code=2)

    def test_a_prompt_that_may_not_be_read(self):
        folder = self.scratch()
        folder.chmod(0o755)
        program, path = shutil.copy(YOKE, folder / "yoke"), folder / "secret.txt"
        path.write_text("x")
        path.chmod(0)
        done = subprocess.run([program, "run", DEMO, "-f", path], cwd="/", capture_output=True, text=True, timeout=20,
                              **self.nobody())
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "", f"yoke: {path}: cannot be opened: Permission denied\n"))

    def test_a_prompt_longer_than_the_context_says_how_long_it_may_be(self):
        for ctx, advice in ((32, "a larger one can be asked for with --ctx, up to the 512 that the model was trained for"),
                            (512, "the model was trained for no more")):
            result = self.yoke("run", DEMO, "-p", "whale " * 600, "--ctx", ctx, "--ranks", 2)
            self.assert_refused(result)
            self.assertRegex(result[2], rf"^yoke: the prompt has \d+ tokens, but the context holds {ctx}; {advice}\n$")

    def test_a_bias_for_a_token_that_does_not_exist(self):
        self.assert_says("--logit-bias: there is no token 2048; the vocabulary has ids 0 to 2047", "-p", PROMPT,
                         "--logit-bias", "2048=1")


class Ending(YokeTest):
    def test_a_stop_string_ends_the_text_before_it(self):
        whole = self.generate(tokens=60)
        written = whole.rstrip("\n")[len(PROMPT):]
        # Cut from the text itself, so they lie across tokens in all ways.
        for begin in range(0, 100, 9):
            stop = written[begin:begin + 11]
            with self.subTest(stop=stop):
                text = self.generate("--stop", stop, "--ranks", 1 + begin % 3, tokens=60)
                self.assertEqual(text, PROMPT + written[:written.find(stop)] + "\n")

    def test_of_several_stop_strings_the_first_in_the_text_counts(self):
        written = self.generate(tokens=60).rstrip("\n")[len(PROMPT):]
        stops = ["people", "important and", "most important"]
        expected = PROMPT + written[:min(written.find(stop) for stop in stops)] + "\n"
        self.assertEqual(self.generate(*(x for stop in stops for x in ("--stop", stop)), tokens=60), expected)

    def test_a_stop_string_in_the_prompt_is_no_end(self):
        self.assertEqual(self.generate("--stop", PROMPT[:9], tokens=4), self.generate(tokens=4))

    def test_minus_one_token_fills_the_context_and_says_so(self):
        for ctx, advice in ((64, "a larger one can be asked for with --ctx, up to the 512 that the model was trained for"),
                            (512, "the model was trained for no more")):
            with self.subTest(ctx=ctx):
                code, out, err = self.yoke("run", DEMO, "-p", PROMPT, "-n", -1, "--ctx", ctx, "--quiet")
                self.assertEqual(code, 0, err)
                self.assertTrue(out.startswith(PROMPT))
                self.assertEqual(err, f"\nThe context of {ctx} positions is full; {advice}.\n")

    def test_quiet_leaves_the_text_alone(self):
        code, out, err = self.yoke("run", DEMO, "-p", PROMPT, "-n", 20, "--quiet")
        self.assertEqual((code, out, err), (0, self.generate(tokens=20), ""))


if __name__ == "__main__":
    main()
