//! Whatever exists, is missing, is scheduled for deletion, isn't ours or is unreadable: every plan, rollback and adoption
//! keeps the invariants, and touches nothing that isn't ours.

mod states;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use deployer_core::desired::Desired;
use deployer_core::plan::{
    Action, EventBridgeOperation, HubSpotOperation, IamOperation, LambdaOperation, LogsOperation, Operation, Plan,
    SecretsManagerOperation, invariants, plan, plan_adoption, plan_rollback, plan_unpin,
};
use deployer_core::resource::{LiveStack, Observed, ResourceKind, StringMap};
use deployer_core::snapshot::Snapshot;
use proptest::prelude::*;

use crate::fixtures::{
    MANIFEST, desired_from, everything_applied, expect_present, harbour_stack, with_scheduler, with_token,
};
use states::{GroupState, PortalStates, VenueStates, group_states, portal_states, venue_states};

/// A venue with a destination of its own and protection.
const QUAY: &str = r#"
[venues.quay]
display_name = "Quay"
protect = true
[venues.quay.secrets]
hubspot_token = "env:QUAY_HUBSPOT_TOKEN"
destination_credential = "env:QUAY_CREDENTIAL"
[venues.quay.destination]
kind = "http"
url = "https://platform.example.com/leads"
auth = { kind = "bearer" }
[venues.quay.fields]
email = "email"
"#;

/// Every venue of [`manifests`].
const VENUES: [&str; 3] = ["harbour", "mill", "quay"];

