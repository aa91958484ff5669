//! `deployer decommission`

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::shared::reconcile::confirm_on_terminal;
use super::shared::session::{connect_to_region, state_directory};
use crate::cli::{GlobalArgs, parse_time_window};
use crate::render::{FORMAT_VERSION, JsonLines, decommission_text, event_text, outcome_text};
use crate::terminal::quote_for_shell;
use deployer_aws::Aws;
use deployer_core::counted::count_with_noun;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::scope::Scope;
use deployer_janitor::audit::{AUDIT_VERSION, Audit};
use deployer_janitor::decommission::DecommissionContext;
use deployer_janitor::decommission::archive::{Archive, ArchiveManifest, JournalPlaces};
use deployer_janitor::decommission::carry_out::{DecommissionEvent, DecommissionOutcome, carry_out};
use deployer_janitor::decommission::check::{DecommissionTerms, check_candidates};
use deployer_janitor::decommission::evidence::judge_again;
use deployer_janitor::decommission::plan::{DecommissionItem, DecommissionPlan, PendingResources};
use deployer_janitor::decommission::reread::{AccountRecheck, READING_COUNTS_FOR};
use deployer_janitor::decommission::select::DecommissionRequest;

/// Archive and delete what an audit found unneeded
#[derive(Debug, Args)]
pub struct DecommissionArgs {
    /// The audit, as written by `deployer audit --out FILE`
    #[arg(required_unless_present = "resume")]
    pub audit: Option<PathBuf>,
    /// ARNs or names of what to decommission
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Everything stale or orphaned; suspect items must be named explicitly
    #[arg(long)]
    pub stale: bool,
    /// The archive: a new directory, or an earlier run's. It contains the functions' environment variables, including
    /// secrets
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// Disable for this many days instead of deleting; a later run deletes what stayed quiet and restores what was
    /// called
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub quarantine: Option<u16>,
    /// Only resume what the archive has open: quarantines, and what an interrupted run started
    #[arg(long, conflicts_with_all = ["audit", "ids", "stale", "quarantine"])]
    pub resume: bool,
    /// Refuse an audit older than this: 1d, 12h
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = parse_max_age)]
    pub max_age: SignedDuration,
    /// Include log groups, although their events are not archived
    #[arg(long)]
    pub with_logs: bool,
    /// Include what couldn't be restored from the archive, or not completely: the plan names what is lost
    #[arg(long)]
    pub accept_loss: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub(super) async fn run_decommission(global: &GlobalArgs, args: &DecommissionArgs) -> Result<ExitCode> {
    let now = Timestamp::now();
    let audit = args.audit.as_deref().map(|path| read_audit(path, args.max_age, now)).transpose()?;
    let (audit, edited) = match audit.map(judge_again) {
        Some((audit, edited)) => (Some(audit), edited),
        None => (None, Vec::new()),
    };
    let manifest = read_archive_manifest(&args.archive)?;
    let region = match (&audit, &manifest) {
        (Some(audit), _) => audit.inventory.region.clone(),
        (None, Some(manifest)) => manifest.region.clone(),
        (None, None) => return Err(no_archive_error(&args.archive)),
    };
    if !args.resume && args.ids.is_empty() && !args.stale {
        return Err(Error::usage(ErrorCode::CommandLine, "no resource was named")
            .hint("pass IDs or names, or --stale for everything stale or orphaned"));
    }
    let (aws, scope) = connect_to_region(global, &region).await?;
    if let Some(audit) = &audit {
        check_same_account(audit, &scope)?;
    }
    let cx = DecommissionContext { aws: &aws, scope: &scope, delays: true };
    let opened = match manifest {
        Some(_) => Some(Archive::open_verified(&args.archive, &scope)?),
        None => None,
    };

    let pending = match &opened {
        Some(archive) => PendingResources::judge_archive(&cx, archive, now).await,
        None => PendingResources::default(),
    };
    let mut plan = match &audit {
        Some(audit) => {
            let request = DecommissionRequest { ids: args.ids.clone(), stale: args.stale };
            let terms = DecommissionTerms { with_logs: args.with_logs, accept_loss: args.accept_loss };
            let (checked, refusals) = check_candidates(&cx, audit, &request, terms, &pending).await;
            let until = args.quarantine.map(|days| now + SignedDuration::from_hours(24 * i64::from(days)));
            DecommissionPlan::from_checked(checked, refusals, until)
        }
        None => DecommissionPlan::default(),
    };
    plan.accept_loss = args.accept_loss;
    plan.add_pending(&cx, pending).await;
    if let (Some(archive), Some(audit)) = (&opened, &audit) {
        plan.settle_deleted(archive, audit);
    }
    let json = global.json.then(JsonLines::default);
    show_plan(json.as_ref(), &plan, &scope, &args.archive);
    show_edited(json.as_ref(), &edited);
    refuse_named_resources(&plan, &args.ids)?;
    if args.dry_run || !plan.has_changes() {
        let code = if plan.refusals.is_empty() || !plan.items.is_empty() { ExitCode::Done } else { ExitCode::Refused };
        if let Some(lines) = &json {
            lines.print_line("result", json!({ "exit_code": code as u8 }));
        }
        return Ok(code);
    }
    let command = repeat_command(args);
    let question = confirmation_question(&plan, &scope);
    confirm_on_terminal(
        global.json,
        args.yes,
        &question,
        &scope.account,
        &format!("review the plan with `{command} --dry-run`"),
    )?;

    let taken_at = audit.as_ref().map_or(now, |audit| audit.inventory.taken_at);
    let mut archive = match opened {
        Some(archive) => archive,
        None => Archive::open_or_create(&args.archive, &scope, taken_at)?,
    };
    let on_event = |event: &DecommissionEvent| report_step(json.as_ref(), event);
    if !global.json {
        errln!("After archiving, the account is read again, to see that nothing needs these by now.");
    }
    let recheck = AccountRecheck {
        audit: audit.as_ref(),
        rate_limited: !global.local,
        counts_for: READING_COUNTS_FOR,
        stand_in: None,
    };
    let outcome = carry_out(&cx, &plan, &mut archive, &recheck, &on_event).await?;
    let code = outcome_code(&outcome);
    report_outcome(json.as_ref(), &outcome, &command, code);
    Ok(code)
}

