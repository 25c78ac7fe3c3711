#!/usr/bin/env python3
"""`yoke run` and `yoke info`, where all goes well."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import gguf
from harness import DEMO, PROMPT, YOKE, YokeTest, main

# What another implementation writes greedily with this model after PROMPT (see models/README.md).
REFERENCE = (", the state of the Union, have been the most important and important, and the people of the United States "
             "have been so long and more than await the interests of the country than the people of the United States.")


class Text(YokeTest):
    def test_greedy_text_is_the_references(self):
        self.assertTrue(self.generate(tokens=60).startswith(PROMPT + REFERENCE))

    def test_greedy_text_is_the_same_on_1_2_3_and_4_ranks(self):
        alone = self.generate("--ranks", 1, tokens=100)
        self.assertGreater(len(alone), 200)
        for ranks in (2, 3, 4):
            with self.subTest(ranks=ranks):
                self.assertEqual(self.generate("--ranks", ranks, tokens=100), alone)

    def test_more_ranks_than_heads_write_the_same_text(self):
        self.assertEqual(self.generate("--ranks", 24, tokens=8, timeout=120), self.generate(tokens=8))

    def test_threads_do_not_change_the_text(self):
        self.assertEqual(self.generate("--threads", 1), self.generate("--threads", 3))

    def test_the_way_of_multiplying_one_token_does_not_change_the_text(self):
        plain = self.generate("--ranks", 2, environment={"YOKE_GEMV": "plain"})
        self.assertEqual(self.generate("--ranks", 2, environment={"YOKE_GEMV": "ahead"}), plain)
        self.assert_refused(self.yoke("run", DEMO, "-p", PROMPT, "-n", 1, environment={"YOKE_GEMV": "sideways"}),
                            "YOKE_GEMV", '"sideways"')

    def test_a_seed_fixes_sampled_text_and_another_seed_changes_it(self):
        sampled = ["--temp", "1.0", "--seed"]
        first = self.generate(*sampled, 1)
        self.assertEqual(self.generate(*sampled, 1), first)
        self.assertNotEqual(self.generate(*sampled, 2), first)

    def test_sampled_text_is_the_same_on_3_ranks(self):
        sampled = ["--temp", "0.8", "--seed", 5]
        self.assertEqual(self.generate("--ranks", 3, *sampled), self.generate(*sampled))

    def test_stdout_is_the_prompt_and_the_text_and_one_newline(self):
        text = self.generate(tokens=5)
        self.assertTrue(text.startswith(PROMPT))
        self.assertGreater(len(text), len(PROMPT) + 1)
        self.assertEqual(text[-1], "\n")
        self.assertEqual(text.rstrip("\n") + "\n", text)

    def chat(self, template, *arguments, prompt="ab"):
        """What a model with this template answers that has a token for each byte and writes x for ever."""
        pairs = [*gguf.tokenizer_pairs(first="x"), gguf.string_pair("tokenizer.chat_template", template)]
        model = gguf.write_llama(self.scratch() / "chat.gguf", tokenizer=pairs)
        return self.yoke("run", model, "-p", prompt, "-n", 5, *arguments)

    def test_a_message_is_answered_through_the_chat_template(self):
        template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                code, out, err = self.chat(template, "--chat", "--system", "S", "--ranks", ranks)
                self.assertEqual((code, out), (0, "xxxxx\n"), err)
                self.assertRegex(err, rf"prompt +{len('[system]S[user]ab[assistant]')} tokens")

    def test_a_prompt_without_chat_is_continued_whatever_the_template(self):
        code, out, err = self.chat("{{ no | template }}")
        self.assertEqual((code, out), (0, "abxxxxx\n"), err)

    def test_what_a_model_thinks_stands_between_lines(self):
        code, out, err = self.chat("{{ messages[0].content }}<think>", "--chat")
        self.assertEqual((code, out), (0, "--- reasoning\nxxxxx\n"), err)

    def test_a_template_that_needs_more_is_refused_with_line_and_construct(self):
        code, out, err = self.chat("a\n{{ b | xmlattr }}", "--chat")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"^yoke: .*chat\.gguf: tokenizer\.chat_template, line 2: the filter xmlattr is not supported; "
                              r"yoke run --no-chat works without the chat template\n$")

    def test_chat_needs_a_template(self):
        code, out, err = self.yoke("run", DEMO, "--chat", "-p", "x")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"demo\.gguf: has no chat template .*, which --chat needs\n$")
        code, out, err = self.yoke("run", DEMO, "--system", "x", "-p", "y")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("--chat makes the prompt a message", err)

    def test_statistics_go_to_stderr(self):
        code, _, err = self.yoke("run", DEMO, "-p", PROMPT, "-n", 20, "--ranks", 4)
        self.assertEqual(code, 0, err)
        for expected in ("load ", "prompt ", "decode ", "tokens/s", "exchange "):
            self.assertIn(expected, err)
        for rank in range(4):
            self.assertRegex(err, rf"(?m)^{rank} .*heads .* of 8, FFN .* of 768, vocabulary .* of 2048")

    def test_a_prompt_of_unusual_characters_comes_back_unharmed(self):
        prompt = "Ünïon – 日本 🐂 \t“x”"
        self.assertTrue(self.generate(prompt=prompt, tokens=3).startswith(prompt))


    def test_a_model_with_more_rows_than_tokens_writes_tokens_only(self):
        # All rows are as likely, and three of four have no text.
        model = gguf.write_llama(self.scratch() / "padded.gguf", vocabulary=1024)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                text = self.generate("--temp", 1, "--ranks", ranks, model=model, prompt="a", tokens=60)
                self.assertGreater(len(text), 20)


class Surroundings(YokeTest):
    def test_a_model_in_a_folder_with_spaces(self):
        folder = self.scratch() / "my models"
        folder.mkdir()
        model = shutil.copy(DEMO, folder / "a model.gguf")
        self.assertEqual(self.generate("--ranks", 2, model=model, tokens=8), self.generate(tokens=8))

    def test_a_program_in_a_folder_with_spaces(self):
        folder = self.scratch() / "a yoke"
        folder.mkdir()
        program = shutil.copy(YOKE, folder / "yoke")
        run = self.start(program, "run", DEMO, "-p", PROMPT, "-n", 8, "--ranks", 2)
        code, out, err, _ = run.finish(60)
        self.assertEqual((code, out), (0, self.generate(tokens=8)), err)

    def test_a_relative_path_from_another_folder(self):
        self.assertEqual(self.generate("--ranks", 2, model=DEMO.name, cwd=DEMO.parent, tokens=8), self.generate(tokens=8))

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_an_ordinary_user(self):
        folder = self.scratch()
        os.chmod(folder, 0o755)
        program, model = shutil.copy(YOKE, folder / "yoke"), shutil.copy(DEMO, folder / "demo.gguf")
        out = subprocess.run(
            [program, "run", model, "-p", PROMPT, "-n", "8", "--ranks", "2"], user="nobody", group="nogroup",
            extra_groups=[], cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60)
        self.assertEqual((out.returncode, out.stdout), (0, self.generate(tokens=8)), out.stderr)


class OwnMpirun(YokeTest):
    def test_a_users_own_mpirun(self):
        run = self.start("mpirun", "-n", 3, "--oversubscribe", "--bind-to", "none",
                         YOKE, "run", DEMO, "-p", PROMPT, "-n", 40)
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        # mpirun hands rank 0's text on through a terminal of its own.
        self.assertEqual(out.replace("\r\n", "\n"), self.generate())

    def test_what_rank_zero_was_given_counts_for_all(self):
        other = ["--ctx", 64, "--prefill-chunk", 3, "--kv-type", "f32", "--activations", "f32", "-t", 2]
        ranks = [["-n", 1, YOKE, "run", DEMO, "-p", PROMPT, "-n", 40, *flags] for flags in ([], other)]
        run = self.start("mpirun", "--oversubscribe", "--bind-to", "none", *ranks[0], ":", *ranks[1])
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.replace("\r\n", "\n"), self.generate("--ranks", 2))

    def test_a_refusal_under_a_users_own_mpirun_is_said_once(self):
        run = self.start("mpirun", "-n", 3, "--oversubscribe", "--bind-to", "none",
                         YOKE, "run", "/nonexistent.gguf", "-p", PROMPT, "-n", 4)
        code, out, err, _ = run.finish(60)
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        self.assertEqual(err.count("yoke: "), 1, err)

    def test_ranks_with_different_models_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            other = os.path.join(folder, "other.gguf")
            code, _, err = self.yoke("quantize", DEMO, other, "--type", "Q4_0")
            self.assertEqual(code, 0, err)
            ranks = [["-n", 1, YOKE, "run", model, "-p", PROMPT] for model in (DEMO, other)]
            run = self.start("mpirun", "--oversubscribe", "--bind-to", "none", *ranks[0], ":", *ranks[1])
            code, out, err, _ = run.finish(60)
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        self.assertRegex(err, r"yoke: rank 1 \(host .*, pid \d+\) has another model file than rank 0 \(host .*, "
                              r"pid \d+\); expected copies of one file on every machine\n")


class Info(YokeTest):
    def test_info_tells_what_the_model_is(self):
        code, out, err = self.yoke("info", DEMO)
        self.assertEqual((code, err), (0, ""))
        for fact in ("llama", "Q8_0", "256", "2048", "512"):
            self.assertIn(fact, out.replace(",", ""))

    def test_info_counts_weights_in_words_that_people_use(self):
        path = self.scratch() / "large.gguf"
        for family, shape, weights in (("llama", "tiny", "4.197 million"), ("llama", "8b", "8.03 billion"),
                                       ("deepseek2", "1t", "1.026 trillion")):
            code, _, err = self.yoke("synth", "--family", family, "--shape", shape, "--type", "Q4_0", "--sparse", path)
            self.assertEqual(code, 0, err)
            _, out, _ = self.yoke("info", path)
            self.assertIn(f"weights       {weights} in ", out)

    def test_info_as_json_holds_the_same(self):
        code, out, err = self.yoke("info", DEMO, "--ranks", 4, "--json")
        self.assertEqual((code, err), (0, ""))
        info = json.loads(out)
        self.assertEqual((info["architecture"], info["block_count"], info["embedding_length"], info["head_count"],
                          info["head_count_kv"], info["feed_forward_length"], info["vocabulary"]),
                         ("llama", 4, 256, 8, 4, 768, 2048))
        self.assertEqual(info["file_bytes"], os.path.getsize(DEMO))
        self.assertEqual(info["types"]["Q8_0"]["tensors"], 29)
        self.assertEqual([rank["share"].split(",")[0] for rank in info["ranks"]],
                         [f"heads {first}-{first + 1} of 8" for first in (0, 2, 4, 6)])
        self.assertEqual({rank["kv_bytes"] for rank in info["ranks"]}, {512 * 4 * 2 * 32 * 2})

    def test_help_of_every_command_shows_an_example(self):
        for command in ([], ["run"], ["info"], ["logits"], ["tokenize"], ["bench"], ["perplexity"], ["quantize"], ["synth"]):
            with self.subTest(command=command):
                code, out, err = self.yoke(*command, "--help")
                self.assertEqual((code, err), (0, ""))
                self.assertIn("xample", out)

    def test_version(self):
        code, out, _ = self.yoke("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    main()
