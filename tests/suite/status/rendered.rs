//! The status and the report in every format, and that nothing in them can break out of the format.

use deployer::render::{JsonLines, StatusLook, report_html, report_markdown, status_text};
use deployer_core::manifest::Blocker;
use deployer_core::resource::Observed;
use deployer_health::status::{ContactCounts, Overview, RunFailure};
use serde_json::Value;

use super::full_overview;
use crate::formats::{HOSTILE, body_lines, count_cells, has_markup, remove_escapes, tag_names};

/// A terminal of the usual width.
const LOOK: StatusLook = StatusLook { width: 80, unicode: true, details: false };

#[test]
fn status_as_text() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&status_text(&full_overview(), &LOOK)));
}

#[test]
fn status_of_named_venues_as_text() {
    let look = StatusLook { details: true, ..LOOK };
    insta::assert_snapshot!(anstream::adapter::strip_str(&status_text(&full_overview(), &look)));
}

#[test]
fn report_as_a_page() {
    insta::assert_snapshot!(body_lines(&report_html(&full_overview())));
}

#[test]
fn report_as_markdown() {
    insta::assert_snapshot!(report_markdown(&full_overview()));
}

#[test]
fn report_as_json_lines() {
    let text = JsonLines::status_lines(&full_overview());
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let kinds = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((kinds("status"), kinds("venue_status"), kinds("attention"), kinds("unreadable")), (1, 7, 8, 2));
    let standings: Vec<_> = lines.iter().filter_map(|line| line["standing"].as_str()).collect();
    assert_eq!(standings, ["running", "failing", "paused", "blocked", "not_deployed", "pending", "unknown"]);
    assert_eq!(lines[1]["runs"]["present"]["last"]["synced"], 3);
    assert_eq!(lines[4]["blocker"]["age_days"], 51);
    assert_eq!(lines[5]["runs"], "absent");
    assert!(lines[7]["function"]["unreadable"].as_str().is_some_and(|why| why.contains("AccessDenied")), "{text}");
}

/// An overview in which every text from outside is `text`.
fn hostile_overview(text: &str) -> Overview {
    let mut overview = full_overview();
    text.clone_into(&mut overview.deployment);
    for status in &mut overview.venues {
        text.clone_into(&mut status.venue.display_name);
        if status.venue.blocker.is_some() {
            let text = text.to_owned();
            let since = Some(text.clone());
            let blocker = Blocker { reason: text.clone(), owner: Some(text.clone()), next_step: Some(text), since };
            status.venue.blocker = Some(blocker);
        }
        if let Observed::Present(runs) = &mut status.runs {
            for run in [&mut runs.last, &mut runs.last_good].into_iter().flatten() {
                run.error = Some(RunFailure { kind: text.to_owned(), message: text.to_owned() });
            }
        }
        status.contacts = ContactCounts::Unreadable(text.to_owned());
        if let Observed::Present(rule) = &mut status.rule {
            text.clone_into(&mut rule.schedule);
        }
    }
    for attention in &mut overview.attention {
        text.clone_into(&mut attention.what);
    }
    overview
}

/// Tags without the titles of shortened texts.
fn element_names(html: &str) -> Vec<String> {
    tag_names(html).into_iter().filter(|tag| tag != "title" && tag != "/title").collect()
}

#[test]
fn escapes_hostile_text_in_the_page() {
    let expected = element_names(&report_html(&hostile_overview("plain")));
    for text in HOSTILE {
        let html = report_html(&hostile_overview(text));
        assert_eq!(element_names(&html), expected, "{text:?} must not add an element");
        assert!(!html.contains("\" onload="), "{text:?} must not end an attribute");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()), "{text:?} must not add a control character");
        assert!(!html.contains('\u{202e}'), "{text:?} must not reverse text");
    }
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let html = report_html(&full_overview());
    for word in ["src=", "href", "url(", "@import", "<script", "<img", "<link", "<form", " style=", "onclick", "xmlns"]
    {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'; style-src 'sha256-"), "{html}");
}

#[test]
fn escapes_hostile_text_in_the_markdown() {
    let plain = report_markdown(&hostile_overview("plain"));
    for text in HOSTILE {
        let markdown = report_markdown(&hostile_overview(text));
        assert_eq!(markdown.lines().count(), plain.lines().count(), "{text:?} must not start a line:\n{markdown}");
        let mut within = false;
        for (line, expected) in markdown.lines().zip(plain.lines()) {
            if line.starts_with("```") {
                assert_eq!(line, expected);
                within = !within;
            } else if within {
                assert_eq!(
                    line.matches('"').count(),
                    expected.matches('"').count(),
                    "{text:?} must not end a text: {line}"
                );
                assert_eq!(tag_names(line), tag_names(expected), "{text:?} must not add an element: {line}");
            } else {
                // The renderer's own words may be bold, and contain commands.
                let line = line.replace("**", "");
                assert_eq!(
                    tag_names(&remove_escapes(&line)),
                    tag_names(&remove_escapes(&expected.replace("**", ""))),
                    "{text:?}: {line}"
                );
                assert_eq!(count_cells(&line), count_cells(expected), "{text:?} must not add a cell: {line}");
                assert!(!has_markup(&line), "{text:?} must not add markup: {line}");
            }
        }
        assert!(!within);
    }
}

#[test]
fn the_status_writes_no_control_characters_to_the_terminal() {
    for text in HOSTILE {
        let mut overview = hostile_overview(text);
        overview.deployment.clear();
        let look = StatusLook { details: true, ..LOOK };
        let shown = anstream::adapter::strip_str(&status_text(&overview, &look)).to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}: {shown:?}");
    }
}

#[test]
fn shows_unknown_numbers_as_unknown_and_not_as_zero() {
    let mut overview = full_overview();
    let review = |overview: &Overview| {
        let html = report_html(overview);
        let after = html.split("<dt>Contacts to review</dt><dd>").nth(1).expect("a figure").to_owned();
        after.split('<').next().expect("its end").to_owned()
    };
    assert_eq!(review(&overview), "at least 2");
    overview.venues[0].contacts = ContactCounts::Counted { needs_review: 0, failed: 0 };
    assert_eq!(review(&overview), "unknown", "venues that couldn't be counted may have some");
    for status in &mut overview.venues {
        status.contacts = ContactCounts::NotAsked("no token".to_owned());
    }
    assert_eq!(review(&overview), "unknown");
    overview.venues.truncate(1);
    overview.venues[0].contacts = ContactCounts::Counted { needs_review: 0, failed: 0 };
    assert_eq!(review(&overview), "0");
}
