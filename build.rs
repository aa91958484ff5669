//! Lets tests that need moto, ministack or a browser be ignored, which a test can't decide when it runs.

use std::env;

/// What Chromium is called. `tests/servers/browser_tools.py` looks for the same.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Sets `servers_off` if `DEPLOYER_TEST_SERVERS` is `off`. Never in continuous integration, where nobody would notice
/// that tests are ignored. Sets `browser_off` with it, and where this machine has no Chromium: `.ci/run` installs it where it may.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEPLOYER_TEST_SERVERS");
    println!("cargo::rerun-if-env-changed=CI");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=DEPLOYER_CHROMIUM");
    println!("cargo::rustc-check-cfg=cfg(servers_off)");
    println!("cargo::rustc-check-cfg=cfg(browser_off)");
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    let servers_off = !in_ci && env::var("DEPLOYER_TEST_SERVERS").is_ok_and(|value| value == "off");
    if servers_off {
        println!("cargo::rustc-cfg=servers_off");
    }
    if servers_off || !has_browser() {
        println!("cargo::rustc-cfg=browser_off");
    }
}

fn has_browser() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&path).any(|directory| BROWSERS.iter().any(|name| directory.join(name).is_file()));
    installed || env::var_os("DEPLOYER_CHROMIUM").is_some()
}
