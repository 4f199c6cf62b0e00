#!/usr/bin/env python3
"""clang-tidy over src/; a file that passed is not looked at again until it, its headers, its command or the rules change.

lint.py [WORD...]: only files whose path has one of the words in it."""
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "debug"
PASSED = ROOT / "build" / "lint-passed"
SOURCES = ROOT / "src"
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Where a quoted include of ours is found; generated headers change with the files that they are made from.
FOLDERS = [SOURCES, ROOT, BUILD / "src"]


def commands(words):
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    return [entry for entry in entries if Path(entry["file"]).is_relative_to(SOURCES)
            and (not words or any(word in entry["file"] for word in words))]


@cache
def digest_of(path):
    return hashlib.sha256(path.read_bytes()).digest()


@cache
def includes_of(path):
    names = [name.decode() for name in INCLUDE.findall(path.read_bytes())]
    found = (next((folder / name for folder in [path.parent, *FOLDERS] if (folder / name).is_file()), None)
             for name in names)
    return [header for header in found if header is not None]


def fingerprint(entry, rules):
    """A hash of the rules, the command and every file of ours that it includes, near or far."""
    seen = set()
    waiting = [Path(entry["file"])]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += includes_of(path)
    digest = hashlib.sha256(rules + entry["command"].encode())
    for path in sorted(seen):
        digest.update(str(path.relative_to(ROOT)).encode() + digest_of(path))
    return digest.hexdigest()


def lint(entry, mark):
    result = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(BUILD), entry["file"]], capture_output=True, text=True,
                            check=False)
    if result.returncode == 0:
        mark.touch()
    return result.returncode == 0, result.stdout + ("" if result.returncode == 0 else result.stderr)


def main():
    PASSED.mkdir(parents=True, exist_ok=True)
    rules = (ROOT / ".clang-tidy").read_bytes()
    marks = [(entry, PASSED / fingerprint(entry, rules)) for entry in commands(sys.argv[1:])]
    waiting = [(entry, mark) for entry, mark in marks if not mark.exists()]
    print(f"{len(marks)} files, {len(waiting)} of them to be looked at", flush=True)
    started = time.monotonic()
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (entry, _), (passed, output) in zip(waiting, pool.map(lambda item: lint(*item), waiting)):
            if not passed:
                failed += 1
                print(f"{Path(entry['file']).relative_to(ROOT)}:\n{output}", flush=True)
    print(f"{len(marks) - failed} files passed, {failed} failed, in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
