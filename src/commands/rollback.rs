//! `deployer rollback`

use clap::Args;

use super::shared::reconcile::{TerminalFrontend, reconciler};
use super::shared::session::Session;
use crate::cli::{ConfirmArgs, GlobalArgs};
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::plan::Plan;
use deployer_reconcile::ReconcileGoal;
use deployer_reconcile::apply::{ApplyInputs, ApplyOptions};
use deployer_reconcile::portal::PortalAccess;

pub(super) async fn run_rollback(global: &GlobalArgs, args: &RollbackArgs) -> Result<ExitCode> {
    let session = Session::open(global).await?;
    let (deployment, venue) = (session.manifest().deployment.name.as_str(), args.venue.as_str());
    let goal = match args.unpin {
        true => ReconcileGoal::Unpin { deployment, venue },
        false => ReconcileGoal::RollBack { deployment, venue, version: args.to },
    };
    let question = ("Do you want to make this change?", "yes");
    let inputs = async |_: &Plan| Ok(ApplyInputs::default());
    let command = match (args.unpin, args.to) {
        (true, _) => format!("deployer rollback {venue} --unpin"),
        (false, Some(version)) => format!("deployer rollback {venue} --to {version}"),
        (false, None) => format!("deployer rollback {venue}"),
    };
    let frontend = TerminalFrontend::new(&session, &args.asking, &command, question, inputs);
    let portal = PortalAccess::not_needed();
    let reconciler = reconciler(&session, &portal, ApplyOptions::default());
    Ok(reconciler.reconcile(&goal, &frontend.lock_options(), &frontend).await?.code)
}

/// Roll a venue's function back to an earlier version, and keep it there until it changes
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// The version (default: the previous one)
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Undo a rollback: the next apply moves the venue forward again
    #[arg(long, conflicts_with = "to")]
    pub unpin: bool,
    /// How to apply it.
    #[command(flatten)]
    pub asking: ConfirmArgs,
}
