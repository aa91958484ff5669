//! A plan in every format, and that nothing in it can break out of the format.

use std::path::Path;
use std::process::{Command, Output};

use deployer::render::{plan_html, plan_markdown};
use deployer_core::cost::{CostAssumptions, CostEstimate, estimate};
use deployer_core::plan::{
    Action, AttributeChange, Change, Conflict, FindingKind, Plan, PlanFinding, UnreadableResource, plan,
};
use deployer_core::resource::{ResourceAddress, ResourceKind};
use deployer_core::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::assertions::assert_contains;
use crate::fixtures::{MANIFEST, applied_stack, converged_snapshot, desired_from};

/// A plan that creates, changes and deletes something, and also has errors, notes and unreadable resources.
pub fn full_plan() -> (Plan, CostEstimate) {
    let first = desired_from(MANIFEST);
    let more =
        MANIFEST.replace(r#"status = "paused""#, "memory_mb = 256").replace("mill", "forge").replace("Mill", "Forge");
    let both = format!("{}{}", MANIFEST, &more[more.find("[venues.forge]").expect("it is in the manifest")..])
        .replacen("display_name = \"Harbour\"", "display_name = \"Harbour\"\nmemory_mb = 512\nstatus = \"paused\"", 1)
        .replace("MILL", "FORGE");
    let desired = desired_from(&both.replacen("FORGE", "MILL", 2));
    let mut snapshot = converged_snapshot(&first);
    snapshot.venues.insert("closed".to_owned(), applied_stack(first.venues[0].stack.as_ref().expect("it is deployed")));
    let mut plan = plan(&desired, &snapshot, &[]);
    plan.conflicts.push(Conflict {
        address: ResourceAddress { venue: "annexe".to_owned(), kind: ResourceKind::Secret },
        name: "sync/annexe".to_owned(),
        owner: None,
        mismatch: None,
    });
    plan.protected.push("closed".to_owned());
    plan.unreadable
        .push(UnreadableResource { address: None, reason: "logs:DescribeLogGroups: AccessDenied".to_owned() });
    plan.notes.push("marina is blocked and not deployed: no account yet (next step: ask; owner: ops)".to_owned());
    let cost = estimate(&desired, &snapshot, &[], &CostAssumptions::default());
    (plan, cost)
}

/// Texts that try to break out of a format.
pub const HOSTILE: [&str; 12] = [
    "</code></pre></details><script>alert(1)</script>",
    "```\n</details>\n# heading",
    "`````` \u{202e}txet",
    "| cell | ![x](https://evil.example/p.png) |",
    "@everyone #1 <!-- https://evil.example www.evil.example",
    "\" onload=\"alert(1)\" '",
    "[link](javascript:alert(1)) <a href=x>",
    "- item\n\n    code\n1. one",
    "1. one",
    "-->]]></style><style>*{display:none}",
    "&lt;b&gt; $x$ ~~no~~ **no** _no_ \\",
    "\u{7}\u{1b}[31mred\u{9b}0m\r\nnext",
];

fn hostile_plan(text: &str) -> (Plan, CostEstimate) {
    let (plan, mut cost) = full_plan();
    let address = ResourceAddress { venue: text.to_owned(), kind: ResourceKind::Function };
    let attribute = |before: Option<Value>, after: Option<Value>| AttributeChange {
        path: format!("environment.{text}"),
        before,
        after,
        known_after_apply: false,
    };
    let value = || Some(json!(text));
    let change = Change {
        address: address.clone(),
        name: text.to_owned(),
        action: Action::Update,
        reason: text.to_owned(),
        attributes: vec![attribute(None, value()), attribute(value(), value()), attribute(value(), None)],
        operations: Vec::new(),
    };
    let plan = Plan {
        deployment: text.to_owned(),
        changes: vec![change],
        conflicts: vec![Conflict {
            address: address.clone(),
            name: text.to_owned(),
            owner: Some(text.to_owned()),
            mismatch: None,
        }],
        protected: vec![text.to_owned()],
        findings: [FindingKind::Stranger, FindingKind::LeftAlone]
            .map(|kind| PlanFinding {
                address: address.clone(),
                name: text.to_owned(),
                kind,
                text: text.to_owned(),
                hint: Some(text.to_owned()),
            })
            .to_vec(),
        unreadable: vec![UnreadableResource { address: Some(address), reason: text.to_owned() }],
        notes: vec![text.to_owned()],
        ..plan
    };
    cost.venues.truncate(1);
    text.clone_into(&mut cost.venues[0].venue);
    cost.not_counted.push(text.to_owned());
    text.clone_into(&mut cost.region);
    (plan, cost)
}

/// The tags of a page, without their attributes, in order.
pub fn tag_names(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for piece in html.split('<').skip(1) {
        let name: String = piece.chars().take_while(|c| c.is_ascii_alphanumeric() || "/!-".contains(*c)).collect();
        tags.push(name);
    }
    tags
}

/// The body of a page with a line for each element, since the page itself has no line breaks.
pub fn body_lines(html: &str) -> String {
    html[html.find("<body>").expect("a body")..].replace("><", ">\n<")
}

#[test]
fn markdown_of_a_plan() {
    let (plan, cost) = full_plan();
    insta::assert_snapshot!(plan_markdown(&plan, Some(&cost)));
}

#[test]
fn html_of_a_plan() {
    let (plan, cost) = full_plan();
    insta::assert_snapshot!(body_lines(&plan_html(&plan, Some(&cost))));
}

#[test]
fn a_plan_without_changes() {
    let desired = desired_from(MANIFEST);
    let snapshot = converged_snapshot(&desired);
    let plan = plan(&desired, &snapshot, &[]);
    let cost = estimate(&desired, &snapshot, &[], &CostAssumptions::default());
    insta::assert_snapshot!(plan_markdown(&plan, Some(&cost)));
    assert_contains(plan_html(&plan, None), "<strong>No changes.</strong> All 14 resources match the manifest.");
}

#[test]
fn escapes_hostile_text_in_the_page() {
    let (plan, cost) = hostile_plan("plain");
    let expected = tag_names(&plan_html(&plan, Some(&cost)));
    for text in HOSTILE {
        let (plan, cost) = hostile_plan(text);
        let html = plan_html(&plan, Some(&cost));
        assert_eq!(tag_names(&html), expected, "{text:?} must not add an element");
        assert!(!html.contains("\" onload="), "{text:?} must not end an attribute");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()), "{text:?} must not add a control character");
        assert!(!html.contains('\u{202e}'), "{text:?} must not reverse text");
    }
}

