//! What companies demand: what a manifest declares besides the resources themselves is set, put back, and removed when
//! it is no longer declared. What others set stays.

use deployer_core::naming::TAG_DECLARED;
use deployer_core::plan::{Operation, Plan, invariants, plan};
use deployer_core::resource::{LiveStack, StringMap};
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, expect_present, harbour_stack};

/// The manifest with more lines in `[deployment]` and in the first venue's table.
fn manifest_with(deployment: &str, venue: &str) -> String {
    let region = "region = \"eu-west-1\"";
    let name = "display_name = \"Harbour\"";
    MANIFEST.replace(region, &format!("{region}\n{deployment}")).replace(name, &format!("{name}\n{venue}"))
}

fn plan_checked(manifest: &str, snapshot: &Snapshot) -> Plan {
    let desired = desired_from(manifest);
    let plan = plan(&desired, snapshot, &["harbour".to_owned()]);
    assert_eq!(invariants::find_violations(&plan, &desired, snapshot), Vec::<String>::new());
    plan
}

/// `kind: call, call` for each change.
fn describe_calls(plan: &Plan) -> Vec<String> {
    let line = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        format!("{}: {}", change.address.kind, calls.join(", "))
    };
    plan.changes.iter().map(line).collect()
}

/// The tags of all of harbour's resources.
fn tags_mut(live: &mut LiveStack) -> [&mut StringMap; 5] {
    [
        &mut expect_present(&mut live.role).tags,
        &mut expect_present(&mut live.secret).tags,
        &mut expect_present(&mut live.log_group).tags,
        &mut expect_present(&mut live.function).tags,
        &mut expect_present(&mut live.rule).tags,
    ]
}

fn tagged() -> String {
    manifest_with("tags = { CostCenter = \"4711\", \"Data Class\" = \"internal\" }", "tags = { CostCenter = \"4712\" }")
}

#[test]
fn a_venues_tags_replace_those_of_the_deployment() {
    let desired = desired_from(&tagged());
    for (venue, cost) in [(0, "4712"), (1, "4711")] {
        let stack = desired.venues[venue].stack.as_ref().expect("it is deployed");
        for tags in
            [&stack.role.tags, &stack.secret.tags, &stack.log_group.tags, &stack.function.tags, &stack.rule.tags]
        {
            assert_eq!(tags["CostCenter"], cost);
            assert_eq!(tags["Data Class"], "internal");
            assert_eq!(tags["deployer:deployment"], "sync");
        }
    }
    let plain = desired_from(MANIFEST);
    let stack = plain.venues[0].stack.as_ref().expect("it is deployed");
    assert!(!stack.role.tags.contains_key(TAG_DECLARED), "nothing is recorded where nothing is declared");
}

#[test]
fn declared_tags_are_set_put_back_and_removed() {
    let added = plan_checked(&tagged(), &converged_snapshot(&desired_from(MANIFEST)));
    assert_eq!(
        describe_calls(&added),
        [
            "role: iam:TagRole",
            "secret: secretsmanager:TagResource",
            "log-group: logs:TagResource",
            "function: lambda:TagResource",
            "rule: events:TagResource",
        ]
    );
    let mut snapshot = converged_snapshot(&desired_from(&tagged()));
    assert_eq!(plan_checked(&tagged(), &snapshot).changes, []);

    for tags in tags_mut(harbour_stack(&mut snapshot)) {
        tags.insert("CostCenter".to_owned(), "0".to_owned());
        tags.insert("Theirs".to_owned(), "1".to_owned());
    }
    let drifted = plan_checked(&tagged(), &snapshot);
    assert_eq!(drifted.changes.len(), 5);
    for change in &drifted.changes {
        let paths: Vec<&str> = change.attributes.iter().map(|attribute| attribute.path.as_str()).collect();
        assert_eq!(paths, ["tags.CostCenter"], "{}", change.address);
    }

    let one = manifest_with("tags = { \"Data Class\" = \"internal\" }", "");
    assert_eq!(
        describe_calls(&plan_checked(&one, &snapshot))[0],
        "role: iam:UntagRole, iam:TagRole",
        "the tag is removed before the record forgets it"
    );
    let removed = plan_checked(MANIFEST, &snapshot);
    assert_eq!(
        describe_calls(&removed),
        [
            "role: iam:UntagRole",
            "secret: secretsmanager:UntagResource",
            "log-group: logs:UntagResource",
            "function: lambda:UntagResource",
            "rule: events:UntagResource",
        ]
    );
    for change in &removed.changes {
        assert_eq!(change.operations[0].removed_tags(), ["CostCenter", "Data Class", TAG_DECLARED]);
    }
}

/// Without the record, nobody knows who set a tag.
#[test]
fn tags_stay_when_their_record_is_lost() {
    let mut snapshot = converged_snapshot(&desired_from(&tagged()));
    for tags in tags_mut(harbour_stack(&mut snapshot)) {
        tags.remove(TAG_DECLARED);
    }
    assert_eq!(plan_checked(MANIFEST, &snapshot).changes, []);
    let restored = plan_checked(&tagged(), &snapshot);
    assert_eq!(restored.changes.len(), 5, "an apply records them again");
}
