#!/usr/bin/env python3
"""`yoke probe` measures this machine in seconds, and leaves nothing behind."""
import json
import os
import subprocess
import time

from harness import DEMO, YOKE, YokeTest, main


class Probe(YokeTest):
    def report(self, *arguments, **options):
        code, out, err = self.yoke("probe", "--json", *arguments, **options)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_figures_of_every_limit(self):
        start = time.monotonic()
        report = self.report("--no-disk")
        self.assertLess(time.monotonic() - start, 60)
        self.assertEqual(report["host"], os.uname().nodename)
        cores = report["topology"]["cores"]
        self.assertTrue(1 <= cores <= report["topology"]["logical_cpus"] <= os.cpu_count())
        self.assertIn(report["isa"], report["isas"])
        self.assertEqual(report["isas"][-1], "scalar")
        self.assertGreater(report["memory"]["total_bytes"], report["memory"]["available_bytes"])
        self.assertEqual((report["stream"][0]["threads"], report["stream"][-1]["threads"]), (1, cores))
        for figure in report["stream"]:
            self.assertTrue(1e8 < figure["bytes_per_second"] < 1e13, figure)
        self.assertEqual({(figure["isa"], figure["operands"], figure["threads"]) for figure in report["multiply"]},
                         {(isa, operands, threads) for isa in report["isas"] for operands in ("int8", "f32")
                          for threads in (1, cores)})
        for figure in report["multiply"]:
            self.assertTrue(1e7 < figure["ops_per_second"] < 1.6e13 * figure["threads"], figure)
        for figure in report["gemv"]:
            self.assertIn(figure["threads"], (1, cores))
            self.assertIn(figure["taken"], ("plain", "ahead"))
            for rate in figure["bytes_per_second"].values():
                self.assertTrue(1e7 < rate < 1e13, figure)
        for figure in report["parallel_region"]:
            self.assertTrue(0 < figure["seconds"] < 1, figure)
        self.assertIsNone(report["disk"])

    def test_the_disk_of_a_file(self):
        code, out, err = self.yoke("probe", "--json", "--disk", DEMO)
        if "lies in memory" in err:
            self.skipTest("the demo model lies in memory")
        self.assertEqual((code, err), (0, ""))
        disk = json.loads(out)["disk"]
        self.assertEqual((disk["path"], disk["bytes"]), (str(DEMO), DEMO.stat().st_size))
        self.assertGreater(disk["bytes_per_second"], 1e5)

    def test_the_disk_of_the_working_directory_which_stays_empty(self):
        folder = self.scratch()
        disk = self.report(cwd=folder)["disk"]
        self.assertEqual(list(folder.iterdir()), [])
        # Where that folder is no disk, or makes no nameless files, nothing is measured and nothing fails.
        if disk is not None:
            self.assertEqual(disk["path"], ".")
            self.assertGreater(disk["bytes"], 0)

    def test_a_folder_that_may_not_be_written_is_no_failure_unless_it_was_named(self):
        folder = self.scratch()
        folder.chmod(0o555)
        done = subprocess.run([YOKE, "probe"], cwd=folder, capture_output=True, text=True, **self.nobody())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("\nDisk read: not measured, for .: a nameless file to read cannot be made there: ", done.stdout)
        done = subprocess.run([YOKE, "probe", "--disk", folder], capture_output=True, text=True, **self.nobody())
        self.assert_refused((done.returncode, done.stdout, done.stderr), "a nameless file to read cannot be made there: ")

    def test_a_table_for_people(self):
        code, out, err = self.yoke("probe", "--no-disk")
        self.assertEqual((code, err), (0, ""))
        for line in (r"^processor   .*: \d+ cores? for this process, \d+ hardware threads?$", r"^memory      [\d.]+ GB, of which ",
                     r"^\| limit +\| threads \| +measured \|$", r"^\| stream read +\| +1 \| +[\d.]+ GB/s \|$",
                     r"^\| int8 products, scalar +\| +1 \| +[\d.]+ GOP/s \|$"):
            self.assertRegex(out, f"(?m){line}")
        self.assertNotIn("Disk", out)

    def test_the_instruction_set_in_use(self):
        self.assertEqual(self.report("--no-disk", environment={"YOKE_ISA": "scalar"})["isa"], "scalar")
        self.assert_refused(self.yoke("probe", "--no-disk", environment={"YOKE_ISA": "sse9"}), "YOKE_ISA", '"sse9"')

    def test_the_way_of_multiplying_one_token_that_was_asked_for(self):
        for way in ("plain", "ahead"):
            report = self.report("--no-disk", environment={"YOKE_GEMV": way})
            self.assertEqual({figure["taken"] for figure in report["gemv"]} - {way}, set())
        self.assert_refused(self.yoke("probe", "--no-disk", environment={"YOKE_GEMV": "sideways"}), "YOKE_GEMV", '"sideways"')


if __name__ == "__main__":
    main()
