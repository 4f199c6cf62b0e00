#!/usr/bin/env bash
# Installs the Debian packages named in the given lists (default: what a build needs) that are not installed yet.
# Does nothing, and asks for no rights, when all are there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lists=("$@")
[ ${#lists[@]} -gt 0 ] || lists=(dependencies)

installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' | awk '$2 == "installed" {print $1}')
missing=()
for list in "${lists[@]}"; do
  while read -r package command _; do
    case $package in '' | '#'*) continue ;; esac
    if [ -n "$command" ] && PATH=$PATH:/usr/sbin command -v "$command" >/dev/null; then continue; fi
    grep -qx -- "$package" <<<"$installed" || missing+=("$package")
  done <"$here/$list.txt"
done
[ ${#missing[@]} -gt 0 ] || exit 0

run_as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Run as root, or install by hand: ${missing[*]}" >&2; exit 1; }
  run_as_root=(sudo)
fi
echo "Installing: ${missing[*]}" >&2
"${run_as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${run_as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
