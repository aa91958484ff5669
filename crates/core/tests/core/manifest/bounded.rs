//! Manifests of any size and shape: they are read in bounded time, never panic, and their reports fit a screen.

use deployer_core::manifest::{self, ReportStyle};

use super::{HEAD, manifest_with, parse_errors, venue_table};

/// The longest line of a report, in characters: what is shown of a line, with its number.
const WIDEST: usize = 400;
/// The most lines of a report with one mistake.
const SCREEN: usize = 40;

fn render_short(text: &str) -> String {
    let report = parse_errors(text).render_report(ReportStyle::PLAIN);
    assert!(report.lines().all(|line| line.chars().count() <= WIDEST), "a line is too long: {report}");
    report
}

fn render_one(text: &str) -> String {
    let report = render_short(text);
    assert!(report.lines().count() <= SCREEN, "{} lines:\n{report}", report.lines().count());
    report
}

#[test]
fn a_mistake_far_to_the_right_is_shown() {
    let filler = "x".repeat(70_000);
    let line = format!("display_name = \"{filler}\"");
    render_one(&manifest_with("", "").replace("display_name = \"venue-a\"", &line));
    // Behind 70,000 characters of something valid.
    let blanks = " ".repeat(70_000);
    let report = render_one(&manifest_with(&format!("protect = {blanks}\"yes\""), ""));
    assert!(report.contains(":7:70011") && report.contains("\"yes\""), "{report}");
    let keys = format!("defaults = {{ {}zzz = 1 }}\n", " ".repeat(64_000));
    assert!(render_one(&format!("{keys}{}", manifest_with("", ""))).contains("zzz"));
    // Not valid TOML at all.
    render_one(&manifest_with(&format!("{blanks}="), ""));
    render_one(&manifest_with(&format!("a = \"{filler}"), ""));
}

#[test]
fn a_long_value_is_not_repeated_whole() {
    let letters = "a".repeat(40_000);
    for (from, to) in [
        ("\"us-east-1\"", format!("\"{letters}\"")),
        ("\"us-east-1\"", format!("\"us-{letters}-1\"")),
        ("\"venue-sync\"", format!("\"{letters}\"")),
        ("venues.venue-a", format!("venues.{letters}")),
        ("\"tripleseat\"", format!("\"{letters}\"")),
        ("env:VENUE_A_TOKEN", format!("env:{letters}-")),
        ("env:VENUE_A_TOKEN", format!("cmd:{letters} 'x")),
        ("display_name", letters.clone()),
    ] {
        let text = manifest_with("", "").replace(from, &to);
        assert_ne!(text, manifest_with("", ""));
        render_short(&text);
    }
    for key in ["schedule", "timeout", "status", "flag_property", "timezone", "retick_after", "architecture"] {
        render_short(&manifest_with(&format!("{key} = \"{letters}\""), ""));
    }
}

#[test]
fn a_mark_over_thousands_of_lines_is_cut() {
    let lines = "one more line\n".repeat(20_000);
    render_one(&manifest_with(&format!("protect = \"\"\"\n{lines}\"\"\""), ""));
    render_one(&manifest_with(&format!("protect = [\n{}]", "1,\n".repeat(20_000)), ""));
}

#[test]
fn many_mistakes_are_summarized() {
    let keys: String = (0..5_000).map(|number| format!("zzz{number} = {number}\n")).collect();
    let errors = parse_errors(&manifest_with("", &format!("[defaults]\n{keys}")));
    let report = errors.render_report(ReportStyle::PLAIN);
    assert!(report.lines().count() < 400, "{}", report.lines().count());
    assert!(report.ends_with("5000 mistakes in venues.toml; the first 20 are shown\n"), "{report}");
    let findings = errors.list_findings();
    assert_eq!(findings.len(), 201);
    assert_eq!((findings[200].code, findings[200].message.as_str()), ("more", "there are 4800 mistakes more"));
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [100, 10_000, 200_000] {
        for text in [
            format!("a = {}", "[".repeat(depth)),
            format!("a = {}1{}", "[".repeat(depth), "]".repeat(depth)),
            format!("a = {}", "{a=".repeat(depth)),
            format!("a = {}1{}", "{a=".repeat(depth), "}".repeat(depth)),
            format!("a{} = 1", ".a".repeat(depth)),
            format!("[a{}]\nb = 1", ".a".repeat(depth)),
            format!("[[a{}]]\nb = 1", ".a".repeat(depth)),
        ] {
            render_short(&text);
        }
    }
}

#[test]
fn a_manifest_of_the_largest_size_is_read_in_time() {
    // Whatever grows faster than the file would take hours here.
    let venues: String = (0..4_000).map(|number| venue_table(&format!("venue-{number}"), "")).collect();
    let text = format!("{HEAD}\n{venues}");
    assert!(text.len() > 500_000 && text.len() < 4 * 1024 * 1024);
    let loaded = manifest::parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.manifest.venues.len(), 4_000);
    // The same secret values, flags and destinations everywhere.
    let same = venues.replace("env:VENUE_", "literal-secret-");
    render_short(&format!("{HEAD}\n{same}"));
    let shared: String =
        (0..4_000).map(|number| venue_table(&format!("v{number}"), "flag_property = \"sync\"")).collect();
    render_short(&format!("{HEAD}\n{shared}"));
}
