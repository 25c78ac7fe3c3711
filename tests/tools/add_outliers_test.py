#!/usr/bin/env python3
"""tools/add_outliers.py: the copy computes the same, and has outliers."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
YOKE = pathlib.Path(os.environ.get("YOKE_BINARY", ROOT / "build/release/yoke")).resolve()
EXACT = ("--kv-type", "f32", "--activations", "f32")  # what is rounded depends on the outliers
TINY = pathlib.Path(os.environ.get("YOKE_GENERATED_DATA", ROOT / "build/release/tests/data")).resolve() / "tiny"
GOLDEN = ROOT / "tests" / "data" / "golden"
SCRIPT = ROOT / "tools" / "add_outliers.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import add_outliers  # noqa: E402

FAMILIES = ("llama", "llama-k", "llama-rope3", "qwen2", "qwen3")


def error_against(found, expected):
    """The normalised mean square error."""
    return float(np.sum((found - expected) ** 2) / np.sum(expected ** 2))


class AddOutliers(unittest.TestCase):
    def scratch(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def logits(self, model):
        out = self.scratch() / "logits.f32"
        tokens = (GOLDEN / "tokens.txt").read_text(encoding="ascii").strip()
        subprocess.run([YOKE, "logits", model, "--tokens", tokens, "--out", out, *EXACT], check=True, capture_output=True, timeout=60)
        return np.fromfile(out, np.float32).astype(np.float64)

    def copy(self, model, *arguments):
        out = self.scratch() / "copy.gguf"
        subprocess.run([sys.executable, SCRIPT, model, out, *arguments], check=True, timeout=60)
        return out

    def read(self, path):
        return add_outliers.Model(path.read_bytes())

    def test_the_copy_computes_the_same(self):
        # Weights are multiplied and divided by 50, which rounds each by 2^-24 of itself.
        for family in FAMILIES:
            with self.subTest(family=family):
                model = TINY / f"{family}.gguf"
                self.assertLess(error_against(self.logits(self.copy(model)), self.logits(model)), 1e-8)

    def test_every_layer_has_outliers_in_its_norms_and_keys(self):
        for family in FAMILIES:
            model = TINY / f"{family}.gguf"
            before, after = self.read(model).tensors, self.read(self.copy(model, "--channels", "2", "--factor", "40")).tensors
            for layer in range(3):
                for norm, readers in (("attn_norm", ("attn_q", "attn_k", "attn_v")), ("ffn_norm", ("ffn_gate", "ffn_up"))):
                    name = f"blk.{layer}.{norm}.weight"
                    ratio = after[name] / before[name]
                    self.assertEqual(sorted(np.round(ratio, 4))[-3:], [1, 40, 40], name)
                    # Queries and keys have rows that change too: the columns are seen in the others.
                    for reader in readers[-1:]:
                        name = f"blk.{layer}.{reader}.weight"
                        np.testing.assert_allclose(after[name] * ratio, before[name], rtol=1e-6)
                if family == "qwen3":
                    name = f"blk.{layer}.attn_k_norm.weight"
                    self.assertEqual(np.count_nonzero(after[name] != before[name]), 2)
                else:
                    columns = np.flatnonzero(ratio == 1)
                    name = f"blk.{layer}.attn_k.weight"
                    rows = (np.abs(after[name]).max(axis=1) > 10 * np.abs(before[name]).max(axis=1))
                    self.assertEqual(np.count_nonzero(rows), 2 * 4, f"{name}: one pair of each of 4 KV heads")
                    self.assertGreater(len(columns), 0)

    def test_another_pairing_would_not_compute_the_same(self):
        """What test_the_copy_computes_the_same is worth: it knows how a family rotates."""
        for family in ("llama", "qwen2"):
            model = self.read(TINY / f"{family}.gguf")
            style = add_outliers.PAIRED_WITH_NEIGHBOUR
            style[family] = not style[family]
            self.addCleanup(style.update, {family: not style[family]})
            add_outliers.add_outliers(model, 50, 3, 1)
            out = self.scratch() / "wrong.gguf"
            out.write_bytes(model.data)
            self.assertGreater(error_against(self.logits(out), self.logits(TINY / f"{family}.gguf")), 1e-4)

    def test_a_seed_fixes_every_byte(self):
        model = TINY / "llama.gguf"
        first = self.copy(model, "--seed", "3").read_bytes()
        self.assertEqual(self.copy(model, "--seed", "3").read_bytes(), first)
        self.assertNotEqual(self.copy(model, "--seed", "4").read_bytes(), first)

    def test_what_is_no_f32_model_of_a_known_family_is_refused(self):
        folder = self.scratch()
        (folder / "text.gguf").write_text("no model at all")
        (folder / "cut.gguf").write_bytes((TINY / "llama.gguf").read_bytes()[:100])
        for model, sentence in ((ROOT / "models" / "demo.gguf", "is not in F32; yoke quantize --type F32 makes a model that is"),
                                (TINY / "mixtral.gguf", "ffn_gate"), (folder / "text.gguf", "is no GGUF file"),
                                (folder / "cut.gguf", "requires a buffer"), (folder / "none.gguf", "No such file")):
            if not model.exists() and "none" not in model.name:
                continue  # that tiny model is not made here
            done = subprocess.run([sys.executable, SCRIPT, model, folder / "out.gguf"], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(sentence, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse((folder / "out.gguf").exists())


if __name__ == "__main__":
    unittest.main()
