#!/usr/bin/env python3
"""`yoke perplexity` gives the reference's figures, on any number of ranks, and refuses what it cannot score."""
import json

import gguf
from harness import DEMO, ROOT, YOKE, YokeTest, main

HELDOUT = ROOT / "models" / "heldout.txt"
# llama.cpp's perplexity tool, of the demo model on that text in windows of 256 (see models/README.md).
REFERENCE = 41.00

EXACT = ("--activations", "f32")  # bytes may be rounded otherwise where ranks add in another order


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
        # Activations as bytes may be rounded otherwise where ranks add in another order.
        for activations, tolerance in (("f32", 1e-5), ("q8", 2e-3)):
            flags = "--ctx", 100, "--activations", activations
            alone = self.measure(text, *flags)
            self.assertEqual(self.measure(text, *flags, "-t", 3, "--prefill-chunk", 33)["perplexity"], alone["perplexity"])
            for ranks in (2, 3):
                with self.subTest(ranks=ranks, activations=activations):
                    figures = self.measure(text, *flags, "--ranks", ranks)
                    self.assertAlmostEqual(figures["perplexity"] / alone["perplexity"], 1, delta=tolerance)
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
                         YOKE, "perplexity", DEMO, "--text", text, "--ctx", 64, "--json", *EXACT)
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        expected = self.measure(text, "--ctx", 64, *EXACT)["perplexity"]
        self.assertAlmostEqual(json.loads(out)["perplexity"] / expected, 1, delta=1e-5)


class Divergence(YokeTest):
    """What --kl says against distributions that --kl-base saved."""

    def text(self, characters=6000, skip=0):
        path = self.scratch() / "excerpt.txt"
        path.write_text(HELDOUT.read_text(encoding="utf-8")[skip:skip + characters], encoding="utf-8")
        return path

    def measure(self, model, text, *arguments, context=100):
        code, out, err = self.yoke("perplexity", model, "--text", text, "--ctx", context, "--json", *arguments, timeout=150)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def save(self, text, *arguments, model=DEMO, context=100):
        path = self.scratch() / "saved.dist"
        self.measure(model, text, "--kl-base", path, *arguments, context=context)
        return path

    def quantised(self, name):
        path = self.scratch() / f"{name}.gguf"
        self.assertEqual(self.yoke("quantize", DEMO, path, "--type", name)[0], 0)
        return path

    def assert_refused_with(self, sentence, *arguments, model=DEMO):
        self.assertEqual(self.yoke("perplexity", model, *arguments), (1, "", f"yoke: {sentence}\n"))

    def test_a_model_is_itself_on_any_number_of_ranks(self):
        text = self.text()
        for saving, comparing in ((1, 1), (1, 3), (3, 1)):
            with self.subTest(saving=saving, comparing=comparing):
                figures = self.measure(DEMO, text, "--kl", self.save(text, "--ranks", saving, *EXACT), "--ranks", comparing,
                                       *EXACT)
                self.assertLess(figures["kl"]["mean"], 1e-7)
                self.assertLess(figures["kl"]["highest"], 1e-6)
                self.assertEqual(figures["kl"]["same_top"], 1)
                self.assertAlmostEqual(figures["kl"]["base_perplexity"] / figures["perplexity"], 1, delta=1e-6)

    def test_coarser_formats_diverge_more(self):
        text, means, agreements = self.text(), [], []
        base = self.save(text)
        for name in ("Q6_K", "Q4_K", "Q2_K"):
            figures = self.measure(self.quantised(name), text, "--kl", base)["kl"]
            self.assertGreater(figures["mean"], 20 * figures["standard_error"])
            self.assertTrue(figures["mean"] < figures["quantile_99"] < figures["highest"], figures)
            means.append(figures["mean"])
            agreements.append(figures["same_top"])
        # Halving the levels doubles the error and quadruples the divergence: two bits are a factor of 16.
        self.assertTrue(4 < means[1] / means[0] < 64 and 4 < means[2] / means[1] < 64, means)
        self.assertTrue(1 > agreements[0] > agreements[1] > agreements[2] > 0.3, agreements)

    def test_is_told_to_a_person(self):
        text = self.text()
        code, out, err = self.yoke("perplexity", DEMO, "--text", text, "--ctx", 100, "--kl", self.save(text))
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"\Aperplexity  [\d.]+ ± [\d.]+\n"
                              r"base        demo\.gguf \(llama 3\.7M Q8_0\), activations q8: perplexity [\d.]+ ± [\d.]+\n"
                              r"divergence  mean 0\.0000000\d ± [\d.]+, 99% at most [\d.]+, highest [\d.]+\n"
                              r"likeliest   the same token in 100\.000% of \d+\n"
                              r"scored +\d+ tokens: .*\ntime .*\n\Z")

    def test_comparing_and_saving_go_together(self):
        text = self.text()
        first, second = self.save(text), self.scratch() / "second.dist"
        self.assertEqual(self.measure(DEMO, text, "--kl", first, "--kl-base", second)["kl"]["same_top"], 1)
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_a_users_own_mpirun(self):
        text = self.text(3000)
        base = self.save(text, *EXACT)
        run = self.start("mpirun", "-n", 2, "--oversubscribe", "--bind-to", "none",
                         YOKE, "perplexity", DEMO, "--text", text, "--ctx", 100, "--json", "--kl", base, *EXACT)
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        self.assertLess(json.loads(out)["kl"]["mean"], 1e-7)

    def test_what_does_not_fit_is_refused_before_the_model_is_loaded(self):
        text = self.text()
        base = self.save(text)
        common = ("--text", text, "--kl", base, "--ctx")
        self.assert_refused_with(f"{base}: was saved from windows of 100 tokens, but these have 64 (--ctx)", *common, 64)
        small = gguf.write_llama(self.scratch() / "small.gguf")
        self.assert_refused_with(f"{base}: holds distributions over 2048 tokens, but the model's are over 256", *common,
                                 100, model=small)
        other = self.text(skip=6000)
        self.assert_refused(self.yoke("perplexity", DEMO, "--text", other, "--kl", base, "--ctx", 100),
                            f"{base}: was saved from another text, or from another tokenizer's tokens of it")

    def test_a_damaged_file_is_refused(self):
        text = self.text()
        base = self.save(text)
        whole = base.read_bytes()
        base.write_bytes(whole[:-1])
        self.assert_refused_with(f"{base}: is damaged or was cut: it has {len(whole) - 1} bytes, expected {len(whole)}",
                                 "--text", text, "--ctx", 100, "--kl", base)
        base.write_bytes(whole[:-500] + bytes([whole[-500] ^ 1]) + whole[-499:])
        self.assert_refused(self.yoke("perplexity", DEMO, "--text", text, "--ctx", 100, "--kl", base),
                            f"{base}: is damaged: the checksum of row ")
        self.assert_refused_with(f"{text}: holds no distributions, expected a file saved by --kl-base", "--text", text,
                                 "--ctx", 100, "--kl", text)

    def test_nothing_is_saved_by_a_run_that_fails(self):
        folder = self.scratch()
        self.assert_refused(self.yoke("perplexity", DEMO, "--text", self.text(), "--ctx", 100, "--kl-base", folder / "x",
                                      environment={"YOKE_ISA": "abacus"}), "abacus")
        self.assertEqual(list(folder.iterdir()), [])


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
