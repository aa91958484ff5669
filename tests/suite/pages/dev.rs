//! The page of `deployer dev` in a browser.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::expect_accessible;
use crate::browser::Browser;
use crate::dev_process::DevProcess;

/// The page, once it shows the first runs.
fn open_dev(dev: &mut DevProcess) -> Browser {
    let mut awaited = BTreeSet::from(["venue-a", "venue-b"]);
    while !awaited.is_empty() {
        let run = dev.next_line("run", |_| true);
        awaited.remove(run["venue"].as_str().expect("a name"));
    }
    let mut browser = Browser::start();
    browser.resize(1280, 1000);
    browser.open_page(dev.address("page"));
    browser.wait_until("document.querySelectorAll('#rows tr').length > 60");
    browser
}

/// The clock is at the end of the title's line, however wide the window is; the addresses have a line of their own if they must.
fn expect_clock_beside_title(browser: &mut Browser) {
    for width in [660, 960, 1000, 1260, 1261, 1440] {
        browser.resize(width, 1000);
        let beside = browser.evaluate(
            "{ const [title, clock, top] =
                 ['.title', '.clock', '.top'].map((name) => document.querySelector(name).getBoundingClientRect());
               clock.top < title.bottom && Math.abs(clock.right - top.right) < 1 }",
        );
        assert_eq!((beside, browser.overflow()), (json!(true), 0), "{width} px");
    }
    browser.resize(1280, 1000);
}

/// The element with the focus.
const FOCUSED: &str = "document.activeElement";

#[tokio::test]
#[cfg_attr(browser_off, ignore = "there is no Chromium, or DEPLOYER_TEST_SERVERS=off")]
async fn a_fault_is_seen_and_mended_by_keyboard_alone() {
    let mut dev = DevProcess::start_dev(&["--every", "1h"]);
    let mut browser = open_dev(&mut dev);
    browser.take_picture("dev");
    expect_clock_beside_title(&mut browser);

    // Switch the fault on.
    browser.evaluate("document.querySelector('.faults summary').focus()");
    browser.press_key("Enter");
    browser.evaluate("document.querySelector('[aria-describedby=fault-answer_lost]').focus()");
    browser.press_key(" ");
    browser.wait_until(
        "document.querySelector('.notice.fault')?.textContent.includes('Leads are created, but nobody hears')",
    );

    // Add a contact; HubSpot refuses it first, beside the field.
    browser.evaluate("document.getElementById('new-contact').focus()");
    browser.press_key("Enter");
    browser.type_text("Grace");
    browser.evaluate("document.querySelector('[name=phone]').focus()");
    browser.type_text("555-0142");
    browser.evaluate("document.querySelector('[name=lastname]').focus()");
    browser.type_text("Hopper");
    browser.evaluate("document.querySelector('[name=email]').focus()");
    browser.type_text("grace");
    browser.press_key("Enter");
    browser.wait_until("document.querySelector('.field .problem')?.textContent === 'Email address grace is invalid'");
    assert_eq!(browser.text("document.activeElement.name"), "email", "the focus is where the mistake is");
    expect_accessible(&mut browser, "dev-form");
    browser.type_text("@example.com");
    browser.evaluate("document.querySelector('[name=venues][value=venue-b]').click()");
    browser.press_key("Enter");
    let row = "[...document.querySelectorAll('#rows tr')].find((row) => row.textContent.includes('Grace Hopper'))";
    browser.wait_until(&format!("{row}?.textContent.includes('The next run will send it')"));

    // Its reason is read in full, in the table and in the details.
    let run = dev.sync_venue("venue-b").await;
    assert_eq!(run["needs_review"], 1, "{run}");
    browser.wait_until(&format!("{row}?.querySelector('.chip.review')"));
    let chip = format!("{row}.querySelector('.chip.review')");
    let reason = browser.text(&format!("{chip}.textContent"));
    assert!(reason.starts_with("needs review: "), "{reason}");
    let cut = browser.evaluate(&format!("{chip}.scrollWidth > {chip}.clientWidth + 1"));
    assert_eq!(cut, json!(false), "{reason} is shown whole");
    browser.evaluate(&format!("{row}.querySelector('button.name').focus()"));
    browser.press_key("Enter");
    browser.wait_until("document.getElementById('details').open");
    let details = browser.text("document.getElementById('details-body').textContent");
    let reason = reason.trim_start_matches("needs review: ");
    for words in ["Ledger", "History", "Status: sending", "by a run from this page", "by staff or an import", reason] {
        assert!(details.contains(words), "{words}: {details}");
    }
    expect_accessible(&mut browser, "dev-details");
    browser.press_key("Escape");
    browser.wait_until("!document.getElementById('details').open");
    assert_eq!(browser.text(&format!("{FOCUSED}.textContent")), "Grace Hopper", "the focus returns");

    // Off again: the next contact becomes a lead.
    browser.evaluate("document.querySelector('.notice.fault button').focus()");
    browser.press_key("Enter");
    browser.wait_until("!document.querySelector('.notice.fault')");
    dev.add_contact("ada@example.com", &["venue-b"]).await;
    assert_eq!(dev.sync_venue("venue-b").await["synced"], 1);
}

