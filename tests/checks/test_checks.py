"""Runs each check over the tree, and shows of each that it can fail."""
import pytest

import banned
import conditions
import generated
import layers
import log_lines
import sizes
import tree
import words


@pytest.mark.parametrize("check", [layers, banned, conditions, sizes, words, log_lines], ids=lambda check: check.__name__)
def test_the_tree_passes(check):
    found = check.violations()
    assert not found, "\n".join(found)


def test_generated_documents_are_up_to_date():
    if not generated.BINARY.exists():
        pytest.skip("no release binary")
    found = generated.violations()
    assert not found, "\n".join(found)


def test_generated_finds_a_changed_and_a_missing_page():
    assert generated.compare("docs/a.md", "one\ntwo\n", "one\ntwo\n") == []
    assert generated.compare("docs/a.md", "one\ntwo\n", "one\n2\n")[0].startswith("docs/a.md:2:")
    assert generated.compare("docs/a.md", "one\n", "one\ntwo\n")[0].startswith("docs/a.md:2:")
    assert "missing" in generated.compare("docs/a.md", None, "one\n")[0]


@pytest.mark.parametrize("path, line", [
    ("journal/a.cc", '#include "directory/map/shard_map.h"'),
    ("kinesis/a.cc", '#include "env/core.h"'),
    ("base/a.h", '#include "model/limits.h"'),
    ("cell/a.cc", '#include "frontend/health.h"'),
    ("journal/a.cc", '#include "env/real/file.h"'),
    ("cli/serve.cc", '#include "env/sim/world.h"'),
    ("journal/a.cc", '#include "journal.h"'),
    ("frontend/a.cc", '#include "../cell/cell_client.h"'),
    ("net/a.cc", "#include <boost/asio.hpp>"),
    ("journal/a.cc", "  #  include <sqlite3.h>"),
])
def test_layers_finds_an_include_upwards_or_out_of_place(path, line):
    assert list(layers.problems_of(path, f"#pragma once\n{line}\n")), line


@pytest.mark.parametrize("path, line", [
    ("cell/a.cc", '#include "journal/journal.h"'),
    ("env/real/a.cc", "#include <boost/asio/post.hpp>"),
    ("cli/serve.cc", '#include "env/real/runtime.h"'),
])
def test_layers_lets_includes_downwards_pass(path, line):
    assert not list(layers.problems_of(path, line + "\n"))


def test_layers_finds_a_link_upwards():
    assert list(layers.cmake_disagreements("weir_module(model USES base cell)\n"))
    assert not list(layers.cmake_disagreements("weir_module(net USES env LIBRARIES OpenSSL::SSL)\nweir_module(model USES base)\n"))


@pytest.mark.parametrize("line", [
    "std::thread worker;", "std::jthread worker;", "std::mutex guard;", "std::lock_guard hold(guard);",
    "auto now = std::chrono::steady_clock::now();", "time(nullptr);", "std::random_device seed;", "RAND_bytes(out, 8);",
    "std::filesystem::path p;", "std::ifstream in(name);", "#include <fstream>", "int f = ::open(name, 0);",
    "::pwrite(f, data, size, 0);", "std::getenv(name);", "absl::Mutex guard;", "usleep(10);", "std::cout << 1;",
    "std::this_thread::sleep_for(x);", "FILE* f = fopen(name, mode);", "#include <unistd.h>", "pthread_self();",
])
def test_banned_finds_each_way_around_env(line):
    assert list(banned.problems_of("src/journal/a.cc", f"int x;\n{line}\n")), line
    assert not list(banned.problems_of("src/env/real/a.cc", line))


@pytest.mark.parametrize("line", [
    "// std::thread is not used here", 'log("std::mutex ::open(");', "file.read(offset);", "core.time();", "store->open(lane);",
    "co_await sleep(core, delay);", "journal::Journal::open(core);", "std::chrono::milliseconds delay;", "/* ::open( */",
    "int brand(int);", "x = 1'000'000; y = 'a';",
])
def test_banned_lets_ordinary_code_pass(line):
    assert not list(banned.problems_of("src/journal/a.cc", line + "\n")), list(banned.problems_of("src/journal/a.cc", line))


