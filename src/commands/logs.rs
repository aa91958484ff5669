//! `deployer logs`

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::session::{Session, declared};
use crate::aws::{CallError, FailureKind};
use crate::cli::{Global, LogsArgs};
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::naming::Names;
use crate::render::log_line;
use crate::status::log::{LogEvent, Query, follow, read};

/// Between two looks at a log that is followed: CloudWatch takes ten a second, for the whole account.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn run(global: &Global, args: &LogsArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let manifest = session.manifest();
    let venue = declared(manifest, &args.venue)?;
    let group = Names::new(&manifest.deployment.name, &venue.name).log_group;
    let from = Timestamp::now().checked_sub(args.since.duration).unwrap_or_default();
    let query = Query { group: &group, from, pattern: "" };
    let mut shown: u64 = 0;
    let mut show = |event: &LogEvent| {
        shown += 1;
        print(&session, event).is_ok()
    };
    let aws = &session.aws.signed;
    let followed = if args.follow {
        let pause = async || {
            tokio::time::sleep(PAUSE).await;
            true
        };
        follow(aws, query, &mut show, pause).await
    } else {
        read(aws, query, |events| events.iter().all(&mut show)).await
    };
    followed.map_err(|error| unreadable(&args.venue, &group, &error))?;
    if shown == 0 && session.json.is_none() {
        anstream::eprintln!("Nothing in {group} in the last {}; --since looks further back.", args.since.text);
    }
    Ok(ExitCode::Done)
}

/// One line a log event. What is no longer read isn't written any more.
fn print(session: &Session, event: &LogEvent) -> std::io::Result<()> {
    match &session.json {
        Some(lines) => {
            // What the function writes is JSON itself, and as such easier to take apart.
            let message: Value = serde_json::from_str(&event.message).unwrap_or_else(|_| json!(event.message));
            lines.try_line("log", json!({ "at": event.at, "stream": event.stream, "message": message }))
        }
        None => writeln!(anstream::stdout(), "{}", log_line(event)),
    }
}

fn unreadable(venue: &str, group: &str, error: &CallError) -> Error {
    if error.kind == FailureKind::NotFound {
        return Error::failed(format!("{venue} has no log group {group}: it isn't deployed"))
            .hint(format!("`deployer apply --target {venue}` deploys it, and `deployer status` shows what is there"));
    }
    let failed = Error::failed(format!("the log of {venue} can't be read")).caused_by(error);
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
