//! Schedules of EventBridge Scheduler.

use aws_sdk_scheduler::types::{
    FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleGroupState, ScheduleState, Tag, Target,
};
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, error_text, expect_refused, expect_same, fail_probe};

use crate::sdk::GeneratedClients as _;

/// The role of the probes' schedules.
const ROLE: &str = "probe-scheduler";

fn function_target(place: &ProbePlace) -> Target {
    let function = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe", place.account);
    Target::builder()
        .arn(function)
        .role_arn(place.role_arn(ROLE))
        .input("{}")
        .build()
        .expect("all required members are set")
}

fn no_flexible_window() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("all required members are set")
}

/// AWS looks whether Scheduler may take on the role. It is left in an account, where other probes may need it.
async fn create_role(place: &ProbePlace) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let role = place.aws.iam.create_role().role_name(ROLE).path("/deployer/probe/").assume_role_policy_document(trust);
    // It may exist.
    let _ = role.send().await;
}

async fn create_schedule(place: &ProbePlace, name: &str, expression: &str) -> Result<(), CallError> {
    create_role(place).await;
    let request = place.aws.sdk().scheduler.create_schedule().name(name).schedule_expression(expression);
    let request = request
        .target(function_target(place))
        .flexible_time_window(no_flexible_window())
        .state(ScheduleState::Disabled);
    request.send().await.call("scheduler:CreateSchedule").map(drop)
}

async fn delete_schedule(place: &ProbePlace, name: &str) {
    let _ = place.aws.sdk().scheduler.delete_schedule().name(name).send().await;
}

pub async fn keeps_schedule_settings(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("schedule");
    create_schedule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    let again = create_schedule(&place, &name, "rate(5 minutes)").await;
    let got = place.aws.sdk().scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    let listed = place.aws.sdk().scheduler.list_schedules().name_prefix(&name).send().await;
    let listed = listed.call("scheduler:ListSchedules");
    delete_schedule(&place, &name).await;
    let got = got.map_err(error_text)?;
    let arn = format!("arn:aws:scheduler:us-east-1:{}:schedule/default/{name}", place.account);
    expect_same(got.arn(), Some(arn.as_str()), "ARN")?;
    expect_same(got.schedule_expression(), Some("rate(5 minutes)"), "schedule expression")?;
    expect_same(got.state(), Some(&ScheduleState::Disabled), "state")?;
    expect_same(got.target().map(|target| target.arn()), Some(function_target(&place).arn()), "integration URI")?;
    let listed = listed.map_err(error_text)?;
    let found: Vec<_> = listed.schedules().iter().map(|one| one.target().map(|target| target.arn())).collect();
    expect_same(found, vec![Some(function_target(&place).arn())], "target in the list")?;
    expect_same(again.map_err(|error| error.code).err().as_deref(), Some("ConflictException"), "creating it again")
}

pub async fn update_replaces_whole_schedule(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("schedule");
    create_schedule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    let request = place.aws.sdk().scheduler.update_schedule().name(&name).schedule_expression("rate(1 hour)");
    let request = request.target(function_target(&place)).flexible_time_window(no_flexible_window());
    let updated = request.send().await.call("scheduler:UpdateSchedule");
    let got = place.aws.sdk().scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    delete_schedule(&place, &name).await;
    updated.map_err(error_text)?;
    let got = got.map_err(error_text)?;
    expect_same(got.schedule_expression(), Some("rate(1 hour)"), "schedule expression")?;
    expect_same(got.state(), Some(&ScheduleState::Enabled), "state, which defaults to enabled")
}

pub async fn lists_default_schedule_group(place: ProbePlace) -> ProbeResult {
    let answer = place.aws.sdk().scheduler.list_schedule_groups().send().await.call("scheduler:ListScheduleGroups");
    let answer = answer.map_err(error_text)?;
    expect_same(
        answer.schedule_groups().iter().any(|group| group.name() == Some("default")),
        true,
        "whether it is listed",
    )
}

pub async fn rejects_invalid_schedules(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("schedule");
    let answer = create_schedule(&place, &name, "every day").await;
    delete_schedule(&place, &name).await;
    match answer {
        Ok(()) => fail_probe("accepted"),
        Err(error) => expect_same(error.code.as_str(), "ValidationException", "error code"),
    }
}

pub async fn reports_missing_schedules_as_not_found(place: ProbePlace) -> ProbeResult {
    let (scheduler, name) = (&place.aws.sdk().scheduler, place.resource_name("schedule"));
    let answer = scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = scheduler.delete_schedule().name(&name).send().await.call("scheduler:DeleteSchedule");
    expect_refused(answer, FailureKind::NotFound)
}

async fn delete_group(place: &ProbePlace, name: &str) {
    let _ = place.aws.sdk().scheduler.delete_schedule_group().name(name).send().await;
}

fn group_tag(value: &str) -> Tag {
    Tag::builder().key("owner").value(value).build().expect("all required members are set")
}

