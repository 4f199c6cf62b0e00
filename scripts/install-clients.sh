#!/usr/bin/env bash
# Installs the client libraries that the tests (and the bench) drive the server with, into build/clients.
# Does nothing when they are there already; what is there is remembered by the contents of the lists.
set -euo pipefail
cd "$(dirname "$0")/.."

install_python() {
  local list=tests/conformance/requirements.txt place=build/clients/python
  cmp -s "$list" "$place/installed.txt" && return
  rm -rf "$place"
  mkdir -p build/clients
  python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check -r "$list"
  cp "$list" "$place/installed.txt"
}

# install_node FOLDER PLACE: FOLDER has package.json and package-lock.json.
install_node() {
  local folder=$1 place=$2
  cmp -s "$folder/package-lock.json" "$place/installed.json" && return
  rm -rf "$place"
  mkdir -p "$place"
  cp "$folder/package.json" "$folder/package-lock.json" "$place/"
  npm ci --prefix "$place" --silent --no-audit --no-fund --no-update-notifier
  cp "$folder/package-lock.json" "$place/installed.json"
}

for set in "${@:-tests}"; do
  case $set in
    tests)
      install_python
      install_node tests/conformance/javascript build/clients/javascript
      ;;
    bench) install_node bench/rivals build/clients/rivals ;;
    *) echo "unknown set of clients: $set" >&2; exit 2 ;;
  esac
done
