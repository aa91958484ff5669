//! Schedules of EventBridge Scheduler.

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target};
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, error_text, expect_refused, expect_same, fail_probe};

use crate::sdk::GeneratedClients as _;

fn function_target(place: &ProbePlace) -> Target {
    let function = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe", place.account);
    Target::builder()
        .arn(function)
        .role_arn(place.role_arn("probe"))
        .input("{}")
        .build()
        .expect("all required members are set")
}

fn no_flexible_window() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("all required members are set")
}

async fn create_schedule(place: &ProbePlace, name: &str, expression: &str) -> Result<(), CallError> {
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