/// Groups have the tags; schedules have none of their own.
pub async fn keeps_schedule_groups_with_tags(place: ProbePlace) -> ProbeResult {
    let (sdk, name) = (&place.aws.sdk().scheduler, place.resource_name("group"));
    let create = || sdk.create_schedule_group().name(&name).tags(group_tag("probe")).send();
    let made = create().await.call("scheduler:CreateScheduleGroup").map_err(error_text)?;
    let again = create().await.call("scheduler:CreateScheduleGroup");
    let got = sdk.get_schedule_group().name(&name).send().await.call("scheduler:GetScheduleGroup");
    let arn = made.schedule_group_arn();
    let tagged = sdk.tag_resource().resource_arn(arn).tags(group_tag("other")).send().await;
    let tagged = tagged.call("scheduler:TagResource");
    let tags = sdk.list_tags_for_resource().resource_arn(arn).send().await.call("scheduler:ListTagsForResource");
    let untagged =
        sdk.untag_resource().resource_arn(arn).tag_keys("owner").send().await.call("scheduler:UntagResource");
    let rest = sdk.list_tags_for_resource().resource_arn(arn).send().await.call("scheduler:ListTagsForResource");
    let listed = sdk.list_schedule_groups().name_prefix(&name).send().await.call("scheduler:ListScheduleGroups");
    delete_group(&place, &name).await;
    let wanted = format!("arn:aws:scheduler:us-east-1:{}:schedule-group/{name}", place.account);
    expect_same(arn, wanted.as_str(), "ARN")?;
    let got = got.map_err(error_text)?;
    expect_same(got.state(), Some(&ScheduleGroupState::Active), "state")?;
    tagged.map_err(error_text)?;
    let owner = |tags: &[Tag]| tags.iter().find(|tag| tag.key() == "owner").map(|tag| tag.value().to_owned());
    expect_same(owner(tags.map_err(error_text)?.tags()), Some("other".to_owned()), "tag")?;
    untagged.map_err(error_text)?;
    expect_same(owner(rest.map_err(error_text)?.tags()), None, "removed tag")?;
    let listed = listed.map_err(error_text)?;
    expect_same(
        listed.schedule_groups().iter().any(|group| group.name() == Some(&name)),
        true,
        "whether it is listed",
    )?;
    expect_same(again.map_err(|error| error.code).err().as_deref(), Some("ConflictException"), "creating it again")
}

/// A schedule's name is unique in its group only, and the group takes its schedules along.
pub async fn a_group_is_deleted_with_its_schedules(place: ProbePlace) -> ProbeResult {
    let (sdk, group, name) =
        (&place.aws.sdk().scheduler, place.resource_name("group"), place.resource_name("schedule"));
    create_role(&place).await;
    sdk.create_schedule_group().name(&group).send().await.call("scheduler:CreateScheduleGroup").map_err(error_text)?;
    let request = sdk.create_schedule().name(&name).group_name(&group).schedule_expression("cron(0 9 * * ? *)");
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Flexible).maximum_window_in_minutes(5);
    let request = request.flexible_time_window(window.build().expect("all required members are set"));
    let request = request.schedule_expression_timezone("Europe/Vienna").target(function_target(&place));
    let made = request.send().await.call("scheduler:CreateSchedule");
    let got = sdk.get_schedule().name(&name).group_name(&group).send().await.call("scheduler:GetSchedule");
    let elsewhere = sdk.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    let listed = sdk.list_schedules().group_name(&group).send().await.call("scheduler:ListSchedules");
    let deleted = sdk.delete_schedule_group().name(&group).send().await.call("scheduler:DeleteScheduleGroup");
    let after = sdk.list_schedules().name_prefix(&name).send().await.call("scheduler:ListSchedules");
    made.map_err(error_text)?;
    let got = got.map_err(error_text)?;
    let arn = format!("arn:aws:scheduler:us-east-1:{}:schedule/{group}/{name}", place.account);
    expect_same(got.arn(), Some(arn.as_str()), "ARN")?;
    expect_same(got.schedule_expression_timezone(), Some("Europe/Vienna"), "time zone")?;
    let window = got.flexible_time_window().and_then(FlexibleTimeWindow::maximum_window_in_minutes);
    expect_same(window, Some(5), "flexible window")?;
    expect_refused(elsewhere, FailureKind::NotFound)?;
    expect_same(listed.map_err(error_text)?.schedules().len(), 1, "schedules in the group")?;
    deleted.map_err(error_text)?;
    expect_same(after.map_err(error_text)?.schedules().len(), 0, "schedules after their group")
}

/// AWS fills in the retry policy of a target that has none.
pub async fn a_target_has_a_retry_policy(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("schedule");
    create_schedule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    let got = place.aws.sdk().scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    delete_schedule(&place, &name).await;
    let got = got.map_err(error_text)?;
    let policy = got.target().and_then(Target::retry_policy);
    let numbers = policy.map(|policy| (policy.maximum_event_age_in_seconds(), policy.maximum_retry_attempts()));
    expect_same(numbers, Some((Some(86_400), Some(185))), "retry policy")
}

pub async fn rejects_unknown_time_zones(place: ProbePlace) -> ProbeResult {
    let (sdk, name) = (&place.aws.sdk().scheduler, place.resource_name("schedule"));
    let request = sdk.create_schedule().name(&name).schedule_expression("rate(1 hour)").target(function_target(&place));
    let request = request.flexible_time_window(no_flexible_window()).schedule_expression_timezone("Mars/Olympus");
    let answer = request.send().await.call("scheduler:CreateSchedule");
    delete_schedule(&place, &name).await;
    match answer {
        Ok(_) => fail_probe("accepted"),
        Err(error) => expect_same(error.code.as_str(), "ValidationException", "error code"),
    }
}

pub async fn rejects_schedules_in_missing_groups(place: ProbePlace) -> ProbeResult {
    let (sdk, name) = (&place.aws.sdk().scheduler, place.resource_name("schedule"));
    let request = sdk.create_schedule().name(&name).group_name(&name).schedule_expression("rate(1 hour)");
    let request = request.flexible_time_window(no_flexible_window()).target(function_target(&place));
    expect_refused(request.send().await.call("scheduler:CreateSchedule"), FailureKind::NotFound)
}
