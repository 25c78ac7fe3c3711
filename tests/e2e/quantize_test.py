#!/usr/bin/env python3
"""Writing models: `yoke quantize` and `yoke synth`."""
import array
import json
import os
import pathlib
import signal
import subprocess

from harness import DEMO, TINY, YOKE, YokeTest, main

TOKENS = "2044,318,262,1468,286,11,7,1900,33,512,77,260"


def error_against(found, expected):
    """The normalised mean square error."""
    return sum((a - b) ** 2 for a, b in zip(found, expected)) / sum(b * b for b in expected)


class ModelWriter(YokeTest):
    def write(self, *arguments, note=""):
        """Runs a command that succeeds; its stdout."""
        code, out, err = self.yoke(*arguments)
        self.assertEqual(code, 0, err)
        self.assertIn(note, err)
        return out

    def logits(self, model, ranks=1):
        out = self.scratch() / "logits.f32"
        # Formats are judged here, not what multiplies them.
        self.write("logits", model, "--tokens", TOKENS, "--out", out, "--ranks", ranks, "--activations", "f32")
        values = array.array("f")
        values.frombytes(out.read_bytes())
        return values

    def assert_leaves_nothing(self, folder):
        self.assertEqual(list(folder.iterdir()), [])

    def full_disk(self):
        """A folder on a file system of 64 KB."""
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        folder = self.scratch()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        return folder


class Quantize(ModelWriter):
    def quantize(self, model, *arguments, **options):
        out = self.scratch() / "out.gguf"
        self.write("quantize", model, out, *arguments, **options)
        return out

    def test_decoding_to_f32_changes_no_logit_beyond_rounding(self):
        # The same weights: what is left are the roundings of sums of some hundred products, 2^-24 each.
        wide = self.quantize(DEMO, "--type", "F32", note="were quantised before")
        for ranks in (1, 3):
            self.assertLess(error_against(self.logits(wide, ranks=ranks), self.logits(DEMO, ranks=ranks)), 1e-10)

    def test_logits_move_as_far_as_the_formats_rounding_explains(self):
        # Rounding to steps of s errs by s²/12 a value. A block's levels reach about two standard deviations of its
        # values to either side, so n of them make an error of (4/n)²/12 of the values' variance; of the demo model's
        # logits too, which a matrix moves as much as it is moved itself. The copy is decoded again, because the
        # format is judged here and not what multiplies it.
        expected = self.logits(DEMO)
        for name, levels in (("Q6_K", 64), ("Q5_K", 32), ("Q5_0", 32), ("Q5_1", 32), ("Q4_K", 16), ("Q4_0", 16),
                             ("Q4_1", 16), ("Q3_K", 8), ("Q2_K", 4)):
            with self.subTest(type=name):
                rounded = self.quantize(self.quantize(DEMO, "--type", name), "--type", "F32")
                error, explained = error_against(self.logits(rounded), expected), (4 / levels) ** 2 / 12
                self.assertLess(error, 3 * explained)
                self.assertGreater(error, explained / 3)

    def test_several_ranks_read_a_quantised_model(self):
        copy = self.quantize(DEMO, "--type", "Q4_0", "--embedding-type", "Q8_0")
        expected = self.logits(copy)
        for ranks in (2, 3):
            with self.subTest(ranks=ranks):
                self.assertLess(error_against(self.logits(copy, ranks=ranks), expected), 1e-8)

    def test_a_quantised_model_speaks(self):
        copy = self.quantize(DEMO, "--type", "q4_0")  # names in any case
        self.assertGreater(len(self.generate(model=copy, tokens=20)), 40)

    def test_the_same_input_gives_the_same_bytes(self):
        first, second = (self.quantize(DEMO, "--type", "Q4_K").read_bytes() for _ in range(2))
        self.assertEqual(first, second)

    def test_the_figures_are_told(self):
        out = self.scratch() / "out.gguf"
        self.assertRegex(self.write("quantize", DEMO, out, "--type", "Q4_0"),
                         r"^.*out\.gguf: [0-9.]+ MB -> [0-9.]+ MB, 4\.\d\d bits per weight\n$")
        figures = json.loads(self.write("quantize", TINY / "llama.gguf", out, "--type", "Q4_K", "--json",
                                        note="matrices become Q4_0, because their rows are no whole blocks"))
        self.assertEqual(figures["type"], "Q4_K")
        self.assertLess(figures["bytes_after"] * 6, figures["bytes_before"])
        self.assertGreater(figures["matrices_in_another_format"], 10)
        self.assertEqual(figures["matrices_quantised_before"], 0)

    def test_output_and_embedding_take_formats_of_their_own(self):
        copy = self.quantize(TINY / "llama.gguf", "--type", "Q4_0", "--output-type", "Q8_0", "--embedding-type", "F16")
        _, out, _ = self.yoke("info", copy)
        for name, tensors in (("Q4_0", 21), ("Q8_0", 1), ("F16", 1)):
            self.assertRegex(out, rf"{name} +{tensors} tensors")

    def test_the_model_itself_is_no_output(self):
        folder = self.scratch()
        model = folder / "m.gguf"
        model.write_bytes((TINY / "llama.gguf").read_bytes())
        self.assertEqual(self.yoke("quantize", model, model, "--type", "Q8_0"),
                         (1, "", f"yoke: {model}: is the model itself, expected another file for the copy\n"))
        self.assertEqual(model.read_bytes(), (TINY / "llama.gguf").read_bytes())

    def test_a_full_disk_is_told_and_left_clean(self):
        folder = self.full_disk()
        result = self.yoke("quantize", TINY / "llama.gguf", folder / "out.gguf", "--type", "Q8_0")
        self.assertEqual(result, (1, "", f"yoke: {folder}/out.gguf: cannot be written: No space left on device\n"))
        self.assert_leaves_nothing(folder)


