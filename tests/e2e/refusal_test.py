#!/usr/bin/env python3
"""What cannot work is refused with a non-zero code, nothing on stdout and one sentence on stderr, given here whole."""
import re
import shutil
import subprocess

import gguf
from harness import DEMO, PROMPT, ROOT, TINY, YOKE, YokeTest, main

ANY = "<any>"  # in a sentence: what differs from machine to machine, or is long
HINT = "See 'yoke --help' or 'yoke COMMAND --help'.\n"
LLAMA = TINY / "llama.gguf"
HELDOUT = ROOT / "models" / "heldout.txt"
NOWHERE = "/nonexistent/file"
NOT_THERE = f"{NOWHERE}: cannot be opened: No such file or directory"
WRITABLE = "F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, BF16, MXFP4"
DECODABLE = ("F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ2_XXS, IQ2_XS, IQ3_XXS, IQ1_S, IQ4_NL, "
             "IQ3_S, IQ2_S, IQ4_XS, IQ1_M, BF16, MXFP4")
PRE_TOKENIZERS = f"default, gpt-2, olmo, {ANY}"


def cut(length):
    return lambda path: path.write_bytes(DEMO.read_bytes()[:length])


def changed(before, after):
    """A maker of a copy of the demo model with some of its bytes replaced."""
    def make(path):
        data = DEMO.read_bytes()
        assert before in data
        path.write_bytes(data.replace(before, after))
    return make


def llama(**options):
    return lambda path: gguf.write_llama(path, **options)


def without_pre_tokenizer(*more):
    pairs = [pair for pair in gguf.tokenizer_pairs() if gguf.text("tokenizer.ggml.pre") not in pair]
    return llama(tokenizer=[*pairs, *more])


DEMO_BYTES = DEMO.stat().st_size
# Where a control group allows less than the machine has, it is what is named.
TOO_LARGE = "the model does not fit: {ranks} " + ANY + ", but only " + ANY + " are available there (" + ANY + ")"

UNKNOWN = ("the model's architecture is 'mamba', which is not supported; the nearest name that is: 'llama', of bailingmoe2, " + ANY +
           ", llama, " + ANY)
UNKNOWN_FAMILY = "{path}: " + UNKNOWN

