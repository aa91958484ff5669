//! `deployer logs`

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::shared::session::{Session, find_declared_venue};
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
}

pub(super) async fn run_logs(global: &GlobalArgs, args: &LogsArgs) -> Result<ExitCode> {
    let session = Session::open_for_venues(global, &[&args.venue]).await?;
    let manifest = session.manifest();
    let venue = find_declared_venue(manifest, &args.venue)?;
    let group = VenueNames::new(&manifest.deployment.name, &venue.name).log_group;
    let from = Timestamp::now().checked_sub(args.since.duration).unwrap_or_default();
    let query = LogQuery { group: &group, from, pattern: "" };
    let mut shown: u64 = 0;
    let mut show = |event: &LogEvent| {
        shown += 1;
        print_log_event(&session, event).is_ok()
    };
    let aws = &session.aws.signed;
    let followed = if args.follow {
        let pause = async || {
            tokio::time::sleep(PAUSE).await;
            true
        };
        follow_events(aws, query, &mut show, pause).await
    } else {
        read_events(aws, query, |events| events.iter().all(&mut show)).await
    };
    followed.map_err(|error| unreadable_log_error(&args.venue, &group, &error))?;
    if shown == 0 && session.json.is_none() {
        errln!("No events in {group} in the last {}; use --since to look further back.", args.since.text);
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
