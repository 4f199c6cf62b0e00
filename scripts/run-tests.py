#!/usr/bin/env python3
"""Runs suites of tests, keeps their logs in build/test-logs, and ends with one line: `N passed, M failed`.

Suites: checks, conformance, kill, unit, asan, tsan, fuzz, lint; `all` is the set that continuous integration runs.
"""
import argparse
import base64
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
PYTHON = ROOT / "build" / "clients" / "python" / "bin" / "python"
CORES = os.cpu_count() or 1
TEST_PROGRAM_TIMEOUT_S = 900
PYTHON_SUITE_TIMEOUT_S = 1500
FINDING_BYTES_MAX = 16384

# The fuzz targets are part of the asan build: one build serves both.
ALL = ["checks", "conformance", "package", "kill", "fleet", "asan", "fuzz", "tsan"]

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:"
                    "abort_on_error=0:allocator_may_return_null=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/tsan-suppressions.txt",
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
}


@dataclass
class Outcome:
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)


def say(text):
    print(text, flush=True)


def run_logged(command, log, timeout_s, environment=None):
    """The exit code, or None when the time ran out. All output goes to the log."""
    with open(log, "wb") as out:
        try:
            return subprocess.run([str(word) for word in command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=timeout_s,
                                  env={**os.environ, **(environment or {})}, check=False).returncode
        except subprocess.TimeoutExpired:
            return None


def log_tail(log, lines=40):
    text = log.read_text(errors="replace").splitlines()
    return "\n".join("    | " + line for line in text[-lines:])


def build(preset, targets=()):
    log = LOGS / f"build-{preset}.log"
    started = time.monotonic()
    code = run_logged(["scripts/build.sh", preset, *targets], log, None)
    outcome = Outcome(f"build {preset}")
    if code != 0:
        outcome.fail(f"build {preset} failed ({log.relative_to(ROOT)})\n{log_tail(log)}")
    say(f"build {preset}: {'ok' if code == 0 else 'FAILED'}, {time.monotonic() - started:.0f} s")
    return outcome


def gist(text, lines_max=25):
    """What a person wants of a failed test's text: pytest's own lines of what went wrong and where, or the last ones."""
    lines = text.strip().splitlines()
    said = [line for line in lines if line.startswith("E  ")]
    return [*said[:lines_max - 1], lines[-1]] if said else lines[-lines_max:]


def read_junit(path, name):
    """Counts of a JUnit XML file; None when the file is missing or cut off, as after a crash."""
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):
        return None
    outcome = Outcome(name)
    for case in tree.iter("testcase"):
        title = f"{name}: {case.get('classname')}.{case.get('name')}"
        problems = case.findall("failure") + case.findall("error")
        if problems:
            text = gist(problems[0].text or problems[0].get("message") or "no text")
            outcome.fail(title + "\n" + "\n".join("    | " + line for line in text))
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            outcome.skipped += 1
        else:
            outcome.passed += 1
    return outcome


def run_with_junit(name, command, xml, timeout_s, environment=None):
    log = LOGS / f"{name.replace(' ', '-')}.log"
    xml.unlink(missing_ok=True)
    code = run_logged(command, log, timeout_s, environment)
    outcome = read_junit(xml, name) or Outcome(name)
    if code != 0 and outcome.failed == 0:
        reason = "ran out of time" if code is None else f"exit code {code}"
        outcome.fail(f"{name}: {reason} ({log.relative_to(ROOT)})\n{log_tail(log)}")
    if code == 0 and outcome.passed + outcome.failed + outcome.skipped == 0:
        outcome.fail(f"{name}: ran no test ({log.relative_to(ROOT)})")
    return outcome


def expected_test_programs():
    """Folders of tests/ with *_test.cc each make one program; support/ is linked into each of them."""
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("*_test.cc")}
    return sorted(f"test_{folder}" for folder in folders - {"support"})


