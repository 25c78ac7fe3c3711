#!/usr/bin/env python3
"""`yoke bench` measures what it says, on any number of ranks, and refuses what it cannot measure."""
import json
import os

import gguf
from harness import DEMO, YOKE, YokeTest, main

QUICK = ("-p", 16, "-n", 4, "-r", 2)


class Bench(YokeTest):
    def rows(self, *arguments, model=DEMO):
        code, out, err = self.yoke("bench", "-m", model, "-o", "json", *arguments)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_a_row_for_each_test_in_the_order_of_llama_bench(self):
        rows = self.rows("-p", "16,32", "-n", "4,2", "-r", 3)
        self.assertEqual([(row["n_prompt"], row["n_gen"]) for row in rows], [(16, 0), (32, 0), (0, 4), (0, 2)])
        for row in rows:
            self.assertEqual(len(row["samples_ns"]), 3)
            self.assertEqual(len(row["samples_ts"]), 3)
            tokens = row["n_prompt"] + row["n_gen"]
            for ns, speed in zip(row["samples_ns"], row["samples_ts"]):
                self.assertAlmostEqual(speed * ns / 1e9, tokens, delta=tokens * 1e-3)
            self.assertAlmostEqual(row["avg_ts"], sum(row["samples_ts"]) / 3, delta=1e-6 * row["avg_ts"])

    def test_a_zero_leaves_its_row_out(self):
        self.assertEqual([(row["n_prompt"], row["n_gen"]) for row in self.rows("-p", 0, "-n", 3, "-r", 1)], [(0, 3)])
        self.assertEqual([(row["n_prompt"], row["n_gen"]) for row in self.rows("-p", 7, "-n", 0, "-r", 1)], [(7, 0)])

    def test_tokens_generated_after_a_long_prompt(self):
        rows = self.rows("-p", 8, "-n", 4, "-d", "0,60", "-r", 1)
        self.assertEqual(
            [(row["n_prompt"], row["n_gen"], row["n_depth"]) for row in rows], [(8, 0, 0), (0, 4, 0), (0, 4, 60)]
        )
        # 64 positions are needed, and a page has as many.
        self.assertEqual(rows[0]["ranks"][0]["kv_bytes"], 64 * 2048)
        expected = 100 * (3_908_608 + 272 + 62.5 * 2048) * rows[2]["avg_ts"] / rows[2]["stream_bytes_per_second"]
        self.assertAlmostEqual(rows[2]["percent_of_stream"], expected, delta=1e-6 * expected)

    def test_what_is_told_of_the_model_and_the_ranks(self):
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                for row in self.rows(*QUICK, "-t", 1, "--ranks", ranks):
                    self.assertEqual(row["model_filename"], str(DEMO))
                    self.assertEqual(row["model_type"], "llama 3.7M Q8_0")
                    self.assertEqual(row["model_n_params"], 3_672_320)
                    self.assertEqual((row["n_threads"], row["n_ranks"], len(row["ranks"])), (1, ranks, ranks))
                    # No more context than the longest test needs, in pages of 64 positions.
                    self.assertEqual(sum(rank["kv_bytes"] for rank in row["ranks"]), 64 * 2048)
                    self.assertGreater(row["load_seconds"], 0)
                    self.assertTrue(0 < row["exchange_share"] < 1 if ranks > 1 else row["exchange_share"] < 0.5)

    def test_the_percentages_follow_from_the_figures_beside_them(self):
        prompt, generation = self.rows(*QUICK)
        self.assertIsNone(prompt["percent_of_stream"])
        # 3,908,608 bytes of tensors, of which the embedding serves as the output matrix too, and one row of 272
        # bytes of it; a key and a value of 4 heads of 32 in 4 layers, float16, of 2.5 positions.
        expected = 100 * (3_908_608 + 272 + 2.5 * 2048) * generation["avg_ts"] / generation["stream_bytes_per_second"]
        self.assertAlmostEqual(generation["percent_of_stream"], expected, delta=1e-6 * expected)
        self.assertGreater(generation["stream_bytes_per_second"], 1e8)
        self.assertIsNone(generation["percent_of_int8"])
        # Two operations for each weight of 4 layers of q, k, v, output and FFN; no logits are wanted of a prompt.
        ops = 2 * 4 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 768 * 256)
        self.assertEqual(prompt["ops_per_prompt_token"], ops)
        expected = 100 * ops * prompt["avg_ts"] / prompt["int8_ops_per_second"]
        self.assertAlmostEqual(prompt["percent_of_int8"], expected, delta=1e-6 * expected)
        self.assertGreater(prompt["int8_ops_per_second"], 1e8)

    def test_tables_are_markdown(self):
        for flags in ((), ("-o", "md")):
            code, out, err = self.yoke("bench", DEMO, *QUICK, "--no-warmup", "--ranks", 2, *flags)
            self.assertEqual((code, err), (0, ""))
            lines = out.splitlines()
            self.assertRegex(lines[0], r"^\| model +\| +size \| +params \|.* test \|.* t/s \|.*% of stream \| % of int8 \|")
            self.assertRegex(lines[1], r"^\|(-+:?\|)+$")
            self.assertRegex(lines[2], r"llama 3.7M Q8_0 .*\| +pp16 \| +[\d.]+ ± [\d.]+ \| +- \| +[\d.]+ \|")
            self.assertRegex(lines[3], r"llama 3.7M Q8_0 .*\| +tg4 \| +[\d.]+ ± [\d.]+ \| +[\d.]+ \| +- \|")
            self.assertIn("\nStream read bandwidth: ", out)
            self.assertIn("\nPeak of int8 products: ", out)
            self.assertEqual(len(lines), 4 + 1 + 2 + 1 + 4)

    def test_json_by_its_short_name(self):
        code, out, err = self.yoke("bench", DEMO, *QUICK, "--json")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(len(json.loads(out)), 2)

    def test_a_random_model_can_be_given_a_longer_context(self):
        model = self.scratch() / "long.gguf"
        code, _, err = self.yoke("synth", "--family", "llama", "--shape", "tiny", "--ctx", 700, "--type", "Q8_0", model)
        self.assertEqual((code, err), (0, ""))
        row, = self.rows("-p", 0, "-n", 10, "-d", 690, "-r", 1, model=model)
        self.assertEqual((row["n_gen"], row["n_depth"]), (10, 690))

    def test_the_whole_context_can_be_measured(self):
        rows = self.rows("-p", 512, "-n", 512, "-r", 1, "--no-warmup")
        self.assertEqual([len(row["samples_ns"]) for row in rows], [1, 1])

    def test_a_model_without_a_tokenizer(self):
        mute = gguf.write_llama(self.scratch() / "mute.gguf", tokenizer=[])
        self.assertEqual(len(self.rows(*QUICK, model=mute)), 2)

    def test_a_users_own_mpirun(self):
        run = self.start("mpirun", "-n", 2, "--oversubscribe", "--bind-to", "none", YOKE, "bench", DEMO, *QUICK, "--json")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        self.assertEqual([row["n_ranks"] for row in json.loads(out)], [2, 2])

    def test_ranks_bound_to_a_core_each_are_held_against_the_sum_of_their_cores(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("there is no second core")
        run = self.start("mpirun", "-n", 2, "--bind-to", "core", YOKE, "bench", DEMO, *QUICK, "--json")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        for row in json.loads(out):
            # The median of the passes' sums is above each median.
            for rank in row["ranks"]:
                self.assertGreater(rank["int8_ops_per_second"], 0)
                self.assertGreater(row["int8_ops_per_second"], rank["int8_ops_per_second"])


if __name__ == "__main__":
    main()
