//! `deployer logs`

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use pacing::CallUnderWay;
use serde_json::{Value, json};

use super::shared::session::Session;
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::render::log_line;
use deployer_aws::{CallError, FailureKind};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::naming::VenueNames;
use deployer_health::status::log::{LogEvent, LogQuery, follow_events, read_events};

/// Time between two reads of a followed log: CloudWatch allows ten reads per second for the whole account.
const PAUSE: Duration = Duration::from_secs(2);

/// Show a venue's log
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Keep showing new events until Ctrl-C
    #[arg(long, short = 'F')]
    pub follow: bool,
    /// How far back to look: 1h, 90m, 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_time_window)]
    pub since: TimeWindow,
    /// Only contacts with this outcome (can be given more than once)
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub outcome: Vec<LogOutcome>,
    /// Only this contact, by its id in HubSpot
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    pub contact: Option<u64>,
}

/// What became of a contact, as its line in the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum LogOutcome {
    /// It became a lead
    Synced,
    /// It was refused because of its data
    Failed,
    /// It may or may not have become a lead
    #[value(alias = "needs-review")]
    NeedsReview,
    /// It is left for the next run
    Retried,
    /// It was sent, but HubSpot doesn't know yet
    Unsettled,
    /// Its flag was taken back before it was sent
    Withdrawn,
    /// A lead of an earlier run was found
    Linked,
    /// It was ticked again soon after its lead
    Ignored,
    /// HubSpot refuses to record what became of it
    #[value(alias = "not-marked")]
    NotMarked,
}

/// Which events of the log are shown.
#[derive(Debug, Default)]
struct LogFilter {
    /// Of these outcomes; any if there are none.
    outcomes: Vec<String>,
    contact: Option<String>,
}

impl LogFilter {
    fn from_args(args: &LogsArgs) -> Self {
        let name = |outcome: &LogOutcome| outcome.to_possible_value().map(|value| value.get_name().to_owned());
        Self {
            outcomes: args.outcome.iter().filter_map(name).collect(),
            contact: args.contact.map(|id| id.to_string()),
        }
    }

    /// CloudWatch's pattern, so that nothing else is sent; empty if everything is shown. The values have no character
    /// that would end a string.
    fn pattern(&self) -> String {
        let outcomes: Vec<String> = self.outcomes.iter().map(|name| format!("$.outcome = \"{name}\"")).collect();
        let outcomes = (!outcomes.is_empty()).then(|| format!("({})", outcomes.join(" || ")));
        let contact = self.contact.as_ref().map(|id| format!("$.contact_id = \"{id}\""));
        let terms: Vec<String> = outcomes.into_iter().chain(contact).collect();
        if terms.is_empty() { String::new() } else { format!("{{ {} }}", terms.join(" && ")) }
    }

    /// Whether an event is shown. A cloud may return more than what matches the pattern.
    fn shows_event(&self, event: &LogEvent) -> bool {
        if self.outcomes.is_empty() && self.contact.is_none() {
            return true;
        }
        let line: Value = serde_json::from_str(&event.message).unwrap_or(Value::Null);
        let outcome = line["outcome"].as_str().unwrap_or_default();
        (self.outcomes.is_empty() || self.outcomes.iter().any(|wanted| wanted == outcome))
            && self.contact.as_deref().is_none_or(|wanted| line["contact_id"] == wanted)
    }
}

pub(super) async fn run_logs(global: &GlobalArgs, args: &LogsArgs) -> Result<ExitCode> {
    let session = Session::open_for_venues(global, &[&args.venue]).await?;
    let manifest = session.manifest();
    let group = VenueNames::new(&manifest.deployment.name, &args.venue).log_group;
    let from = Timestamp::now().checked_sub(args.since.duration).unwrap_or_default();
    let filter = LogFilter::from_args(args);
    let pattern = filter.pattern();
    let query = LogQuery { group: &group, from, pattern: &pattern };
    let mut shown: u64 = 0;
    let mut show = |event: &LogEvent| {
        if !filter.shows_event(event) {
            return true;
        }
        shown += 1;
        print_log_event(&session, event).is_ok()
    };
    let aws = &session.aws.signed;
    let followed = if args.follow {
        let pause = async || {
            let _under_way = CallUnderWay::begin("new lines in the log; Ctrl-C ends it");
            tokio::time::sleep(PAUSE).await;
            true
        };
        follow_events(aws, query, &mut show, pause).await
    } else {
        read_events(aws, query, |events| events.iter().all(&mut show)).await
    };
    followed.map_err(|error| unreadable_log_error(&args.venue, &group, &error))?;
    if shown == 0 && session.json.is_none() {
        let such = if pattern.is_empty() { "" } else { "such " };
        errln!("No {such}events in {group} in the last {}; use --since to look further back.", args.since.text);
    }
    Ok(ExitCode::Done)
}

/// Prints a log event on one line. An error means that nobody reads the output anymore.
fn print_log_event(session: &Session, event: &LogEvent) -> std::io::Result<()> {
    match &session.json {
        Some(lines) => {
            // The function writes JSON itself, which is easier to process as JSON than as a string.
            let message: Value = serde_json::from_str(&event.message).unwrap_or_else(|_| json!(event.message));
            lines.try_print_line("log", json!({ "at": event.at, "stream": event.stream, "message": message }))
        }
        None => crate::terminal::print_until_closed(format_args!("{}\n", log_line(event))),
    }
}

fn unreadable_log_error(venue: &str, group: &str, error: &CallError) -> Error {
    if error.kind == FailureKind::NotFound {
        return Error::failed(ErrorCode::NotDeployed, format!("{venue} has no log group {group}: it isn't deployed"))
            .hint(format!("`deployer apply --target {venue}` deploys it; `deployer status` shows what is deployed"));
    }
    let failed = Error::failed(ErrorCode::AwsCall, format!("could not read the log of {venue}")).caused_by(error);
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> LogEvent {
        LogEvent { at: Timestamp::UNIX_EPOCH, stream: String::new(), message: message.to_owned(), id: String::new() }
    }

    #[test]
    fn filters_by_outcome_and_contact_there_and_here() {
        let filter = |outcomes: &[&str], contact: Option<&str>| LogFilter {
            outcomes: outcomes.iter().map(|name| (*name).to_owned()).collect(),
            contact: contact.map(ToOwned::to_owned),
        };
        let failed = event(r#"{"event":"contact","contact_id":"7","outcome":"failed"}"#);
        let synced = event(r#"{"event":"contact","contact_id":"8","outcome":"synced"}"#);
        let other = event("END RequestId: 1");
        for (filter, pattern, shown) in [
            (filter(&[], None), "", [true, true, true]),
            (filter(&["failed"], None), r#"{ ($.outcome = "failed") }"#, [true, false, false]),
            (filter(&[], Some("8")), r#"{ $.contact_id = "8" }"#, [false, true, false]),
            (
                filter(&["failed", "synced"], Some("7")),
                r#"{ ($.outcome = "failed" || $.outcome = "synced") && $.contact_id = "7" }"#,
                [true, false, false],
            ),
        ] {
            assert_eq!(filter.pattern(), pattern);
            assert_eq!([&failed, &synced, &other].map(|event| filter.shows_event(event)), shown, "{pattern}");
        }
    }

    #[test]
    fn the_outcomes_are_those_of_the_log() {
        let names: Vec<String> = LogOutcome::value_variants()
            .iter()
            .filter_map(|outcome| Some(outcome.to_possible_value()?.get_name().to_owned()))
            .collect();
        assert_eq!(names.join(" "), "synced failed needs_review retried unsettled withdrawn linked ignored not_marked");
    }
}
