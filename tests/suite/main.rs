//! All integration tests, in one binary because every binary links the AWS clients again.

#![allow(clippy::disallowed_methods, reason = "tests read what they wrote, and ask servers of their own")]

mod adopt;
mod alarms;
mod artifact;
#[path = "../../crates/core/tests/core/assertions.rs"]
mod assertions;
mod audit;
mod audit_page;
mod bench;
mod bounded;
mod browser;
mod canaries;
mod chats;
mod cloud;
mod cloud_code;
mod cloud_services;
mod clouds;
mod concurrency;
mod conformance;
mod connect;
mod declared;
mod decommission;
mod dev;
mod dev_alarms;
mod dev_page;
mod dev_process;
mod digests;
mod doctor;
mod dotenv;
mod drift;
mod drift_members;
mod duplicates;
mod errors;
#[allow(dead_code, reason = "the tests of deployer-core use the rest")]
#[path = "../../crates/core/tests/core/fixtures.rs"]
mod fixtures;
mod formats;
mod fuzzing;
mod growth;
mod guards;
mod guides;
mod hanging;
mod identity;
mod installed;
mod isolation;
mod local;
mod lock;
mod manifests;
mod moved;
mod network;
mod on_terminal;
mod pages;
mod permissions;
mod pipelines;
mod plan_notes;
mod plan_text;
mod processes;
mod properties;
mod quotas;
mod real_cloud;
mod refresh;
mod rendered;
mod retry;
mod rivals;
mod roles;
mod rule_roles;
mod runtime;
mod sample;
mod sandbox;
mod saved_plans;
mod scenarios;
mod schedules;
mod schemas;
mod sdk;
mod secret_commands;
mod servers;
mod shipped;
mod status;
mod stories;
mod sync;
mod terminal;
#[path = "../../crates/core/tests/core/test_files.rs"]
mod test_files;
mod unreadable;
mod venues;
mod verify;
mod versions;
mod wire;
mod world;

use std::path::{Path, PathBuf};

#[test]
fn no_test_file_is_forgotten() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert_eq!(test_files::find_forgotten_files(&directory, Path::new("suite/main.rs")), Vec::<PathBuf>::new());
}
