//! What the schedules in the deployment's group start, and with which role. Whatever is in the group may take on the roles of all
//! venues, because a trust names the group and not the schedule.

use serde_json::Value;

use super::model::{ScheduledStart, VenueSubject};
use crate::resource::{LiveSchedule, LiveScheduleGroup, ScheduleTarget};

/// What a schedule with this target starts.
pub fn scheduled_start(group_arn: String, target: &ScheduleTarget) -> ScheduledStart {
    let role_arn = target.role_arn.clone().unwrap_or_default();
    let target_arn = invoked_function(&group_arn, target).unwrap_or_else(|| target.arn.clone());
    ScheduledStart { group_arn, target_arn, role_arn }
}

/// The call of a universal target, such as `lambda:invoke`: with the role of its schedule, any call of AWS's, whose parameters
/// are the input.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html>
pub(super) fn universal_call(target_arn: &str) -> Option<&str> {
    target_arn.split_once(":aws-sdk:").map(|(_, call)| call)
}

/// The ARN of the function that a universal target invokes.
fn invoked_function(group_arn: &str, target: &ScheduleTarget) -> Option<String> {
    universal_call(&target.arn).filter(|call| call.starts_with("lambda:invoke"))?;
    let input: Value = serde_json::from_str(target.input.as_deref()?).ok()?;
    let name = input["FunctionName"].as_str()?;
    let [_, partition, _, region, account, ..] = group_arn.split(':').collect::<Vec<_>>()[..] else { return None };
    // Lambda takes a name, a part of an ARN or a whole one.
    let function = match name {
        _ if name.starts_with("arn:") => name.to_owned(),
        _ if name.contains(":function:") => format!("arn:{partition}:lambda:{region}:{name}"),
        _ => format!("arn:{partition}:lambda:{region}:{account}:function:{name}"),
    };
    Some(match input["Qualifier"].as_str() {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function,
    })
}

/// Whether `target_arn` is a function, an alias or a version of it.
pub(super) fn is_of_function(target_arn: &str, function_arn: &str) -> bool {
    target_arn.strip_prefix(function_arn).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// What a schedule in the deployment's group that is no venue's does with what belongs to a venue, each as a sentence.
pub fn find_schedule_strangers(
    schedule: &LiveSchedule,
    group: &LiveScheduleGroup,
    subjects: &[VenueSubject],
) -> Vec<String> {
    let start = scheduled_start(group.arn.clone(), &schedule.target);
    let found = subjects.iter().filter_map(|subject| {
        let does = if is_of_function(&start.target_arn, &subject.function_arn) {
            "starts its function".to_owned()
        } else if start.role_arn == subject.role_arn {
            format!("has its role, and calls {}", start.target_arn)
        } else {
            return None;
        };
        let (venue, name) = (&subject.venue, &schedule.name);
        Some(format!("{venue}: the schedule {name} in the group {}, which is no venue's, {does}", group.name))
    });
    found.collect()
}