# What makes the file, and what is said of it.
FILES = {
    "empty": (lambda path: path.touch(), "{path}: is empty, expected a GGUF file"),
    "a directory": (lambda path: path.mkdir(), "{path}: is a directory, expected a GGUF file"),
    "a program": (lambda path: shutil.copy(YOKE, path),
                  '{path}: is not a GGUF file: it starts with "\\x7fELF", expected "GGUF"'),
    "cut in the magic": (cut(3), '{path}: is not a GGUF file: it starts with "GGU", expected "GGUF"'),
    "cut in the counts": (cut(20), "{path}: the tensor count at offset 8 is 38, but the 4 bytes of the file that follow "
                                   "hold at most 0"),
    "cut in the metadata": (cut(1000), "{path}: the tensor count at offset 8 is 38, but the 984 bytes of the file that "
                                       "follow hold at most 29"),
    "cut in a string": (cut(60_000), "{path}: a string of 'tokenizer.ggml.merges' (8 bytes at offset 59995) lies past the "
                                     "end of the file at byte 60000"),
    "cut in the data": (cut(DEMO_BYTES // 2), "{path}: tensor 'blk.1.ffn_gate.weight' (header offset 62692): its data would "
                                              "end at byte 2087360 but the file has 1986272 bytes"),
    "cut by a byte": (cut(DEMO_BYTES - 1), "{path}: tensor 'blk.3.ffn_up.weight' (header offset 63864): its data would end "
                                           "at byte 3972544 but the file has 3972543 bytes"),
    "of no family": (changed(gguf.text("general.architecture"), gguf.text("general.architectura")),
                     "{path}: the metadata key 'general.architecture' is missing, expected a string"),
    "of an unknown family": (changed(b"llama", b"mamba"), UNKNOWN_FAMILY),
    "of an unknown family with keys of its own": (changed(gguf.string_pair("general.architecture", "llama"),
                                                          gguf.string_pair("general.architecture", "mamba")),
                                                  UNKNOWN_FAMILY),
    "of another family's keys": (changed(gguf.string_pair("general.architecture", "llama"),
                                         gguf.string_pair("general.architecture", "qwen3")),
                                 "{path}: the metadata key 'qwen3.embedding_length' is missing, expected an integer of at "
                                 "most 63 bits"),
    "without a tokenizer": (llama(tokenizer=[]), "{path}: has no tokenizer (tokenizer.ggml.model is missing), which a text "
                                                 "needs; yoke logits works without one"),
    "of an unknown tokenizer": (llama(tokenizer=gguf.tokenizer_pairs("runes")),
                                '{path}: tokenizer "runes" (tokenizer.ggml.model) is not supported; known: gpt2, llama'),
    "of no pre-tokenizer": (without_pre_tokenizer(),
                            "{path}: tokenizer.ggml.pre is missing, which says how text is cut into pieces; known: "
                            + PRE_TOKENIZERS),
    "of an unknown pre-tokenizer": (without_pre_tokenizer(gguf.string_pair("tokenizer.ggml.pre", "kling\x1bon")),
                                    '{path}: pre-tokenizer "kling\\x1bon" (tokenizer.ggml.pre) is not supported; the nearest name '
                                    f'that is: "bailingmoe", of {PRE_TOKENIZERS}'),
    "of more tokens than rows": (llama(vocabulary=200), "{path}: the tokenizer has 256 tokens, but the model computes only 200: "
                                                        "they do not belong together"),
    # 69 billion weights, 276 GB: told before any of them is read.
    "larger than the memory": (llama(layers=80, dim=8192, ffn=28672, heads=64, kv_heads=8), TOO_LARGE),
    # A kilobyte for each of 1,000 million positions.
    "of a context larger than the memory": (llama(context=1_000_000_000, kv_heads=4),
                                            TOO_LARGE + "; a smaller context (--ctx) needs less"),
}


class Refusal(YokeTest):
    def assert_says(self, sentence, *arguments, code=1, stdin=b"", note=""):
        """`note` is what stands before the sentence. A wrong command line (code 2) is pointed to --help."""
        with self.subTest(arguments=arguments):
            found_code, out, err = self.yoke(*arguments, stdin=stdin)
            expected = f"{note}yoke: {sentence}\n{HINT if code == 2 else ''}"
            if ANY in expected:
                self.assertRegex(err, r"\A" + ".*".join(map(re.escape, expected.split(ANY))) + r"\Z")
            else:
                self.assertEqual(err, expected)
            self.assertEqual((found_code, out), (code, ""))

    def assert_usage(self, sentence, *arguments):
        self.assert_says(sentence, *arguments, code=2)


class Model(Refusal):
    def test_files_that_are_no_model_to_run(self):
        for name, (make, sentence) in FILES.items():
            path = self.scratch() / "model.gguf"
            make(path)
            for ranks, words in ((1, "rank 0"), (3, "3 ranks")):
                with self.subTest(file=name, ranks=ranks):
                    self.assert_says(sentence.format(path=path, ranks=words), "run", path, "-p", PROMPT, "-n", 4,
                                     "--ranks", ranks)

    def test_a_path_that_does_not_exist(self):
        for ranks in (1, 3):
            self.assert_says(NOT_THERE, "run", NOWHERE, "-p", PROMPT, "--ranks", ranks)
        for arguments in (("info", NOWHERE), ("bench", NOWHERE), ("tokenize", NOWHERE, "--text", "a"),
                          ("perplexity", NOWHERE, "--text", HELDOUT), ("quantize", NOWHERE, NOWHERE, "--type", "Q4_0"),
                          ("logits", NOWHERE, "--tokens", "1", "--out", self.scratch() / "x.f32")):
            self.assert_says(NOT_THERE, *arguments)

    def test_a_split_model_with_a_missing_part(self):
        path = self.scratch() / "model-00001-of-00002.gguf"
        shutil.copy(LLAMA, path)
        missing = path.with_name("model-00002-of-00002.gguf")
        for ranks in (1, 3):
            self.assert_says(f"{path}: is part 1 of 2, but {missing} is missing", "run", path, "-p", PROMPT,
                             "--ranks", ranks)

    def test_a_model_that_may_not_be_read(self):
        folder = self.scratch()
        folder.chmod(0o755)
        program, model = shutil.copy(YOKE, folder / "yoke"), shutil.copy(DEMO, folder / "secret.gguf")
        model.chmod(0)
        done = subprocess.run([program, "run", model, "-p", PROMPT, "-n", "4"], cwd="/", capture_output=True, text=True,
                              timeout=60, **self.nobody())
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "", f"yoke: {model}: cannot be opened: Permission denied\n"))

    def test_other_commands_refuse_what_they_cannot_use_with_the_same_sentences(self):
        out = self.scratch() / "out"
        for name, command, *flags in (("empty", "info"), ("cut in a string", "quantize", out, "--type", "Q4_0"),
                                      ("without a tokenizer", "tokenize", "--text", "a"),
                                      ("without a tokenizer", "perplexity", "--text", HELDOUT),
                                      ("of an unknown tokenizer", "tokenize", "--text", "a"),
                                      ("of no pre-tokenizer", "tokenize", "--text", "a"),
                                      ("of an unknown pre-tokenizer", "tokenize", "--text", "a"),
                                      ("larger than the memory", "logits", "--tokens", "1,2", "--out", out)):
            make, sentence = FILES[name]
            path = self.scratch() / "model.gguf"
            make(path)
            self.assert_says(sentence.format(path=path, ranks="rank 0"), command, path, *flags)
        self.assertFalse(out.exists())

    def test_a_file_without_a_tokenizer_has_logits(self):
        path, out = self.scratch() / "mute.gguf", self.scratch() / "x.f32"
        gguf.write_llama(path, tokenizer=[])
        code, _, err = self.yoke("logits", path, "--tokens", "1,2", "--out", out)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.stat().st_size, 2 * 256 * 4)

    def test_a_smaller_context_is_the_remedy_that_it_is_said_to_be(self):
        path = gguf.write_llama(self.scratch() / "long.gguf", context=1_000_000_000, kv_heads=4)
        self.generate("--ctx", 64, model=path, prompt="a", tokens=4)


