//! Whether what is deployed is what the manifest says, as far as lists show it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a comparison of a venue with the manifest showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueDrift {
    /// Nothing differs.
    Matches,
    /// So many of its resources would change.
    Differs(u64),
    /// It wasn't compared, for this reason.
    Unknown(String),
}

/// What a comparison of several venues showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftFindings {
    /// Venues by name, with how many of their resources would change. A venue that is missing has no changes.
    Compared(BTreeMap<String, u64>),
    /// They weren't compared, for this reason.
    Unknown(String),
}

impl DriftFindings {
    /// What they say about one venue.
    pub fn of_venue(&self, venue: &str) -> VenueDrift {
        match self {
            Self::Compared(changes) => match changes.get(venue) {
                None | Some(0) => VenueDrift::Matches,
                Some(count) => VenueDrift::Differs(*count),
            },
            Self::Unknown(reason) => VenueDrift::Unknown(reason.clone()),
        }
    }
}
