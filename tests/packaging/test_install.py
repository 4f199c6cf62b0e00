"""The package as dpkg installs it, in a copy of this system: installed, installed over, removed, purged."""
import subprocess
from pathlib import Path

import pytest

from test_package import package, run  # noqa: F401 (a fixture)

IN_A_COPY = Path(__file__).resolve().parent / "in_a_copy.sh"


@pytest.fixture
def in_a_copy(package, tmp_path):  # noqa: F811
    """Runs lines of shell there and returns what they print."""
    def act(script):
        (tmp_path / "script.sh").write_text(script)
        done = subprocess.run(["sh", IN_A_COPY, package, tmp_path / "script.sh"], capture_output=True, text=True, timeout=300,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    (tmp_path / "script.sh").write_text("true\n")
    probe = subprocess.run(["sh", IN_A_COPY, package, tmp_path / "script.sh"], capture_output=True, text=True, timeout=60,
                           check=False)
    if probe.returncode != 0:
        pytest.skip(f"no copy of this system can be made here: {probe.stderr.strip()[-200:]}")
    return act


def test_an_installation_makes_the_user_its_directories_and_a_binary_that_runs(in_a_copy):
    out = in_a_copy("""
dpkg -i /weir.deb >/dev/null
stat -c '%U:%G %a %n' /etc/weir /var/lib/weir
getent passwd weir | cut -d: -f6,7
setpriv --reuid weir --regid weir --clear-groups /usr/bin/weir --version
setpriv --reuid weir --regid weir --clear-groups touch /var/lib/weir/a-file
setpriv --reuid weir --regid weir --clear-groups touch /etc/weir/a-file 2>/dev/null || echo "its configuration is not the user's to change"
""")
    assert "root:weir 750 /etc/weir\nweir:weir 750 /var/lib/weir\n/var/lib/weir:/usr/sbin/nologin\n" in out
    assert "weir 0." in out
    assert "its configuration is not the user's to change" in out


def test_an_upgrade_a_removal_and_a_purge_keep_data_and_configuration(in_a_copy):
    out = in_a_copy("""
dpkg -i /weir.deb >/dev/null
echo mine >/etc/weir/cell.toml
echo records >/var/lib/weir/segment
before=$(id -u weir)
for step in "-i /weir.deb" "--remove weir" "-i /weir.deb" "--purge weir"; do
  dpkg $step >/dev/null 2>&1
  echo "after $step: $(cat /etc/weir/cell.toml) $(cat /var/lib/weir/segment) $(stat -c %a /etc/weir) $([ "$(id -u weir)" = "$before" ] && echo same)"
  if [ -e /usr/bin/weir ]; then echo there; else echo gone; fi
done
""")
    steps = ("-i /weir.deb", "--remove weir", "-i /weir.deb", "--purge weir")
    for step, binary in zip(steps, ("there", "gone", "there", "gone")):
        assert f"after {step}: mine records 750 same\n{binary}\n" in out, out