class Request(Refusal):
    def test_prompts(self):
        long = "the prompt has {} tokens, but the context holds {}; {}"
        trained = "the model was trained for no more"
        larger = "a larger one can be asked for with --ctx, up to the 512 that the model was trained for"
        for ranks in (1, 2):
            for sentence, prompt, *flags in (
                    ("the prompt is empty; expected some text to continue, given with -p", ""),
                    (long.format(604, 512, trained), "whale " * 600),
                    (long.format(64, 32, larger), "whale " * 60, "--ctx", 32)):
                self.assert_says(sentence, "run", DEMO, "-p", prompt, "-n", 4, "--ranks", ranks, *flags)
        self.assert_says("the prompt in standard input is empty; expected some text to continue", "run", DEMO, "-f", "-",
                         stdin=b"\n")

    def test_generation_stops_where_the_context_ends_and_says_so(self):
        code, out, err = self.yoke("run", DEMO, "-p", PROMPT, "-n", 1000, "--ctx", 64, "--ranks", 2)
        self.assertEqual(code, 0, err)
        self.assertTrue(out.startswith(PROMPT))
        self.assertIn("context", err)
        # The text up to there is the one that a larger context gives.
        self.assertTrue(self.generate(tokens=100).startswith(out.rstrip("\n")))

    def test_tokens_to_compute_logits_of(self):
        out = self.scratch() / "x.f32"
        form = "--tokens has '{}'; expected token ids separated by commas, such as 1,2,3"
        for sentence, tokens, code in (("token 320 is out of range; the vocabulary has ids 0 to 319", "5,320,7", 1),
                                       ("token -1 is out of range; the vocabulary has ids 0 to 319", "5,-1,7", 1),
                                       (form.format("2147483648"), "5,2147483648,7", 2), (form.format("two"), "1,two,3", 2),
                                       (form.format(""), "1,,3", 2), (form.format("1.5"), "1.5", 2),
                                       ("the prompt has 513 tokens, but the context holds 512", ",".join(["1"] * 513), 1)):
            for ranks in (1, 3):
                self.assert_says(sentence, "logits", LLAMA, f"--tokens={tokens}", "--out", out, "--ranks", ranks, code=code)
        self.assertFalse(out.exists())

    def test_lengths_to_measure(self):
        for sentence, *flags in (
                ("-p 513 needs a context of 513 positions, but the model was trained for 512", "-p", 513),
                ("-n 600 needs a context of 600 positions, but the model was trained for 512", "-n", "128,600"),
                ("-n 8 -d 510 needs a context of 518 positions, but the model was trained for 512", "-n", 8, "-d", 510),
                ("-p 256 needs a context of 256 positions, but --ctx 128 was given", "-p", 256, "-n", 64, "--ctx", 128)):
            for ranks in (1, 2):
                self.assert_says(sentence, "bench", DEMO, "--ranks", ranks, *flags)
        self.assert_usage("there is nothing to measure: expected tokens to compute (-p) or generate (-n)", "bench", DEMO,
                          "-p", 0, "-n", 0)

    def test_disks_to_read(self):
        empty = self.scratch() / "empty"
        empty.touch()
        for path, why in ((NOWHERE, "cannot be opened: No such file or directory"), ("/dev/null", "is neither a file nor a folder"),
                          (empty, "is empty, expected a file to read"),
                          ("/proc", f"a nameless file to read cannot be made there: {ANY}; name a large file")):
            self.assert_says(f"{path}: {why}", "probe", "--disk", path)

    def test_texts_to_tokenize(self):
        self.assert_says(NOT_THERE, "tokenize", DEMO, "--file", NOWHERE)
        self.assert_says("/proc: cannot be read: Is a directory", "tokenize", DEMO, "--file", "/proc")

    def test_outputs_that_cannot_be_written(self):
        synth = ("synth", "--family", "llama", "--shape", "tiny", "--type", "Q4_0")
        for path, why in ((NOWHERE, "a file beside it cannot be created: No such file or directory"),
                          ("/dev/full", "cannot be written: No space left on device")):
            for arguments in (("logits", LLAMA, "--tokens", "1,2", "--out", path),
                              ("quantize", LLAMA, path, "--type", "Q8_0"), (*synth, path)):
                self.assert_says(f"{path}: {why}", *arguments)

    def test_a_model_of_a_family_that_is_not_known_is_not_made(self):
        self.assert_usage(f"--family: {UNKNOWN}", "synth", "--family", "mamba", "--shape", "tiny", "--type", "Q4_0", NOWHERE)

    def test_a_model_of_a_shape_that_its_family_cannot_have_is_not_made(self):
        for family, shape, why in (
                ("deepseek2", "tiny", "deepseek2.attention.kv_lora_rank is absent or 0; expected the width of a latent"),
                ("gpt-oss", "tiny", "layer 0 of this gpt-oss model has no experts: gpt-oss.expert_count is expected")):
            self.assert_usage(f"a {family} model cannot have the shape {shape}: {why}", "synth", "--family", family,
                              "--shape", shape, "--type", "Q4_0", NOWHERE)


