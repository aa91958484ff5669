//! What comparing a resource leads to, and what that means for what depends on it.

use super::{Change, Conflict};
use crate::resource::Observed;

/// The result of comparing one resource.
#[derive(Clone)]
pub(super) enum ResourceVerdict {
    Unchanged,
    Change(Change),
    Conflict(Conflict),
    /// The resource, or one that it depends on, is unreadable or out of reach, for this reason.
    Unreadable(String),
}

/// A missing resource can't be created while one that it depends on is out of reach. An existing one is compared
/// anyway.
pub(super) fn compare_after<T>(
    needed: &[&ResourceVerdict],
    live: &Observed<T>,
    compare: impl FnOnce() -> ResourceVerdict,
) -> ResourceVerdict {
    let reason = needed.iter().find_map(|verdict| out_of_reach_reason(verdict));
    match (reason, live) {
        (Some(reason), Observed::Absent | Observed::PendingDeletion(_)) => ResourceVerdict::Unreadable(reason),
        _ => compare(),
    }
}

/// Leaves a part alone while its whole is out of reach: the whole belongs to somebody else, or its owner is unknown.
pub(super) fn guard_part(whole: &ResourceVerdict, part: ResourceVerdict) -> ResourceVerdict {
    match (out_of_reach_reason(whole), part) {
        (Some(reason), ResourceVerdict::Change(_)) => ResourceVerdict::Unreadable(reason),
        (_, part) => part,
    }
}

pub(super) fn out_of_reach_reason(verdict: &ResourceVerdict) -> Option<String> {
    match verdict {
        ResourceVerdict::Unreadable(reason) => Some(format!("a resource it depends on is unreadable: {reason}")),
        ResourceVerdict::Conflict(conflict) => Some(format!("a resource it depends on is not ours: {}", conflict.name)),
        ResourceVerdict::Unchanged | ResourceVerdict::Change(_) => None,
    }
}
