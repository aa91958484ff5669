#!/usr/bin/env bash
# Leads a second at Tripleseat's limit beside a naive loop, answers of 429, and the memory of the bootstrap, against the
# sandboxes at 60 ms (HubSpot) and 120 ms (Tripleseat). About six minutes.
#
#     benches/sync_throughput.sh [BOOTSTRAP]
#
# BOOTSTRAP is an executable to measure, such as target/release/bootstrap; without one a debug build is made.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
    SYNC_BENCH_BOOTSTRAP=$(realpath "$1")
    export SYNC_BENCH_BOOTSTRAP
fi
exec cargo test --test suite sync::throughput -- --ignored --nocapture
