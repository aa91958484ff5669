//! What keeps two runs of a venue from overlapping: reserved concurrency of one, or a lease.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_config::config::{ENV_SYNC_CONFIG, SyncConfig};

use crate::resource::DesiredStack;
use crate::role_policy::lease_statements;
use crate::scope::Scope;

/// Executions that Lambda never lets anyone reserve, unless the account has fewer in all
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>).
pub const UNRESERVED_EXECUTIONS: u64 = 100;

/// How many executions at a time an account has in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionLimits {
    /// All.
    pub limit: u64,
    /// Those that no function has reserved.
    pub unreserved: u64,
}

impl ExecutionLimits {
    /// How many are reserved.
    pub fn reserved(&self) -> u64 {
        self.limit.saturating_sub(self.unreserved)
    }

    /// How many can be reserved in all.
    pub fn reservable(&self) -> u64 {
        self.limit.saturating_sub(UNRESERVED_EXECUTIONS)
    }

    /// How many can still be reserved.
    pub fn room(&self) -> u64 {
        self.reservable().saturating_sub(self.reserved())
    }
}

/// Whether a function with these variables takes a lease for each run.
pub fn has_lease<'e>(environment: impl IntoIterator<Item = (&'e String, &'e String)>) -> bool {
    let config = environment.into_iter().find(|(name, _)| *name == ENV_SYNC_CONFIG);
    let config = config.and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
    config.is_some_and(|config| config["lease"] == true)
}

/// Replaces the reservation of a stack with a lease.
pub(crate) fn enable_lease(stack: &mut DesiredStack, scope: &Scope) {
    stack.function.reserved_concurrency = None;
    let environment = &mut stack.function.configuration.environment;
    // What the deployer wrote itself a moment ago can be read.
    let config = environment.get(ENV_SYNC_CONFIG).and_then(|json| serde_json::from_str(json).ok());
    let config = SyncConfig { lease: true, ..config.unwrap_or_default() };
    let json = serde_json::to_string(&config).expect("all keys of its maps are strings, so it always has a JSON form");
    environment.insert(ENV_SYNC_CONFIG.to_owned(), json);
    stack.role.policy.add_statements(lease_statements(scope, &stack.log_group.name));
}
