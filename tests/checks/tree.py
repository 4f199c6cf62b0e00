"""What all checks share: the files of the tree, and C++ text without its comments and strings."""
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def tracked_files(root=ROOT):
    """Files that git has or would take, as paths relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True,
                             check=False)
    if listing.returncode == 0:
        names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return sorted(Path(name) for name in set(names) if (root / name).is_file())


def cpp_files(root, *folders):
    return [path for path in tracked_files(root) if path.parts[0] in folders and path.suffix in (".cc", ".h")]


_RAW_STRING = r'(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\((?:.|\n)*?\)(?P=delimiter)"'
_NOISE = re.compile(
    _RAW_STRING + r'|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")


def without_comments_and_strings(text):
    """Same number of lines. Strings become "" and characters '', so that what they say is not taken for code."""
    def replacement(match):
        found = match.group(0)
        lines = "\n" * found.count("\n")
        if found.startswith(("//", "/*")):
            return " " + lines
        return ("''" if found.startswith("'") else '""') + lines
    return _NOISE.sub(replacement, text)


def report(name, problems):
    """Prints the problems; the exit code of a check that is run by hand."""
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problem(s)")
    return 1 if problems else 0
