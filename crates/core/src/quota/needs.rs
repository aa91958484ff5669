//! How much of each quota a plan needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::QuotaKind;
use crate::naming::VenueNames;
use crate::plan::{
    Action, Change, CloudWatchOperation, EventBridgeOperation, HubSpotOperation, IamOperation, LambdaOperation,
    LogsOperation, Operation, Plan, SchedulerOperation, SecretsManagerOperation, SnsOperation,
};
use crate::property::PROPERTY_GROUP;
use crate::resource::{FunctionConfiguration, LiveStack, Observed, PolicyDocument, SECRET_ARN_PLACEHOLDER};
use crate::scope::Scope;
use crate::snapshot::Snapshot;

/// What a plan needs of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaNeed {
    pub kind: QuotaKind,
    /// How much more; the size of the largest resource, if the quota limits each alone.
    pub needed: u64,
    /// How much is used at least: what the plan's own lists show.
    pub known: u64,
    /// The resource, if the quota limits each alone.
    pub resource: Option<String>,
}

/// The quotas that the plan adds to, in the order of [`QuotaKind::ALL`]. `code_bytes` is the size of a function's zip, if it is
/// known.
pub fn find_quota_needs(plan: &Plan, snapshot: &Snapshot, code_bytes: Option<u64>) -> Vec<QuotaNeed> {
    let mut counted = CountedNeeds { code_bytes, ..CountedNeeds::default() };
    let nothing = LiveStack::default();
    for change in &plan.changes {
        let live = snapshot.venues.get(&change.address.venue).unwrap_or(&nothing);
        counted.add_change(plan, change, live, snapshot);
    }
    let known = |kind: QuotaKind| {
        let venues = snapshot.venues.values();
        let count = match kind {
            QuotaKind::LogGroups => venues.filter(|live| exists(&live.log_group)).count(),
            QuotaKind::Schedules => venues.filter(|live| exists(&live.schedule)).count(),
            QuotaKind::Secrets => venues.filter(|live| exists(&live.secret)).count(),
            QuotaKind::Alarms => snapshot.alarms.list_alarms().len(),
            QuotaKind::TopicSubscriptions => {
                snapshot.alarms.topic.as_present().map_or(0, |topic| topic.subscriptions.len())
            }
            QuotaKind::ContactProperties => {
                let live = snapshot.portal.as_read();
                let ours = live.into_iter().flat_map(|live| live.properties.values());
                ours.filter(|property| property.group_name == PROPERTY_GROUP).count()
            }
            // All that count are read, or nothing but the resource itself counts.
            QuotaKind::Roles
            | QuotaKind::Rules
            | QuotaKind::ScheduleGroups
            | QuotaKind::ReservedExecutions
            | QuotaKind::CodeStorage
            | QuotaKind::Topics
            | QuotaKind::RolePolicySize
            | QuotaKind::TrustPolicySize
            | QuotaKind::EnvironmentSize => 0,
        };
        count as u64
    };
    let CountedNeeds { counts, sizes, .. } = counted;
    let needs = QuotaKind::ALL.into_iter().filter_map(|kind| {
        if let Some((needed, resource)) = sizes.get(&kind) {
            return Some(QuotaNeed { kind, needed: *needed, known: 0, resource: Some(resource.clone()) });
        }
        let needed = u64::try_from(*counts.get(&kind)?).ok().filter(|needed| *needed > 0)?;
        Some(QuotaNeed { kind, needed, known: known(kind), resource: None })
    });
    needs.collect()
}

#[derive(Default)]
struct CountedNeeds {
    code_bytes: Option<u64>,
    counts: BTreeMap<QuotaKind, i64>,
    /// The largest of each, with its resource.
    sizes: BTreeMap<QuotaKind, (u64, String)>,
    properties: BTreeSet<String>,
}

impl CountedNeeds {
    fn add(&mut self, kind: QuotaKind, number: i64) {
        *self.counts.entry(kind).or_default() += number;
    }

    fn add_size(&mut self, kind: QuotaKind, size: usize, resource: &str) {
        let largest = self.sizes.entry(kind).or_default();
        if size as u64 > largest.0 {
            *largest = (size as u64, resource.to_owned());
        }
    }