/// What puts text into a page without escaping it.
const UNESCAPED: [&str; 4] = ["PreEscaped", "Render for", "render_to", "Markup {"];

/// Every place in the sources of the pages that puts text into them without escaping it. All are in one file.
#[test]
fn pages_escape_everything_but_their_style_and_script() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![root.join("src/render")];
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("the sources are here") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).expect("it is text");
                let lines = source.lines().map(str::trim).filter(|line| !line.contains("-> Markup {"));
                let lines = lines.filter(|line| UNESCAPED.iter().any(|word| line.contains(word)));
                let name = path.strip_prefix(root).expect("it is below the root").display().to_string();
                found.extend(lines.map(|line| format!("{name}: {line}")));
            }
        }
    }
    assert_eq!(
        found,
        [
            "src/render/page.rs: use maud::{DOCTYPE, Markup, PreEscaped, Render, html};",
            "src/render/page.rs: style { (PreEscaped(style)) }",
            "src/render/page.rs: script { (PreEscaped(script)) }",
            "src/render/page.rs: impl Render for OneLine<'_> {",
            "src/render/page.rs: fn render_to(&self, buffer: &mut String) {",
        ]
    );
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let (plan, cost) = full_plan();
    let html = plan_html(&plan, Some(&cost));
    for word in
        ["src=", "href=\"h", "href=\"/", "url(", "@import", "<script", "<img", "<link", "<form", " style=", "onclick"]
    {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'; style-src 'sha256-"), "{html}");
}