class Synth(ModelWriter):
    def synth(self, *arguments, family="llama", name="Q4_0"):
        out = self.scratch() / "synth.gguf"
        self.write("synth", "--family", family, "--shape", "tiny", "--type", name, *arguments, out)
        return out

    def test_every_family_runs_on_1_to_3_ranks(self):
        for family in ("llama", "qwen2", "qwen3"):
            model = self.synth(family=family)
            for ranks in (1, 2, 3):
                with self.subTest(family=family, ranks=ranks):
                    text = self.generate("--ranks", ranks, "--temp", 1, model=model, prompt="Hello", tokens=30)
                    self.assertGreater(len(text), 40)

    def test_every_plain_and_simple_format_runs(self):
        for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0"):
            with self.subTest(type=name):
                self.generate("--ranks", 2, model=self.synth(name=name), prompt="Hello", tokens=8)

    def test_a_seed_fixes_every_byte(self):
        first = self.synth("--seed", 5).read_bytes()
        self.assertEqual(self.synth("--seed", 5).read_bytes(), first)
        self.assertNotEqual(self.synth("--seed", 6).read_bytes(), first)

    def test_it_tells_what_it_is(self):
        _, out, _ = self.yoke("info", self.synth("--layers", 7, family="qwen3", name="Q8_0"))
        for fact in ("Random qwen3 tiny", "qwen3: 7 layers × 256, 8 heads over 4 KV heads of 32, FFN 768",
                     "2048 tokens (gpt2, gpt-2)"):
            self.assertIn(fact, out)

    def test_the_reference_shape_is_that_of_1_5_billion_weights(self):
        out = self.scratch() / "synth.gguf"
        self.write("synth", "--family", "llama", "--shape", "1.5b", "--layers", 1, "--type", "Q4_0", out)
        _, text, _ = self.yoke("info", out)
        self.assertIn("1 layers × 2048, 32 heads over 8 KV heads of 64, FFN 8192", text)
        self.assertIn("128256 tokens", text)

    def test_a_full_disk_is_told_and_left_clean(self):
        folder = self.full_disk()
        out = folder / "x.gguf"
        self.assertEqual(self.yoke("synth", "--family", "llama", "--shape", "tiny", "--type", "Q4_0", out),
                         (1, "", f"yoke: {out}: cannot be written: No space left on device\n"))
        self.assert_leaves_nothing(folder)

    def require_nameless_files(self, folder):
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        except OSError:
            self.skipTest("the file system makes no nameless files")

    def test_an_interrupted_run_leaves_nothing_of_its_file(self):
        folder = self.scratch()
        self.require_nameless_files(folder)

        def bytes_written(process):
            """Of the process' open file in the folder, whether it has a name or not."""
            for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                try:
                    if os.readlink(entry).startswith(f"{folder}/"):
                        return entry.stat().st_size
                except FileNotFoundError:
                    pass  # closed since it was listed
            return 0

        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(signal=ending.name):
                run = self.start(YOKE, "synth", "--family", "llama", "--shape", "1.5b", "--layers", 1, "--type", "Q4_0",
                                 folder / "x.gguf")
                run.wait_for(lambda: bytes_written(run.process) > 10_000_000, 60, "writing 10 MB")
                run.process.send_signal(ending)
                self.assertEqual(run.finish(30)[0], -ending)
                self.assert_leaves_nothing(folder)


if __name__ == "__main__":
    main()
