#!/usr/bin/env python3
"""Add up what ./check ran.

    summarise_tests.py FOLDER

FOLDER holds NAME.xml, a JUnit report of ctest or GoogleTest, for each run, and parts.tsv, one line for each of the other
facts: "passed|failed|skipped <tab> name <tab> detail", or "exit <tab> NAME <tab> code" for a run's exit code.
Prints the names of failed and of skipped tests, then "N passed, N failed, N skipped" alone on the last line.
Exits 1 if a test failed, if a run failed without naming one, or if no test ran.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def skip_reason(case):
    """What the test said when it skipped itself; the report only knows that it did."""
    output = case.findtext("system-out") or ""
    for pattern in (r"^SKIPPED: (.+)$", r": Skipped\n(.+)$"):
        if found := re.search(pattern, output, re.MULTILINE):
            return found.group(1).strip()
    return ""


def status_of(case):
    """(status, detail) of one <testcase>, in ctest's dialect or GoogleTest's."""
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed", ""
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled") or case.get("result") == "skipped":
        return "skipped", skip_reason(case)
    return "passed", ""


def statuses_of(case):
    """One status for each test of a <testcase>, which may be a class of them that counts its own."""
    status, detail = status_of(case)
    if found := re.search(r"^RESULTS: (\d+) passed, (\d+) failed, (\d+) skipped$", case.findtext("system-out") or "", re.MULTILINE):
        counts = dict(zip(("passed", "failed", "skipped"), map(int, found.groups())))
        # What ended a class as a whole is one failure at least.
        if sum(counts.values()) > 1 and (status != "failed" or counts["failed"] > 0):
            return [(each, detail) for each, n in counts.items() for _ in range(n)]
    return [(status, detail)]


def read_report(path):
    """[(status, name, detail)] of a JUnit file; a file that cannot be read is a failure with its reason."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError) as error:
        return [("failed", path.stem, f"no readable report: {error}")]
    results = []
    for case in root.iter("testcase"):
        name = case.get("name")
        if case.get("classname") and not name.startswith(case.get("classname")):
            name = f"{case.get('classname')}.{name}"
        results += [(status, f"{path.stem}: {name}", detail) for status, detail in statuses_of(case)]
    return results


def read_parts(path):
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [tuple((line.split("\t") + ["", ""])[:3]) for line in lines if line]


def summarise(folder):
    results, failed_runs = [], set()
    for path in sorted(folder.glob("*.xml")):
        report = read_report(path)
        results += report
        if any(status == "failed" for status, _, _ in report):
            failed_runs.add(path.stem)
    for status, name, detail in read_parts(folder / "parts.tsv"):
        if status != "exit":
            results.append((status, name, detail))
        elif detail != "0" and name not in failed_runs:
            results.append(("failed", name, f"ended with code {detail} without naming a failed test"))
    return results


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    results = summarise(pathlib.Path(sys.argv[1]))
    for wanted in ("skipped", "failed"):
        for status, name, detail in dict.fromkeys(results):  # a class of tests is named once
            if status == wanted:
                print(f"{wanted}: {name}" + (f" ({detail})" if detail else ""))
    counts = {wanted: sum(status == wanted for status, _, _ in results) for wanted in ("passed", "failed", "skipped")}
    if counts["passed"] + counts["failed"] == 0:
        print("failed: no test ran")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
