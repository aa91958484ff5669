//! What a deployment costs with many venues, and what a plan says to change first.

use std::fmt::Write as _;

use deployer_core::cost::{CostAssumptions, CostEstimate, estimate};
use deployer_core::desired::Desired;
use deployer_core::snapshot::Snapshot;

use crate::fixtures::desired_from;

/// A manifest with so many venues and these lines before them.
pub fn manifest_with(venues: usize, tables: &str) -> String {
    let mut text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n{tables}\n");
    for at in 1..=venues {
        let _ = write!(
            text,
            "[venues.v{at}]\ndisplay_name = \"V{at}\"\nsecrets = {{ hubspot_token = \"env:T{at}\", tripleseat_public_key = \"env:K{at}\" }}\n\
             destination = {{ kind = \"tripleseat\", location_id = {at} }}\n",
        );
    }
    text
}

fn estimate_of(venues: usize, tables: &str) -> CostEstimate {
    let mut desired: Desired = desired_from(&manifest_with(venues, tables));
    desired.scope.region = "us-east-1".to_owned();
    estimate(&desired, &Snapshot::default(), &[], &CostAssumptions::default())
}

/// The rows of the table in docs/costs.md.
const ROWS: [(&str, &str); 5] = [
    ("`metrics = \"off\"`, the default", ""),
    ("`metrics = \"essential\"`", "[defaults]\nmetrics = \"essential\""),
    (
        "`[alarms]` for what must be known: `causes = [\"silent\", \"oldest_flag\", \"needs_review\"]`",
        "[alarms]\ncauses = [\"silent\", \"oldest_flag\", \"needs_review\"]",
    ),
    ("`[alarms]` for all causes", "[alarms]"),
    ("`metrics = \"full\"`", "[defaults]\nmetrics = \"full\""),
];

#[test]
fn documented_table_is_what_a_plan_says() {
    let mut table = "| every 5 minutes, us-east-1 | a venue | 3 venues | 100 venues | 1,000 venues |\n\
                     | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (name, lines) in ROWS {
        let totals = [1, 3, 100, 1000].map(|venues| estimate_of(venues, lines).total.after.to_string());
        let _ = writeln!(table, "| {name} | {} |", totals.join(" | "));
    }
    let docs = include_str!("../../../../docs/costs.md");
    assert!(docs.contains(&table), "docs/costs.md needs this table:\n\n{table}");
}

#[test]
fn says_what_to_change_first() {
    let settings = |venues: usize, lines: &str| -> Vec<(String, String)> {
        let savings = estimate_of(venues, lines).savings;
        savings.into_iter().map(|saving| (saving.setting.to_owned(), saving.saves.to_string())).collect()
    };
    let full = "[defaults]\nmetrics = \"full\"";
    let setting = |setting: &str, saves: &str| (setting.to_owned(), saves.to_owned());
    assert_eq!(settings(3, full), [setting("metrics = \"off\"", "$5.40")]);
    let hundred = settings(100, full);
    assert_eq!(hundred[0], setting("metrics = \"off\"", "$180.00"), "the largest saving comes first");
    assert_eq!(hundred[1], setting("metrics = \"essential\"", "$150.00"));
    assert_eq!(settings(3, ""), [], "what saves next to nothing isn't worth a line");
    let saved: Vec<String> = settings(1000, "").into_iter().map(|(setting, _)| setting).collect();
    let with_alarms = settings(100, "[alarms]");
    assert_eq!(with_alarms[0].0, "causes = [\"silent\", \"oldest_flag\", \"needs_review\"]", "{with_alarms:?}");
    assert!(
        with_alarms.iter().all(|(setting, _)| setting != "metrics = \"off\""),
        "alarms need metrics: {with_alarms:?}"
    );
    assert_eq!(saved, ["schedule = \"rate(15 minutes)\""]);
}
