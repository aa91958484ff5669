//! An audit as a page and as Markdown: everything is in it, nothing can break out of it, and the graph is drawn
//! correctly.

pub mod accounts;
mod drawing;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use deployer::render::{audit_html, audit_markdown};
use deployer_janitor::audit::{Audit, AuditFinding, AuditVerdict, Edge, EdgeKind, NodeKind, NodeUsage, UnreadCall};
use sha2::{Digest, Sha256};

use self::accounts::{AuditBuilder, generated_audit, sample_arn, story_audit};
use crate::assertions::assert_contains;
use crate::formats::{HOSTILE, count_cells, has_markup, remove_escapes, tag_names};

/// The text between `begin`, which must occur once, and the first `end` after it.
fn text_between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let [_, rest] = text.split(begin).collect::<Vec<_>>()[..] else { panic!("{begin} must occur once") };
    rest.split(end).next().expect("a split has a first part")
}

fn escape_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn the_page_has_every_finding_with_all_its_details() {
    let audit = story_audit();
    let page = audit_html(&audit);
    for (node, finding) in audit.inventory.nodes.iter().zip(&audit.findings) {
        let row = text_between(&page, &format!("<tr id=\"{}\" ", escape_text(&node.id)), "</tr>");
        let tags = node.tags.iter().flat_map(|(name, value)| [name, value]);
        let attributes = node.attributes.iter().flat_map(|(name, value)| [name, value]);
        for text in finding.evidence.iter().chain(tags).chain(attributes).chain([&node.name]) {
            assert!(row.contains(&escape_text(text)), "{text} isn't in {row}");
        }
    }
    for Edge { note, .. } in &audit.inventory.edges {
        assert!(page.contains(&escape_text(note.as_deref().unwrap_or_default())));
    }
    for UnreadCall { what, why, call, .. } in &audit.inventory.unread {
        assert!(
            page.contains(&escape_text(&format!("<li>{what}: {why} ({call})")).replace("&lt;li&gt;", "<li>")),
            "{what}"
        );
    }
    let first = text_between(&page, "Look at these first", "</section>");
    for finding in audit.findings.iter().filter(|finding| finding.verdict == AuditVerdict::Suspect) {
        assert!(finding.evidence.iter().all(|sentence| first.contains(&escape_text(sentence))), "{first}");
    }
    assert!(!first.contains("hubspot-lead-feed"), "stale items aren't suspects");
}

#[test]
fn the_page_allows_only_its_own_style_and_script() {
    let page = audit_html(&story_audit());
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = text_between(&page, "Content-Security-Policy\" content=\"", "\"");
    let style = hash(text_between(&page, "<style>", "</style>"));
    let script = hash(text_between(&page, "<script>", "</script>"));
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    );
    assert_eq!(policy, expected);
    for word in
        ["src=", "href=\"h", "href=\"/", "@import", "<img", "<link", "<form", " style=", "onclick", "fetch(", "eval("]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.match_indices("url(").all(|(at, _)| page[at..].starts_with("url(#")));
}

/// An audit in which every text from the account is `text`.
fn hostile_audit(text: &str) -> Audit {
    let mut account = AuditBuilder::new();
    let ids: Vec<String> = ["suspect", "active"].into_iter().map(|name| format!("{name} {text}")).collect();
    for (id, verdict) in ids.iter().zip([AuditVerdict::Suspect, AuditVerdict::Active]) {
        account.add_node(id.clone(), NodeKind::Function, text, verdict, &[text, text]);
    }
    account.add_edge(&ids[0], &ids[1], EdgeKind::Target).note = Some(text.to_owned());
    account.add_edge(&ids[1], &format!("missing {text}"), EdgeKind::Webhook).note = Some(text.to_owned());
    let mut audit = account.0;
    for node in &mut audit.inventory.nodes {
        let text = text.to_owned();
        node.deployment = Some(text.clone());
        node.venue = Some(text.clone());
        node.usage = NodeUsage::Counted { what: text.clone(), count: 1, last: Some(text.clone()), before: None };
        node.attributes.insert(text.clone(), text.clone());
        node.tags.insert(text.clone(), text);
    }
    let text = text.to_owned();
    audit.inventory.account.clone_from(&text);
    audit.inventory.region.clone_from(&text);
    audit.inventory.calls.insert(text.clone(), 1);
    audit.inventory.unread.push(UnreadCall {
        call: text.clone(),
        node: Some(ids[0].clone()),
        what: text.clone(),
        why: text,
    });
    audit
}