@pytest.mark.parametrize("line, found", [
    ("RC_ASSERT(a || b);", 1), ("RC_ASSERT(got.has_value() &&\n          *got == 1);", 1), ("  RC_PRE(f(x) || y);", 1),
    ("RC_ASSERT((a || b));", 0), ("RC_ASSERT(f(a || b));", 0), ("// RC_ASSERT(a || b);", 0), ("RC_ASSERT(a == '|');", 0),
])
def test_conditions_finds_those_of_several_parts(line, found):
    assert len(list(conditions.problems_of("tests/base/a_test.cc", line))) == found


def function_of(lines, head="int Foo::bar(int x) const {"):
    return head + "\n" + "  x = 1;\n" * (lines - 2) + "}\n"


def test_sizes_measures_functions_of_all_forms():
    text = "namespace a {\nclass B : public C {\n public:\n" + function_of(61, "int inline_one() {") + "};\n" + \
        function_of(62, "Foo::Foo(int x)\n    : a_{x}, b_(2) {") + function_of(70, "TEST(Suite, Promise) {") + "}\n"
    found = dict((name, lines) for name, _, lines in sizes.cpp_functions(text))
    assert found["inline_one"] == 61
    assert found["Suite.Promise"] == 70
    assert found["b_"] >= 62 if "b_" in found else found["Foo::Foo"] >= 62


def test_sizes_is_not_led_astray_by_braces_in_strings_lambdas_and_macros():
    text = '#define OPEN {\nvoid f() {\n  auto g = [](int x) { return "}}}"; };\n  if (a) { b(); }\n}\nvoid h() {}\n'
    assert [(name, lines) for name, _, lines in sizes.cpp_functions(text)] == [("f", 4), ("h", 1)]


def test_sizes_finds_long_files_and_functions_and_growth():
    key = "src/a.cc:Foo::bar"
    long_function = {k: (size, limit) for k, size, limit in sizes.measure("src/a.cc", function_of(61))}
    assert list(sizes.compare(long_function, {})) == [f"{key}: 61 lines, at most 60 are allowed"]
    assert not list(sizes.compare(long_function, {key: 61}))
    assert list(sizes.compare(long_function, {key: 60}))
    assert list(sizes.compare(long_function, {key: 70}))
    assert list(sizes.compare({}, {"src/gone.cc": 700}))
    long_file = {k: (size, limit) for k, size, limit in sizes.measure("src/a.cc", "int x;\n" * 501)}
    assert list(sizes.compare(long_file, {}))
    assert not list(sizes.compare({k: (s, m) for k, s, m in sizes.measure("src/a.cc", function_of(60))}, {}))


def test_words_finds_notes_paths_and_registries():
    bad = ["// TO" "DO: later", "# FIX" "ME", 'path = "/ho' 'me/ann/x"', "/wo" "rk/main", "https://registry.npm" "js.org/x"]
    for line in bad:
        assert list(words.problems_of("a.cc", line)), line
    for line in ["// nothing to do", "build/home/x", "$HOME/weir", "https://example.com/work/"]:
        assert not list(words.problems_of("a.cc", line)), line


def test_comments_and_strings_are_removed_with_lines_kept():
    text = 'a /* x\ny */ b "c // d" // e\nR"(f\n"g)" h \'"\' i\n'
    code = tree.without_comments_and_strings(text)
    assert code.count("\n") == text.count("\n")
    assert all(word not in code for word in "xycdefg")
    assert "h" in code and "i" in code


def test_log_lines_finds_a_line_that_nobody_explains():
    text = '''
      log_warning("node", "nobody explains "
                  "this", {{"lane", 3}});
      log_error(name, "this one is explained", {{"error", what()}});
      log_info("node", "this needs nobody");
    '''
    found = list(log_lines.problems_of("src/x.cc", text, "| error `this one is explained` | look |"))
    assert len(found) == 1 and "nobody explains this" in found[0] and "src/x.cc:2" in found[0]
