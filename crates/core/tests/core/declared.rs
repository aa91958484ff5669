//! What companies demand: what a manifest declares besides the resources themselves is set, put back, and removed when
//! it is no longer declared. What others set stays.

use deployer_core::isolation::planned::{CredentialsByVenue, planned_subjects};
use deployer_core::isolation::{IsolationReport, SimulationResults, judge_pairs};
use deployer_core::manifest;
use deployer_core::naming::TAG_DECLARED;
use deployer_core::plan::{Operation, Plan, invariants, plan};
use deployer_core::resource::{LiveStack, PolicyDocument, StringMap};
use deployer_core::snapshot::Snapshot;

use crate::fixtures::{MANIFEST, converged_snapshot, desired_from, expect_present, harbour_stack, rule_of};

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
        for tags in [
            &stack.role.tags,
            &stack.secret.as_ref().expect("it has credentials").tags,
            &stack.log_group.tags,
            &stack.function.tags,
            &rule_of(stack).rule.tags,
        ] {
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

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";

/// Each key that a company demands, where it is written, the calls that set it on what exists, and those that remove it.
fn keys() -> [(&'static str, String, &'static [&'static str], &'static [&'static str]); 6] {
    [
        (
            "permissions_boundary",
            manifest_with(&format!("permissions_boundary = \"{BOUNDARY}\""), ""),
            &[
                "role: iam:PutRolePermissionsBoundary, iam:TagRole",
                "permission: lambda:AddPermission",
                "target: events:PutTargets",
            ],
            // The boundary may not let the role invoke anything, so the rule has its role back before it loses the
            // permission.
            &[
                "role: iam:DeleteRolePermissionsBoundary, iam:UntagRole",
                "target: events:PutTargets",
                "permission: lambda:RemovePermission",
            ],
        ),
        (
            "kms_key",
            manifest_with("", &format!("kms_key = \"{KEY}\"")),
            &[
                "role: iam:PutRolePolicy",
                "secret: secretsmanager:UpdateSecret, secretsmanager:TagResource",
                "log-group: logs:AssociateKmsKey, logs:TagResource",
                "function: lambda:UpdateFunctionConfiguration, lambda:TagResource",
                PUBLISHED,
            ],
            &[
                "role: iam:PutRolePolicy",
                "secret: secretsmanager:UpdateSecret, secretsmanager:UntagResource",
                "log-group: logs:DisassociateKmsKey, logs:UntagResource",
                "function: lambda:UpdateFunctionConfiguration, lambda:UntagResource",
                PUBLISHED,
            ],
        ),
        (
            "vpc",
            manifest_with("", "vpc = { subnet_ids = [\"subnet-2\", \"subnet-1\"], security_group_ids = [\"sg-1\"] }"),
            FUNCTION_CHANGES,
            FUNCTION_CHANGES,
        ),
        (
            "vpc in defaults",
            manifest_with("[defaults.vpc]\nsubnet_ids = [\"subnet-2\"]\nsecurity_group_ids = [\"sg-1\", \"sg-2\"]", ""),
            FUNCTION_CHANGES,
            FUNCTION_CHANGES,
        ),
        ("tracing", manifest_with("", "tracing = \"active\""), FUNCTION_CHANGES, FUNCTION_CHANGES),
        (
            "dead_letter",
            manifest_with("[defaults]\ndead_letter = \"arn:aws:sqs:eu-west-1:123456789012:failed\"", ""),
            DEAD_LETTER_CHANGES,
            FUNCTION_CHANGES,
        ),
    ]
}

const PUBLISHED: &str = "alias: lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction";

/// An event becomes a dead letter at once only if Lambda doesn't repeat runs.
const DEAD_LETTER_CHANGES: &[&str] = &[
    "role: iam:PutRolePolicy",
    "function: lambda:UpdateFunctionConfiguration",
    "alias: lambda:PublishVersion, lambda:UpdateAlias, lambda:DeleteFunction, lambda:PutFunctionEventInvokeConfig",
];

/// A setting of the function needs another policy and another version.
const FUNCTION_CHANGES: &[&str] =
    &["role: iam:PutRolePolicy", "function: lambda:UpdateFunctionConfiguration", PUBLISHED];

#[test]
fn each_key_is_set_kept_and_removed() {
    let plain = converged_snapshot(&desired_from(MANIFEST));
    for (key, manifest, set, removed) in keys() {
        assert_eq!(describe_calls(&plan_checked(&manifest, &plain)), set, "{key}");
        let applied = converged_snapshot(&desired_from(&manifest));
        let again = plan_checked(&manifest, &applied);
        assert_eq!((again.changes, again.findings), (Vec::new(), Vec::new()), "{key}");
        let back = plan_checked(MANIFEST, &applied);
        assert_eq!(describe_calls(&back), removed, "{key}");
        assert_eq!(back.findings, [], "{key}");
        let created = plan_checked(&manifest, &Snapshot::default());
        let permission = usize::from(key == "permissions_boundary");
        let settings = usize::from(key == "dead_letter");
        assert_eq!(created.changes.len(), 7 + permission, "{key}");
        let extra = created.changes.iter().flat_map(|change| &change.operations).count();
        assert_eq!(extra, 10 + permission + settings, "{key} needs no other call of its own at a creation");
    }
}

#[test]
fn each_key_is_put_back_when_it_is_changed() {
    for (key, manifest, set, _) in keys() {
        let desired = desired_from(&manifest);
        for value in [None, Some("by-hand")] {
            let mut snapshot = converged_snapshot(&desired);
            let live = harbour_stack(&mut snapshot);
            let members = [
                &mut expect_present(&mut live.role).unmodeled.members,
                &mut expect_present(&mut live.secret).unmodeled.members,
                &mut expect_present(&mut live.log_group).unmodeled.members,
                &mut expect_present(&mut live.function).configuration.unmodeled,
            ];
            for members in members {
                match value {
                    None => members.clear(),
                    Some(value) => members.iter_mut().for_each(|member| member.value = value.into()),
                }
            }
            let calls = describe_calls(&plan_checked(&manifest, &snapshot));
            // The policy, the record and what lets the rule invoke the alias are as they were.
            let kept = ["PutRolePolicy", "AddPermission", "PutTargets"];
            let expected = set.iter().filter(|line| !kept.iter().any(|call| line.contains(call)));
            let expected: Vec<String> = expected
                .map(|line| {
                    let (kind, calls) = line.split_once(": ").expect("kind: calls");
                    let calls: Vec<&str> = calls
                        .split(", ")
                        .filter(|call| !call.contains(":Tag") && !call.contains("EventInvoke"))
                        .collect();
                    format!("{kind}: {}", calls.join(", "))
                })
                .collect();
            assert_eq!(calls, expected, "{key} {value:?}");
        }
    }
}

/// A boundary or a key that nobody declared is a company's own rule.
#[test]
fn what_others_set_is_reported_and_stays() {
    let desired =
        desired_from(&manifest_with(&format!("permissions_boundary = \"{BOUNDARY}\"\nkms_key = \"{KEY}\""), ""));
    let mut snapshot = converged_snapshot(&desired);
    for tags in tags_mut(harbour_stack(&mut snapshot)) {
        tags.remove(TAG_DECLARED);
    }
    let plan = plan_checked(MANIFEST, &snapshot);
    assert_eq!(describe_calls(&plan), ["role: iam:PutRolePolicy"], "only what the role may do is ours");
    let found: Vec<String> = plan.findings.iter().map(|finding| finding.address.kind.to_string()).collect();
    assert_eq!(found, ["role", "secret", "log-group", "function"]);

    // The record is about one value.
    let mut snapshot = converged_snapshot(&desired);
    let role = expect_present(&mut harbour_stack(&mut snapshot).role);
    role.unmodeled.members[0].value = "arn:aws:iam::123456789012:policy/theirs".into();
    let plan = plan_checked(MANIFEST, &snapshot);
    let calls = describe_calls(&plan);
    assert!(calls[0].starts_with("role: iam:PutRolePolicy, iam:UntagRole"), "{calls:?}");
    assert_eq!(plan.findings.len(), 1, "{:?}", plan.findings);
}

/// An apply that died between the update and the new version: the alias still runs without the key.
#[test]
fn a_version_without_what_is_declared_is_replaced() {
    let manifest = manifest_with("", &format!("kms_key = \"{KEY}\""));
    let mut snapshot = converged_snapshot(&desired_from(&manifest));
    expect_present(&mut harbour_stack(&mut snapshot).alias).configuration.unmodeled.clear();
    assert_eq!(describe_calls(&plan_checked(&manifest, &snapshot)), [PUBLISHED]);
    let mut snapshot = converged_snapshot(&desired_from(MANIFEST));
    let with_key = converged_snapshot(&desired_from(&manifest));
    let of_alias = &with_key.venues["harbour"].alias.as_present().expect("it exists").configuration.unmodeled;
    expect_present(&mut harbour_stack(&mut snapshot).alias).configuration.unmodeled.clone_from(of_alias);
    assert_eq!(describe_calls(&plan_checked(MANIFEST, &snapshot)), [PUBLISHED]);
}

#[test]
fn the_role_may_do_what_is_declared_and_no_more() {
    let manifest = manifest_with(
        &format!(
            "kms_key = \"{KEY}\"\n[defaults]\ntracing = \"active\"\n\
             dead_letter = \"arn:aws:sns:eu-west-1:123456789012:failed\"\n\
             vpc = {{ subnet_ids = [\"subnet-1\"], security_group_ids = [\"sg-1\"] }}"
        ),
        "",
    );
    let desired = desired_from(&manifest);
    let policy = &desired.venues[0].stack.as_ref().expect("it is deployed").role.policy;
    insta::assert_json_snapshot!(policy);
    let plain = desired_from(MANIFEST);
    let plain = &plain.venues[0].stack.as_ref().expect("it is deployed").role.policy;
    let statements = |policy: &PolicyDocument| policy.to_value()["Statement"].as_array().map(Vec::len);
    assert_eq!((statements(plain), statements(policy)), (Some(3), Some(10)));
}

/// All venues share the key, the queue and the network. That lets none of them reach another.
#[test]
fn what_is_shared_opens_nothing_between_venues() {
    let judge = |text: &str| -> IsolationReport {
        let manifest =
            manifest::parse_manifest(text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
        let subjects = planned_subjects(&manifest, &desired_from(text), &CredentialsByVenue::new());
        judge_pairs(&subjects, &SimulationResults::default(), Vec::new())
    };
    let shared = manifest_with(
        &format!(
            "kms_key = \"{KEY}\"\npermissions_boundary = \"{BOUNDARY}\"\n[defaults]\ntracing = \"active\"\n\
             dead_letter = \"arn:aws:sqs:eu-west-1:123456789012:failed\"\n\
             vpc = {{ subnet_ids = [\"subnet-1\"], security_group_ids = [\"sg-1\"] }}"
        ),
        "",
    );
    assert_eq!(judge(&shared), judge(&manifest_with(&format!("permissions_boundary = \"{BOUNDARY}\""), "")));
}
