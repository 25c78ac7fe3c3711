"""Runs the yoke program as a person would, and sees that it leaves nothing behind.

CTest sets YOKE_BINARY and YOKE_GENERATED_DATA; by hand: YOKE_BINARY=build/release/yoke
YOKE_GENERATED_DATA=build/release/tests/data python3 tests/e2e/run_test.py.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
YOKE = pathlib.Path(os.environ.get("YOKE_BINARY", ROOT / "build/release/yoke")).resolve()
TINY = pathlib.Path(os.environ.get("YOKE_GENERATED_DATA", ROOT / "build/release/tests/data")).resolve() / "tiny"
GOLDEN = ROOT / "tests" / "data" / "golden"
DEMO = ROOT / "models" / "demo.gguf"
PROMPT = "The state of the Union"

MARK = "YOKE_E2E_MARK"


class Process:
    """One process of a run, as /proc tells it."""

    def __init__(self, pid, environment, command):
        self.pid, self.command = pid, command
        rank = environment.get(b"OMPI_COMM_WORLD_RANK") or environment.get(b"PMIX_RANK")
        self.rank = int(rank) if rank else None

    def __repr__(self):
        return f"{self.pid} (rank {self.rank}): {' '.join(self.command)}"


class Run:
    """A started command whose descendants can be found, however far they went: all inherit one variable."""

    def __init__(self, command, cwd=None, environment=None, combined=False, stdin=b""):
        """`combined`: stderr goes where stdout goes, as on a terminal. `stdin`: the bytes that it holds; None: a pipe,
        which ends when it is closed."""
        self.prepare(environment)
        with tempfile.TemporaryFile() as held:
            held.write(stdin or b"")
            held.seek(0)
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                            stdin=subprocess.PIPE if stdin is None else held,
                                            stderr=subprocess.STDOUT if combined else subprocess.PIPE, cwd=cwd,
                                            env=self.environment, start_new_session=True)

    def prepare(self, environment):
        """Gives the run a folder for temporary files and the environment by which its processes are known."""
        self.mark = uuid.uuid4().hex
        self.tmpdir = tempfile.TemporaryDirectory(prefix="yoke-e2e-")
        # Open MPI refuses root and more ranks than cores unless told; a user's own mpirun is told here.
        self.environment = {**os.environ, MARK: self.mark, "TMPDIR": self.tmpdir.name, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **(environment or {})}

    def alive(self):
        """The living processes of this run."""
        found, needle = [], f"{MARK}={self.mark}".encode()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                if needle not in variables or (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX":
                    continue
                command = (entry / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
            except OSError:
                continue
            found.append(Process(int(entry.name), dict(v.split(b"=", 1) for v in variables if b"=" in v), command))
        return found

    def ranks(self):
        """The living processes of this run that are ranks: the yoke program, started by mpirun."""
        return {p.rank: p for p in self.alive() if p.rank is not None and pathlib.Path(p.command[0]).name == YOKE.name}

    def wait_for(self, condition, seconds, what):
        """The first truthy value of condition(), looked for until `seconds` have passed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.005)
        raise AssertionError(f"{what} did not happen within {seconds} s")

    def wait_for_rank(self, rank, seconds=30):
        return self.wait_for(lambda: self.ranks().get(rank), seconds, f"the start of rank {rank}")

    def wait_for_text(self, characters):
        """Reads stdout until so many bytes have come; returns them."""
        text = b""
        while len(text) < characters:
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                raise AssertionError(f"the text ended after {text!r}: {self.process.communicate()[1]!r}")
            text += part
        return text.decode(errors="replace")

    def finish(self, timeout):
        """(exit code, stdout, stderr, seconds); AssertionError when it has not ended in time."""
        start = time.monotonic()
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"still running after {timeout} s; stdout {out!r}, stderr {err!r}") from None
        return self.process.returncode, out.decode(), (err or b"").decode(), time.monotonic() - start

    def kill(self):
        for process in self.alive():
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self):
        self.kill()
        self.process.communicate()
        self.tmpdir.cleanup()


class YokeTest(unittest.TestCase):
    maxDiff = None

    def start(self, *command, **options):
        run = Run(command, **options)
        self.addCleanup(run.close)
        return run

    def yoke(self, *arguments, timeout=60, **options):
        """Runs yoke to its end: (exit code, stdout, stderr). Whatever happened, nothing of it may be left."""
        run = self.start(YOKE, *arguments, **options)
        code, out, err, _ = run.finish(timeout)
        self.assert_nothing_left(run)
        return code, out, err

    def nobody(self):
        """The arguments of subprocess.run() for a user whom the system may refuse something: not root."""
        return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}

    def generate(self, *arguments, model=DEMO, prompt=PROMPT, tokens=40, **options):
        """The text of a successful `yoke run`."""
        code, out, err = self.yoke("run", model, "-p", prompt, "-n", tokens, *arguments, **options)
        self.assertEqual(code, 0, err)
        return out

    def scratch(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="yoke-e2e-"))
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def assert_nothing_left(self, run, seconds=60):
        """No process of the run lives longer than so, and no file of it is left in TMPDIR. Tests whose subject is the
        time run alone and bound it."""
        run.wait_for(lambda: not run.alive(), seconds, f"the end of {run.alive()}")
        self.assertEqual([str(path) for path in pathlib.Path(run.tmpdir.name).rglob("*")], [])

    def assert_refused(self, result, *mentions, codes=(1,)):
        """The run ended with one sentence on stderr that mentions all of these, and wrote no text."""
        code, out, err = result
        self.assertIn(code, codes, err)
        self.assertEqual(out, "")
        lines = err.strip().splitlines()
        # A wrong command line may also point to --help.
        self.assertIn(len(lines), (1, 2) if code == 2 else (1,), err)
        self.assert_sentence(lines[0], *mentions)

    def assert_sentence(self, line, *mentions):
        self.assertTrue(line.startswith("yoke: "), line)
        for mention in mentions:
            self.assertIn(mention, line)

    def assert_died_with_a_sentence(self, code, err, *mentions):
        """A run that had begun ended non-zero; the last line says why and mpirun's own words do not show."""
        self.assertNotEqual(code, 0)
        lines = err.strip().splitlines()
        self.assertTrue(lines, "nothing on stderr")
        self.assert_sentence(lines[-1], *mentions)
        self.assertEqual(sum("yoke: " in line for line in lines), 1, err)
        for noise in ("mpirun", "ORTE", "PRTE", "MPI_ABORT", "terminate called", "-----"):
            self.assertNotIn(noise, err)


def main():
    """unittest.main, but a test that skipped itself says why on one line and exits with 77, CTest's skip."""
    if not YOKE.exists():
        sys.exit(f"there is no {YOKE}: build it, or set YOKE_BINARY")
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    for _, reason in result.skipped:
        print(f"SKIPPED: {reason}")
    # A class that skips itself as a whole has run none of its tests.
    skipped = sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)
    failed = len(result.failures) + len(result.errors)
    print(f"RESULTS: {result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    if result.wasSuccessful() and result.skipped and result.testsRun == skipped:
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