class Flags(Refusal):
    def test_commands(self):
        commands = "run, info, logits, tokenize, bench, probe, perplexity, quantize, synth, cache, key, doctor"
        self.assert_usage(f"expected a command; there are {commands}")
        self.assert_usage(f"there is no command 'pull'; there are {commands}", "pull")

    def test_what_is_missing(self):
        model, gguf_file = "MODEL: GGUF file (any part of a split model)", "GGUF file (any part of a split model)"
        for sentence, *arguments in (
                (f"yoke run needs {model}", "run"), (f"yoke bench needs {model}", "bench", "-p", 8),
                (f"yoke perplexity needs {model}", "perplexity", "--text", HELDOUT), (f"yoke info needs {model}", "info"),
                (f"yoke tokenize needs {model}; one that holds only a vocabulary will do", "tokenize", "--text", "a"),
                ("yoke perplexity needs --text: File with the text, UTF-8", "perplexity", DEMO),
                ("yoke tokenize needs a text: --text or --file", "tokenize", DEMO),
                ("yoke logits needs --tokens: Token ids, separated by commas; nothing is added in front", "logits", LLAMA),
                ("yoke logits needs --out: File to write: float32, (tokens, vocabulary), row by row", "logits", LLAMA,
                 "--tokens", "1,2"),
                (f"yoke quantize needs IN: {gguf_file}, in any format", "quantize"),
                ("yoke quantize needs OUT: GGUF file to write", "quantize", DEMO),
                ("yoke quantize needs --type: Format of every matrix", "quantize", DEMO, NOWHERE),
                ("--ctx was given without its value", "run", DEMO, "--ctx")):
            self.assert_usage(sentence, *arguments)
        self.assert_usage(f"yoke synth needs --family: {ANY}", "synth")

    def test_what_does_not_go_together(self):
        for first, second, *arguments in (("--prompt", "--file", "run", DEMO, "-p", "a", "-f", "b"),
                                          ("--text", "--file", "tokenize", DEMO, "--text", "a", "-f", "b"),
                                          ("--output", "--json", "bench", DEMO, "--json", "-o", "md"),
                                           ("--disk", "--no-disk", "probe", "--disk", ".", "--no-disk")):
            self.assert_usage(f"{first} and {second} do not go together: expected one of them", *arguments)

    def test_what_is_not_known(self):
        self.assert_usage("yoke run has no flag --speed=9", "run", DEMO, "-p", PROMPT, "--speed=9")
        self.assert_usage("--output: 'xml' is none of md, json", "bench", DEMO, "-o", "xml")
        self.assert_usage("--kv-type: keys and values cannot be stored as 'q4_0'; expected one of f16, f32, q8", "run", DEMO,
                          "-p", PROMPT, "--kv-type", "q4_0")
        self.assert_usage("--shape: 'huge' is none of tiny, tiny-moe, 1.5b, 8b, 70b, 405b, 30b-a3b, 80b-a3b, 120b, 671b, 1t", "synth", "--family", "llama", "--shape", "huge",
                          "--type", "Q4_0", NOWHERE)

    def test_every_command_takes_the_model_as_a_flag_too(self):
        for command in ("info", "tokenize"):
            more = ("-f", "-") if command == "tokenize" else ()
            results = [self.yoke(command, *model, *more, stdin=b"a") for model in ((DEMO,), ("-m", DEMO))]
            self.assertEqual(results[0][0], 0, results[0])
            self.assertEqual(*results)

    def test_numbers(self):
        whole, number = "'{}' is not a whole number from {} to {}", "'{}' is not a number {}"
        for flag, value, sentence in (
                *(("--n-predict", value, whole.format(value, -1, 2**31 - 1)) for value in ("-2", "many", "9" * 20)),
                *(("--seed", value, whole.format(value, 0, 2**64 - 1)) for value in ("-1", "x")),
                ("--top-k", "-1", whole.format("-1", 0, 2**31 - 1)),
                ("--repeat-last-n", "-1", whole.format("-1", 0, 2**31 - 1)),
                *(("--temp", value, number.format(value, "from 0 to 100")) for value in ("-0.5", "nan", "101")),
                *(("--top-p", value, number.format(value, "above 0 and up to 1")) for value in ("0", "1.5")),
                *(("--min-p", value, number.format(value, "from 0 and below 1")) for value in ("-1", "1")),
                ("--typical", "0", number.format("0", "above 0 and up to 1")),
                ("--repeat-penalty", "0", number.format("0", "above 0 and up to 100")),
                ("--presence-penalty", "inf", number.format("inf", "from -100 to 100")),
                ("--frequency-penalty", "-101", number.format("-101", "from -100 to 100")),
                ("--logit-bias", "5", "'5' is not TOKEN=VALUE, such as 11=-5 or 11=-inf"),
                ("--logit-bias", "5=nan", "'5=nan' has no value that can be added; expected a number or -inf")):
            self.assert_usage(f"{flag}: {sentence}", "run", DEMO, "-p", PROMPT, f"{flag}={value}")

    def test_numbers_of_engines_and_measurements(self):
        between = "'{}' is not a whole number from {} to {}"
        largest = 2**31 - 1
        for command in ("run", "bench", "perplexity", "logits"):
            needed = {"perplexity": ("--text", HELDOUT), "logits": ("--tokens", "1", "--out", NOWHERE)}.get(command, ())
            for flag, value, sentence in (("--ranks", "0", between.format(0, 1, 1024)),
                                          ("--ranks", "-3", between.format(-3, 1, 1024)),
                                          ("--ranks", "1025", between.format(1025, 1, 1024)),
                                          ("--threads", "-1", between.format(-1, 1, 4096)),
                                          ("--threads", "4097", between.format(4097, 1, 4096)),
                                          ("--ctx", "0", between.format(0, 1, largest)),
                                          ("--ctx", "-5", between.format(-5, 1, largest)),
                                          ("--prefill-chunk", "0", between.format(0, 1, largest))):
                self.assert_usage(f"{flag}: {sentence}", command, DEMO, *needed, f"{flag}={value}")
        self.assert_usage("--ranks: " + between.format(0, 1, 1024), "info", DEMO, "--ranks", 0)
        self.assert_usage("--repetitions: " + between.format(0, 1, 10000), "bench", DEMO, "-r", 0)
        for flag, name, value in (("-p", "--n-prompt", "-1"), ("-p", "--n-prompt", "8,x"), ("-n", "--n-gen", "1e9"),
                                  ("-p", "--n-prompt", "99999999999")):
            wrong = value.split(",")[-1]
            self.assert_usage(f"{name}: " + between.format(wrong, 0, largest), "bench", DEMO, flag, value)

    def test_numbers_of_random_models(self):
        synth = ("synth", "--family", "llama", "--shape", "tiny", "--type", "Q4_0", NOWHERE)
        self.assert_usage("--layers: '0' is not a whole number from 1 to 1000", *synth, "--layers", 0)
        self.assert_usage("--ctx: '0' is not a whole number from 1 to 16777216", *synth, "--ctx", 0)
        self.assert_usage("--seed: '-1' is not a whole number from 0 to 18446744073709551615", *synth, "--seed=-1")
        self.assert_usage("--seed: 'x' is not a whole number from 0 to 18446744073709551615", *synth, "--seed", "x")

    def test_formats_of_weights(self):
        out = self.scratch() / "out.gguf"
        for name, why in (("Q9_9", "'Q9_9' is no format of weights"), ("IQ2_XXS", "IQ2_XXS cannot be written"),
                          ("IQ4_XS", "IQ4_XS cannot be written"), ("Q8_1", "Q8_1 cannot be written")):
            for flag in ("--type", "--output-type", "--embedding-type"):
                given = () if flag == "--type" else ("--type", "Q4_0")
                self.assert_usage(f"{flag}: {why}; there are {WRITABLE}", "quantize", DEMO, out, *given, f"{flag}={name}")
        for name, why in (("Q9_9", "'Q9_9' is no format of weights"), ("TQ1_0", "TQ1_0 cannot be computed with"),
                          ("Q8_1", "Q8_1 cannot be computed with")):
            self.assert_usage(f"--type: {why}; there are {DECODABLE}", "synth", "--family", "llama", "--shape", "tiny", out,
                              "--type", name)
        self.assertFalse(out.exists())

    def test_ranks_against_a_users_own_mpirun(self):
        run = self.start("mpirun", "-n", 2, "--oversubscribe", "--bind-to", "none",
                         YOKE, "run", DEMO, "-p", PROMPT, "-n", 4, "--ranks", 3)
        code, out, err, _ = run.finish(60)
        self.assertNotEqual(code, 0)
        self.assertEqual(out, "")
        self.assertIn("--ranks", err)


class Srun(Refusal):
    """What Slurm's srun starts without --mpi=pmix, by the variables that it sets."""

    def test_ranks_that_cannot_find_each_other_say_so_once(self):
        for rank, sentence in enumerate(("yoke: srun has started 2 ranks that cannot find each other: start them with srun "
                                         "--mpi=pmix (Debian's Slurm needs the package libpmix-dev on every node for it)\n",
                                         "")):
            environment = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": str(rank)}
            self.assertEqual(self.yoke("run", DEMO, "-p", PROMPT, environment=environment), (1, "", sentence))


if __name__ == "__main__":
    main()
