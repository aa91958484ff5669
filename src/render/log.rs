//! A log event for people: lines of `sync-lambda` in words, Lambda's own lines unchanged.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use sync_config::metrics::METRIC_DIMENSION;
use sync_config::text::name_venue;

use super::escape::one_line;
use super::venue_words;
use deployer_health::status::VenueRun;
use deployer_health::status::log::LogEvent;

/// One line, with the time in UTC. The text has ANSI styles, which are stripped on a stream that isn't a terminal.
pub fn log_line(event: &LogEvent) -> String {
    // Lambda's own lines aren't JSON, and are shown as they are.
    let line: Value = serde_json::from_str(&event.message).unwrap_or(Value::Null);
    let (style, text) = match (VenueRun::from_log_event(event), line["event"].as_str()) {
        (Some(run), _) if run.error.is_some() => (red_style(), format!("run {}", venue_words::run_text(&run))),
        (Some(run), _) => (Style::new().bold(), format!("run {}", venue_words::run_text(&run))),
        (None, Some("run")) => (level_style(&line), dry_run_text(&line)),
        (None, Some("contact")) => (level_style(&line), contact_text(&line)),
        (None, Some(_)) if line["message"].is_string() => {
            (level_style(&line), string_value(&line["message"]).to_owned())
        }
        _ => (Style::new().dimmed(), event.message.replace('\t', "  ")),
    };
    let text = one_line(&name_venue(&text, string_value(&line[METRIC_DIMENSION])));
    format!("{}  {style}{text}{style:#}", event.at.strftime("%Y-%m-%d %H:%M:%SZ"))
}

fn dry_run_text(line: &Value) -> String {
    let error = &line["error"];
    let failed = if error.is_object() {
        format!(" failed: {}: {}", string_value(&error["kind"]), string_value(&error["message"]))
    } else {
        String::new()
    };
    format!("dry run{failed}: found {}", line["searched"].as_u64().unwrap_or_default())
}

fn contact_text(line: &Value) -> String {
    let mut out = format!("contact {}: {}", string_value(&line["contact_id"]), string_value(&line["outcome"]));
    if let Some(lead) = line["lead_id"].as_str() {
        let _ = write!(out, ", lead {lead}");
    }
    if let Some(reason) = line["reason"].as_str() {
        let _ = write!(out, ": {reason}");
    }
    if let Some(took) = line["duration_ms"].as_u64() {
        let _ = write!(out, " ({took} ms)");
    }
    out
}

fn string_value(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn red_style() -> Style {
    AnsiColor::Red.on_default()
}

fn level_style(line: &Value) -> Style {
    match line["level"].as_str() {
        Some("error") => red_style(),
        Some("warn") => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_the_lines_of_sync_lambda_and_escapes_control_characters() {
        let shown = |message: &str| {
            let at = "2026-03-01T12:00:00Z".parse().expect("a time");
            let event = LogEvent { at, stream: String::new(), message: message.to_owned(), id: String::new() };
            anstream::adapter::strip_str(&log_line(&event)).to_string()
        };
        let lead =
            r#"{"level":"info","event":"contact","contact_id":"7","outcome":"synced","duration_ms":9,"lead_id":"11"}"#;
        let dry = r#"{"event":"run","dry_run":true,"searched":4}"#;
        let run = r#"{"event":"run","searched":2,"Synced":1,"Failed":1,"NeedsReview":0,"Backlog":0,"Duration":15}"#;
        for (message, words) in [
            (lead, "contact 7: synced, lead 11 (9 ms)"),
            (dry, "dry run: found 4"),
            (run, "run found 2: 1 synced, 1 failed, 0 need review, 0 deferred (15 ms)"),
            (r#"{"event":"credentials","message":"read again"}"#, "read again"),
            (
                r#"{"event":"run","venue":"loft","error":{"kind":"Credential","message":"`deployer connect VENUE`"}}"#,
                "run failed: Credential: `deployer connect loft`",
            ),
            (
                r#"{"event":"run","venue":"loft","dry_run":true,"error":{"kind":"Limit","message":"`deployer logs VENUE`"}}"#,
                "dry run failed: Limit: `deployer logs loft`: found 0",
            ),
            ("x Task timed out after 3.00 seconds", "run failed: Timeout: Task timed out after 3.00 seconds"),
            ("START RequestId: 1\tVersion: 2", "START RequestId: 1  Version: 2"),
            ("\u{7}\u{9b}2J", "\\u{7}\\u{9b}2J"),
        ] {
            assert_eq!(shown(message), format!("2026-03-01 12:00:00Z  {words}"));
        }
    }
}
