#!/usr/bin/env python3
"""Includes in src/ go downwards only, and each outside library is used only where its place is."""
import re
import sys

from tree import ROOT, cpp_files, report

# Module -> what it may include besides itself. The same as the USES lines of src/CMakeLists.txt, spelled out.
ALLOWED = {
    "base": set(),
    "env": {"base"},
    "net": {"base", "env"},
    "model": {"base"},
    "journal": {"base", "env", "model"},
    "metastore": {"base", "env", "net"},
    "directory": {"base", "env", "net", "model", "journal", "metastore"},
    "cell": {"base", "env", "net", "model", "journal", "metastore", "directory"},
    "kinesis": {"base", "model"},
    "frontend": {"base", "env", "net", "model", "journal", "metastore", "directory", "cell", "kinesis"},
}
ALLOWED["cli"] = set(ALLOWED)

# Folder -> the only folders that may include it, besides itself.
PRIVATE = {
    "env/real": ("cli",),  # only the program chooses the real world
    "env/sim": (),         # only tests choose the simulated one
}

# Outside library (start of the include path) -> the folders that may include it.
LIBRARIES = {
    "boost/asio": ("env/real",),
    "boost/beast": ("net",),
    "nghttp2/": ("net",),
    "openssl/ssl.h": ("net", "cli"),
    "rados/": ("journal/rados",),
    "sqlite3.h": ("metastore",),
    "simdjson": ("kinesis", "metastore"),
    "google/protobuf": ("directory",),
    "toml++": ("base", "frontend", "cli"),
    "CLI/": ("cli",),
    "spdlog/": ("base", "env/real"),
    "prometheus/": ("base",),
    "gtest/": (),
    "rapidcheck": (),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def problems_of(path, text):
    """path: relative to src, with forward slashes."""
    module = path.split("/")[0]
    for match in INCLUDE.finditer(text):
        kind, target = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        where = f"src/{path}:{line}"
        if kind == '"':
            other = target.split("/")[0]
            if ".." in target or ("/" not in target and not target.startswith(tuple(LIBRARIES))):
                yield f'{where}: include "{target}" is not relative to src'
            elif other in ALLOWED and other != module and other not in ALLOWED.get(module, ()):
                yield f"{where}: {module} may not include {other} ({target})"
            for folder, users in PRIVATE.items():
                if inside(target, folder) and not any(inside(path, user) for user in (folder, *users)):
                    yield f"{where}: {folder} may be included only by {', '.join(users) or 'itself and tests'}"
        for library, users in LIBRARIES.items():
            if target.startswith(library) and not any(inside(path, user) for user in users):
                yield f"{where}: <{library}...> belongs in {', '.join(users) or 'tests'} only"


def cmake_disagreements(cmake):
    """The USES lines may not allow what this check forbids."""
    for module, uses in re.findall(r"^weir_module\((\w+)(?: USES ([\w ]+?))?(?: LIBRARIES[^)]*)?\)", cmake, re.MULTILINE):
        for used in uses.split():
            if used in ALLOWED and used not in ALLOWED.get(module, set()):
                yield f"src/CMakeLists.txt: {module} links {used}, which layers.py forbids"


def violations(root=ROOT):
    found = list(cmake_disagreements((root / "src" / "CMakeLists.txt").read_text()))
    for path in cpp_files(root, "src"):
        relative = path.relative_to("src").as_posix()
        if relative.split("/")[0] not in ALLOWED:
            found.append(f"{path}: no such module in the order of layers")
        found += problems_of(relative, (root / path).read_text())
    return found


if __name__ == "__main__":
    sys.exit(report("layers", violations()))
