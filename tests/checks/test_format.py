"""C++ is as clang-format leaves it: nobody has to read a change of blanks."""
import subprocess

from tree import ROOT, cpp_files

CLANG_FORMAT = "clang-format-19"


def badly_formatted(arguments, text=None):
    """What clang-format would change, in its own words; empty: nothing."""
    return subprocess.run([CLANG_FORMAT, "--dry-run", *arguments], cwd=ROOT, input=text, capture_output=True, text=True,
                          check=True).stderr


def test_every_cpp_file_is_formatted():
    files = cpp_files(ROOT, "src", "tests", "bench")
    assert len(files) > 100
    found = badly_formatted([str(file) for file in files])
    assert not found, "run `make format`:\n" + found[:2000]


def test_a_file_that_is_not_formatted_is_found():
    assert badly_formatted(["--assume-filename=src/base/a.cc"], "int  a ;\n")
    assert not badly_formatted(["--assume-filename=src/base/a.cc"], "int a;\n")
