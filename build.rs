//! Lets tests that need moto or ministack be ignored, which a test can't decide when it runs.

use std::env;

/// Sets `servers_off` if `DEPLOYER_TEST_SERVERS` is `off`. Never in continuous integration, where nobody would notice
/// that tests are ignored.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEPLOYER_TEST_SERVERS");
    println!("cargo::rerun-if-env-changed=CI");
    println!("cargo::rustc-check-cfg=cfg(servers_off)");
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    if !in_ci && env::var("DEPLOYER_TEST_SERVERS").is_ok_and(|value| value == "off") {
        println!("cargo::rustc-cfg=servers_off");
    }
}
