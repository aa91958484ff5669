//! CloudWatch log group.

use super::{Differences, LogsOperation, ResourceVerdict, VenueContext};
use crate::resource::{LiveLogGroup, LogGroupSpec, Observed, ResourceKind, StringMap};

pub(super) fn compare_log_group(
    context: &VenueContext,
    group: &LogGroupSpec,
    live: &Observed<LiveLogGroup>,
) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_log_group_creation(context, group),
        Observed::Present(live) => {
            context.check_owner(ResourceKind::LogGroup, &group.name, &live.tags).unwrap_or_else(|| {
                context.plan_update(ResourceKind::LogGroup, &group.name, log_group_differences(group, live))
            })
        }
    }
}

fn plan_log_group_creation(context: &VenueContext, group: &LogGroupSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("retention_days", group.retention_days);
    attributes.compare_declared(&group.declared_members(), &[]);
    attributes.compare_tags(&StringMap::new(), &group.tags);
    let operations =
        vec![LogsOperation::CreateLogGroup { log_group: group.clone() }.into(), put_retention(group).into()];
    context.plan_creation(ResourceKind::LogGroup, &group.name, attributes, operations)
}

fn log_group_differences(group: &LogGroupSpec, live: &LiveLogGroup) -> Differences {
    let mut differences = Differences::default();
    differences.compare_optional("retention_days", live.retention_days, group.retention_days);
    differences.fix_with(|| put_retention(group));
    let (declared, found) = (group.declared_members(), &live.unmodeled.members);
    differences.compare_declared(&declared, found);
    let kms_key = group.kms_key.clone().unwrap_or_default();
    differences.fix_with(|| LogsOperation::AssociateKmsKey { log_group: group.name.clone(), kms_key });
    differences.remove_undeclared(&declared, found, &live.tags);
    differences.fix_with(|| LogsOperation::DisassociateKmsKey { log_group: group.name.clone() });
    let undeclared = differences.remove_tags(&live.tags, &group.tags);
    differences.fix_with(|| LogsOperation::UntagLogGroup { arn: live.arn.clone(), keys: undeclared });
    differences.compare_tags(&live.tags, &group.tags);
    differences.fix_with(|| LogsOperation::TagLogGroup { arn: live.arn.clone(), tags: group.tags.clone() });
    differences
}

fn put_retention(group: &LogGroupSpec) -> LogsOperation {
    LogsOperation::PutRetentionPolicy { log_group: group.name.clone(), days: group.retention_days }
}
