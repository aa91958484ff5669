//! `deployer dev`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::shared::artifacts::prepare_artifact;
use super::shared::reconcile::wait_for_signal;
use super::shared::session::{load_manifest, state_directory};
use crate::cli::{GlobalArgs, parse_positive_duration};
use crate::dev::page::{self, AlarmMessageView, ManifestEditOutcome, RunOutcome, RunView};
use crate::dev::summary::VenueSummary;
use crate::dev::{ManifestWatch, System, SystemBackend, SystemConfig};
use crate::render::JsonLines;
use crate::terminal::QuietTerminal;
use deployer_artifact::ArtifactPlatform;
use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{self, format_duration};

/// Run the whole system on this machine, without any account
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Contacts to load, as a CSV export from HubSpot (default: a sample)
    #[arg(long, value_name = "FILE")]
    pub contacts: Option<PathBuf>,
    /// Fire every rule this often (`5s`, `1m`) instead of on its schedule
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    pub every: Option<Duration>,
    /// Run every venue once, print the result, and exit
    #[arg(long)]
    pub once: bool,
    /// Port of the page; if it is taken, the next free one
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// Apply edits of the manifest while it runs (the default)
    #[arg(long, overrides_with = "no_watch")]
    pub watch: bool,
    /// Leave edits of the manifest for the next start
    #[arg(long)]
    pub no_watch: bool,
    /// Use this zip (with `bootstrap` at its root) or bootstrap instead of building one
    #[arg(long, value_name = "PATH")]
    pub artifact: Option<PathBuf>,
}

pub(super) async fn run_dev(global: &GlobalArgs, args: &DevArgs) -> Result<ExitCode> {
    if global.local {
        return Err(Error::usage(ErrorCode::CommandLine, "dev always runs on this machine, so --local has no effect")
            .hint("leave out --local"));
    }
    let mut edits = ManifestWatch::new(&global.manifest);
    let manifest = load_manifest(global)?.manifest;
    if manifest.alarms.as_ref().is_some_and(|alarms| alarms.digest.is_some()) && !global.json {
        errln!("No digest is sent here. `deployer report --send --dry-run --local` prints what it would say.");
    }
    let given = args.artifact.as_deref();
    let artifact = prepare_artifact(ArtifactPlatform::Local, &manifest.path, given, global.json).await?;
    let state = state_directory(&manifest.path);
    let config = SystemConfig { manifest, artifact, contacts: args.contacts.clone(), every: args.every };
    let system = System::start(config).await?;
    let json = global.json.then(JsonLines::default).map(Arc::new);
    let stop = CancellationToken::new();
    let watcher = tokio::spawn(stop_on_signal(stop.clone()));
    let code = if args.once {
        run_venues_once(&system, json.as_deref()).await
    } else {
        // `--local` finds this process through the file.
        let running = system.write_running_file(&state);
        if let Err(error) = &running {
            errln!("Commands with --local won't find this process: could not write to {}: {error}", state.display());
        }
        let code = if args.no_watch {
            serve_until_stopped(&system, args, json, &stop).await
        } else {
            let follow = follow_manifest(&system, global, &mut edits, &state, json.clone());
            tokio::select! {
                code = serve_until_stopped(&system, args, json, &stop) => code,
                () = follow => Ok(ExitCode::Done),
            }
        };
        drop(running);
        code?
    };
    watcher.abort();
    system.stop();
    Ok(code)
}

/// Adopts the edits of the manifest, for as long as it is polled.
async fn follow_manifest(
    system: &System,
    global: &GlobalArgs,
    edits: &mut ManifestWatch,
    state: &Path,
    json: Option<Arc<JsonLines>>,
) {
    loop {
        edits.wait_for_edit().await;
        let outcome = adopt_edit(system, global, state).await;
        // The page first: whoever reads the line may look there.
        system.show_edit(outcome.clone());
        match &json {
            Some(lines) => lines.print_line("edit", &outcome),
            None => print_edit(&global.manifest, &outcome),
        }
    }
}

async fn adopt_edit(system: &System, global: &GlobalArgs, state: &Path) -> ManifestEditOutcome {
    let read = manifest::load_manifest(&global.manifest);
    let read = read.and_then(|loaded| loaded.check_schedules(jiff::Timestamp::now()).map(|()| loaded.manifest));
    let adopted = match read {
        Ok(manifest) => system.adopt_manifest(manifest).await.map_err(|error| error.to_string()),
        Err(mistakes) => Err(mistakes.to_string()),
    };
    match adopted {
        Ok(changes) => {
            // Other commands find the sandboxes of new venues through the file.
            if let Err(error) = system.update_running_file(state) {
                errln!("Could not write to {}: {error}", state.display());
            }
            ManifestEditOutcome::Applied { changes }
        }
        Err(mistakes) => ManifestEditOutcome::Rejected { mistakes },
    }
}

