//! What IAM's own simulation said, to be held against what is judged here.

use std::collections::BTreeMap;

/// What IAM said, by role's venue, action and resource.
#[derive(Debug, Clone, Default)]
pub struct Simulated(BTreeMap<(String, String, String), String>);

impl Simulated {
    /// What IAM answered.
    pub fn new(answers: BTreeMap<(String, String, String), String>) -> Self {
        Self(answers)
    }

    /// `allowed`, `explicitDeny` or `implicitDeny`; none where IAM wasn't asked.
    pub fn decision(&self, venue: &str, action: &str, resource: &str) -> Option<&str> {
        let key = (venue.to_owned(), action.to_owned(), resource.to_owned());
        self.0.get(&key).map(String::as_str)
    }

    /// Whether IAM gave no answer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
