#!/usr/bin/env python3
"""What rounding activations costs: the table of docs/performance.md, and whether it is too much.

    quality_gate.py [--yoke build/release/yoke] [--types Q4_0,Q4_K] [--characters N]       needs python3 and numpy

For the demo model and for a copy of it with outliers (tools/add_outliers.py), in every quantised format that `yoke
quantize` writes, over the held-out text: the mean KL divergence of the program's fast path from its exact one
(--activations f32), beside that of a reference which rounds the input of every matrix to 8 bits with one scale per 32
values and computes in F32 (tools/llama_reference.py, in numpy). The fast path may cost at most 1.1 times as much. Exit code 1 if it
costs more.

All of the text takes half an hour on two cores, its beginning (`--characters 20000`) a few minutes. Formats without an
encoder (IQ4_NL, IQ4_XS) cannot be made here and are left out; F32, F16 and BF16 are multiplied with exact activations.
"""
import argparse
import concurrent.futures
import json
import pathlib
import shlex
import struct
import subprocess
import sys
import tempfile

import numpy as np

import llama_reference

ROOT = pathlib.Path(__file__).resolve().parents[1]
TYPES = ("Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "MXFP4")
LIMIT = 1.1
WINDOWS_AT_ONCE = 4
STEPS_PER_NAT = 2048


class Saved:
    """A file of `yoke perplexity --kl-base`; src/session/distributions.h has its layout."""

    def __init__(self, path):
        data = path.read_bytes()
        length, self.vocabulary, self.window, self.windows = struct.unpack_from("<12xI3i", data)
        self.scored = self.window - (self.window // 2 + 1)
        row = np.dtype([("steps", "<u2", self.vocabulary), ("likeliest", "<i4"), ("target", "<f4"), ("checksum", "<u8")])
        self.rows = np.frombuffer(data, row, offset=16 + length + 8).reshape(self.windows, self.scored)

    def log_probabilities(self, windows):
        below = -self.rows["steps"][windows].astype(np.float64) / STEPS_PER_NAT
        return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def divergences(saved_path, model_path, rounded, tokens, windows):
    """Of the reference's distributions from the saved ones, for these windows; one number for each row."""
    saved, model = Saved(saved_path), llama_reference.Llama(model_path, rounded)
    first = saved.window // 2
    base = saved.log_probabilities(windows)
    log = log_softmax(model.logits(tokens[windows], first)[:, :-1])
    return np.sum(np.exp(base) * (base - log), axis=-1).ravel()


class Gate:
    def __init__(self, arguments, folder):
        self.yoke, self.folder, self.context = arguments.yoke, folder, arguments.ctx
        self.exact_flags, self.fast_flags = shlex.split(arguments.exact_flags), shlex.split(arguments.fast_flags)
        self.model = arguments.model
        self.text = folder / "text.txt"
        self.text.write_text(arguments.text.read_text(encoding="utf-8")[:arguments.characters], encoding="utf-8")
        tokens = json.loads(self.run("tokenize", arguments.model, "--file", self.text, "--json"))["tokens"]
        windows = len(tokens) // self.context
        self.tokens = np.array(tokens[:windows * self.context]).reshape(windows, self.context)
        self.tokens[:, 0] = tokens[0]  # BOS

    def run(self, *command):
        done = subprocess.run([str(part) for part in (self.yoke, *command)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"quality_gate.py: {' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout

    def quantised(self, model, name):
        out = self.folder / f"{model.stem}-{name}.gguf"
        self.run("quantize", model, out, "--type", name)
        return out

    def perplexity(self, model, *flags):
        return json.loads(self.run("perplexity", model, "--text", self.text, "--ctx", self.context, "--json", *flags))

    def reference(self, saved, model, rounded, workers, windows):
        parts = [list(windows[i:i + WINDOWS_AT_ONCE]) for i in range(0, len(windows), WINDOWS_AT_ONCE)]
        jobs = [workers.submit(divergences, saved, model, rounded, self.tokens, part) for part in parts]
        return float(np.mean(np.concatenate([job.result() for job in jobs])))

    def models(self):
        """(what the table calls it, a model in F32), of the two that are judged."""
        plain = self.quantised(self.model, "F32")
        outliers = self.folder / "outliers.gguf"
        subprocess.run([sys.executable, ROOT / "tools" / "add_outliers.py", plain, outliers], check=True)
        return ("demo", plain), ("with outliers", outliers)

    def judge(self, label, model, name, workers):
        """One row of the table."""
        quantised = self.quantised(model, name)
        decoded = self.quantised(quantised, "F32")
        saved = self.folder / "exact.dist"
        self.perplexity(quantised, "--kl-base", saved, *self.exact_flags)
        fast = self.perplexity(quantised, "--kl", saved, *self.fast_flags)["kl"]
        windows = range(len(self.tokens))
        # The reference is one only where it computes the same function.
        apart = self.reference(saved, decoded, llama_reference.exact, workers, windows[:WINDOWS_AT_ONCE])
        if apart > 1e-6:
            sys.exit(f"quality_gate.py: {name}, {label}: the exact path is {apart:.2g} from the reference's, expected 1e-8")
        reference = self.reference(saved, decoded, llama_reference.rounded_to_int8, workers, windows)
        for made in (quantised, decoded, saved):
            made.unlink()
        return {"model": label, "type": name, "fast": fast, "reference": reference, "ratio": fast["mean"] / reference}


def passes(row):
    return row["ratio"] <= LIMIT


def line(row):
    fast = row["fast"]
    return (f"| {row['model']:<13} | {row['type']:<6} | {fast['mean']:.2e} ± {fast['standard_error']:.0e} | "
            f"{row['reference']:.2e} | {row['ratio']:5.2f} | {fast['quantile_99']:.1e} | {100 * fast['same_top']:.2f}% | "
            f"{'yes' if passes(row) else '**no**'} |")


HEAD = ("| model         | format | mean KL of the fast path | per-32 int8 | ratio | 99% at most | same likeliest | passes |\n"
        "|---------------|--------|-------------------------:|------------:|------:|------------:|---------------:|--------|")


def main():
    parser = argparse.ArgumentParser(description="Measure what rounding activations costs, in every format.")
    parser.add_argument("--yoke", type=pathlib.Path, default=ROOT / "build/release/yoke")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/demo.gguf", help="of the family llama")
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "models/heldout.txt")
    parser.add_argument("--ctx", type=int, default=256, help="tokens of a window (default: 256)")
    parser.add_argument("--characters", type=int, help="only so many from the beginning of the text")
    parser.add_argument("--types", default=",".join(TYPES), help="formats, separated by commas")
    parser.add_argument("--exact-flags", default="--activations f32 --kv-type f32", help="of yoke perplexity for the exact path")
    parser.add_argument("--fast-flags", default="--activations q8 --kv-type f32", help="of yoke perplexity for the fast path")
    parser.add_argument("--workers", type=int, default=2, help="processes of the reference (default: 2)")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ProcessPoolExecutor(arguments.workers) as workers:
        gate = Gate(arguments, pathlib.Path(folder))
        print(HEAD, flush=True)
        for label, model in gate.models():
            for name in arguments.types.split(","):
                row = gate.judge(label, model, name, workers)
                failed += not passes(row)
                print(line(row), flush=True)
    sys.exit(f"quality_gate.py: {failed} of these cost more than {LIMIT} times per-32 int8 activations" if failed else 0)


if __name__ == "__main__":
    main()