def unit_suite(preset):
    outcome = build(preset)
    if outcome.failed:
        return outcome

    def one(program):
        path = ROOT / "build" / preset / "tests" / program
        name = f"{preset} {program}"
        if not path.exists():
            missing = Outcome(name)
            missing.fail(f"{name}: not built")
            return missing
        xml = LOGS / f"{preset}-{program}.xml"
        started = time.monotonic()
        result = run_with_junit(name, [path, f"--gtest_output=xml:{xml}", "--gtest_brief=1"], xml,
                                TEST_PROGRAM_TIMEOUT_S, SANITIZER_ENVIRONMENT)
        say(f"  {name}: {result.passed} passed, {result.failed} failed, {time.monotonic() - started:.1f} s")
        return result

    with ThreadPoolExecutor(CORES) as pool:
        for result in pool.map(one, expected_test_programs()):
            outcome.add(result)
    return outcome


def fuzz_finding(log, artifacts):
    """The frames of ours in the log, and the inputs themselves: a finding seen on another machine can be had again."""
    said = [line.strip() for line in log.read_text(errors="replace").splitlines()
            if "ERROR:" in line or "runtime error:" in line or "SUMMARY:" in line
            or (line.lstrip().startswith("#") and ("/src/" in line or "/tests/fuzz/" in line))]
    for artifact in artifacts:
        said.append(f"{artifact.name} in base64: {base64.b64encode(artifact.read_bytes()[:FINDING_BYTES_MAX]).decode()}")
    return "\n".join("    | " + line for line in said[-20:])


def fuzz_one(target, seconds):
    name = target.name
    corpus = ROOT / "tests" / "fuzz" / "corpus" / name.removeprefix("fuzz_")
    found = LOGS / f"{name}-corpus"
    found.mkdir(parents=True, exist_ok=True)
    dictionary = ROOT / "tests" / "fuzz" / "corpus" / f"{name.removeprefix('fuzz_')}.dict"
    command = [target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={LOGS}/{name}-", found]
    if corpus.is_dir():
        command.append(corpus)
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    log = LOGS / f"{name}.log"
    outcome = Outcome(name)
    started = time.time()
    code = run_logged(command, log, seconds + 120, SANITIZER_ENVIRONMENT)
    if code == 0:
        outcome.passed = 1
    else:
        artifacts = [path for path in LOGS.glob(f"{name}-*") if path.is_file() and path.stat().st_mtime >= started]
        outcome.fail(f"{name}: a finding ({log.relative_to(ROOT)})\n{fuzz_finding(log, artifacts) or log_tail(log)}")
    say(f"  {name}: {'no finding' if code == 0 else 'FINDING'} in {seconds} s")
    return outcome


def fuzz_suite(seconds):
    outcome = build("asan")
    if outcome.failed:
        return outcome
    sources = sorted((ROOT / "tests" / "fuzz").glob("*_fuzz.cc")) + sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.cc"))
    folder = ROOT / "build" / "asan" / "tests" / "fuzz"
    targets = sorted(path for path in folder.glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))
    if len(targets) < len(sources) or not targets:
        outcome.fail(f"fuzz: {len(sources)} sources but {len(targets)} programs in {folder.relative_to(ROOT)}")
    with ThreadPoolExecutor(CORES) as pool:
        for result in pool.map(lambda target: fuzz_one(target, seconds), targets):
            outcome.add(result)
    return outcome


