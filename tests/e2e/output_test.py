#!/usr/bin/env python3
"""Figures that could not be written are a failure, told in one sentence."""
import pathlib
import subprocess
import tempfile

from harness import DEMO, YOKE, YokeTest, main


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


if __name__ == "__main__":
    main()
