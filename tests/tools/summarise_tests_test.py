#!/usr/bin/env python3
"""tools/summarise_tests.py: what ./check closes with."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "summarise_tests.py"

CTEST = """<?xml version="1.0"?><testsuite name="Linux-c++" tests="3">
<testcase name="A.Passes" classname="A.Passes" status="run"><system-out>fine</system-out></testcase>
<testcase name="A.Fails" classname="A.Fails" status="fail"><failure message=""/><system-out/></testcase>
<testcase name="A.Skips" classname="A.Skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>x_test.cpp:3: Skipped
needs a network

[  SKIPPED ] A.Skips (0 ms)</system-out></testcase></testsuite>"""
GOOGLETEST = """<testsuites><testsuite name="B">
<testcase name="Passes" status="run" result="completed" classname="B"/>
<testcase name="Skips" status="run" result="skipped" classname="B"/></testsuite></testsuites>"""
ALL_PASSED = '<testsuite><testcase name="A.Passes" classname="A.Passes" status="run"/></testsuite>'


class SummariseTests(unittest.TestCase):
    def summary(self, **files):
        """(exit code, lines) for a folder with these files; NAME_xml becomes NAME.xml."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                (pathlib.Path(folder) / name.replace("_", ".")).write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout.splitlines()

    def test_sums_over_all_reports_and_names_what_did_not_pass(self):
        code, lines = self.summary(release_xml=CTEST, neon_xml=GOOGLETEST, parts_tsv="passed\tlayers\t\n")
        self.assertEqual(code, 1)
        self.assertEqual(lines, ["skipped: neon: B.Skips", "skipped: release: A.Skips (needs a network)",
                                 "failed: release: A.Fails", "3 passed, 1 failed, 2 skipped"])

    def test_counts_each_test_of_a_class(self):
        code, lines = self.summary(release_xml="""<testsuite>
<testcase name="C" classname="C" status="run"><system-out>test_a (C) ... ok
RESULTS: 4 passed, 0 failed, 1 skipped
</system-out></testcase>
<testcase name="D" classname="D" status="fail"><failure message=""/><system-out>
RESULTS: 5 passed, 2 failed, 0 skipped
</system-out></testcase>
<testcase name="E" classname="E" status="fail"><failure message=""/><system-out>
RESULTS: 1 passed, 0 failed, 0 skipped
</system-out></testcase></testsuite>""")
        self.assertEqual((code, lines), (1, ["skipped: release: C", "failed: release: D", "failed: release: E",
                                             "9 passed, 3 failed, 1 skipped"]))

    def test_is_content_when_nothing_failed(self):
        code, lines = self.summary(release_xml=ALL_PASSED, parts_tsv="exit\trelease\t0\nskipped\tneon\tno compiler\n")
        self.assertEqual((code, lines), (0, ["skipped: neon (no compiler)", "1 passed, 0 failed, 1 skipped"]))

    def test_a_run_that_failed_without_naming_a_test_is_a_failure(self):
        code, lines = self.summary(release_xml=ALL_PASSED, parts_tsv="exit\trelease\t8\n")
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_run_that_named_its_failure_counts_once(self):
        code, lines = self.summary(release_xml=CTEST, parts_tsv="exit\trelease\t8\n")
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 1 skipped"))

    def test_a_cut_report_is_a_failure(self):
        code, lines = self.summary(release_xml=CTEST[:200])
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_no_test_at_all_is_a_failure(self):
        code, lines = self.summary(parts_tsv="skipped\tneon\tno compiler\n")
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 1 skipped"))


if __name__ == "__main__":
    unittest.main()
