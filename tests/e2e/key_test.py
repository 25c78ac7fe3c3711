#!/usr/bin/env python3
"""yoke key, which makes the key for ranks on several machines."""
import re
import stat
import subprocess

from harness import DEMO, PROMPT, YOKE, YokeTest, main


class Key(YokeTest):
    def test_makes_a_file_that_only_its_owner_can_read(self):
        paths = [self.scratch() / "key" for _ in range(2)]
        for path in paths:
            code, out, err = self.yoke("key", path)
            self.assertEqual((code, err), (0, ""))
            self.assertIn(f"wrote a new key to {path}; ", out)
            self.assertIn(f"--key-file {path}", out)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertRegex(path.read_text(), re.compile(r"\A[0-9a-f]{64}\n\Z"))
        self.assertNotEqual(paths[0].read_text(), paths[1].read_text())

    def test_replaces_nothing(self):
        path = self.scratch() / "key"
        path.write_text("mine")
        self.assert_refused(self.yoke("key", path), "exists already")
        self.assertEqual(path.read_text(), "mine")
        self.assert_refused(self.yoke("key", path.parent / "no" / "key"), "cannot be made: No such file or directory")

    def test_is_of_no_use_on_one_machine(self):
        for flags in (("--key-file", "key"), ("--network", "10.0.0.0/8")):
            with self.subTest(flags=flags):
                self.assert_refused(self.yoke("run", DEMO, "-p", PROMPT, *flags),
                                    "--key-file and --network are for ranks on several machines", codes=(2,))
        self.assert_refused(self.yoke("run", DEMO, "-p", PROMPT, "--network", "eth0"),
                            "--network: 'eth0' is no network; expected one like 10.0.0.0/24", codes=(2,))

    def test_help_shows_it(self):
        shown = subprocess.run([YOKE, "--help"], capture_output=True, text=True, timeout=10, check=True).stdout
        self.assertRegex(shown, r"\n  key +Make a key for ranks on several machines\n")


if __name__ == "__main__":
    main()