#[test]
fn escapes_hostile_text_in_the_page() {
    let expected = tag_names(&audit_html(&hostile_audit("plain")));
    for text in HOSTILE {
        let page = audit_html(&hostile_audit(text));
        assert_eq!(tag_names(&page), expected, "{text:?} must not add an element");
        assert!(!page.contains("\" onload="), "{text:?} must not end an attribute");
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{text:?} must not add a control character");
        assert!(!page.contains('\u{202e}'), "{text:?} must not reverse text");
    }
}

#[test]
fn escapes_hostile_text_in_the_markdown() {
    let expected = audit_markdown(&hostile_audit("plain"));
    for text in HOSTILE {
        let markdown = audit_markdown(&hostile_audit(text));
        assert_eq!(markdown.lines().count(), expected.lines().count(), "{text:?} must not start a line:\n{markdown}");
        for (line, plain) in markdown.lines().zip(expected.lines()) {
            assert_eq!(
                tag_names(&remove_escapes(line)),
                tag_names(&remove_escapes(plain)),
                "{text:?} must not add an element: {line}"
            );
            assert_eq!(count_cells(line), count_cells(plain), "{text:?} must not add a cell: {line}");
            assert!(!has_markup(line), "{text:?} must not add markup: {line}");
        }
    }
}

#[test]
fn markdown_of_an_audit() {
    insta::assert_snapshot!(audit_markdown(&story_audit()));
}

#[test]
fn the_markdown_of_a_large_account_fits_into_a_comment_and_counts_what_is_left_out() {
    let mut audit = generated_audit(4_500);
    let unread = |index| UnreadCall {
        call: "lambda:GetPolicy".to_owned(),
        node: None,
        what: format!("the policy of function-{index}"),
        why: "denied".to_owned(),
    };
    audit.inventory.unread.extend((0..1_000).map(unread));
    let markdown = audit_markdown(&audit);
    assert!(markdown.len() < 65_536, "{}", markdown.len());
    let of = |verdict| audit.findings.iter().filter(|finding| finding.verdict == verdict).count();
    for (title, verdict) in
        [("stale", AuditVerdict::Stale), ("active", AuditVerdict::Active), ("managed", AuditVerdict::Managed)]
    {
        assert!(markdown.contains(&format!("<b>{title}</b>: {},", of(verdict))), "{markdown}");
    }
    let rows = markdown.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Kind")).count();
    let left: usize = markdown
        .lines()
        .filter_map(|line| {
            line.strip_prefix("And ")?.strip_suffix(" more: see `deployer audit`.")?.parse::<usize>().ok()
        })
        .sum();
    let tables = markdown.matches("| --- | --- | --- | --- |").count();
    assert_eq!(rows - tables + left, audit.findings.len(), "each finding must be either shown or counted");
    let unread = markdown.lines().filter(|line| line.starts_with("- the policy of")).count();
    assert!(markdown.contains(&format!("- and {} more", 1_000 - unread)), "{unread} are shown");
}

#[test]
fn renders_an_empty_account() {
    let audit = AuditBuilder::new().0;
    assert_contains(audit_html(&audit), "Nothing was found.");
    assert_contains(audit_html(&audit), "<strong>Nothing needs attention.</strong>");
    assert!(audit_markdown(&audit).starts_with("## Nothing needs attention.\n"));
}

#[test]
fn nodes_without_a_verdict_are_unknown() {
    let mut account = AuditBuilder::new();
    account.add_node(sample_arn("sqs", "q"), NodeKind::Queue, "q", AuditVerdict::Active, &[]);
    account.0.findings =
        vec![AuditFinding { id: "another".to_owned(), verdict: AuditVerdict::Active, evidence: Vec::new() }];
    assert_contains(audit_html(&account.0), "<strong>1 unknown.</strong>");
}
