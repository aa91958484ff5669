//! `deployer status --watch`: reads again and again, and redraws in place.
//!
//! Keys are answered at once, because a read is only one of the things that are waited for. The terminal is given back
//! however this ends: by a key, a signal, an error or a panic.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::shared::reconcile::wait_for_signal;
use super::{OverviewChoice, StatusArgs, StatusSources, status_look};
use crate::cli::GlobalArgs;
use crate::render::{ScreenKey, ScreenRequest, StatusScreen};
use crate::terminal::{FullScreen, shows_colors};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_health::status::{DriftFindings, Overview, VenueOverview};

/// How often the ages on the screen are drawn anew.
const TICK: Duration = Duration::from_secs(1);
/// How long a comparison with the manifest is kept: it lists everything that exists.
const DRIFT_KEPT: Duration = Duration::from_secs(300);

/// Shows the status until somebody ends it.
///
/// # Errors
/// There is no terminal, or what the status needs can't be opened.
pub(super) async fn watch_status(global: &GlobalArgs, args: &StatusArgs) -> Result<ExitCode> {
    check_terminal()?;
    let choice = OverviewChoice::from_args(args);
    // Mistakes, questions and hints come before the screen.
    let sources = StatusSources::open(global, &choice).await?;
    if let Err(why) = &sources.session {
        return Err(Error::failed(ErrorCode::AwsCall, format!("AWS can't be reached: {why}")));
    }
    let mut screen = StatusScreen::new(status_look(args), shows_colors(), args.interval);
    let ended = show_until_ended(&mut screen, &sources, &choice, args.interval).await;
    ended.map_err(|error| Error::failed(ErrorCode::System, "could not use the terminal as a screen").caused_by(&error))
}

fn check_terminal() -> Result<()> {
    let no_screen = |what: &str| {
        Error::usage(ErrorCode::NoTerminal, format!("--watch redraws a terminal, but {what}"))
            .hint("`deployer status` prints it once, and `deployer status --json` prints it for programs")
    };
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(no_screen("stdin or stdout is not a terminal"));
    }
    match std::env::var_os("TERM") {
        Some(term) if term == "dumb" => Err(no_screen("TERM=dumb can't move its cursor")),
        _ => Ok(()),
    }
}

async fn show_until_ended(
    screen: &mut StatusScreen,
    sources: &StatusSources,
    choice: &OverviewChoice<'_>,
    interval: Duration,
) -> io::Result<ExitCode> {
    let mut terminal = FullScreen::enter()?;
    let ending = wait_for_signal();
    tokio::pin!(ending);
    let mut drift: Option<(Instant, DriftFindings)> = None;
    loop {
        screen.begin_read();
        let known = drift.as_ref().filter(|(at, _)| at.elapsed() < DRIFT_KEPT).map(|(_, found)| found.clone());
        let is_known = known.is_some();
        let read = sources.read_overview(choice, known);
        tokio::pin!(read);
        let mut due: Option<Instant> = None;
        loop {
            terminal.draw_frame(|frame| screen.draw(frame, Timestamp::now()))?;
            let wait = due.map_or(TICK, |at| at.saturating_duration_since(Instant::now()).min(TICK));
            tokio::select! {
                event = terminal.next_event() => {
                    // Without a keyboard, nobody can end it.
                    let Some(event) = event? else { return Ok(ExitCode::Done) };
                    match ScreenKey::from_event(&event).map(|key| screen.handle_key(key)) {
                        Some(ScreenRequest::Quit) => return Ok(ExitCode::Done),
                        // What is being read is new enough.
                        Some(ScreenRequest::Read) if due.is_some() => break,
                        // Another size is drawn like anything else.
                        Some(ScreenRequest::Read | ScreenRequest::Redraw) | None => {}
                    }
                }
                (overview, found) = &mut read, if due.is_none() => {
                    drift = found.filter(|_| !is_known).map(|found| (Instant::now(), found)).or(drift.take());
                    screen.finish_read(usable_overview(overview), Timestamp::now());
                    due = Some(Instant::now() + interval);
                }
                _ = &mut ending => return Ok(ExitCode::Cancelled),
                () = tokio::time::sleep(wait) => {
                    if due.is_some_and(|at| at <= Instant::now()) {
                        break;
                    }
                }
            }
        }
    }
}

/// An overview, unless nothing of any venue in AWS could be read: then what was read before is better.
fn usable_overview(overview: Overview) -> std::result::Result<Overview, String> {
    let unread = |status: &VenueOverview| {
        status.function.unreadable_reason().is_some() && status.rule.unreadable_reason().is_some()
    };
    match overview.venues.first().and_then(|first| first.function.unreadable_reason()) {
        Some(why) if overview.venues.iter().all(unread) => Err(why.to_owned()),
        _ => Ok(overview),
    }
}