fn print_edit(manifest: &Path, outcome: &ManifestEditOutcome) {
    let time = jiff::Timestamp::now().strftime("%H:%M:%S");
    let manifest = manifest.display();
    match outcome {
        ManifestEditOutcome::Applied { changes } => {
            outln!("{time}Z  {manifest} was edited: {} applied", count_with_noun(*changes as u64, "change"));
        }
        ManifestEditOutcome::Rejected { mistakes } => {
            errln!("{time}Z  {manifest} was edited, but what ran before keeps running:\n{mistakes}");
        }
    }
}

/// Runs every venue once, and reports what happened to every flagged contact.
async fn run_venues_once(system: &Arc<System>, json: Option<&JsonLines>) -> ExitCode {
    let flagged = system.flagged_contacts();
    let started = system.begun.elapsed();
    let runs = system.run_once().await;
    let ended = system.begun.elapsed();
    let venues = system.summarize_venues(&flagged, &runs);
    let accounted = venues.iter().all(VenueSummary::is_accounted_for);
    let code = if accounted { ExitCode::Done } else { ExitCode::Failed };
    let first_lead_ms = system.first_lead_ms();
    match json {
        Some(lines) => {
            for venue in &venues {
                lines.print_line("venue", venue);
            }
            lines.print_line(
                "result",
                json!({
                    "resources": system.resources, "contacts": system.contacts, "started_ms": started.as_millis() as u64,
                    "first_lead_ms": first_lead_ms, "ended_ms": ended.as_millis() as u64, "exit_code": code as u8,
                }),
            );
        }
        None => {
            out!("{}", venue_table(&venues));
            let first = first_lead_ms.map_or_else(String::new, |ms| format!(", first lead after {ms} ms"));
            outln!(
                "\n{} resources deployed and {} contacts loaded in {} ms{first}, all done after {} ms.",
                system.resources,
                system.contacts,
                started.as_millis(),
                ended.as_millis()
            );
            let verdict = if accounted {
                "Every flagged contact became a lead or has a stated reason."
            } else {
                "Some flagged contacts neither became leads nor have a stated reason: see above."
            };
            outln!("{verdict}");
        }
    }
    code
}

fn venue_table(venues: &[VenueSummary]) -> String {
    let width = venues.iter().map(|venue| venue.venue.len()).max().unwrap_or(0).max("venue".len());
    let mut text = format!(
        "{:width$}  {:8} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8}\n",
        "venue", "status", "flagged", "synced", "failed", "review", "waiting", "took"
    );
    for venue in venues {
        let took = venue.duration_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        let _ = writeln!(
            text,
            "{:width$}  {:8} {:>7} {:>7} {:>7} {:>7} {:>8} {took:>8}",
            venue.venue, venue.status, venue.flagged, venue.synced, venue.failed, venue.needs_review, venue.waiting
        );
    }
    for venue in venues {
        if let Some(error) = &venue.error {
            let _ = writeln!(text, "\n{}: the run failed: {error}", venue.venue);
        }
        if venue.leads != venue.synced {
            let _ = writeln!(text, "\n{}: {} leads for {} synced contacts", venue.venue, venue.leads, venue.synced);
        }
    }
    let mut reasons = String::new();
    for venue in venues {
        for reason in &venue.reasons {
            let why = reason.reason.as_deref().unwrap_or("no reason given");
            let _ =
                writeln!(reasons, "  {:width$}  contact {}  {}: {why}", venue.venue, reason.contact_id, reason.state);
        }
    }
    if !reasons.is_empty() {
        let _ = write!(text, "\nContacts without a lead, and why:\n{reasons}");
    }
    text
}

