#!/usr/bin/env python3
"""`yoke tokenize` shows the tokens that a model makes of a text."""
import json
import struct
import subprocess

import gguf
from harness import DEMO, YOKE, YokeTest, main

TEXT = "The state of the Union: 50% \"größer\" 😀\n\x1b[2J"
BOS, USER = 2044, 2046  # of the demo model: <s> and <|user|>


def write_vocabulary(path, *pairs):
    """A GGUF with metadata and nothing else."""
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs))
    return path


def piece_bytes(piece):
    return bytes(piece) if isinstance(piece, list) else piece.encode()


class Tokenize(YokeTest):
    def tokens(self, *arguments, model=DEMO):
        """The object that --json prints."""
        code, out, err = self.yoke("tokenize", model, "--json", *arguments)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def byte_model(self, **options):
        """A vocabulary of the 256 bytes, token by byte."""
        return write_vocabulary(self.scratch() / "bytes.gguf", gguf.string_pair("general.architecture", "llama"),
                                *gguf.tokenizer_pairs(**options))

    def test_chat_shows_the_prompt_that_the_template_makes(self):
        template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ add_generation_prompt }}"
        model = write_vocabulary(self.scratch() / "chat.gguf", gguf.string_pair("general.architecture", "llama"),
                                 *gguf.tokenizer_pairs(), gguf.string_pair("tokenizer.chat_template", template))
        result = self.tokens("--chat", "--text", "Hi", "--system", "S", model=model)
        self.assertEqual(result["text"], "[system]S[user]HiTrue")
        self.assertEqual(b"".join(map(piece_bytes, result["pieces"])).decode(), result["text"])

    def chat_text(self, template):
        """What --chat says of one message: code, prompt, standard error."""
        model = write_vocabulary(self.scratch() / "chat.gguf", gguf.string_pair("general.architecture", "llama"),
                                 *gguf.tokenizer_pairs(), gguf.string_pair("tokenizer.chat_template", template))
        code, out, err = self.yoke("tokenize", model, "--chat", "--text", "Hi", "--json")
        return code, json.loads(out)["text"] if out else "", err

    def test_chat_gives_parts_to_a_template_that_knows_nothing_else(self):
        template = "{% for m in messages %}{% for p in m.content %}{% if p.type == 'text' %}[{{ p.text }}]{% endif %}{% endfor %}{% endfor %}"
        self.assertEqual(self.chat_text(template), (0, "[Hi]", ""))

    def test_chat_refuses_a_template_that_leaves_the_message_out(self):
        code, text, err = self.chat_text("{% for p in messages[0].content if p.type == 'image' %}<image>{% endfor %}Answer:")
        self.assertEqual((code, text), (1, ""))
        self.assertRegex(err, r"^yoke: the chat template leaves out what 'user' says in message 1 of 1, as a text and as a list of parts\n$")

    def test_chat_needs_a_template(self):
        code, out, err = self.yoke("tokenize", DEMO, "--chat", "--text", "Hi")
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"demo\.gguf: has no chat template .*, which --chat needs\n$")

    def test_the_pieces_are_the_text(self):
        result = self.tokens("--text", TEXT, "--no-bos")
        self.assertEqual(len(result["tokens"]), len(result["pieces"]))
        self.assertEqual(b"".join(map(piece_bytes, result["pieces"])).decode(), TEXT)

    def test_ids_and_pieces_of_a_vocabulary_without_weights(self):
        result = self.tokens("--text", "aé\"\n", model=self.byte_model())
        self.assertEqual(result, {"tokens": [97, 195, 169, 34, 10], "pieces": ["a", [195], [169], "\"", "\n"]})

    def test_bos_comes_first_unless_it_is_left_out(self):
        with_bos, without = self.tokens("--text", "a"), self.tokens("--text", "a", "--no-bos")
        self.assertEqual(with_bos["tokens"], [BOS] + without["tokens"])
        self.assertEqual(with_bos["pieces"][0], "<s>")

    def test_special_tokens_are_parsed_on_request_only(self):
        self.assertEqual(self.tokens("--text", "<|user|>", "--no-bos", "--specials")["tokens"], [USER])
        self.assertGreater(len(self.tokens("--text", "<|user|>", "--no-bos")["tokens"]), 1)

    def test_a_file_and_the_standard_input_give_the_same_as_a_flag(self):
        expected = self.tokens("--text", TEXT)
        path = self.scratch() / "text"
        path.write_text(TEXT, encoding="utf-8")
        self.assertEqual(self.tokens("--file", path), expected)
        done = subprocess.run([YOKE, "tokenize", DEMO, "--json", "--file", "-"], input=TEXT.encode(), capture_output=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout), expected)

    def test_bytes_that_are_no_text_are_taken_and_shown(self):
        path = self.scratch() / "bytes"
        path.write_bytes(b"\xff\x00")
        self.assertEqual(self.tokens("--file", path, "--no-bos")["pieces"], [[255], "\0"])

    def test_an_empty_text_has_no_tokens(self):
        self.assertEqual(self.tokens("--text", "", "--no-bos"), {"tokens": [], "pieces": []})
        self.assertEqual(self.yoke("tokenize", DEMO, "--text", "")[1], "    id  piece\n  2044  <s>\n1 token\n")

    def test_a_table_for_people_has_nothing_that_a_terminal_would_act_upon(self):
        code, out, err = self.yoke("tokenize", self.byte_model(), "--text", "a\n\x1b\"")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, "    id  piece\n    97  \"a\"\n    10  \"\\n\"\n    27  \"\\x1B\"\n    34  \"\\\"\"\n4 tokens\n")

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([YOKE, "tokenize", DEMO, "--text", "a"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assert_sentence(done.stderr.strip(), "No space left on device")


if __name__ == "__main__":
    main()
