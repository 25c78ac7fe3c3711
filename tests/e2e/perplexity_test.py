#!/usr/bin/env python3
"""`yoke perplexity` gives the reference's figures, on any number of ranks, and refuses what it cannot score."""
import json

import gguf
from harness import DEMO, ROOT, YOKE, YokeTest, main

HELDOUT = ROOT / "models" / "heldout.txt"
# llama.cpp's perplexity tool, of the demo model on that text in windows of 256 (see models/README.md).
REFERENCE = 41.00


class Perplexity(YokeTest):
    def measure(self, text, *arguments, model=DEMO):
        code, out, err = self.yoke("perplexity", model, "--text", text, "--json", *arguments, timeout=150)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def excerpt(self, characters):
        path = self.scratch() / "excerpt.txt"
        path.write_text(HELDOUT.read_text(encoding="utf-8")[:characters], encoding="utf-8")
        return path

    def test_is_the_references(self):
        figures = self.measure(HELDOUT, "--ctx", 256)
        self.assertAlmostEqual(figures["perplexity"], REFERENCE, delta=0.01)
        self.assertAlmostEqual(figures["standard_error"], 0.6, delta=0.05)
        # Of each window of 256 tokens, those behind the middle one.
        self.assertEqual((figures["n_ctx"], figures["n_scored"]), (256, figures["n_windows"] * 127))

    def test_depends_neither_on_ranks_nor_on_threads_nor_on_steps(self):
        text = self.excerpt(6000)
        alone = self.measure(text, "--ctx", 100)
        self.assertEqual(self.measure(text, "--ctx", 100, "-t", 3, "--prefill-chunk", 33)["perplexity"], alone["perplexity"])
        for ranks in (2, 3):
            with self.subTest(ranks=ranks):
                figures = self.measure(text, "--ctx", 100, "--ranks", ranks)
                self.assertAlmostEqual(figures["perplexity"] / alone["perplexity"], 1, delta=1e-5)
                self.assertEqual((figures["n_ranks"], figures["n_scored"]), (ranks, alone["n_scored"]))

    def test_windows_are_of_512_tokens_or_as_many_as_the_model_was_trained_for(self):
        self.assertEqual(self.measure(self.excerpt(4000))["n_ctx"], 512)
        # To a model whose weights are all zero each of its 256 tokens is as likely.
        short = gguf.write_llama(self.scratch() / "short.gguf", context=48)
        figures = self.measure(self.excerpt(500), model=short)
        self.assertEqual((figures["n_ctx"], figures["n_windows"], figures["n_scored"]), (48, 10, 10 * 23))
        self.assertAlmostEqual(figures["perplexity"], 256, delta=1e-3)
        self.assertAlmostEqual(figures["standard_error"], 0, delta=1e-3)

    def test_says_it_to_a_person(self):
        code, out, err = self.yoke("perplexity", DEMO, "--text", self.excerpt(4000), "--ctx", 256)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"\Aperplexity  \d+\.\d{4} ± \d+\.\d{4}\n"
                              r"scored +\d+ tokens: the last 127 of \d+ windows of 256\n"
                              r"time +[\d.]+ s, [\d.]+ tokens/s\n\Z")

    def test_a_users_own_mpirun(self):
        text = self.excerpt(3000)
        run = self.start("mpirun", "-n", 2, "--oversubscribe", "--bind-to", "none",
                         YOKE, "perplexity", DEMO, "--text", text, "--ctx", 64, "--json")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        expected = self.measure(text, "--ctx", 64)["perplexity"]
        self.assertAlmostEqual(json.loads(out)["perplexity"] / expected, 1, delta=1e-5)


class PerplexityRefusals(YokeTest):
    def assert_sentence_for(self, text, sentence, *arguments, model=DEMO):
        for ranks in (1, 2):
            result = self.yoke("perplexity", model, "--text", text, "--ranks", ranks, *arguments, timeout=20)
            self.assertEqual(result, (1, "", f"yoke: {sentence}\n"))

    def file(self, content):
        path = self.scratch() / "text.txt"
        path.write_bytes(content)
        return path

    def test_a_text_that_is_not_there(self):
        self.assert_sentence_for("/nonexistent.txt", "/nonexistent.txt: cannot be opened: No such file or directory")

    def test_a_folder(self):
        self.assert_sentence_for(ROOT, f"{ROOT}: cannot be read: Is a directory")

    def test_an_empty_text(self):
        path = self.file(b"")
        self.assert_sentence_for(path, f"{path}: is empty, expected some text")

    def test_a_text_that_is_not_utf_8(self):
        path = self.file(b"Call me \xff")
        self.assert_sentence_for(path, f"{path}: is not UTF-8: byte 9 of 9 begins no character")

    def test_a_text_shorter_than_a_window(self):
        path = self.file(b"a")
        self.assert_sentence_for(
            path, "the text has 2 tokens, but a window has 512; a smaller one can be asked for with --ctx")

    def test_windows_longer_than_the_model_was_trained_for(self):
        self.assert_sentence_for(
            HELDOUT, "windows of 513 tokens were asked for with --ctx, but the model was trained for 512", "--ctx", 513)

    def test_windows_of_which_nothing_counts(self):
        self.assert_sentence_for(
            HELDOUT, "a window of 2 tokens was asked for; expected at least 3, of which one counts", "--ctx", 2)


if __name__ == "__main__":
    main()
