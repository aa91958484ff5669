//! The pages that commands write: plan, report, audit, and duplicates.

use deployer::render::{audit_html, plan_html, report_html};

use super::expect_accessible;
use crate::audit_page::accounts::story_audit;
use crate::browser::Browser;
use crate::duplicates::reports::messy_account;
use crate::formats::full_plan;
use crate::status::full_overview;

/// Opens each page, with all its details, and checks it.
fn check_document(browser: &mut Browser, name: &str, html: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let path = directory.path().join("page.html");
    std::fs::write(&path, html).expect("it can be written");
    browser.open_page(&format!("file://{}", path.display()));
    browser.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    expect_accessible(browser, name);
    let unreached = browser.evaluate(
        "[...document.querySelectorAll('a, button, input, select, summary')]
            .filter((control) => control.checkVisibility() && control.tabIndex < 0).map((control) => control.outerHTML)",
    );
    assert_eq!(unreached, serde_json::json!([]), "{name}: every control can be reached by keyboard");
}

#[test]
#[cfg_attr(browser_off, ignore = "there is no Chromium, or DEPLOYER_TEST_SERVERS=off")]
fn written_pages_are_accessible() {
    let mut browser = Browser::start();
    let (plan, cost) = full_plan();
    check_document(&mut browser, "plan", &plan_html(&plan, Some(&cost)));
    check_document(&mut browser, "report", &report_html(&full_overview()));
    check_document(&mut browser, "audit", &audit_html(&story_audit()));
}

#[test]
#[cfg_attr(browser_off, ignore = "there is no Chromium, or DEPLOYER_TEST_SERVERS=off")]
fn the_page_of_duplicates_is_accessible() {
    let account = messy_account();
    let (code, printed) = account.run_duplicates(&["--fee", "500"]);
    assert_eq!(code, 0, "{printed}");
    check_document(&mut Browser::start(), "duplicates", &account.read_report("html"));
}
