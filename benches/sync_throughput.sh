#!/usr/bin/env bash
# Measures leads per second at Tripleseat's limit compared with a naive loop, the number of 429 responses, and the
# memory of the bootstrap, against the sandboxes at 60 ms (HubSpot) and 120 ms (Tripleseat). Takes about six minutes.
#
#     benches/sync_throughput.sh [BOOTSTRAP]
#
# BOOTSTRAP is the executable to measure, such as target/release/bootstrap. The default is a new debug build.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
    SYNC_BENCH_BOOTSTRAP=$(realpath "$1")
    export SYNC_BENCH_BOOTSTRAP
fi
exec cargo test --test suite sync::throughput -- --ignored --nocapture
