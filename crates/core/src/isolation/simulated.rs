//! The decisions of IAM's own simulation, which must agree with ours.

use std::collections::BTreeMap;

/// IAM's decisions, by the role's venue, action and resource.
#[derive(Debug, Clone, Default)]
pub struct SimulationResults(BTreeMap<(String, String, String), String>);

impl SimulationResults {
    /// The decisions that IAM returned.
    pub fn new(decisions: BTreeMap<(String, String, String), String>) -> Self {
        Self(decisions)
    }

    /// `allowed`, `explicitDeny` or `implicitDeny`; `None` if IAM wasn't asked.
    pub fn find_decision(&self, venue: &str, action: &str, resource: &str) -> Option<&str> {
        let key = (venue.to_owned(), action.to_owned(), resource.to_owned());
        self.0.get(&key).map(String::as_str)
    }

    /// Whether there are no decisions.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
