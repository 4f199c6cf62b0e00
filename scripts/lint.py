#!/usr/bin/env python3
"""clang-tidy over src/; a file that passed is not looked at again until it, its headers or the rules change."""
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "debug"
PASSED = ROOT / "build" / "lint-passed"
SOURCES = ROOT / "src"


def commands():
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    return [entry for entry in entries if Path(entry["file"]).is_relative_to(SOURCES)]


def fingerprint(entry, rules):
    """A hash of the rules, the command and all that the preprocessor reads of ours."""
    words = [word for word in entry["command"].split() if not word.endswith("ccache")]
    output = words.index("-o")
    listing = subprocess.run(words[:output] + words[output + 2:] + ["-MM", "-MF", "-"], cwd=entry["directory"],
                             capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        return None
    digest = hashlib.sha256(rules + entry["command"].encode())
    for name in sorted(set(listing.stdout.replace("\\\n", " ").split(":", 1)[1].split())):
        path = Path(entry["directory"]) / name
        if path.is_relative_to(ROOT):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def lint(entry, rules):
    key = fingerprint(entry, rules)
    mark = PASSED / key if key else None
    if mark and mark.exists():
        return True, ""
    result = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(BUILD), entry["file"]], capture_output=True, text=True,
                            check=False)
    if result.returncode == 0 and mark:
        mark.touch()
    return result.returncode == 0, result.stdout + ("" if result.returncode == 0 else result.stderr)


def main():
    PASSED.mkdir(parents=True, exist_ok=True)
    rules = (ROOT / ".clang-tidy").read_bytes()
    entries = commands()
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for entry, (passed, output) in zip(entries, pool.map(lambda entry: lint(entry, rules), entries)):
            if not passed:
                failed += 1
                print(f"{Path(entry['file']).relative_to(ROOT)}:\n{output}", flush=True)
    print(f"{len(entries) - failed} files passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
