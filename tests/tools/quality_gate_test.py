#!/usr/bin/env python3
"""tools/quality_gate.py measures what the program's paths cost, and refuses one that costs too much."""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
YOKE = pathlib.Path(os.environ.get("YOKE_BINARY", ROOT / "build/release/yoke")).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import quality_gate  # noqa: E402


def row(mean, reference):
    fast = {"mean": mean, "standard_error": mean / 100, "quantile_99": 5 * mean, "same_top": 0.99}
    return {"model": "demo", "type": "Q4_0", "fast": fast, "reference": reference, "ratio": mean / reference}


class QualityGate(unittest.TestCase):
    def gate(self, *arguments):
        command = [sys.executable, ROOT / "tools" / "quality_gate.py", "--yoke", YOKE, "--characters", "4000", "--types", "Q4_K",
                   *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=170)

    def test_a_path_that_costs_more_than_the_limit_fails(self):
        self.assertTrue(quality_gate.passes(row(1.09e-4, 1e-4)))
        self.assertFalse(quality_gate.passes(row(1.11e-4, 1e-4)))
        self.assertIn("| **no** |", quality_gate.line(row(1.11e-4, 1e-4)))

    def test_the_exact_path_is_the_references_and_costs_nothing(self):
        done = self.gate("--fast-flags=--activations f32 --kv-type f32 -t 1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
        self.assertEqual([cells[:2] for cells in rows], [["demo", "Q4_K"], ["with outliers", "Q4_K"]])
        for cells in rows:
            self.assertLess(float(cells[2].split()[0]), 1e-7)
            self.assertEqual(cells[4:], ["0.00", cells[5], "100.00%", "yes"])
        # With one scale for 32 values an outlier of 50 times their size takes most of their bits.
        costs = [float(cells[3]) for cells in rows]
        self.assertTrue(3e-5 < costs[0] < 1e-3 and costs[1] > 5 * costs[0], costs)

    def test_what_the_program_says_against_it_is_passed_on(self):
        done = self.gate("--exact-flags=--abacus", "--fast-flags=")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--abacus", done.stderr)


if __name__ == "__main__":
    unittest.main()
