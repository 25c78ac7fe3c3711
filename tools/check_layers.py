#!/usr/bin/env python3
"""Check that the source tree keeps its own rules.

    check_layers.py [ROOT]

1. A folder of src/ includes only itself and the folders that MAY_USE allows it, directly or through others.
2. Only src/cluster/mpi_comm.cpp includes <mpi.h>.
3. Every .cpp under src/, tests/ and bench/ is named in the CMakeLists.txt of its folder, so it is compiled.
4. Tests mirror the tree: tests/gguf/reader_test.cpp tests src/gguf/reader.cpp (or .h), and so does reader_ASPECT_test.cpp.
   golden*_test.cpp are free: they hold a whole folder against reference values.

Prints one line for each breach, with file and line, and exits 1 if there is any.
"""
import pathlib
import re
import sys

# "May use" is transitive. This table is the architecture: change it only together with docs/architecture.md.
MAY_USE = {
    "base": [],
    "system": ["base"],
    "quant": ["base"],
    "gguf": ["base", "quant"],
    "jinja": ["base"],
    "kernels": ["quant"],
    "rates": ["kernels"],
    "hosts": ["system", "rates"],
    "comm": ["quant"],
    "ops": ["kernels", "comm"],
    "model": ["ops", "gguf"],
    "shards": ["model"],
    "text": ["gguf", "jinja"],
    "runtime": ["shards", "rates"],
    "cluster": ["runtime", "hosts"],
    "session": ["runtime", "text"],
    "measure": ["session"],
    "terminal": ["session", "system"],
    "cli": ["measure", "cluster", "terminal"],
}
MPI_FILE = "src/cluster/mpi_comm.cpp"
SOURCE_SUFFIXES = (".cpp", ".h", ".inc")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def allowed(folder):
    """All folders that `folder` may include, itself among them."""
    reached, waiting = set(), [folder]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += MAY_USE[current]
    return reached


def sources(top):
    return sorted(path for path in top.rglob("*") if path.suffix in SOURCE_SUFFIXES)


def check_includes(root):
    for path in sources(root / "src"):
        name = path.relative_to(root).as_posix()
        folder = path.relative_to(root / "src").parts[0]
        if folder not in MAY_USE:
            yield f"{name}: src/{folder} is not in the table of folders"
            continue
        may = allowed(folder)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            quote, target = found.groups()
            if target == "mpi.h" and name != MPI_FILE:
                yield f"{name}:{number}: includes mpi.h, which only {MPI_FILE} may"
            if quote == '"' and target.split("/")[0] not in MAY_USE:
                yield f'{name}:{number}: "{target}" is not written as "folder/file.h" with a folder of src/'
            elif quote == '"' and target.split("/")[0] not in may:
                used = ", ".join(sorted(may - {folder})) or "nothing"
                yield f"{name}:{number}: {folder} may not use {target.split('/')[0]} ({target}); it may use {used}"


def may_name(word, path):
    """Whether a word of a CMakeLists.txt names the file: literally, or as "isa_${isa}.cpp" in a loop."""
    literal = [re.escape(part) for part in re.split(r"\$\{\w+\}", word)]
    return word == path or (word.endswith(".cpp") and re.fullmatch("\\w+".join(literal), path) is not None)


def check_compiled(root):
    for path in sorted(path for top in ("src", "tests", "bench") for path in (root / top).rglob("*.cpp")):
        name = path.relative_to(root)
        folder = name.parts[:1] if name.parts[0] == "bench" else name.parts[:2]
        lists = root.joinpath(*folder, "CMakeLists.txt")
        words = re.split(r"[\s()\"]+", lists.read_text(encoding="utf-8")) if lists.exists() else []
        if not any(may_name(word, path.relative_to(lists.parent).as_posix()) for word in words):
            yield f"{name.as_posix()}: is not named in {lists.relative_to(root).as_posix()}, so nothing compiles it"


def check_mirror(root):
    for path in sorted((root / "tests").rglob("*_test.cpp")):
        name = path.relative_to(root / "tests")
        subject = name.name.removesuffix("_test.cpp")
        folder = root / "src" / name.parent
        stems = {source.stem for source in folder.glob("*") if source.suffix in SOURCE_SUFFIXES}
        if not subject.startswith("golden") and not any(f"{subject}_".startswith(f"{stem}_") for stem in stems):
            yield f"tests/{name.as_posix()}: tests no file, for there is no src/{name.parent.as_posix()}/{subject}.cpp or .h"


def check(root):
    """Every breach in the tree, one sentence each."""
    return [*check_includes(root), *check_compiled(root), *check_mirror(root)]


def main():
    if len(sys.argv) > 2 or any(argument.startswith("-") for argument in sys.argv[1:]):
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else pathlib.Path(__file__).resolve().parent.parent
    breaches = check(root)
    for breach in breaches:
        print(breach)
    if not breaches and not sources(root / "src"):
        sys.exit(f"{root} holds no sources to check")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