def pytest_suite(name, folder, needs_binary):
    outcome = build("release") if needs_binary else Outcome(name)
    if outcome.failed:
        return outcome
    xml = LOGS / f"{name}.xml"
    started = time.monotonic()
    result = run_with_junit(name, [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={xml}", folder],
                            xml, PYTHON_SUITE_TIMEOUT_S)
    say(f"  {name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped, "
        f"{time.monotonic() - started:.1f} s")
    outcome.add(result)
    return outcome


def fleet_suite():
    started = time.time()
    outcome = build("bench", ["weir-bench"])  # sends the load of some drills
    if outcome.failed:
        return outcome
    outcome.add(pytest_suite("fleet", "tests/fleet", needs_binary=True))
    if outcome.failed:
        # What the drills measured until they failed, and the gravest of what the processes said meanwhile.
        for kind in ("txt", "words"):
            for path in sorted((LOGS / "drills").glob(f"*.{kind}")):
                text = path.read_text(errors="replace")
                if path.stat().st_mtime >= started and (kind == "words" or "FAILED" in text.split("\n", 1)[0]):
                    outcome.notes.append(f"{path.name}:\n" + "\n".join("    | " + line for line in text.splitlines()[-60:]))
    return outcome


def kill_suite(cycles):
    outcome = build("release")
    if outcome.failed:
        return outcome
    xml = LOGS / "kill.xml"
    result = run_with_junit("kill", [PYTHON, "tests/durability/kill_test.py", "--cycles", cycles, "--junit", xml], xml,
                            300 + 30 * cycles)
    figures = (LOGS / "kill.log").read_text(errors="replace").strip().splitlines()[-1:]
    say(f"  kill -9: {result.passed} passed, {result.failed} failed. {' '.join(figures)}")
    outcome.add(result)
    outcome.add(pytest_suite("kill-selftest", "tests/durability", needs_binary=False))
    return outcome


def simulate_suite(seeds):
    """Crashes at every boundary, and whole back ends under faults, for so many seeds. Optimised, with all assertions."""
    outcome = build("simulation", ["test_journal", "test_simulation"])
    if outcome.failed:
        return outcome

    def one(job):
        program, tests = job
        name = f"simulate {tests}"
        xml = LOGS / f"simulate-{program}.xml"
        started = time.monotonic()
        result = run_with_junit(name, [ROOT / "build" / "simulation" / "tests" / program, f"--gtest_filter={tests}",
                                       f"--gtest_output=xml:{xml}", "--gtest_brief=1"],
                                xml, 600 + 30 * seeds, {"WEIR_SEEDS": str(seeds)})
        say(f"  {name}: {seeds} seeds each, {result.passed} passed, {result.failed} failed, "
            f"{time.monotonic() - started:.0f} s")
        return result

    with ThreadPoolExecutor(CORES) as pool:
        for result in pool.map(one, [("test_journal", "JournalCrash.*"), ("test_simulation", "*")]):
            outcome.add(result)
    return outcome


def lint_suite():
    outcome = Outcome("lint")
    log = LOGS / "lint.log"
    outcome.add(build("debug", ["weir_directory_records", "weir_cell_rpc"]))  # generated headers
    if outcome.failed:
        return outcome
    if run_logged(["scripts/lint.py"], log, None) != 0:
        outcome.fail(f"lint: findings ({log.relative_to(ROOT)})\n{log_tail(log)}")
    else:
        outcome.passed = 1
    return outcome


def run_suite(suite, options):
    runners = {
        "lint": lint_suite,
        "checks": lambda: pytest_suite("checks", "tests/checks", needs_binary=True),
        "conformance": lambda: pytest_suite("conformance", "tests/conformance", needs_binary=True),
        "package": lambda: pytest_suite("package", "tests/packaging", needs_binary=True),
        "kill": lambda: kill_suite(options.cycles),
        "fleet": fleet_suite,
        "unit": lambda: unit_suite("debug"),
        "simulate": lambda: simulate_suite(options.seeds),
        "asan": lambda: unit_suite("asan"),
        "tsan": lambda: unit_suite("tsan"),
        "fuzz": lambda: fuzz_suite(options.seconds),
    }
    say(f"== {suite}")
    return runners[suite]()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="+", choices=["all", *ALL, "unit", "lint", "simulate"])
    parser.add_argument("--cycles", type=int, default=10, help="kill -9 cycles")
    parser.add_argument("--seeds", type=int, default=1000, help="seeds of each simulated test")
    parser.add_argument("--seconds", type=int, default=60, help="time of each fuzz target")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    suites = []
    for suite in options.suites:
        suites += ALL if suite == "all" else [suite]
    total = Outcome("all")
    started = time.monotonic()
    for suite in suites:
        total.add(run_suite(suite, options))
    for note in total.notes:
        say(f"FAILED {note}")
    say(f"in {time.monotonic() - started:.0f} s; logs in {LOGS.relative_to(ROOT)}")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    say(f"{total.passed} passed, {total.failed} failed{skipped}")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
