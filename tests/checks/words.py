#!/usr/bin/env python3
"""No unfinished work left as a note in the tree, and nothing that names one person's machine or a package registry."""
import re
import sys

from tree import ROOT, report, tracked_files

# Spelled in pieces, so that this file does not find itself.
PATTERNS = {
    "a note of unfinished work": r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b",
    "an absolute path of one machine": r"(?<![\w.$}])/(ho" r"me|Us" r"ers|ro" r"ot|wo" r"rk)/\w|\b[A-Z]:\\\\?Us" r"ers",
    "a host of a package registry": r"\b(registry\.npm" r"js|py" r"pi\.(org|python)|files\.pythonho" r"sted|deb\.deb" r"ian|"
                                    r"proxy\.gol" r"ang|repo1?\.ma" r"ven)\b",
}
_COMPILED = {what: re.compile(pattern) for what, pattern in PATTERNS.items()}
LICENCE_TEXT = {"LICENSE"}  # its words are not ours


def problems_of(path, text):
    for what, pattern in _COMPILED.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {what}: {match.group(0)}"


def violations(root=ROOT):
    found = []
    for path in tracked_files(root):
        if path.as_posix() in LICENCE_TEXT or "corpus" in path.parts:
            continue
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue
        found += problems_of(path.as_posix(), text)
    return found


if __name__ == "__main__":
    sys.exit(report("words", violations()))
