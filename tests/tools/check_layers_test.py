#!/usr/bin/env python3
"""tools/check_layers.py, on small trees that break one rule each."""
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402

CLEAN = {
    "src/base/error.h": "#pragma once\n#include <string>\n",
    "src/gguf/CMakeLists.txt": "yoke_library(gguf SOURCES reader.cpp USES base)\n",
    "src/gguf/reader.h": '#pragma once\n#include "base/error.h"\n',
    "src/gguf/reader.cpp": '#include "gguf/reader.h"\n',
    "src/cluster/CMakeLists.txt": "yoke_library(cluster SOURCES mpi_comm.cpp)\n",
    "src/cluster/mpi_comm.cpp": '#include <mpi.h>\n#include "base/error.h"\n#include "gguf/reader.h"\n',
    "tests/gguf/CMakeLists.txt": "yoke_test(gguf SOURCES reader_test.cpp)\n",
    "tests/gguf/reader_test.cpp": '#include "gguf/reader.h"\n',
}


class CheckLayers(unittest.TestCase):
    def breaches(self, **changes):
        """What the checker says of the clean tree with some files added or replaced."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**CLEAN, **changes}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check_layers.check(root)

    def assert_only_breach(self, expected, changes):
        breaches = self.breaches(**changes)
        self.assertEqual(len(breaches), 1, breaches)
        self.assertIn(expected, breaches[0])

    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(self.breaches(), [])

    def test_an_include_upwards_is_named_with_its_line(self):
        self.assert_only_breach(
            "src/base/error.h:2: base may not use gguf (gguf/reader.h); it may use nothing",
            {"src/base/error.h": '#pragma once\n#include "gguf/reader.h"\n'})

    def test_an_include_sideways_is_refused(self):
        self.assert_only_breach("gguf may not use comm", {"src/gguf/reader.h": '#  include "comm/comm.h"\n'})

    def test_may_use_is_transitive(self):
        self.assertIn("base", check_layers.allowed("cli"))
        self.assertNotIn("text", check_layers.allowed("runtime"))

    def test_every_folder_of_the_table_is_known(self):
        for folder, used in check_layers.MAY_USE.items():
            for other in used:
                self.assertIn(other, check_layers.MAY_USE, folder)

    def test_mpi_belongs_to_one_file(self):
        self.assert_only_breach("includes mpi.h", {"src/gguf/reader.h": "#include <mpi.h>\n"})

    def test_an_include_without_its_folder_is_refused(self):
        self.assert_only_breach('"reader.h" is not written', {"src/gguf/reader.cpp": '#include "reader.h"\n'})

    def test_a_folder_outside_the_table_is_refused(self):
        self.assert_only_breach("src/attic is not in the table", {"src/attic/old.h": "#pragma once\n"})

    def test_a_source_that_nothing_compiles_is_refused(self):
        self.assert_only_breach("src/gguf/writer.cpp: is not named", {"src/gguf/writer.cpp": ""})

    def test_a_source_may_be_named_by_a_loop(self):
        lists = "foreach(isa avx2)\nlist(APPEND sources isa_${isa}.cpp)\nendforeach()\nyoke_library(kernels SOURCES ${sources})"
        kernels = {"src/kernels/CMakeLists.txt": lists, "src/kernels/isa_avx2.cpp": ""}
        self.assertEqual(self.breaches(**kernels), [])
        self.assert_only_breach("src/kernels/dispatch.cpp: is not named", {**kernels, "src/kernels/dispatch.cpp": ""})

    def test_a_test_that_nothing_compiles_is_refused(self):
        self.assert_only_breach("tests/gguf/CMakeLists.txt", {"tests/gguf/CMakeLists.txt": ""})

    def test_a_benchmark_that_nothing_compiles_is_refused(self):
        lists = {"bench/CMakeLists.txt": "add_executable(microbench main.cpp)", "bench/main.cpp": ""}
        self.assertEqual(self.breaches(**lists), [])
        self.assert_only_breach("bench/pool_bench.cpp: is not named in bench/CMakeLists.txt", {**lists, "bench/pool_bench.cpp": ""})

    def test_a_test_without_a_subject_is_refused(self):
        self.assert_only_breach(
            "there is no src/gguf/magic.cpp or .h",
            {"tests/gguf/magic_test.cpp": "",
             "tests/gguf/CMakeLists.txt": "yoke_test(gguf SOURCES reader_test.cpp magic_test.cpp)\n"})

    def test_a_subject_may_have_tests_in_several_files(self):
        lists = "yoke_test(gguf SOURCES reader_test.cpp reader_limits_test.cpp read_test.cpp)\n"
        self.assertEqual(self.breaches(**{"tests/gguf/CMakeLists.txt": lists, "tests/gguf/reader_limits_test.cpp": ""}), [])
        self.assert_only_breach("there is no src/gguf/read.cpp",
                                {"tests/gguf/CMakeLists.txt": lists, "tests/gguf/read_test.cpp": ""})

    def test_a_golden_test_needs_no_subject_of_its_name(self):
        self.assertEqual(self.breaches(**{
            "tests/gguf/golden_files_test.cpp": "",
            "tests/gguf/CMakeLists.txt": "yoke_test(gguf SOURCES reader_test.cpp golden_files_test.cpp)\n"}), [])


if __name__ == "__main__":
    unittest.main()