    /// A zip that is stored once more.
    fn add_code(&mut self) {
        if let Some(bytes) = self.code_bytes {
            self.add(QuotaKind::CodeStorage, i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn add_environment(&mut self, plan: &Plan, venue: &str, configuration: &FunctionConfiguration, function: &str) {
        let size = environment_size(&plan.deployment, &plan.scope, venue, configuration);
        self.add_size(QuotaKind::EnvironmentSize, size, function);
    }

    fn add_change(&mut self, plan: &Plan, change: &Change, live: &LiveStack, snapshot: &Snapshot) {
        let venue = &change.address.venue;
        for operation in &change.operations {
            match operation {
                Operation::Iam(operation) => self.add_role_call(change, operation),
                Operation::EventBridge(EventBridgeOperation::PutRule { .. }) if !exists(&live.rule) => {
                    self.add(QuotaKind::Rules, 1);
                }
                Operation::EventBridge(_) => {}
                Operation::Scheduler(SchedulerOperation::CreateSchedule { .. }) => self.add(QuotaKind::Schedules, 1),
                Operation::Scheduler(SchedulerOperation::CreateScheduleGroup { .. }) => {
                    self.add(QuotaKind::ScheduleGroups, 1);
                }
                Operation::Scheduler(_) => {}
                Operation::Lambda(operation) => self.add_function_call(plan, venue, operation, live),
                Operation::Logs(LogsOperation::CreateLogGroup { .. }) => self.add(QuotaKind::LogGroups, 1),
                Operation::Logs(_) => {}
                Operation::SecretsManager(SecretsManagerOperation::CreateSecret { .. }) => {
                    self.add(QuotaKind::Secrets, 1);
                }
                Operation::SecretsManager(_) => {}
                Operation::CloudWatch(
                    CloudWatchOperation::PutMetricAlarm { alarm, .. }
                    | CloudWatchOperation::PutCompositeAlarm { alarm, .. },
                ) if !snapshot.alarms.list_alarms().iter().any(|live| live.name == alarm.name) => {
                    self.add(QuotaKind::Alarms, 1);
                }
                Operation::CloudWatch(_) => {}
                Operation::Sns(SnsOperation::CreateTopic { .. }) => self.add(QuotaKind::Topics, 1),
                Operation::Sns(SnsOperation::Subscribe { .. }) => self.add(QuotaKind::TopicSubscriptions, 1),
                Operation::Sns(_) => {}
                Operation::HubSpot(HubSpotOperation::CreateProperty { property }) => {
                    // Venues may share a flag.
                    if self.properties.insert(property.name.clone()) {
                        self.add(QuotaKind::ContactProperties, 1);
                    }
                }
                Operation::HubSpot(_) => {}
            }
        }
    }

    fn add_role_call(&mut self, change: &Change, operation: &IamOperation) {
        match operation {
            IamOperation::CreateRole { role } => {
                self.add(QuotaKind::Roles, 1);
                self.add_size(QuotaKind::TrustPolicySize, policy_size(&role.trust), &role.name);
            }
            // A role that is replaced is deleted first; all that goes for good is deleted after everything else.
            IamOperation::DeleteRole { .. } if change.action == Action::Replace => self.add(QuotaKind::Roles, -1),
            IamOperation::UpdateAssumeRolePolicy { role, document } => {
                self.add_size(QuotaKind::TrustPolicySize, policy_size(document), role);
            }
            IamOperation::PutRolePolicy { role, document, .. } => {
                self.add_size(QuotaKind::RolePolicySize, policy_size(document), role);
            }
            IamOperation::DeleteRole { .. }
            | IamOperation::DeleteRolePolicy { .. }
            | IamOperation::DetachRolePolicy { .. }
            | IamOperation::PutRolePermissionsBoundary { .. }
            | IamOperation::DeleteRolePermissionsBoundary { .. }
            | IamOperation::TagRole { .. }
            | IamOperation::UntagRole { .. }
            | IamOperation::UpdateRole { .. } => {}
        }
    }

    fn add_function_call(&mut self, plan: &Plan, venue: &str, operation: &LambdaOperation, live: &LiveStack) {
        match operation {
            // Its first version is published with it, and keeps a zip of its own.
            LambdaOperation::CreateFunction { function } => {
                self.add_code();
                self.add_code();
                self.add_environment(plan, venue, &function.configuration, &function.name);
            }
            LambdaOperation::UpdateFunctionConfiguration { function, configuration } => {
                self.add_environment(plan, venue, configuration, function);
            }
            // A function that doesn't exist yet comes with its first version.
            LambdaOperation::PublishVersion { .. } if exists(&live.function) => self.add_code(),
            LambdaOperation::PutFunctionConcurrency { reserved, .. } => {
                let before = live.function.as_present().and_then(|function| function.reserved_concurrency);
                self.add(QuotaKind::ReservedExecutions, i64::from(*reserved) - i64::from(before.unwrap_or_default()));
            }
            LambdaOperation::PublishVersion { .. }
            | LambdaOperation::AwaitEarlierRuns { .. }
            | LambdaOperation::DeleteFunctionConcurrency { .. }
            | LambdaOperation::ResetFunctionSettings { .. }
            | LambdaOperation::UpdateFunctionCode { .. }
            | LambdaOperation::TagFunction { .. }
            | LambdaOperation::UntagFunction { .. }
            | LambdaOperation::DeleteFunction { .. }
            | LambdaOperation::InvokeDryRun { .. }
            | LambdaOperation::DeleteOldVersions { .. }
            | LambdaOperation::CreateAlias { .. }
            | LambdaOperation::UpdateAlias { .. }
            | LambdaOperation::MoveAlias { .. }
            | LambdaOperation::ResetAlias { .. }
            | LambdaOperation::PutFunctionEventInvokeConfig { .. }
            | LambdaOperation::DeleteFunctionUrl { .. }
            | LambdaOperation::AddPermission { .. }
            | LambdaOperation::RemovePermission { .. } => {}
        }
    }
}

/// Whether something has the name, so that creating it adds nothing. What is unreadable isn't created.
fn exists<T>(live: &Observed<T>) -> bool {
    !matches!(live, Observed::Absent)
}

/// The characters of a policy that IAM counts: all but white space.
fn policy_size(document: &PolicyDocument) -> usize {
    document.as_str().chars().filter(|letter| !letter.is_whitespace()).count()
}

/// The bytes of a function's variables as Lambda measures them, which is their JSON, with the ARN of the secret, which is only
/// known once the secret exists.
fn environment_size(deployment: &str, scope: &Scope, venue: &str, configuration: &FunctionConfiguration) -> usize {
    /// A hyphen and six random characters.
    const SUFFIX: usize = 7;
    let secret = VenueNames::new(deployment, venue).secret;
    let arn = scope.regional_arn("secretsmanager", &format!("secret:{secret}")).len() + SUFFIX;
    let mut environment = configuration.environment.clone();
    for (_, value) in environment.iter_mut().filter(|(_, value)| *value == SECRET_ARN_PLACEHOLDER) {
        *value = "x".repeat(arn);
    }
    json!(environment).to_string().len()
}
