//! `deployer invoke`

use std::time::{Duration, Instant};

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_lambda::primitives::Blob;
use clap::Args;
use serde_json::{Value, json};
use sync_config::text::name_venue;

use super::shared::session::{Session, find_declared_venue};
use crate::cli::GlobalArgs;
use crate::local::no_running_dev;
use crate::render::one_line;
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Status, format_duration};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_core::run_origin::RunOrigin;

/// Run a venue's sync now and show the result
#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Check credentials, properties and destination, say what a run would do, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show what would be sent for each contact, at most 50; this is personal data
    #[arg(long, requires = "dry_run")]
    pub show_contacts: bool,
}

pub(super) async fn run_invoke(global: &GlobalArgs, args: &InvokeArgs) -> Result<ExitCode> {
    let session = Session::open_for_venues(global, &[&args.venue]).await?;
    if session.local && session.dev.is_none() {
        return Err(no_running_dev("runs a venue"));
    }
    let manifest = session.manifest();
    let venue = find_declared_venue(manifest, &args.venue)?;
    let function = VenueNames::new(&manifest.deployment.name, &venue.name).function;
    if session.json.is_none() {
        let word = if args.dry_run { "Dry-running" } else { "Running" };
        let paused = if venue.status == Status::Paused { ", although its rule is paused" } else { "" };
        let limit = format_duration(u64::from(venue.timeout_s));
        errln!("{word} {}{paused} (times out after {limit}).", venue.name);
    }
    let event = match (args.dry_run, args.show_contacts) {
        (false, _) => "{}",
        (true, false) => r#"{"dry_run":true}"#,
        (true, true) => r#"{"dry_run":true,"show_contacts":true}"#,
    };
    // A retry would be a second run. A run can take minutes and sends nothing until it ends, so stalls are normal.
    let once = Builder::new()
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let begun = Instant::now();
    let request = session.aws.lambda.invoke().function_name(&function).qualifier(ALIAS).payload(Blob::new(event));
    let request = request.client_context(RunOrigin::Invoke.client_context());
    let answer = request.customize().config_override(once).send().await.call("lambda:InvokeFunction");
    let took = begun.elapsed();
    let answer = answer.map_err(|error| invocation_refused(&args.venue, &error))?;
    let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
    let payload: Value = match serde_json::from_slice(payload) {
        Ok(payload) => payload,
        // Lambda's answers are JSON; an emulator that couldn't start the function answers with its reason.
        Err(_) if answer.function_error().is_some() => json!({ "errorMessage": String::from_utf8_lossy(payload) }),
        Err(error) => {
            return Err(Error::failed(
                ErrorCode::RunFailed,
                format!("{} returned something that isn't JSON: {error}", args.venue),
            )
            .hint(format!("`deployer logs {}` shows what the run did", args.venue)));
        }
    };
    let payload = name_in_payload(payload, &args.venue);
    let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    let failed = answer.function_error().map(|kind| match text("errorType") {
        name if name.is_empty() => (kind.to_owned(), text("errorMessage")),
        name => (name, text("errorMessage")),
    });
    print_invocation(&session, args, took, &payload, failed.as_ref());
    match failed {
        None if payload.get("skipped").is_some() => Err(run_skipped(&args.venue, &text("skipped"))),
        None => Ok(ExitCode::Done),
        Some((kind, message)) => Err(run_failed(args, &kind, &message)),
    }
}

/// The response with the venue in the commands that its error and its problems propose.
fn name_in_payload(mut payload: Value, venue: &str) -> Value {
    let name = |text: &mut Value| {
        if let Value::String(text) = text {
            *text = name_venue(text, venue);
        }
    };
    payload.get_mut("errorMessage").map(name);
    for problem in payload.get_mut("problems").and_then(Value::as_array_mut).into_iter().flatten() {
        problem.get_mut("message").map(name);
    }
    payload
}

