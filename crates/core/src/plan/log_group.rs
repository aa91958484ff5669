//! CloudWatch log group.

use super::{Context, Differences, Operation, Verdict};
use crate::resource::{Kind, LiveLogGroup, LogGroupSpec, Map, Observed};

pub(super) fn compare(context: &Context, group: &LogGroupSpec, live: &Observed<LiveLogGroup>) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => create(context, group),
        Observed::Present(live) => context
            .check_owner(Kind::LogGroup, &group.name, &live.tags)
            .unwrap_or_else(|| context.update(Kind::LogGroup, &group.name, differences(group, live))),
    }
}

fn create(context: &Context, group: &LogGroupSpec) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("retention_days", group.retention_days);
    attributes.tags(&Map::new(), &group.tags);
    let operations = vec![Operation::CreateLogGroup { log_group: group.clone() }, put_retention(group)];
    context.create(Kind::LogGroup, &group.name, attributes, operations)
}

fn differences(group: &LogGroupSpec, live: &LiveLogGroup) -> Differences {
    let mut differences = Differences::default();
    differences.differ_optional("retention_days", live.retention_days, group.retention_days);
    differences.put_right_by(|| put_retention(group));
    differences.tags(&live.tags, &group.tags);
    differences.put_right_by(|| Operation::TagLogGroup { arn: live.arn.clone(), tags: group.tags.clone() });
    differences
}

fn put_retention(group: &LogGroupSpec) -> Operation {
    Operation::PutRetentionPolicy { log_group: group.name.clone(), days: group.retention_days }
}
