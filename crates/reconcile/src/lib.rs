//! From what exists to what is declared: the one way in, for every command, for `deployer dev` and for the tests.
//!
//! A [`Reconciler`] takes a [`ReconcileGoal`] through the same steps each time: observe, plan, check the invariants and
//! the guards, ask, take the lock, plan again under it, execute. What happens is emitted as [`ReconcileEvent`]s to a
//! [`ReconcileFrontend`], which parses nothing and decides nothing but whether to go on. Nothing here writes to a terminal.
//!
//! - [`goal`]: what a reconciliation is for, and what comes of it.
//! - [`guards`]: what is refused before anything changes, each as one message.
//! - [`portal`]: HubSpot's contact properties, which belong to every plan.
//! - [`destinations`]: what a plan notes about Tripleseat accounts.
//! - [`reconciler`]: the steps.
//! - [`apply`]: the executor of a plan's operations.

pub mod apply;
pub mod destinations;
mod event;
mod goal;
pub mod guards;
pub mod portal;
mod preflight;
mod reconciler;

pub use event::{ReconcileEvent, ReconcileFrontend};
pub use goal::{PlanNotes, PlannedChanges, ReadDepth, ReconcileGoal, Reconciled};
pub use reconciler::Reconciler;
