#!/usr/bin/env python3
"""docs/settings.md and docs/metrics.md say what the binary says."""
import subprocess
import sys

from tree import ROOT, report

BINARY = ROOT / "build" / "release" / "weir"
PAGES = {"settings": "docs/settings.md", "metrics": "docs/metrics.md"}


def compare(path, kept, generated):
    if kept is None:
        return [f"{path}: missing; run `make docs`"]
    if kept != generated:
        differing = next((number for number, (a, b) in enumerate(zip(kept.splitlines(), generated.splitlines()), 1)
                          if a != b), min(kept.count("\n"), generated.count("\n")) + 1)
        return [f"{path}:{differing}: differs from what the binary prints; run `make docs`"]
    return []


def violations(root=ROOT, binary=BINARY):
    found = []
    for page, path in PAGES.items():
        generated = subprocess.run([binary, "docs", page], capture_output=True, text=True, check=True).stdout
        file = root / path
        found += compare(path, file.read_text() if file.exists() else None, generated)
    return found


if __name__ == "__main__":
    sys.exit(report("generated", violations()))
