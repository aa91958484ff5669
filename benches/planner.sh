#!/usr/bin/env bash
# Measures the pure planner (no network, no files) with 1,000 and 10,000 venues: milliseconds, and how they grow. Builds
# `deployer-core` alone.
#
#     benches/planner.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --release --quiet -p deployer-core --example planner