#[test]
fn escapes_hostile_text_in_the_markdown() {
    let (plan, cost) = hostile_plan("plain");
    let expected = plan_markdown(&plan, Some(&cost));
    let lines = expected.lines().count();
    for text in HOSTILE {
        let (plan, cost) = hostile_plan(text);
        let markdown = plan_markdown(&plan, Some(&cost));
        assert_eq!(markdown.lines().count(), lines, "{text:?} must not start a line:\n{markdown}");
        let fences: Vec<&str> = markdown.lines().filter(|line| line.starts_with("```")).collect();
        let [open, close] = fences.as_slice() else { panic!("expected one code block: {fences:?}") };
        let fence = open.strip_suffix("diff").expect("it is a diff");
        assert_eq!(fence, *close);
        let mut within = false;
        for (line, plain) in markdown.lines().zip(expected.lines()) {
            if line.starts_with("```") {
                within = !within;
                continue;
            }
            if within {
                assert!(!line.contains(fence), "{text:?} must not close the code block");
                assert!(line.starts_with(['+', '-', '!']), "{line}");
                continue;
            }
            if line.starts_with("<summary>") {
                assert_eq!(tag_names(line), tag_names(plain), "{text:?} must not add an element: {line}");
                continue;
            }
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

/// A line without escaped characters, and without the empty comments that break up mentions.
pub fn remove_escapes(line: &str) -> String {
    let mut out = String::new();
    let line = line.replace("<!-- -->", "");
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else {
            out.push(character);
        }
    }
    out
}

pub fn count_cells(line: &str) -> usize {
    remove_escapes(line).matches('|').count()
}

/// Whether a line of Markdown has a link, an image, emphasis, code, a mention or an issue.
pub fn has_markup(line: &str) -> bool {
    let line = remove_escapes(line);
    let body = line.trim_start_matches(['#', '-', ' ']);
    ["](", "**", "_no_", "`", "@", "#", "://", "www.", "~~", "$"].iter().any(|sign| body.contains(sign))
}

#[test]
fn lists_venues_that_do_not_fit_into_a_comment() {
    let (mut plan, cost) = full_plan();
    let change = plan.changes[0].clone();
    assert_eq!(change.action, Action::Update);
    plan.changes = (0..200)
        .map(|index| Change {
            address: ResourceAddress { venue: format!("venue-{index}"), kind: ResourceKind::Role },
            reason: "x".repeat(400),
            ..change.clone()
        })
        .collect();
    let markdown = plan_markdown(&plan, Some(&cost));
    assert!(markdown.len() < 65_536, "{}", markdown.len());
    assert!(markdown.contains("- venue-199: 1 to change"), "{markdown}");
}

#[test]
fn marks_values_known_after_apply_and_shows_cost_only_with_an_estimate() {
    let snapshot = Snapshot::default();
    let desired = desired_from(MANIFEST);
    let plan = plan(&desired, &snapshot, &[]);
    for document in [plan_markdown(&plan, None), plan_html(&plan, None)] {
        assert!(document.contains("(known after apply)"), "{document}");
        assert!(!document.contains("Cost"), "without an estimate there must be no cost");
    }
}

/// Runs `deployer plan` on the embedded cloud, in its own directory.
fn run_deployer_plan(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    // So that no sentence that a test looks for is wrapped.
    command.env("COLUMNS", "1000");
    command.current_dir(directory).args(["plan", "--local", "--artifact", "bootstrap"]).args(args);
    command.env_remove("DEPLOYER_MANIFEST").output().expect("it starts")
}

#[test]
fn the_command_prints_the_requested_format() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("venues.toml"), MANIFEST).expect("written");
    std::fs::write(directory.path().join("bootstrap"), "#!/bin/sh\nexit 1\n").expect("written");
    let printed = |args: &[&str]| {
        let output = run_deployer_plan(directory.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    let text = printed(&["--format", "text"]);
    assert_eq!(text, printed(&[]));
    assert!(text.lines().last().is_some_and(|line| line.starts_with("Cost: $0.00 a month now, $0.87 after")), "{text}");
    let json = printed(&["--format", "json"]);
    assert_eq!(json, printed(&["--json"]));
    assert_eq!(json, printed(&["--json", "--format", "json"]));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let last = lines.last().expect("there are lines");
    assert_eq!(
        (&last["type"], &last["after"], &last["venues"][0]["venue"]),
        (&json!("cost"), &json!("0.873585395"), &json!("harbour"))
    );
    assert!(printed(&["--format", "markdown"]).starts_with("## Plan: 14 to create"));
    assert!(printed(&["--format", "html", "--color", "always"]).starts_with("<!DOCTYPE html>\n"));
    let refused = run_deployer_plan(directory.path(), &["--json", "--format", "html"]);
    let lines = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        refused.status.code() == Some(2) && lines.starts_with(r#"{"type":"error","code":"command_line""#),
        "{lines}"
    );
}
