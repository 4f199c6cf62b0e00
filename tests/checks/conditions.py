#!/usr/bin/env python3
"""RC_ASSERT(a || b) takes its condition apart, and evaluates b even when a decides: with b undefined then, so is the test.
A condition of several parts has parentheses of its own."""
import re
import sys

from tree import ROOT, cpp_files, report, without_comments_and_strings

_MACRO = re.compile(r"\bRC_(?:ASSERT|ASSERT_FALSE|PRE|SUCCEED_IF|DISCARD_IF)\(")


def _condition(code, start):
    """What stands between the parenthesis before `start` and its partner, without what stands in further ones."""
    depth, top = 1, []
    for char in code[start:]:
        depth -= char in ")]}"
        if depth == 0:
            break
        if depth == 1:
            top.append(char)
        depth += char in "([{"
    return "".join(top)


def problems_of(path, text):
    code = without_comments_and_strings(text)
    for match in _MACRO.finditer(code):
        if re.search(r"\|\||&&", _condition(code, match.end())):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: both sides are evaluated: {match.group(0)}(a || b))"


def violations(root=ROOT):
    found = []
    for path in cpp_files(root, "tests"):
        found += problems_of(path.as_posix(), (root / path).read_text())
    return found


if __name__ == "__main__":
    sys.exit(report("conditions", violations()))
