//! Everything in the account. All of it is in tables: see [`super::table`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::table::{AnyTable, StoredPart, stored_parts};
use super::{
    apigateway, cloudwatch, elsewhere, events, iam, lambda, logs, quotas, scheduler, secretsmanager, sns, sqs, states,
};

/// The account.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudState {
    pub account: String,
    pub(super) seed: u64,
    /// How many random numbers were drawn.
    pub(super) drawn: u64,
    pub iam: iam::IamState,
    /// Regions are never removed, so that the store sees each of their tables.
    regions: BTreeMap<String, RegionState>,
}

stored_parts! {
    /// What is in one region.
    pub struct RegionState {
        pub logs: logs::LogsState,
        pub events: events::EventBridgeState,
        pub secretsmanager: secretsmanager::SecretsManagerState,
        pub lambda: lambda::LambdaState,
        pub sqs: sqs::SqsState,
        pub cloudwatch: cloudwatch::CloudWatchState,
        pub apigateway: apigateway::ApiGatewayState,
        pub sns: sns::SnsState,
        pub scheduler: scheduler::SchedulerState,
        pub states: states::StepFunctionsState,
        pub elsewhere: elsewhere::ElsewhereState,
        pub quotas: quotas::QuotasState,
    }
}

static EMPTY: LazyLock<RegionState> = LazyLock::new(RegionState::default);

/// The name under which what belongs to no region is stored.
const GLOBAL: &str = "";

impl CloudState {
    pub(super) fn new(account: &str, seed: u64) -> Self {
        Self { account: account.to_owned(), seed, drawn: 0, iam: iam::IamState::default(), regions: BTreeMap::new() }
    }

    /// Whether a role with this ARN exists that Lambda can assume.
    pub(super) fn has_role(&self, arn: &str) -> bool {
        self.iam.lambda_can_assume(arn, &self.account)
    }

    pub(super) fn region_state(&self, region: &str) -> &RegionState {
        self.regions.get(region).unwrap_or(&EMPTY)
    }

    pub(super) fn region_state_mut(&mut self, region: &str) -> &mut RegionState {
        self.regions.entry(region.to_owned()).or_default()
    }

    /// The next number of the sequence that starts at the seed (splitmix64).
    pub(super) fn next_random(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        mix_bits(self.seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Shows every table with the names of its region (empty for none), of its part and of itself.
    pub(super) fn visit_tables(&mut self, visit: &mut dyn FnMut(&str, &'static str, &'static str, &mut dyn AnyTable)) {
        self.iam.visit_tables("", "iam", &mut |part, name, table| visit(GLOBAL, part, name, table));
        for (region, state) in &mut self.regions {
            state.visit_tables("", "", &mut |part, name, table| visit(region, part, name, table));
        }
    }

    /// Shows the table with these names, if there can be one.
    pub(super) fn with_table<T>(
        &mut self,
        (region, part, name): (&str, &str, &str),
        work: impl FnOnce(&mut dyn AnyTable) -> T,
    ) -> Option<T> {
        let (mut work, mut result) = (Some(work), None);
        let mut visit = |in_part: &'static str, called: &'static str, table: &mut dyn AnyTable| {
            if (in_part, called) == (part, name)
                && let Some(work) = work.take()
            {
                result = Some(work(table));
            }
        };
        if region == GLOBAL {
            self.iam.visit_tables("", "iam", &mut visit);
        } else {
            self.region_state_mut(region).visit_tables("", "", &mut visit);
        }
        result
    }

    pub(super) fn has_entries(&mut self) -> bool {
        let mut found = false;
        self.visit_tables(&mut |_, _, _, table| found |= table.has_entries());
        found
    }

    /// How many entries of all tables were looked at one after the other so far.
    pub(super) fn visited_entries(&mut self) -> u64 {
        let mut visited = 0;
        self.visit_tables(&mut |_, _, _, table| visited += table.visited_entries());
        visited
    }
}

pub(super) fn mix_bits(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