/// The command that repeats or resumes this run.
fn repeat_command(args: &DecommissionArgs) -> String {
    let mut words = vec!["deployer decommission".to_owned()];
    let path = |path: &Path| quote_for_shell(&path.to_string_lossy());
    words.extend(args.audit.as_deref().map(path));
    words.extend(args.ids.iter().map(|id| quote_for_shell(id)));
    for (given, flag) in [
        (args.stale, "--stale"),
        (args.resume, "--resume"),
        (args.with_logs, "--with-logs"),
        (args.accept_loss, "--accept-loss"),
    ] {
        words.extend(given.then(|| flag.to_owned()));
    }
    words.extend([format!("--archive {}", path(&args.archive))]);
    words.extend(args.quarantine.map(|days| format!("--quarantine {days}")));
    words.join(" ")
}

/// The exit code of a decommission.
fn outcome_code(outcome: &DecommissionOutcome) -> ExitCode {
    match (&outcome.failed, outcome.done.is_empty()) {
        (None, _) => ExitCode::Done,
        (Some(_), true) => ExitCode::Failed,
        (Some(_), false) => ExitCode::Partial,
    }
}

/// Reports the outcome.
pub(super) fn report_outcome(json: Option<&JsonLines>, outcome: &DecommissionOutcome, command: &str, code: ExitCode) {
    match json {
        Some(lines) => {
            let failed = outcome.failed.as_ref().map(|(id, why)| json!({ "id": id, "why": why }));
            let not_started = &outcome.not_started;
            lines.print_line(
                "result",
                json!({ "done": outcome.done, "failed": failed, "not_started": not_started, "exit_code": code as u8 }),
            );
        }
        None => out!("\n{}", outcome_text(outcome, command)),
    }
}

