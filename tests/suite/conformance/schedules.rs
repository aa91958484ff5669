//! Schedules of EventBridge Scheduler.

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target};
use deployer_aws::{Call, CallError, FailureKind};

use super::{Place, Probed, differs, refused, same, text};

use crate::sdk::GeneratedClients as _;

fn target(place: &Place) -> Target {
    let function = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe", place.account);
    Target::builder()
        .arn(function)
        .role_arn(place.role_arn("probe"))
        .input("{}")
        .build()
        .expect("all required members are set")
}

fn window() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("all required members are set")
}

async fn create(place: &Place, name: &str, expression: &str) -> Result<(), CallError> {
    let request = place.aws.sdk().scheduler.create_schedule().name(name).schedule_expression(expression);
    let request = request.target(target(place)).flexible_time_window(window()).state(ScheduleState::Disabled);
    request.send().await.call("scheduler:CreateSchedule").map(drop)
}

async fn delete(place: &Place, name: &str) {
    let _ = place.aws.sdk().scheduler.delete_schedule().name(name).send().await;
}

pub async fn keeps_schedule_settings(place: Place) -> Probed {
    let name = place.name("schedule");
    create(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    let again = create(&place, &name, "rate(5 minutes)").await;
    let got = place.aws.sdk().scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    let listed = place.aws.sdk().scheduler.list_schedules().name_prefix(&name).send().await;
    let listed = listed.call("scheduler:ListSchedules");
    delete(&place, &name).await;
    let got = got.map_err(text)?;
    let arn = format!("arn:aws:scheduler:us-east-1:{}:schedule/default/{name}", place.account);
    same(got.arn(), Some(arn.as_str()), "ARN")?;
    same(got.schedule_expression(), Some("rate(5 minutes)"), "schedule expression")?;
    same(got.state(), Some(&ScheduleState::Disabled), "state")?;
    same(got.target().map(|target| target.arn()), Some(target(&place).arn()), "integration URI")?;
    let listed = listed.map_err(text)?;
    let found: Vec<_> = listed.schedules().iter().map(|one| one.target().map(|target| target.arn())).collect();
    same(found, vec![Some(target(&place).arn())], "target in the list")?;
    same(again.map_err(|error| error.code).err().as_deref(), Some("ConflictException"), "creating it again")
}

pub async fn update_replaces_whole_schedule(place: Place) -> Probed {
    let name = place.name("schedule");
    create(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    let request = place.aws.sdk().scheduler.update_schedule().name(&name).schedule_expression("rate(1 hour)");
    let request = request.target(target(&place)).flexible_time_window(window());
    let updated = request.send().await.call("scheduler:UpdateSchedule");
    let got = place.aws.sdk().scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    delete(&place, &name).await;
    updated.map_err(text)?;
    let got = got.map_err(text)?;
    same(got.schedule_expression(), Some("rate(1 hour)"), "schedule expression")?;
    same(got.state(), Some(&ScheduleState::Enabled), "state, which defaults to enabled")
}

pub async fn lists_default_schedule_group(place: Place) -> Probed {
    let answer = place.aws.sdk().scheduler.list_schedule_groups().send().await.call("scheduler:ListScheduleGroups");
    let answer = answer.map_err(text)?;
    same(answer.schedule_groups().iter().any(|group| group.name() == Some("default")), true, "whether it is listed")
}

pub async fn rejects_invalid_schedules(place: Place) -> Probed {
    let name = place.name("schedule");
    let answer = create(&place, &name, "every day").await;
    delete(&place, &name).await;
    match answer {
        Ok(()) => differs("accepted"),
        Err(error) => same(error.code.as_str(), "ValidationException", "error code"),
    }
}

pub async fn reports_missing_schedules_as_not_found(place: Place) -> Probed {
    let (scheduler, name) = (&place.aws.sdk().scheduler, place.name("schedule"));
    let answer = scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule");
    refused(answer, FailureKind::NotFound)?;
    let answer = scheduler.delete_schedule().name(&name).send().await.call("scheduler:DeleteSchedule");
    refused(answer, FailureKind::NotFound)
}