/// A manifest with everything that companies demand, whose runs take leases.
fn declaring(manifest: &str) -> String {
    let region = "region = \"eu-west-1\"";
    let lines = "tags = { CostCenter = \"4711\", Team = \"ops\" }
permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"
kms_key = \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\"
[defaults]
vpc = { subnet_ids = [\"subnet-1\"], security_group_ids = [\"sg-1\"] }
tracing = \"active\"
reserved_concurrency = \"off\"
dead_letter = \"arn:aws:sqs:eu-west-1:123456789012:failed\"";
    manifest.replace(region, &format!("{region}\n{lines}"))
}

/// Manifests of one deployment, which together have every status, both kinds of destination, protection, a canary, what
/// companies demand, with leases, rules and schedules, and are with and without a HubSpot token.
fn manifests() -> [String; 8] {
    let harbour = |lines: &str| {
        MANIFEST.replacen("display_name = \"Harbour\"", &format!("display_name = \"Harbour\"\n{lines}"), 1)
    };
    let token = |manifest: &str| with_token(manifest, "https://api.hubapi.com");
    let blocked =
        "status = \"blocked\"\nblocker = { reason = \"The license ended\", owner = \"ops\", next_step = \"renew\" }";
    [
        MANIFEST.to_owned(),
        token(&format!("{MANIFEST}{QUAY}")),
        token(&format!(
            "{}{QUAY}",
            harbour(blocked).replace("\nstatus = \"paused\"", "\nmemory_mb = 256\ncanary = true")
        )),
        token(&harbour("status = \"paused\"\nprotect = true\nflag_property = \"send_to_harbour\"")),
        declaring(MANIFEST),
        with_scheduler(&token(&format!("{MANIFEST}{QUAY}")), "scheduler"),
        with_scheduler(&declaring(MANIFEST).replace("[defaults]", "[defaults]\ntimezone = \"Europe/London\""), "auto"),
        format!("{}{}", &MANIFEST[..MANIFEST.find("[venues.").expect("the manifest has venues")], QUAY),
    ]
}

/// What each of [`manifests`] declares.
static DECLARED: LazyLock<Vec<Desired>> =
    LazyLock::new(|| manifests().iter().map(|manifest| desired_from(manifest)).collect());

/// What a plan starts from.
#[derive(Debug, Clone)]
struct RandomCase {
    /// Which of [`manifests`] was applied before everything changed.
    applied: usize,
    /// Which of [`manifests`] is planned.
    wanted: usize,
    venues: [VenueStates; 3],
    portal: PortalStates,
    group: GroupState,
    unreadable_list: bool,
    archive_properties: bool,
    recovery_window_days: Option<u32>,
    /// The only one of [`VENUES`] to plan.
    target: Option<usize>,
}

fn random_cases() -> impl Strategy<Value = RandomCase> {
    let inputs = (0..DECLARED.len(), 0..DECLARED.len());
    let states = (proptest::array::uniform3(venue_states()), portal_states(), group_states());
    let options = (prop::bool::weighted(0.2), any::<bool>(), proptest::option::of(7_u32..=30));
    (inputs, states, options, proptest::option::weighted(0.3, 0..VENUES.len())).prop_map(
        |(
            (applied, wanted),
            (venues, portal, group),
            (unreadable_list, archive_properties, recovery_window_days),
            target,
        )| {
            RandomCase {
                applied,
                wanted,
                venues,
                portal,
                group,
                unreadable_list,
                archive_properties,
                recovery_window_days,
                target,
            }
        },
    )
}

/// The two sides of a plan, and what it must leave alone.
struct Sides {
    desired: Desired,
    snapshot: Snapshot,
    targets: Vec<String>,
    /// The names of resources and properties that exist and aren't ours.
    foreign: Vec<String>,
    /// Those of them that no deployment owns, so that they can be adopted.
    adoptable: Vec<String>,
    /// The names of properties that are ours, but have another type than the sync needs.
    unusable: Vec<String>,
}

impl RandomCase {
    fn build_sides(&self) -> Sides {
        let desired = Desired {
            archive_properties: self.archive_properties,
            code_bytes: None,
            recovery_window_days: self.recovery_window_days,
            ..DECLARED[self.wanted].clone()
        };
        let mut snapshot = everything_applied(&DECLARED[self.applied]);
        let (mut foreign, mut adoptable, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
        let deployed = desired.deployed_venues();
        for (venue, states) in VENUES.into_iter().zip(&self.venues) {
            let Some(live) = snapshot.venues.get_mut(venue) else { continue };
            states.change_stack(live, &mut foreign, &mut adoptable);
            let fits_lists = states::fits_lists(live, desired.scheduled_venues().contains(venue));
            if fits_lists && states.may_be_listed() && deployed.iter().any(|deployed| deployed == venue) {
                states::keep_listed(live, &mut foreign, &mut adoptable);
                snapshot.listed.insert(venue.to_owned());
            }
        }
        states::change_group(self.group, &mut snapshot);
        self.portal.change_portal(&mut snapshot.portal, &mut foreign, &mut unusable);
        if self.unreadable_list {
            snapshot.unreadable.push("logs:DescribeLogGroups: AccessDenied: no".to_owned());
        }
        let targets = self.target.map(|index| VENUES[index].to_owned()).into_iter().collect();
        Sides { desired, snapshot, targets, foreign, adoptable, unusable }
    }
}

/// Whether the operation names this resource, by its name or at the end of its ARN.
fn touches(operation: &Operation, name: &str) -> bool {
    let touched = operation.resource_name();
    touched == name || touched.ends_with(&format!(":{name}")) || touched.ends_with(&format!(":rule/{name}"))
}

/// The operations that touch one of `names`.
fn touching<'p>(plan: &'p Plan, names: &[String]) -> Vec<&'p Operation> {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations.filter(|operation| names.iter().any(|name| touches(operation, name))).collect()
}

/// Whether one of the resources that `deployment` owns has the tag that protects its venue.
fn is_protected(live: &LiveStack, deployment: &str) -> bool {
    let mut tags = live.resource_tags();
    tags.any(|tags| {
        tags.get("deployer:deployment").is_some_and(|owner| owner == deployment)
            && tags.get("deployer:protect").is_some_and(|protect| protect == "true")
    })
}

/// Adds the tags that an adoption adds.
fn tag_adopted(plan: &Plan, snapshot: &mut Snapshot) {
    for change in &plan.changes {
        let live = snapshot.venues.get_mut(&change.address.venue).expect("an adopted resource exists");
        for operation in &change.operations {
            match operation {
                Operation::Iam(IamOperation::TagRole { tags, .. }) => {
                    extend_tags(&mut live.role, |role| &mut role.tags, tags)
                }
                Operation::SecretsManager(SecretsManagerOperation::TagSecret { tags, .. }) => {
                    extend_tags(&mut live.secret, |secret| &mut secret.tags, tags)
                }
                Operation::Logs(LogsOperation::TagLogGroup { tags, .. }) => {
                    extend_tags(&mut live.log_group, |group| &mut group.tags, tags)
                }
                Operation::Lambda(LambdaOperation::TagFunction { tags, .. }) => {
                    extend_tags(&mut live.function, |live| &mut live.tags, tags)
                }
                Operation::EventBridge(EventBridgeOperation::TagRule { tags, .. }) => {
                    extend_tags(&mut live.rule, |rule| &mut rule.tags, tags)
                }
                Operation::Lambda(LambdaOperation::PublishVersion { code_sha256, .. }) => {
                    let current = live.function.as_present().map(|function| &function.configuration.code_sha256);
                    assert_eq!(current, Some(code_sha256), "the code as it is");
                }
                other => panic!("an adoption only adds tags and keeps the code: {other:?}"),
            }
        }
    }
}

fn extend_tags<T>(observed: &mut Observed<T>, tags_of: fn(&mut T) -> &mut StringMap, more: &StringMap) {
    match observed {
        Observed::Present(live) | Observed::PendingDeletion(live) => tags_of(live).extend(more.clone()),
        Observed::Absent | Observed::Unreadable(_) => panic!("an adopted resource exists"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_plan_keeps_the_invariants(case in random_cases()) {
        let Sides { desired, snapshot, targets, foreign, unusable, .. } = case.build_sides();
        let plan = plan(&desired, &snapshot, &targets);
        prop_assert_eq!(invariants::find_violations(&plan, &desired, &snapshot), Vec::<String>::new());
        prop_assert_eq!(touching(&plan, &foreign), Vec::<&Operation>::new(), "not ours: {:?}", foreign);
        let mut unusable = touching(&plan, &unusable);
        unusable.retain(|operation| !matches!(operation, Operation::HubSpot(HubSpotOperation::ArchiveProperty { .. })));
        prop_assert_eq!(unusable, Vec::<&Operation>::new(), "their values would be lost");
        for change in &plan.changes {
            let address = &change.address;
            let with_group = address.kind == ResourceKind::ScheduleGroup && change.action != Action::Delete;
            prop_assert!(
                targets.is_empty() || targets.contains(&address.venue) || with_group,
                "{address} is not in {targets:?}"
            );
            if address.kind == ResourceKind::ScheduleGroup {
                continue;
            }
            // A venue that stays may lose a permission that its rule no longer needs.
            // So does one that changes over from a rule to a schedule, or back.
            let lost = [ResourceKind::Permission, ResourceKind::Rule, ResourceKind::Target, ResourceKind::Schedule];
            let kept = lost.contains(&address.kind) && plan.deleted_venues().iter().all(|it| *it != address.venue);
            let removed = change.action == Action::Delete && !address.kind.is_property() && !kept;
            if removed && is_protected(&snapshot.venues[&address.venue], &desired.deployment) {
                prop_assert!(plan.protected.contains(&address.venue), "{address} is deleted despite its protection");
            }
        }
        prop_assert_eq!(&self::plan(&desired, &snapshot, &targets), &plan, "the same inputs produce the same plan");
    }

    #[test]
    fn every_rollback_keeps_the_invariants(case in random_cases(), to in proptest::option::of(1_u64..6)) {
        let Sides { desired, snapshot, foreign, .. } = case.build_sides();
        for (venue, live) in &snapshot.venues {
            let owned = live.function.as_present().filter(|found| !foreign.contains(&found.name));
            let versions = owned.map(|found| (1..5).map(|version| (version, found.configuration.clone())).collect());
            let versions = versions.unwrap_or_else(BTreeMap::new);
            let plans = [
                plan_rollback(&desired.deployment, &desired.scope, venue, live, &versions, to),
                plan_unpin(&desired.deployment, &desired.scope, venue, live),
            ];
            for plan in plans.into_iter().flatten() {
                let function = owned.map(|found| found.name.as_str());
                prop_assert!(function.is_some(), "{venue} has no function of ours: {plan:?}");
                prop_assert_eq!(invariants::find_call_violations(&plan), Vec::<String>::new());
                for operation in plan.changes.iter().flat_map(|change| &change.operations) {
                    prop_assert!(function.is_some_and(|name| touches(operation, name)), "{operation:?}");
                }
            }
        }
    }

    #[test]
    fn every_adoption_keeps_the_invariants(case in random_cases()) {
        let Sides { desired, mut snapshot, foreign, adoptable, .. } = case.build_sides();
        for venue in VENUES {
            let Ok(adoption) = plan_adoption(&desired, &snapshot, venue) else { continue };
            prop_assert_eq!(invariants::find_call_violations(&adoption.plan), Vec::<String>::new());
            let owned: Vec<String> = foreign.iter().filter(|name| !adoptable.contains(name)).cloned().collect();
            prop_assert_eq!(touching(&adoption.plan, &owned), Vec::<&Operation>::new(), "owned: {:?}", owned);
            tag_adopted(&adoption.plan, &mut snapshot);
            let next = plan(&desired, &snapshot, &[venue.to_owned()]);
            prop_assert_eq!(&next, &adoption.next, "the plan that was shown is the one of the next apply");
            prop_assert_eq!(invariants::find_violations(&next, &desired, &snapshot), Vec::<String>::new());
        }
    }
}

/// A role under another path belongs to somebody else, even with our name.
#[test]
fn leaves_a_role_under_another_path_alone() {
    let desired = desired_from(MANIFEST);
    let mut snapshot = everything_applied(&desired);
    let role = expect_present(&mut harbour_stack(&mut snapshot).role);
    role.path = "/elsewhere/".to_owned();
    let name = [role.name.clone()];
    let plan = plan(&desired, &snapshot, &[]);
    let conflicts: Vec<ResourceKind> = plan.conflicts.iter().map(|conflict| conflict.address.kind).collect();
    assert_eq!((conflicts, touching(&plan, &name)), (vec![ResourceKind::Role], Vec::new()));
}