/// Reports one step.
pub(super) fn report_step(json: Option<&JsonLines>, event: &DecommissionEvent) {
    match json {
        Some(lines) => lines.print_line("step", event),
        None => outln!("{}", event_text(event)),
    }
}

fn show_plan(json: Option<&JsonLines>, plan: &DecommissionPlan, scope: &Scope, archive: &Path) {
    let Some(lines) = json else {
        outln!("Account {}, region {}; archive {}\n", scope.account, scope.region, archive.display());
        out!("{}", decommission_text(plan));
        return;
    };
    lines.print_line(
        "decommission",
        json!({ "format_version": FORMAT_VERSION, "account": scope.account, "region": scope.region, "archive": archive.display().to_string() }),
    );
    for item in &plan.items {
        lines.print_line("item", item_json(item));
    }
    for refusal in &plan.refusals {
        lines.print_line("refused", refusal);
    }
}

/// Says which verdicts of the file don't follow from its own inventory. They count for nothing.
fn show_edited(json: Option<&JsonLines>, edited: &[String]) {
    match json {
        Some(lines) => edited.iter().for_each(|what| lines.print_line("edited", json!({ "what": what }))),
        None if edited.is_empty() => {}
        None => {
            let many = edited.len() - edited.len().min(EDITED_SHOWN);
            outln!("\nThe audit file was edited, or made by another version. Its own inventory decides:");
            edited.iter().take(EDITED_SHOWN).for_each(|what| outln!("  {what}"));
            if many > 0 {
                outln!("  and {many} more");
            }
        }
    }
}

/// How many edited verdicts are listed.
const EDITED_SHOWN: usize = 20;

fn item_json(item: &DecommissionItem) -> Value {
    let DecommissionItem { target, action, evidence, notes, lost, .. } = item;
    let mut line = serde_json::to_value(action).expect("an action has nothing but texts and lists of texts");
    line["id"] = json!(target.id);
    line["kind"] = json!(target.kind);
    line["name"] = json!(target.name);
    line["evidence"] = json!(evidence);
    line["notes"] = json!(notes);
    line["lost"] = json!(lost);
    line
}

fn confirmation_question(plan: &DecommissionPlan, scope: &Scope) -> String {
    let count = plan.items.iter().filter(|item| item.action.changes_account()).count();
    let lost = lost_lines(plan);
    let secrets = if plan.items.iter().any(|item| item.action.archives_first()) {
        "The archive will contain everything about them, including secrets in environment variables: keep it private.\n"
    } else {
        ""
    };
    format!(
        "{lost}{secrets}Do you want to carry out this plan for {} in account {}?",
        count_with_noun(count as u64, "resource"),
        scope.account
    )
}

/// What no restore brings back, for the question.
fn lost_lines(plan: &DecommissionPlan) -> String {
    let leaving = plan.items.iter().filter(|item| item.action.archives_first() || item.action.deletes());
    let lines = leaving.flat_map(|item| {
        let what = item.target.kind_and_name();
        item.lost.iter().map(move |line| format!("  {what}: {line}\n"))
    });
    let lines: Vec<String> = lines.collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!("Not in the archive, and lost with a deletion ({}):\n{}", lines.len(), lines.concat()),
    }
}

