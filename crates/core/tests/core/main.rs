//! The tests of everything that needs no SDK, no HTTP and no tokio, in one binary.

#![allow(clippy::disallowed_methods, reason = "tests read what they wrote, and ask servers of their own")]

mod assertions;
mod concurrency;
mod cost;
mod cost_at_scale;
mod declared;
mod errors;
mod fixtures;
mod isolation;
mod manifest;
mod planner;
mod planner_scale;
mod properties;
mod quotas;
mod random_plans;
mod rivals;
mod shared_function;
mod test_files;
mod unmodeled;

use std::path::{Path, PathBuf};

#[test]
fn no_test_file_is_forgotten() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    // It counts the allocations of a whole program, and so is one of its own.
    let of_its_own: Vec<PathBuf> = vec![directory.join("growth.rs")];
    assert_eq!(test_files::find_forgotten_files(&directory, Path::new("core/main.rs")), of_its_own);
}
