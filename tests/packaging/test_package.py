"""The Debian package: what is in it, and that the binary in it runs."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release"


def run(*command, **more):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    for program in ("dpkg-deb", "dpkg-shlibdeps"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    out = tmp_path_factory.mktemp("package")
    run("cpack", "--config", RELEASE / "CPackConfig.cmake", "-B", out, cwd=RELEASE)
    found = list(out.glob("weir_*.deb"))
    assert len(found) == 1, list(out.iterdir())
    return found[0]


@pytest.fixture(scope="module")
def root(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    run("dpkg-deb", "-x", package, folder)
    return folder


def field(package, name):
    return run("dpkg-deb", "-f", package, name).strip()


def test_the_package_says_what_it_is_and_needs(package):
    assert field(package, "Package") == "weir"
    version = run(RELEASE / "weir", "--version").split()[-1]
    assert field(package, "Version") == version
    needs = field(package, "Depends")
    for library in ("libc6", "libssl3", "libstdc++6", "librados2", "adduser"):
        assert library in needs, needs


def test_the_package_has_the_binary_units_examples_and_the_runbook(package):
    paths = {line.split()[-1] for line in run("dpkg-deb", "-c", package).splitlines()}
    for role in ("directory", "cell", "frontend"):
        assert f"./lib/systemd/system/weir-{role}.service" in paths
        assert f"./usr/share/doc/weir/examples/{role}.toml" in paths
    assert "./usr/bin/weir" in paths
    assert "./usr/share/doc/weir/operations.md" in paths
    assert "./etc/weir/" in paths
    assert not [path for path in paths if path.startswith("./etc/weir/") and path != "./etc/weir/"], "an operator's files are his"
    assert not [path for path in paths if str(ROOT) in path]


def test_the_package_makes_its_user_and_starts_nothing(package, tmp_path):
    run("dpkg-deb", "-e", package, tmp_path / "control")
    scripts = {path.name: path for path in (tmp_path / "control").iterdir()}
    for name in ("postinst", "prerm", "postrm"):
        assert os.access(scripts[name], os.X_OK)
        run("sh", "-n", scripts[name])
    postinst = scripts["postinst"].read_text()
    assert "adduser --system --group" in postinst
    assert "systemctl enable" not in postinst and "systemctl start" not in postinst


def test_the_binary_of_the_package_runs(root):
    binary = root / "usr" / "bin" / "weir"
    assert run(binary, "--version") == run(RELEASE / "weir", "--version")
    assert "Suggested" not in run(binary, "--help")


def test_units_name_what_the_package_has(root):
    for role in ("directory", "cell", "frontend"):
        unit = (root / "lib" / "systemd" / "system" / f"weir-{role}.service").read_text()
        assert f"ExecStart=/usr/bin/weir {role} --config /etc/weir/{role}.toml" in unit
        assert "Documentation=file:///usr/share/doc/weir/operations.md" in unit


def test_examples_hold_settings_that_there_are(root, tmp_path):
    """Each starts as far as it can without the files that it names."""
    binary = root / "usr" / "bin" / "weir"
    for role in ("directory", "cell", "frontend"):
        example = root / "usr" / "share" / "doc" / "weir" / "examples" / f"{role}.toml"
        outcome = subprocess.run([binary, role, "--config", example, "--data-dir", tmp_path / role, "--set",
                                  "server.admin_port=0"], capture_output=True, text=True, timeout=60, check=False)
        assert outcome.returncode == 1, outcome.stderr
        assert "/etc/weir/" in outcome.stderr and "unknown" not in outcome.stderr, outcome.stderr