/// A resource that was named is wanted for sure, so nothing is done if it is refused.
fn refuse_named_resources(plan: &DecommissionPlan, ids: &[String]) -> Result<()> {
    let named = |id: &str, what: &str| ids.iter().any(|asked| asked == id || what.ends_with(&format!(" {asked}")));
    let refused: Vec<_> = plan.refusals.iter().filter(|refusal| named(&refusal.id, &refusal.what)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let mut error = Error::refused(
        ErrorCode::NotRemovable,
        match refused.len() {
            1 => "the named resource is refused; nothing was changed".to_owned(),
            count => format!("{count} of the named resources are refused; nothing was changed"),
        },
    );
    error.causes = refused.iter().map(|refusal| format!("{}: {}", refusal.what, refusal.why)).collect();
    Err(error.hint("leave out what is refused, or fix the reason and run a new audit"))
}

fn read_audit(path: &Path, max_age: SignedDuration, now: Timestamp) -> Result<Audit> {
    let shown = path.display();
    let text = bounds::read_regular_file(path, bounds::MAX_INPUT_FILE).map_err(|error| {
        Error::usage(ErrorCode::AuditFile, format!("could not read the audit {shown}")).caused_by(&error).hint(MAKE_ONE)
    })?;
    let audit: Audit = serde_json::from_slice(&text).map_err(|error| {
        Error::usage(ErrorCode::AuditFile, format!("{shown} is not an audit: {error}")).hint(MAKE_ONE)
    })?;
    if audit.version != AUDIT_VERSION {
        let what = format!("{shown} was made by another version of deployer (format {})", audit.version);
        return Err(Error::new(ExitCode::Stale, ErrorCode::AuditFile, what).hint(MAKE_ONE));
    }
    let age = now.duration_since(audit.inventory.taken_at);
    if age > max_age || age < SignedDuration::ZERO {
        let taken = audit.inventory.taken_at.strftime("%Y-%m-%d %H:%M UTC");
        let what = match age < SignedDuration::ZERO {
            true => format!("{shown} was taken {taken}, which is in the future"),
            false => {
                format!("{shown} is too old: it was taken {taken}, {} hours ago; nothing was changed", age.as_hours())
            }
        };
        return Err(Error::new(ExitCode::Stale, ErrorCode::AuditFile, what).hint(MAKE_ONE));
    }
    Ok(audit)
}

const MAKE_ONE: &str = "make a new audit with `deployer audit --out FILE`, and review it";

fn check_same_account(audit: &Audit, scope: &Scope) -> Result<()> {
    let inventory = &audit.inventory;
    if (&inventory.account, &inventory.region) == (&scope.account, &scope.region) {
        return Ok(());
    }
    Err(Error::refused(
        ErrorCode::WrongAccount,
        format!(
            "the audit is of account {}, region {}, but the credentials are for account {}, region {}",
            inventory.account, inventory.region, scope.account, scope.region
        ),
    )
    .hint("nothing was changed; use other credentials (AWS_PROFILE), or audit this account"))
}

fn read_archive_manifest(directory: &Path) -> Result<Option<ArchiveManifest>> {
    if directory.join("manifest.json").exists() { Archive::read_manifest_only(directory).map(Some) } else { Ok(None) }
}

fn no_archive_error(directory: &Path) -> Error {
    Error::usage(ErrorCode::Archive, format!("{} is not an archive", directory.display()))
        .hint("--resume needs the archive of an earlier run")
}

/// Opens an archive for `restore`, with clients for its account. `journal` is where the journal is kept, if not in the
/// archive.
pub(super) async fn open_archive(
    global: &GlobalArgs,
    directory: &Path,
    journal: Option<&Path>,
) -> Result<(Aws, Scope, Archive)> {
    let manifest = Archive::read_manifest_only(directory)?;
    let (aws, scope) = connect_to_region(global, &manifest.region).await?;
    let state = state_directory(&global.manifest);
    let archive = Archive::open_for_restore(directory, &scope, JournalPlaces { chosen: journal, state: &state })?;
    Ok((aws, scope, archive))
}

fn parse_max_age(text: &str) -> Result<SignedDuration, String> {
    parse_time_window(text).map(|window| window.duration)
}
