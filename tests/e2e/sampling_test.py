#!/usr/bin/env python3
"""The flags of `yoke run` that say how tokens are chosen: what each means can be read off a text."""
import gguf
from harness import YokeTest, main

LETTERS = "abcdefgh"


class Sampling(YokeTest):
    def even(self, first=None, pairs=()):
        """A model to which all bytes are alike: greedily it writes the token with the lowest id."""
        return gguf.write_llama(self.scratch() / "even.gguf", tokenizer=[*gguf.tokenizer_pairs(first=first), *pairs])

    def written(self, *arguments, model=None, tokens=12):
        """What follows "?", which must be the same on one rank and on three."""
        model = model or self.even()
        texts = {self.generate(*arguments, "--ranks", ranks, model=model, prompt="?", tokens=tokens) for ranks in (1, 3)}
        self.assertEqual(len(texts), 1, texts)
        return texts.pop().removesuffix("\n")[1:]

    def letters(self, *arguments, **options):
        """The same where eight letters are likelier than the rest, by 1 in their logits."""
        bias = [f"--logit-bias={ord(letter)}=1" for letter in LETTERS]
        return self.written(*bias, *arguments, **options)

    def test_a_bias_makes_a_token_likelier(self):
        self.assertEqual(self.letters(tokens=4), "aaaa")
        self.assertEqual(self.letters(f"--logit-bias={ord('z')}=1.5", tokens=4), "zzzz")

    def test_minus_infinity_forbids_a_token(self):
        model = self.even(first="x")
        self.assertEqual(self.written(model=model, tokens=4), "xxxx")
        self.assertNotIn("x", self.written("--logit-bias", "0=-inf", model=model))
        self.assertNotIn("x", self.written("--logit-bias", "0=-inf", "--temp", 2, model=model, tokens=400))

    def test_the_presence_penalty_counts_once_what_is_recent(self):
        self.assertEqual(self.letters("--presence-penalty", 0.5), "abcdefghaaaa")
        self.assertEqual(self.letters("--presence-penalty", 0.5, "--repeat-last-n", 3), "abcdabcdabcd")
        self.assertEqual(self.letters("--presence-penalty", -0.5, "--logit-bias", f"{ord('?')}=0.6"), "????????????")

    def test_the_frequency_penalty_counts_every_time(self):
        self.assertEqual(self.letters("--frequency-penalty", 0.01, tokens=20), "abcdefghabcdefghabcd")

    def test_the_repetition_penalty_divides(self):
        self.assertEqual(self.letters("--repeat-penalty", 2), "abcdefghaaaa")
        self.assertEqual(self.letters("--repeat-penalty", 2, "--repeat-last-n", 1), "abababababab")

    def test_a_choice_of_one_is_greedy(self):
        greedy = self.generate(tokens=60)
        self.assertEqual(self.generate("--temp", 0, "--top-k", 40, "--top-p", 0.9, tokens=60), greedy)
        for choice in (["--top-k", 1], ["--top-p", 1e-6], ["--min-p", 0.999999]):
            for ranks in (1, 3):
                with self.subTest(choice=choice, ranks=ranks):
                    sampled = self.generate("--temp", 1.5, "--seed", 3, *choice, "--ranks", ranks, tokens=60)
                    self.assertEqual(sampled, greedy)

    def test_only_the_likeliest_are_sampled(self):
        # Each letter has 1% of the probability.
        for flags in (["--top-k", 8], ["--top-p", 0.07], ["--min-p", 0.9]):
            with self.subTest(flags=flags):
                text = self.letters("--temp", 1, "--seed", 5, *flags, tokens=100)
                self.assertLessEqual(set(text), set(LETTERS))
                self.assertGreater(len(set(text)), 5, text)

    def test_every_knob_at_once_is_reproducible_on_any_number_of_ranks(self):
        flags = ["--temp", 0.9, "--top-k", 50, "--typical", 0.98, "--top-p", 0.95, "--min-p", 0.01, "--repeat-penalty", 1.1,
                 "--presence-penalty", 0.2, "--frequency-penalty", 0.1, "--repeat-last-n", 32, "--logit-bias", "11=-2",
                 "--activations", "f32"]  # bytes may be rounded otherwise where ranks add in another order
        first = self.generate(*flags, "--seed", 11, tokens=80)
        for ranks in (1, 2, 3):
            self.assertEqual(self.generate(*flags, "--seed", 11, "--ranks", ranks, tokens=80), first)
        self.assertNotEqual(self.generate(*flags, "--seed", 12, tokens=80), first)

    def test_the_token_that_ends_a_text_is_not_shown_and_can_be_ignored(self):
        model = self.even(first="x", pairs=[gguf.uint_pair("tokenizer.ggml.eos_token_id", 0)])
        self.assertEqual(self.written(model=model), "")
        self.assertNotIn("x", self.written("--ignore-eos", "--temp", 1, model=model, tokens=400))
        # ord("y"): of the bytes only those before x have moved.
        self.assertEqual(self.written("--ignore-eos", f"--logit-bias={ord('y')}=1", model=model, tokens=4), "yyyy")

    def test_a_line_feed_can_be_a_stop_string(self):
        self.assertEqual(self.written("--logit-bias", "10=1", tokens=3), "\n\n\n")
        self.assertEqual(self.written("--logit-bias", "10=1", "--stop", "\\n"), "")


if __name__ == "__main__":
    main()
