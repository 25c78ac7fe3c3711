#!/usr/bin/env python3
"""`yoke logits` computes the reference's logits, on any number of ranks."""
import array
import concurrent.futures
import os
import pathlib
import shutil
import subprocess

from harness import GOLDEN, TINY, YOKE, YokeTest, main

TOKENS = (GOLDEN / "tokens.txt").read_text(encoding="ascii").strip()
VOCABULARY = 320
RANKS = (1, 2, 3, 4, 5, 8)


def read_floats(path):
    values = array.array("f")
    values.frombytes(path.read_bytes())
    return values


def error_against(found, expected):
    """The normalised mean square error."""
    return sum((a - b) ** 2 for a, b in zip(found, expected)) / sum(b * b for b in expected)


class Logits(YokeTest):
    def logits(self, family, ranks, tokens=TOKENS, kv_type="f32"):
        out = self.scratch() / "logits.f32"
        code, text, err = self.yoke("logits", TINY / f"{family}.gguf", "--tokens", tokens, "--out", out, "--ranks", ranks,
                                    "--kv-type", kv_type)
        self.assertEqual((code, text), (0, ""), err)
        return read_floats(out)

    def assert_golden(self, family):
        expected = read_floats(GOLDEN / f"{family}.f32")
        self.assertEqual(len(expected), len(TOKENS.split(",")) * VOCABULARY)
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                found = self.logits(family, ranks)
                self.assertEqual(len(found), len(expected))
                self.assertLess(error_against(found, expected), 1e-8)

    def test_keys_and_values_are_float16_unless_asked_for_otherwise(self):
        out = self.scratch() / "logits.f32"
        code, text, err = self.yoke("logits", TINY / "llama.gguf", "--tokens", TOKENS, "--out", out)
        self.assertEqual((code, text), (0, ""), err)
        self.assertEqual(read_floats(out), self.logits("llama", 1, kv_type="f16"))
        self.assertNotEqual(read_floats(out), self.logits("llama", 1))

    def test_llama_on_1_to_8_ranks(self):
        self.assert_golden("llama")

    def test_llama_k_on_1_to_8_ranks(self):
        self.assert_golden("llama-k")

    def test_llama_rope3_on_1_to_8_ranks(self):
        self.assert_golden("llama-rope3")

    def test_qwen2_on_1_to_8_ranks(self):
        self.assert_golden("qwen2")

    def test_qwen3_on_1_to_8_ranks(self):
        self.assert_golden("qwen3")

    def test_a_prefix_of_the_tokens_has_bitwise_the_same_logits(self):
        prefix = ",".join(TOKENS.split(",")[:11])
        self.assertEqual(self.logits("llama", 2, prefix), self.logits("llama", 2)[:11 * VOCABULARY])

    def write_logits(self, out):
        code, text, err = self.yoke("logits", TINY / "llama.gguf", "--tokens", "1,2", "--out", out)
        self.assertEqual((code, text), (0, ""), err)

    def test_a_symbolic_link_stays_one(self):
        folder = self.scratch()
        (folder / "link.f32").symlink_to("target.f32")
        self.write_logits(folder / "link.f32")
        self.assertTrue((folder / "link.f32").is_symlink())
        self.assertEqual((folder / "target.f32").stat().st_size, 2 * VOCABULARY * 4)

    def test_a_named_pipe_is_fed(self):
        pipe = self.scratch() / "pipe"
        os.mkfifo(pipe)
        with concurrent.futures.ThreadPoolExecutor() as executor:
            reader = executor.submit(pipe.read_bytes)
            self.write_logits(pipe)
            self.assertEqual(len(reader.result(10)), 2 * VOCABULARY * 4)
        self.assertTrue(pipe.is_fifo())

    def test_a_device_stays_one(self):
        self.write_logits("/dev/null")
        self.assertTrue(pathlib.Path("/dev/null").is_char_device())

    def test_files_of_similar_names_are_left_alone(self):
        folder = self.scratch()
        (folder / "x.f32.part").write_text("mine")
        self.write_logits(folder / "x.f32")
        self.assertEqual((folder / "x.f32.part").read_text(), "mine")
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["x.f32", "x.f32.part"])

    def test_a_folder_that_may_not_be_written_is_named_with_the_reason(self):
        folder = self.scratch()
        program, model = shutil.copy(YOKE, folder / "yoke"), shutil.copy(TINY / "llama.gguf", folder / "m.gguf")
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        done = subprocess.run([program, "logits", model, "--tokens", "1,2", "--out", folder / "x.f32"], cwd="/",
                              capture_output=True, text=True, timeout=20, **self.nobody())
        self.assert_refused((done.returncode, done.stdout, done.stderr), str(folder / "x.f32"), "Permission denied")


if __name__ == "__main__":
    main()