#[tokio::test]
#[cfg_attr(browser_off, ignore = "there is no Chromium, or DEPLOYER_TEST_SERVERS=off")]
async fn the_page_is_accessible_in_every_state() {
    let mut dev = DevProcess::start_dev(&["--every", "3s"]);
    let mut browser = open_dev(&mut dev);
    for key in ["tripleseat_down", "search_lag"] {
        let (status, answer) = dev.post_json(&format!("/api/faults/{key}"), &json!({ "on": true })).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(dev.post_json("/api/faults/moon", &json!({ "on": true })).await.0, 422);
    let before = "[venues.venue-a]";
    let edit = dev.edit_manifest(before, &format!("[alarms]\n\n{before}"));
    assert_eq!(edit["outcome"], "applied", "{edit}");
    // A contact that needs review raises an alarm within minutes, which take two seconds here.
    dev.add_contact("alarm@example.com", &["venue-b"]).await;
    dev.next_line("alarm", |message| message["venue"] == "venue-b" && message["raised"] == true);
    browser.wait_until("document.querySelector('.venue .alarm[data-state=raised]')");
    browser.evaluate("document.querySelector('#alarms details').open = true");
    browser.wait_until("document.querySelector('#alarm-messages .raised')");
    expect_accessible(&mut browser, "dev-alarms");
    let edit = dev.edit_manifest("display_name = \"Venue A\"", "display_name = 7");
    assert_eq!(edit["outcome"], "rejected");
    browser.evaluate("for (const details of document.querySelectorAll('.faults details')) details.open = true");
    browser.wait_until("document.querySelectorAll('.notice').length === 3");
    browser.wait_until("document.querySelector('.run')");
    browser.evaluate("document.querySelector('.run summary').click()");
    expect_accessible(&mut browser, "dev-disturbed");

    // What a paused and a blocked venue do with a flag.
    let tips =
        browser.text("[...document.querySelectorAll('.chip.waiting')].map((chip) => chip.dataset.tip).join('\\n')");
    for words in [
        "Venue C is paused: its rule doesn't fire. “Run now” sends it.",
        "Marina is blocked, so nothing sends it: The platform",
    ] {
        assert!(tips.contains(words), "{tips}");
    }
}

#[tokio::test]
#[cfg_attr(browser_off, ignore = "there is no Chromium, or DEPLOYER_TEST_SERVERS=off")]
async fn tab_reaches_every_control_and_shows_where_it_is() {
    let mut dev = DevProcess::start_dev(&["--every", "1h"]);
    let mut browser = open_dev(&mut dev);
    browser.evaluate("document.querySelector('.faults summary').click()");
    browser.evaluate(
        "{ const search = document.getElementById('search'); search.value = 'silva'; search.dispatchEvent(new Event('input', { bubbles: true })); }",
    );
    browser.wait_until("document.querySelectorAll('#rows tr').length < 5");
    browser.evaluate(
        "window.controls = [...document.querySelectorAll('a, button, input, select, textarea, summary')]
            .filter((control) => control.checkVisibility() && !control.closest('dialog'));
         window.seen = new Set(); document.activeElement.blur(); window.scrollTo(0, 0)",
    );
    let count = browser.evaluate("controls.length").as_u64().expect("a number");
    assert!(count > 20, "{count}");
    let mut unseen = Vec::<Value>::new();
    // The regions that scroll take the focus too.
    for _ in 0..count + 20 {
        browser.press_key("Tab");
        // The outline of a filter is around its text.
        let blind = browser.evaluate(
            "{ const at = document.activeElement; seen.add(at);
               const outlined = (node) => node && getComputedStyle(node).outlineStyle !== 'none';
               at === document.body || outlined(at) || outlined(at.nextElementSibling) ? null : at.outerHTML }",
        );
        unseen.extend(Some(blind).filter(|blind| !blind.is_null()));
    }
    assert_eq!(unseen, Vec::<Value>::new(), "the focus is visible");
    // Of a group of radio buttons, Tab reaches the chosen one, and arrow keys the others.
    let missed = browser.evaluate(
        "controls.filter((control) => control.isConnected && !seen.has(control) && !(control.type === 'radio' && !control.checked))
            .map((control) => control.outerHTML)",
    );
    assert_eq!(missed, json!([]));
}
