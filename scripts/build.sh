#!/usr/bin/env bash
# build.sh [--configure-only] PRESET [TARGET...]: configures build/PRESET when needed and builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

configure_only=0
if [ "${1-}" = --configure-only ]; then
  configure_only=1
  shift
fi
preset=$1
shift

[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
[ $configure_only = 1 ] || cmake --build "build/$preset" --target "${@:-all}"