/// Serves the page and fires the rules until it is told to stop.
async fn serve_until_stopped(
    system: &Arc<System>,
    args: &DevArgs,
    json: Option<Arc<JsonLines>>,
    stop: &CancellationToken,
) -> Result<ExitCode> {
    let listener = page::bind_port(args.port).await.map_err(|error| {
        Error::failed(ErrorCode::Dev, "could not serve the page: no port on 127.0.0.1 is free").caused_by(&error)
    })?;
    let address = listener.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}"));
    announce_start(system, args, json.as_deref(), &address);
    // From here on, it waits for the clock and for people.
    let _quiet = QuietTerminal::hold();
    let backend = Arc::new(SystemBackend::new(Arc::clone(system)));
    let page = tokio::spawn(page::serve_page(listener, backend, stop.clone()));
    let lines = json.clone();
    system.listen_to_alarms(move |message: &AlarmMessageView| match &lines {
        Some(lines) => lines.print_line("alarm", message),
        None => outln!("{}", alarm_lines(message)),
    });
    system.listen_to_runs(move |run: &RunView| match &json {
        Some(lines) => lines.print_line("run", run),
        None => outln!("{}", run_line(run)),
    });
    tokio::join!(system.fire_rules(stop), system.evaluate_alarms(stop));
    match page.await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => return Err(Error::failed(ErrorCode::Dev, "could not serve the page").caused_by(&error)),
    }
    errln!("Stopped. Nothing was left behind.");
    Ok(ExitCode::Done)
}

fn announce_start(system: &System, args: &DevArgs, json: Option<&JsonLines>, address: &str) {
    let (hubspot, tripleseat) = system.vendor_uris();
    if let Some(lines) = json {
        let addresses =
            json!({ "page": address, "hubspot": hubspot, "tripleseat": tripleseat, "aws": system.cloud_uri });
        lines.print_line("started", addresses);
        return;
    }
    let firing = match args.every {
        Some(every) => format!("every {} s", every.as_secs()),
        None => "now, then on each venue's schedule (--every 10s shortens the wait)".to_owned(),
    };
    let edits = match args.no_watch {
        true => "Edits of the manifest count at the next start.",
        false => "Edits of the manifest are applied as you save it (--no-watch turns that off).",
    };
    outln!(
        "
  deployer dev is running: {} resources deployed, {} contacts loaded, {} ms

    Page        {address}
    HubSpot     {hubspot}  (sandbox)
    Tripleseat  {tripleseat}  (sandbox)
    AWS         {}  (embedded)

  Rules fire {firing}.
  {edits}
  Tick a contact's flag on the page and watch it become a lead. Ctrl-C stops it.
",
        system.resources,
        system.contacts,
        system.begun.elapsed().as_millis(),
        system.cloud_uri,
    );
}

fn run_line(run: &RunView) -> String {
    let time = jiff::Timestamp::from_millisecond(run.started_at_ms).unwrap_or_default().strftime("%H:%M:%S");
    let what = match (&run.outcome, &run.error) {
        (RunOutcome::Ok, _) if run.searched == 0 => "nothing to do".to_owned(),
        (RunOutcome::Ok, _) => format!(
            "found {}: {} synced, {} failed, {} need review, {} deferred",
            run.searched, run.synced, run.failed, run.needs_review, run.retried
        ),
        (RunOutcome::Skipped, _) => "skipped: another run is under way".to_owned(),
        (RunOutcome::Failed, error) => format!("failed: {}", error.as_deref().unwrap_or("no reason given")),
    };
    let origin = match run.dry_run {
        true => format!("{}, dry run", run.origin.display_name()),
        false => run.origin.display_name().to_owned(),
    };
    format!("{time}Z  {:12} {what} ({} ms, {origin})", run.venue, run.duration_ms)
}

fn alarm_lines(message: &AlarmMessageView) -> String {
    let time = jiff::Timestamp::from_millisecond(message.at_ms).unwrap_or_default().strftime("%H:%M:%S");
    let causes: Vec<&str> = message.causes.iter().map(|cause| cause.text.as_str()).collect();
    let what = match (message.raised, message.lasted_ms) {
        (true, _) => "ALARM:".to_owned(),
        (false, Some(lasted_ms)) => {
            let lasted = format_duration(u64::try_from(lasted_ms / 1000).unwrap_or_default());
            format!("alarm cleared after {lasted}, was:")
        }
        (false, None) => "alarm cleared".to_owned(),
    };
    format!("{time}Z  {:12} {what} {}", message.venue, causes.join(" ")).trim_end().to_owned()
}

/// Stops gracefully at the first Ctrl-C or SIGTERM, and immediately at the second.
async fn stop_on_signal(stop: CancellationToken) {
    let mut again = false;
    loop {
        if wait_for_signal().await.is_err() {
            return;
        }
        if again {
            std::process::exit(i32::from(ExitCode::Cancelled as u8));
        }
        again = true;
        errln!("\nFinishing the current runs; press Ctrl-C again to stop immediately.");
        stop.cancel();
    }
}
