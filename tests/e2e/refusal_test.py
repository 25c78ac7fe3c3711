#!/usr/bin/env python3
"""What cannot work is refused at once, with one sentence and a non-zero code."""
import shutil
import subprocess
import time

import gguf
from harness import DEMO, PROMPT, ROOT, TINY, YOKE, YokeTest, main


class Model(YokeTest):
    def assert_run_refuses(self, model, *mentions):
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.assert_refused(self.yoke("run", model, "-p", PROMPT, "-n", 4, "--ranks", ranks, timeout=20), *mentions)

    def test_a_path_that_does_not_exist(self):
        self.assert_run_refuses("/nonexistent/model.gguf", "/nonexistent/model.gguf")

    def test_a_directory(self):
        self.assert_run_refuses(ROOT, str(ROOT))

    def test_a_file_that_is_no_model(self):
        self.assert_run_refuses(YOKE, "GGUF")

    def test_an_empty_file(self):
        path = self.scratch() / "empty.gguf"
        path.touch()
        self.assert_run_refuses(path, "empty.gguf")

    def test_a_model_cut_anywhere(self):
        whole = DEMO.read_bytes()
        path = self.scratch() / "cut.gguf"
        for length in (3, 20, 1000, 60_000, len(whole) // 2, len(whole) - 1):
            with self.subTest(length=length):
                path.write_bytes(whole[:length])
                self.assert_refused(self.yoke("run", path, "-p", PROMPT, "-n", 4, timeout=20), "cut.gguf")

    def test_a_model_that_may_not_be_read(self):
        folder = self.scratch()
        folder.chmod(0o755)
        program, model = shutil.copy(YOKE, folder / "yoke"), shutil.copy(DEMO, folder / "secret.gguf")
        model.chmod(0)
        done = subprocess.run([program, "run", model, "-p", PROMPT, "-n", "4"], cwd="/", capture_output=True, text=True,
                              timeout=20, **self.nobody())
        self.assert_refused((done.returncode, done.stdout, done.stderr), "secret.gguf")

    def test_a_family_that_is_not_known(self):
        path = self.scratch() / "mamba.gguf"
        llama, mamba = (gguf.string_pair("general.architecture", name) for name in ("llama", "mamba"))
        self.assertIn(llama, DEMO.read_bytes())
        path.write_bytes(DEMO.read_bytes().replace(llama, mamba))
        self.assert_run_refuses(path, "mamba")

    def test_a_file_that_names_no_family(self):
        path = self.scratch() / "anything.gguf"
        key = gguf.text("general.architecture")
        self.assertIn(key, DEMO.read_bytes())
        path.write_bytes(DEMO.read_bytes().replace(key, gguf.text("general.architectura")))
        self.assert_run_refuses(path, "anything.gguf", "'general.architecture' is missing")

    def test_a_file_without_a_tokenizer_is_for_logits_only(self):
        path = gguf.write_llama(self.scratch() / "mute.gguf", tokenizer=[])
        self.assert_run_refuses(path, "mute.gguf", "no tokenizer", "yoke logits")
        out = self.scratch() / "x.f32"
        code, _, err = self.yoke("logits", path, "--tokens", "1,2", "--out", out)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.stat().st_size, 2 * 256 * 4)

    def test_a_tokenizer_that_is_not_known(self):
        path = gguf.write_llama(self.scratch() / "other.gguf", tokenizer=gguf.tokenizer_pairs("runes"))
        self.assert_run_refuses(path, "other.gguf", "runes")

    def test_a_tokenizer_of_more_tokens_than_the_model(self):
        path = gguf.write_llama(self.scratch() / "small.gguf", vocabulary=200)
        self.assert_run_refuses(path, "256", "200")

    def test_a_split_model_with_a_missing_part(self):
        path = self.scratch() / "model-00001-of-00002.gguf"
        path.write_bytes((TINY / "llama.gguf").read_bytes())
        self.assert_run_refuses(path, "model-0000")

    def test_a_model_larger_than_the_memory_is_refused_before_loading_with_the_arithmetic(self):
        # 69 billion weights: 276 GB.
        path = gguf.write_llama(self.scratch() / "huge.gguf", layers=80, dim=8192, ffn=28672, heads=64, kv_heads=8,
                                context=512)
        for ranks in (1, 4):
            with self.subTest(ranks=ranks):
                start = time.monotonic()
                out = self.scratch() / "x.f32"
                result = self.yoke("logits", path, "--tokens", "1,2", "--out", out, "--ranks", ranks, timeout=20)
                self.assert_refused(result, "GB", "memory")
                self.assertLess(time.monotonic() - start, 10)


    def test_a_kv_cache_larger_than_the_memory_is_refused_with_the_remedy(self):
        # A kilobyte for each of 1,000 million positions.
        path = gguf.write_llama(self.scratch() / "long.gguf", context=1_000_000_000, kv_heads=4)
        self.assert_run_refuses(path, "KV cache", "a smaller context (--ctx) needs less")
        self.generate("--ctx", 64, model=path, prompt="a", tokens=4)


class Request(YokeTest):
    def test_an_empty_prompt(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                self.assert_refused(self.yoke("run", DEMO, "-p", "", "-n", 4, "--ranks", ranks), "prompt", codes=(1, 2))

    def test_a_prompt_longer_than_the_context(self):
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                self.assert_refused(self.yoke("run", DEMO, "-p", "whale " * 600, "-n", 4, "--ranks", ranks), "512")

    def test_a_prompt_longer_than_the_context_asked_for(self):
        self.assert_refused(self.yoke("run", DEMO, "-p", "whale " * 60, "-n", 4, "--ctx", 32), "32")

    def test_generation_stops_where_the_context_ends_and_says_so(self):
        code, out, err = self.yoke("run", DEMO, "-p", PROMPT, "-n", 1000, "--ctx", 64, "--ranks", 2)
        self.assertEqual(code, 0, err)
        self.assertTrue(out.startswith(PROMPT))
        self.assertIn("context", err)
        # The text up to there is the one that a larger context gives.
        self.assertTrue(self.generate(tokens=100).startswith(out.rstrip("\n")))


class Flags(YokeTest):
    def assert_usage(self, *arguments, mention=""):
        self.assert_refused(self.yoke(*arguments), mention, codes=(2,))

    def test_no_command(self):
        self.assert_usage()

    def test_an_unknown_command(self):
        self.assert_usage("pull", mention="pull")

    def test_an_unknown_flag(self):
        self.assert_usage("run", DEMO, "-p", PROMPT, "-n", 4, "--speed", "9", mention="--speed")

    def test_a_missing_model(self):
        self.assert_usage("run")

    def test_numbers_out_of_range(self):
        for flag, value in (("-n", "-2"), ("-n", "many"), ("-n", "99999999999999999999"), ("--ranks", "0"), ("--ranks", "-3"),
                            ("--threads", "-1"), ("--temp", "-0.5"), ("--temp", "nan"), ("--ctx", "-5"), ("--seed", "x")):
            with self.subTest(flag=flag, value=value):
                count = [] if flag == "-n" else ["-n", 4]
                self.assert_usage("run", DEMO, "-p", PROMPT, *count, f"{flag}={value}" if flag != "-n" else f"-n{value}",
                                  mention=flag)

    def test_ranks_against_a_users_own_mpirun(self):
        run = self.start("mpirun", "-n", 2, "--oversubscribe", "--bind-to", "none",
                         YOKE, "run", DEMO, "-p", PROMPT, "-n", 4, "--ranks", 3)
        code, out, err, _ = run.finish(60)
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        self.assertIn("--ranks", err)


if __name__ == "__main__":
    main()
