#!/usr/bin/env python3
"""Packed weights that are kept on disk: `--cache-dir`, `yoke cache ls` and `yoke cache rm`."""
import json
import os
import re
import shutil

from harness import DEMO, PROMPT, TINY, YokeTest, main


class Cache(YokeTest):
    def setUp(self):
        self.folder = self.scratch() / "cache"

    def run_cached(self, *arguments, model=DEMO):
        """(text, stderr) of a run with the cache."""
        code, out, err = self.yoke("run", model, "-p", PROMPT, "-n", 8, "--cache-dir", self.folder, *arguments)
        self.assertEqual(code, 0, err)
        return out, err

    def cache(self, command, *arguments):
        code, out, err = self.yoke("cache", command, "--cache-dir", self.folder, *arguments)
        self.assertEqual((code, err), (0, ""))
        return out

    def shards(self):
        return json.loads(self.cache("ls", "--json"))["shards"]

    def test_the_second_start_takes_its_weights_from_the_cache(self):
        plain = self.generate(tokens=8)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                first, said = self.run_cached("--ranks", ranks)
                self.assertRegex(said, r"(?m)^cache +\S+ \S+ of packed weights written in ")
                self.assertNotIn("from the cache", said)
                second, said = self.run_cached("--ranks", ranks)
                self.assertRegex(said, r"(?m)^load .*; \S+ \S+ came packed from the cache$")
                self.assertNotIn("written", said)
                self.assertEqual((first, second), (plain, plain))
        self.assertEqual(len(self.shards()), 4)

    def test_a_damaged_shard_is_told_in_one_line_and_mended(self):
        text, _ = self.run_cached("--ranks", 2)
        damaged = next(self.folder.glob("*.1-of-2.yoke-shard"))
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        again, said = self.run_cached("--ranks", 2, "--quiet")
        self.assertEqual(again, text)
        self.assertEqual(len(said.splitlines()), 1, said)
        for mention in (str(damaged), "is damaged", "packed again", "rank 1"):
            self.assertIn(mention, said)
        self.assertEqual(damaged.read_bytes(), whole)
        self.assertEqual(self.run_cached("--ranks", 2, "--quiet"), (text, ""))

    def test_a_model_that_was_written_since_is_packed_again(self):
        model = shutil.copy(DEMO, self.scratch() / "model.gguf")
        text, _ = self.run_cached(model=model)
        os.utime(model, ns=(1, 1))
        self.assertEqual([shard["valid"] for shard in self.shards()], [False])
        self.assertIn("| stale |", self.cache("ls"))
        again, said = self.run_cached("-q", model=model)
        self.assertEqual(again, text)
        self.assertIn(f"was packed before {model} was last written; the weights are packed again", said)
        self.assertEqual([shard["valid"] for shard in self.shards()], [True])

    def test_a_folder_that_cannot_be_written_does_not_end_the_run(self):
        self.folder.write_text("a file")
        text, said = self.run_cached("-q")
        self.assertEqual(text, self.generate(tokens=8))
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn("the packed weights are not kept", said)

    def test_a_shard_beyond_the_bound_is_not_written(self):
        _, said = self.run_cached("-q", "--cache-size", "1MB")
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn("the bound of 1.00 MB has no room for", said)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_exact_arithmetic_packs_nothing_and_says_so(self):
        _, said = self.run_cached("-q", "--activations", "f32")
        self.assertEqual(said, "--cache-dir has no effect: with --activations f32 no weights are packed\n")
        self.assertFalse(self.folder.exists())

    def test_ls_tells_what_is_kept(self):
        self.run_cached("--ranks", 2)
        shards = self.shards()
        self.assertEqual(sorted((s["rank"], s["ranks"], s["valid"]) for s in shards), [(0, 2, True), (1, 2, True)])
        for shard in shards:
            self.assertEqual(shard["model_filename"], str(DEMO.resolve()))
            self.assertEqual(shard["bytes"], os.stat(shard["file"]).st_size)
            self.assertRegex(shard["last_used"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        table = self.cache("ls")
        self.assertIn("| 1 of 2 |", table)
        self.assertIn("| valid |", table)
        self.assertTrue(re.search(r"(?m)^2 shards, ", table), table)

    def test_rm_removes_what_it_is_told_and_nothing_else(self):
        other = TINY / "llama.gguf"
        self.run_cached("--ranks", 2)
        code, _, err = self.yoke("logits", other, "--tokens", "1,2", "--out", self.scratch() / "l", "--cache-dir",
                                 self.folder)
        self.assertEqual(code, 0, err)
        (self.folder / "letter.txt").write_text("mine")
        (self.folder / "stranger.yoke-shard").write_text("mine too")
        self.assertEqual(len(self.shards()), 3)
        self.assertIn("removed 2 shards", self.cache("rm", DEMO))
        self.assertEqual([s["model_filename"] for s in self.shards()], [str(other.resolve())])
        self.assertIn("removed 1 shard,", self.cache("rm", name_of(self.shards()[0]["file"])))
        self.run_cached()
        self.assertIn("removed 1 shard,", self.cache("rm", "--all"))
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["letter.txt", "stranger.yoke-shard"])

    def test_wrong_requests_are_refused(self):
        self.run_cached()
        at = ("--cache-dir", self.folder)
        self.assert_refused(self.yoke("cache", "rm", *at), "nothing is named", codes=(2,))
        self.assert_refused(self.yoke("cache", "rm", *at, "letter.txt"), "no shard 'letter.txt'")
        self.assert_refused(self.yoke("cache", "rm", *at, "--all", DEMO), "do not go together", codes=(2,))
        self.assert_refused(self.yoke("cache", "ls", "--cache-dir", self.folder / "nowhere"), "is no folder")
        self.assert_refused(self.yoke("cache"), "expected a command of yoke cache; there are ls, rm", codes=(2,))
        self.assert_refused(self.yoke("run", DEMO, "-p", PROMPT, *at, "--cache-size", "64"), "is no size", codes=(2,))
        self.assertEqual(len(self.shards()), 1)


def name_of(path):
    return path.rsplit("/", 1)[1]


if __name__ == "__main__":
    main()