fn print_invocation(
    session: &Session,
    args: &InvokeArgs,
    took: Duration,
    payload: &Value,
    failed: Option<&(String, String)>,
) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let count = |key: &str| payload[key].as_u64().unwrap_or_default();
    if let Some(lines) = &session.json {
        let mut line = json!({
            "venue": args.venue, "dry_run": args.dry_run, "duration_ms": duration_ms,
            "error": failed.map(|(kind, message)| json!({ "kind": kind, "message": message })),
        });
        for key in ["skipped", "searched", "synced", "failed", "needs_review", "retried", "problems", "would"] {
            if let Some(value) = payload.get(key) {
                line[key] = value.clone();
            }
        }
        return lines.print_line("invoked", line);
    }
    if failed.is_some() || payload.get("skipped").is_some() {
        return;
    }
    for problem in payload["problems"].as_array().into_iter().flatten() {
        errln!("{}: {}", args.venue, one_line(problem["message"].as_str().unwrap_or_default()));
    }
    let (venue, found) = (&args.venue, count("searched"));
    if args.dry_run {
        let would = |action: &str| {
            let all = payload["would"].as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter().filter(|would| would["action"] == action).count()
        };
        let ignored = match would("ignore") {
            0 => String::new(),
            count => format!(", ignore {count} that were ticked again soon after their lead,"),
        };
        outln!(
            "{venue}: found {found}; a run would send {}, look up {}{ignored} and leave {} for review ({duration_ms} ms). \
             Nothing was written.",
            would("send"),
            would("look_up"),
            would("review")
        );
        if args.show_contacts {
            print_leads(payload);
        }
        return;
    }
    outln!(
        "{venue}: found {found}: {} synced, {} failed, {} need review, {} deferred ({duration_ms} ms)",
        count("synced"),
        count("failed"),
        count("needs_review"),
        count("retried")
    );
}

/// Prints what would be sent, contact by contact.
fn print_leads(payload: &Value) {
    let all = payload["would"].as_array().map(Vec::as_slice).unwrap_or_default();
    for would in all.iter().filter(|would| would.get("body").is_some()) {
        let (contact, action) = (&would["contact_id"], would["action"].as_str().unwrap_or_default());
        outln!("contact {}: {action}", contact.as_str().unwrap_or_default());
        let body = serde_json::to_string_pretty(&would["body"]).unwrap_or_default();
        // What contacts entered must not move the cursor or change the direction of the text.
        body.lines().for_each(|line| outln!("  {}", one_line(line)));
    }
    let left_out = all.iter().filter(|would| would.get("body").is_none()).count();
    if left_out > 0 {
        outln!("{left_out} more are not shown.");
    }
}

/// The error if Lambda didn't start the run.
fn invocation_refused(venue: &str, error: &CallError) -> Error {
    let failed = |what: String| Error::failed(ErrorCode::RunFailed, what).caused_by(error);
    match error.kind {
        FailureKind::NotFound => failed(format!("could not run {venue}: it isn't deployed"))
            .hint(format!("`deployer apply --target {venue}` deploys it")),
        FailureKind::Throttled => {
            failed(format!("could not run {venue}: another run is in progress, and runs never overlap"))
                .hint("run the same command again in a moment; `deployer logs` shows what the run is doing")
        }
        FailureKind::NotImplemented => failed(format!("could not run {venue}: this cloud runs no functions"))
            .hint("`deployer dev` runs them on this machine"),
        FailureKind::NoAnswer => failed(format!("{venue} may or may not have run: Lambda didn't answer"))
            .hint(format!("`deployer logs {venue}` shows whether it ran; running it again sends nothing twice")),
        _ => match error.hint() {
            Some(hint) => failed(format!("could not run {venue}")).hint(hint),
            None => failed(format!("could not run {venue}")),
        },
    }
}

/// The error if the run found that there is another one.
fn run_skipped(venue: &str, why: &str) -> Error {
    Error::failed(ErrorCode::RunFailed, format!("could not run {venue}: {why}"))
        .hint("run the same command again in a moment; `deployer logs` shows what the run is doing")
}

/// The error of a run that failed. Flags that weren't settled stay set.
fn run_failed(args: &InvokeArgs, kind: &str, message: &str) -> Error {
    let venue = &args.venue;
    let word = if args.dry_run { "dry run" } else { "run" };
    let message = if message.is_empty() { "no message" } else { message };
    let error = Error::failed(ErrorCode::RunFailed, format!("the {word} of {venue} failed: {kind}: {message}"));
    if message.contains("timed out") {
        return error.hint(format!(
            "what it did until then is settled, and the next run continues; to give it more time, raise `timeout` in \
             [venues.{venue}]"
        ));
    }
    error.hint(format!("`deployer logs {venue} --since 15m` shows what happened"))
}
