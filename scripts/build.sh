#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures build/PRESET when needed and builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift

[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
cmake --build "build/$preset" --target "${@:-all}"
