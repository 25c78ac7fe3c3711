#!/usr/bin/env python3
"""What could not be written is a failure, told in one sentence; where nothing can be told, nothing else fails."""
import pathlib
import subprocess
import tempfile

from harness import DEMO, PROMPT, YOKE, YokeTest, main


class Output(YokeTest):
    def assert_refused(self, *arguments):
        with self.subTest(command=arguments[0]), open("/dev/full", "wb") as full:
            done = subprocess.run([YOKE, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 1)
            last = done.stderr.splitlines()[-1]
            self.assertTrue(last.startswith("yoke: "), last)
            self.assertTrue(last.endswith("No space left on device"), last)

    def test_a_full_disk_is_told_by_every_command_that_prints(self):
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder) / "text"
            text.write_text("The state of the Union is what the people make of it. " * 10)
            self.assert_refused("info", DEMO)
            self.assert_refused("quantize", DEMO, f"{folder}/q.gguf", "--type", "Q4_0", "--json")
            self.assert_refused("synth", "--family", "llama", "--shape", "tiny", "--type", "Q8_0", f"{folder}/s.gguf")
            self.assert_refused("bench", "-m", DEMO, "-p", 4, "-n", 0, "-r", 1)
            self.assert_refused("perplexity", DEMO, "--text", text, "--ctx", 16)
            self.assert_refused("probe", "--no-disk")
            self.assert_refused("--help")

    def code_and_text(self, redirections, *arguments):
        """Exit code and output of a command started by a shell with these redirections."""
        done = subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", YOKE, *map(str, arguments)],
                              capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_a_standard_error_that_cannot_be_written_changes_nothing_else(self):
        text = self.generate(tokens=4)
        with tempfile.TemporaryDirectory() as folder:
            for closed in ("2>/dev/full", "2>&-", "0<&- 2>&-"):
                with self.subTest(closed):
                    for ranks in (1, 2):
                        self.assertEqual(self.code_and_text(closed, "run", DEMO, "-p", PROMPT, "-n", 4, "--ranks", ranks),
                                         (0, text))
                    logits = pathlib.Path(folder) / "logits"
                    self.assertEqual(self.code_and_text(closed, "logits", DEMO, "--tokens", 1, "--out", logits), (0, ""))
                    self.assertEqual(logits.stat().st_size, 2048 * 4)
                    self.assertEqual(self.code_and_text(closed, "info", f"{folder}/none"), (1, ""))
                    self.assertEqual(self.code_and_text(closed, "pull"), (2, ""))

    def test_a_closed_standard_output_is_a_failure_and_nothing_else_takes_its_place(self):
        for closed in (">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                for command in (("run", DEMO, "-p", PROMPT, "-n", 4), ("run", DEMO, "-p", PROMPT, "-n", 4, "--ranks", 2),
                                ("info", DEMO)):
                    self.assertEqual(self.code_and_text(closed, *command), (1, ""))


if __name__ == "__main__":
    main()
