#!/usr/bin/env python3
"""docs/operations.md explains every line that the log may hold at level warning or error."""
import re
import sys

from tree import ROOT, cpp_files, report

PAGE = "docs/operations.md"

# The call, its module, and its message when that is a literal. A message that is put together elsewhere is not found.
CALL = re.compile(r'\blog_(?:warning|error)\(\s*[^,;()]+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+),?', re.DOTALL)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def messages_of(text):
    for match in CALL.finditer(text):
        yield "".join(LITERAL.findall(match.group(1))), text.count("\n", 0, match.start()) + 1


def problems_of(path, text, explained):
    for message, line in messages_of(text):
        if f"`{message}`" not in explained:
            yield f"{path}:{line}: {PAGE} does not explain the log line `{message}`"


def violations(root=ROOT):
    explained = (root / PAGE).read_text()
    return [problem for path in cpp_files(root, "src") for problem in problems_of(path, (root / path).read_text(), explained)]


if __name__ == "__main__":
    sys.exit(report("log_lines", violations()))
