//! Whether a venue does its work: the answer that `status` exits with. Pure, from the standing and what needs attention.

use serde::Serialize;

use super::{Attention, VenueOverview, VenueStanding};
use deployer_core::manifest::Status;

/// Whether a venue does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueHealth {
    /// The manifest says active, and nothing that was read speaks against it.
    Healthy,
    /// The manifest says active, but its leads don't arrive or may not arrive.
    Unhealthy,
    /// The manifest says paused or blocked, so nothing is expected of it.
    Idle,
    /// A part that decides it is unreadable.
    Unknown,
}

/// The health of a venue. `attention` is everything that needs attention anywhere.
pub(super) fn judge_health(status: &VenueOverview, attention: &[Attention]) -> VenueHealth {
    if status.venue.status != Status::Active {
        return VenueHealth::Idle;
    }
    let of_venue = |one: &&Attention| one.venue.as_deref() == Some(status.venue.name.as_str());
    let unhealthy = attention.iter().filter(of_venue).any(|one| one.unhealthy);
    // Many missing venues are reported together.
    if unhealthy || status.standing == VenueStanding::NotDeployed {
        return VenueHealth::Unhealthy;
    }
    let unreadable =
        [status.function.unreadable_reason(), status.rule.unreadable_reason(), status.runs.unreadable_reason()];
    if unreadable.iter().any(Option::is_some) { VenueHealth::Unknown } else { VenueHealth::Healthy }
}
