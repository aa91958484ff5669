#!/usr/bin/env bash
# Measures the pure planner (no network, no files) with 1,000 and 10,000 venues: milliseconds, and how they grow.
#
#     benches/planner.sh
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --release -p deployer-core --test core planner_scale -- --ignored --nocapture
