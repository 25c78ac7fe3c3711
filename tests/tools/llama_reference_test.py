#!/usr/bin/env python3
"""tools/llama_reference.py: the reference of the quality gate agrees with another implementation's logits."""
import os
import pathlib
import sys
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = pathlib.Path(os.environ.get("YOKE_GENERATED_DATA", ROOT / "build/release/tests/data")).resolve() / "tiny"
GOLDEN = ROOT / "tests" / "data" / "golden"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import llama_reference  # noqa: E402


class LlamaReference(unittest.TestCase):
    def error(self, family, rounded):
        """The normalised mean square error against the golden logits."""
        tokens = np.array([int(t) for t in (GOLDEN / "tokens.txt").read_text(encoding="ascii").split(",")])
        expected = np.fromfile(GOLDEN / f"{family}.f32", np.float32).reshape(len(tokens), -1)
        found = llama_reference.Llama(TINY / f"{family}.gguf", rounded).logits(np.stack([tokens, tokens]), 0)
        np.testing.assert_array_equal(found[0], found[1])
        return float(np.sum((found[0] - expected) ** 2) / np.sum(expected ** 2))

    def test_with_exact_activations_has_the_golden_logits(self):
        for family in ("llama", "llama-k"):
            self.assertLess(self.error(family, llama_reference.exact), 1e-8)

    def test_rounded_activations_move_the_logits_a_little(self):
        # Steps of a 127th of the largest of 32 values, about 2.2 standard deviations, err by (2.2 / 127)² / 12 = 2.5e-5 of the
        # variance. The output matrix passes that on as it is; how far its input has moved by then is the model's.
        error = self.error("llama", llama_reference.rounded_to_int8)
        self.assertTrue(2.5e-5 < error < 1e-2, error)

    def test_rounding_is_that_of_the_definition(self):
        x = np.random.default_rng(1).standard_normal((3, 5, 64)).astype(np.float32)
        x[1, 2, :32] = 0
        found = llama_reference.rounded_to_int8(x)
        for index in np.ndindex(3, 5, 2):
            block, out = x[index[:2]][32 * index[2]:][:32], found[index[:2]][32 * index[2]:][:32]
            scale = float(np.abs(block).max()) / 127
            for value, rounded in zip(block, out):
                self.assertAlmostEqual(float(rounded), round(float(value) / scale) * scale if scale else 0, delta=1e-6)


if __name__ == "__main__":
    unittest.main()
