#!/usr/bin/env python3
"""Files of at most 500 lines, functions of at most 60. size-ratchet.txt holds the known exceptions, which may only shrink.

`sizes.py --tighten` lowers the ratchet to what the tree has now; it never raises or adds an entry.
"""
import ast
import re
import sys

from tree import ROOT, report, tracked_files, without_comments_and_strings

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
RATCHET = "tests/checks/size-ratchet.txt"
FOLDERS = ("src", "tests", "bench", "scripts")

_TYPE = re.compile(r"(?:^|\s|>)(class|struct|union|enum)\b[^()=]*$")
_LABEL = re.compile(r"^\s*(public|protected|private)\s*:(?!:)")
_NAMESPACE = re.compile(r"(?:^|\s)(namespace\b[^()]*|extern\s*\"\")\s*$")


def function_name(head):
    """The name before the first parenthesis at depth 0 of a function's head."""
    match = re.search(r"([\w:~]+|operator\s*[^\s(]+)\s*\(", head)
    name = match.group(1) if match else "(unnamed)"
    if name in ("TEST", "TEST_F", "TEST_P", "RC_GTEST_PROP"):
        inner = head[match.end():].split(")")[0]
        name = ".".join(part.strip() for part in inner.split(",")[:2])
    return name


def cpp_functions(text):
    """(name, line, lines) of each function body at namespace or class level."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", "", without_comments_and_strings(text), flags=re.MULTILINE)
    stack = []  # (kind, name, first line)
    head_start = 0
    for match in re.finditer(r"[{};]", code):
        mark, position = match.group(0), match.start()
        line = code.count("\n", 0, position) + 1
        if mark == "{":
            head = code[head_start:position]
            if any(kind == "function" for kind, _, _ in stack):
                stack.append(("block", "", line))
            elif _NAMESPACE.search(head):
                stack.append(("namespace", "", line))
            elif _TYPE.search(head.replace("enum class", "enum")):
                stack.append(("type", "", line))
            elif "(" in head:
                head = _LABEL.sub("", head)
                first = code.count("\n", 0, position - len(head.lstrip())) + 1
                stack.append(("function", function_name(head), first))
            else:
                stack.append(("block", "", line))
        elif mark == "}" and stack:
            kind, name, first = stack.pop()
            if kind == "function":
                yield name, first, line - first + 1
        head_start = position + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def measure(path, text):
    """(key, size, limit) of the file and of each of its functions."""
    yield path, text.count("\n"), FILE_LINES_MAX
    functions = cpp_functions(text) if path.endswith((".cc", ".h")) else python_functions(text)
    for name, _, lines in functions:
        yield f"{path}:{name}", lines, FUNCTION_LINES_MAX


def read_ratchet(text):
    entries = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {key: int(size) for size, key in entries}


def compare(sizes, ratchet):
    """sizes: key -> (size, limit)."""
    for key, (size, limit) in sorted(sizes.items()):
        if size <= limit and key not in ratchet:
            continue
        if key not in ratchet:
            yield f"{key}: {size} lines, at most {limit} are allowed"
        elif size > ratchet[key]:
            yield f"{key}: grew from {ratchet[key]} to {size} lines; the ratchet may only shrink"
        elif size < ratchet[key]:
            yield f"{key}: shrank from {ratchet[key]} to {size} lines; run tests/checks/sizes.py --tighten"
    for key in sorted(set(ratchet) - set(sizes)):
        yield f"{key}: in the ratchet but not in the tree; run tests/checks/sizes.py --tighten"


def all_sizes(root):
    sizes = {}
    for path in tracked_files(root):
        if path.parts[0] in FOLDERS and path.suffix in (".cc", ".h", ".py"):
            for key, size, limit in measure(path.as_posix(), (root / path).read_text()):
                if size > sizes.get(key, (0, 0))[0]:
                    sizes[key] = (size, limit)
    return sizes


def violations(root=ROOT):
    return list(compare(all_sizes(root), read_ratchet((root / RATCHET).read_text())))


def tighten(root=ROOT):
    text = (root / RATCHET).read_text()
    sizes = all_sizes(root)
    kept = [line for line in text.splitlines() if line.startswith("#")]
    for key, known in sorted(read_ratchet(text).items()):
        size, limit = sizes.get(key, (0, 0))
        if size > limit:
            kept.append(f"{min(size, known)} {key}")
    (root / RATCHET).write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--tighten"]:
        tighten()
    sys.exit(report("sizes", violations()))
