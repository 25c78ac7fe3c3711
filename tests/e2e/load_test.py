#!/usr/bin/env python3
"""What loading a model takes of a machine, and how it fails."""
import re
import shutil
import subprocess

import gguf
from harness import PROMPT, TINY, YOKE, YokeTest, main

MB = 1_000_000
# What a rank has without any weights: the program and its libraries, MPI's buffers, two threads' strips of 1 MB.
# (About 18 MB with Open MPI 4; the rest is for other libraries.)
BASE = 32 * MB
SIZES = {"bytes": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}


def bytes_of(number, unit):
    return float(number) * SIZES[unit]


class Memory(YokeTest):
    def needs(self, model, ranks):
        """Bytes that each rank needs, as `yoke info` reckons them for the model's whole context."""
        code, out, err = self.yoke("info", model, "--ranks", ranks)
        self.assertEqual(code, 0, err)
        size = r"([\d.]+) (\w+)"
        return [sum(bytes_of(*pair) for pair in (row[1:3], row[3:5], row[5:7]))
                for row in re.findall(rf"(?m)^(\d+)\s+{size}\s+{size}\s+{size}\s", out)]

    def peaks(self, model, ranks):
        """The most memory that each rank has had, as `yoke run` tells it from the kernel's count."""
        code, _, err = self.yoke("run", model, "-p", "a", "-n", 2, "--ranks", ranks, "--threads", 2, timeout=120)
        self.assertEqual(code, 0, err)
        table = err[err.index("rank  host"):].splitlines()
        first = table[0].index("peak memory")
        return [bytes_of(*row[first:].split()[:2]) for row in table[1:1 + ranks]]

    def test_a_rank_takes_its_share_and_a_twentieth_at_most(self):
        # 4 layers: twice the share, or the whole file on every rank, would show.
        model = gguf.write_llama(self.scratch() / "large.gguf", layers=4, dim=1024, ffn=4096, heads=16, kv_heads=4,
                                 context=128)
        size = model.stat().st_size
        self.assertGreater(size, 150 * MB)
        for ranks in (1, 2):
            with self.subTest(ranks=ranks):
                needs, peaks = self.needs(model, ranks), self.peaks(model, ranks)
                self.assertEqual((len(needs), len(peaks)), (ranks, ranks))
                for need, peak in zip(needs, peaks):
                    self.assertLess(peak, 1.05 * need + BASE, f"needs {needs}, peaks {peaks}")
                    # The weights were all there: what was measured is the loaded rank.
                    self.assertGreater(peak, 0.9 * size / ranks)


class Failure(YokeTest):
    def assert_told_once(self, model, sentence, **options):
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                code, out, err = self.yoke("run", model, "-p", PROMPT, "-n", 4, "--ranks", ranks, timeout=60, **options)
                self.assertEqual((code, out, err), (1, "", f"yoke: {sentence}\n"))

    def split_model(self):
        """A model in two parts, of which the second is missing."""
        path = self.scratch() / "model-00001-of-00002.gguf"
        shutil.copy(TINY / "llama.gguf", path)
        return path

    def test_a_split_model_without_one_of_its_parts(self):
        path = self.split_model()
        missing = path.with_name("model-00002-of-00002.gguf")
        self.assert_told_once(path, f"{path}: is part 1 of 2, but {missing} is missing")

    def test_a_split_model_with_a_part_of_a_few_bytes(self):
        path = self.split_model()
        short = path.with_name("model-00002-of-00002.gguf")
        short.write_bytes(b"GG")
        code, out, err = self.yoke("run", path, "-p", PROMPT, "-n", 4)
        self.assert_refused((code, out, err), str(short))

    def test_a_folder_that_may_not_be_entered(self):
        folder = self.scratch()
        folder.chmod(0o755)
        closed = folder / "closed"
        closed.mkdir()
        model = shutil.copy(TINY / "llama.gguf", closed / "model.gguf")
        program = shutil.copy(YOKE, folder / "yoke")
        closed.chmod(0)
        done = subprocess.run([program, "run", model, "-p", PROMPT, "-n", "4"], cwd="/", capture_output=True, text=True,
                              timeout=20, **self.nobody())
        closed.chmod(0o755)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (1, "", f"yoke: {model}: cannot be opened: Permission denied\n"))


if __name__ == "__main__":
    main()
