#!/usr/bin/env python3
"""A real model, SmolLM2-135M-Instruct in Q4_1, computes and says what transformers does with the same weights.

tools/fetch_smollm2.sh fetches the model; tools/smollm2_reference.py made the golden data.
"""
import array
import json
import math
import os
import pathlib
import unittest

from conversation import ConversationTest
from harness import ROOT, YokeTest, main

FOLDER = pathlib.Path(os.environ.get("YOKE_MODELS", ROOT / "build" / "models"))
MODEL = FOLDER / "SmolLM2-135M-Instruct.Q4_1.gguf"
DATA = ROOT / "tests" / "data" / "smollm2"

needs_the_model = unittest.skipUnless(MODEL.exists(), f"{MODEL} is missing; tools/fetch_smollm2.sh fetches it")

EXACT = ("--activations", "f32", "--kv-type", "f32")
NEAR_TIE = 1e-3  # logits that are no further apart may change places where sums are added in another order


def golden(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def one_thread(ranks):
    """Other tests run beside these, and a thread that has to wait for a core holds up the others."""
    return "--ranks", ranks, "-t", 1


def log_sum(row):
    largest = max(row)
    return largest + math.log(sum(math.exp(value - largest) for value in row))


@needs_the_model
class Logits(YokeTest):
    def setUp(self):
        self.golden = golden("logits.json")

    def rows(self, *arguments):
        """The logits of the positions that the reference has."""
        out = self.scratch() / "logits.f32"
        tokens, step, vocabulary = (self.golden[key] for key in ("tokens", "every_position", "vocabulary"))
        code, text, err = self.yoke("logits", MODEL, "--tokens", ",".join(map(str, tokens)), "--out", out, *arguments,
                                    timeout=150)
        self.assertEqual((code, text), (0, ""), err)
        self.assertEqual(out.stat().st_size, len(tokens) * vocabulary * 4)
        with out.open("rb") as file:
            for position in range(step - 1, len(tokens), step):
                file.seek(position * vocabulary * 4)
                row = array.array("f")
                row.fromfile(file, vocabulary)
                yield row

    def assert_golden(self, arguments, error, difference):
        """`error`: the normalised mean square one of the logits of every 64th token; `difference`: how far a largest logit
        may be off, and the logarithm of what all probabilities are divided by."""
        expected = array.array("f", (DATA / "logits.f32").read_bytes())
        sampled = array.array("f")
        for i, row in enumerate(self.rows(*arguments)):
            sampled.extend(row[::self.golden["every_token"]])
            self.assertAlmostEqual(log_sum(row), self.golden["log_sums"][i], delta=difference)
            for token, value in zip(self.golden["largest_tokens"][i], self.golden["largest_logits"][i]):
                self.assertAlmostEqual(row[token], value, delta=difference)
        self.assertEqual(len(sampled), len(expected))
        squares = sum((a - b)**2 for a, b in zip(sampled, expected))
        self.assertLess(squares / sum(b * b for b in expected), error)

    def test_with_exact_activations_are_the_references(self):
        for ranks in (1, 4):
            with self.subTest(ranks=ranks):
                # The reference itself, which computes in float32 too, is 2e-12 off what float64 gives.
                self.assert_golden([*EXACT, *one_thread(ranks)], error=1e-10, difference=NEAR_TIE / 2)

    def test_with_activations_in_bytes_are_off_as_far_as_the_references_are_then(self):
        for ranks in (1, 4):
            with self.subTest(ranks=ranks):
                self.assert_golden(one_thread(ranks), error=1.5 * self.golden["error_of_bytes"],
                                   difference=2 * self.golden["difference_of_bytes"])


@needs_the_model
class Text(YokeTest):
    def test_is_the_references_up_to_the_first_near_tie(self):
        reference = golden("greedy.json")
        near = next((i for i, gap in enumerate(reference["gaps"]) if gap < NEAR_TIE), len(reference["gaps"]))
        self.assertEqual(len(reference["tokens"]), 200)
        for ranks in (1, 4):
            with self.subTest(ranks=ranks):
                text = self.generate("--chat", *EXACT, *one_thread(ranks), model=MODEL, prompt=reference["message"],
                                     tokens=len(reference["tokens"]), timeout=150)
                expected = "".join(reference["pieces"][:near])
                self.assertEqual(text[:len(expected)], expected)


@needs_the_model
class Talk(ConversationTest):
    def test_three_turns_are_the_references_on_1_to_4_ranks(self):
        turns = golden("conversation.json")
        for ranks in (1, 2, 3, 4):
            with self.subTest(ranks=ranks):
                run = self.converse("-n", 48, *EXACT, *one_thread(ranks), model=MODEL)
                for turn in turns:
                    self.assertGreater(turn["least_gap"], NEAR_TIE)
                    shown = run.ask(turn["message"])
                    self.assertEqual(self.answer(shown), turn["answer"])
                    positions = len(turn["prompt_tokens"]) + len(turn["tokens"])
                    self.assertIn(f"; {positions} of 8192 positions", shown)
                self.leave(run)


if __name__ == "__main__":
    main()
