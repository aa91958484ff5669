//! Rules and their targets.

use aws_sdk_eventbridge::types::{RetryPolicy, RuleState, Tag, Target};
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe};

async fn put_rule(place: &ProbePlace, name: &str, schedule: &str) -> Result<String, CallError> {
    let tags =
        TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("all required members are set"));
    let request = place.aws.events.put_rule().name(name).schedule_expression(schedule).description("a probe");
    let request = request.state(RuleState::Disabled).set_tags(Some(tags.to_vec()));
    let answer = request.send().await.call("events:PutRule")?;
    Ok(answer.rule_arn.unwrap_or_default())
}

async fn put_target(place: &ProbePlace, name: &str) -> ProbeResult {
    let retry = RetryPolicy::builder().maximum_retry_attempts(0).maximum_event_age_in_seconds(60).build();
    let arn = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe:live", place.account);
    let target =
        Target::builder().id("sync").arn(arn).retry_policy(retry).build().expect("all required members are set");
    let request = place.aws.events.put_targets().rule(name).targets(target);
    let answer = request.send().await.call("events:PutTargets").map_err(error_text)?;
    expect_same(answer.failed_entry_count(), 0, "failed targets")
}

async fn delete_rule(place: &ProbePlace, name: &str) {
    let _ = place.aws.events.remove_targets().rule(name).ids("sync").send().await;
    let _ = place.aws.events.delete_rule().name(name).send().await;
}

async fn rule_tags(place: &ProbePlace, arn: &str) -> Result<Vec<(String, String)>, String> {
    let answer = place.aws.events.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.call("events:ListTagsForResource").map_err(error_text)?;
    let mut tags: Vec<_> = answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    tags.sort_unstable();
    Ok(tags)
}

fn all_tags() -> Vec<(String, String)> {
    TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

pub async fn keeps_rule_settings(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    let arn = put_rule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    expect_same(arn.as_str(), &format!("arn:aws:events:us-east-1:{}:rule/{name}", place.account), "ARN")?;
    let answer = place.aws.events.list_rules().name_prefix(&name).send().await;
    let answer = answer.call("events:ListRules").map_err(error_text)?;
    let rule = answer.rules().first().ok_or("not listed")?;
    expect_same(rule.description(), Some("a probe"), "description")?;
    expect_same(rule.schedule_expression(), Some("rate(5 minutes)"), "schedule")?;
    expect_same(rule.state(), Some(&RuleState::Disabled), "state")?;
    let tags = rule_tags(&place, &arn).await?;
    delete_rule(&place, &name).await;
    expect_same(tags, all_tags(), "tags")
}

pub async fn put_rule_replaces_settings_and_keeps_tags(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    let arn = put_rule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    let request = place.aws.events.put_rule().name(&name).schedule_expression("rate(1 hour)");
    request.send().await.call("events:PutRule").map_err(error_text)?;
    let rule =
        place.aws.events.describe_rule().name(&name).send().await.call("events:DescribeRule").map_err(error_text)?;
    let tags = rule_tags(&place, &arn).await?;
    delete_rule(&place, &name).await;
    expect_same(rule.schedule_expression(), Some("rate(1 hour)"), "schedule")?;
    expect_same(rule.state(), Some(&RuleState::Enabled), "state, which defaults to enabled")?;
    expect_same(rule.description(), None, "description, which was omitted in the second call")?;
    expect_same(tags, all_tags(), "tags")
}

pub async fn keeps_target_retry_policy(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    put_rule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    put_target(&place, &name).await?;
    put_target(&place, &name).await?;
    let answer = place.aws.events.list_targets_by_rule().rule(&name).send().await;
    let answer = answer.call("events:ListTargetsByRule").map_err(error_text)?;
    delete_rule(&place, &name).await;
    expect_same(answer.targets().len(), 1, "number of targets with the same id")?;
    let retry = answer.targets()[0].retry_policy().ok_or("no retry policy")?;
    expect_same(retry.maximum_retry_attempts(), Some(0), "retry attempts")?;
    expect_same(retry.maximum_event_age_in_seconds(), Some(60), "event age")
}

pub async fn refuses_to_delete_rule_with_targets(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    put_rule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    put_target(&place, &name).await?;
    let answer = place.aws.events.delete_rule().name(&name).send().await.call("events:DeleteRule");
    delete_rule(&place, &name).await;
    match answer {
        Ok(_) => fail_probe("the rule was deleted with its target"),
        Err(error) => expect_same(error.code.as_str(), "ValidationException", "error code"),
    }
}

pub async fn lists_rules_by_target(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    put_rule(&place, &name, "rate(5 minutes)").await.map_err(error_text)?;
    put_target(&place, &name).await?;
    let arn = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe:live", place.account);
    let answer = place.aws.events.list_rule_names_by_target().target_arn(arn).send().await;
    let answer = answer.call("events:ListRuleNamesByTarget");
    delete_rule(&place, &name).await;
    // In a shared account, other probes have rules with this target too.
    expect_same(answer.map_err(error_text)?.rule_names().contains(&name), true, "whether the rule is listed")
}

pub async fn lists_default_event_bus(place: ProbePlace) -> ProbeResult {
    let answer = place.aws.events.list_event_buses().send().await.call("events:ListEventBuses").map_err(error_text)?;
    let arn = format!("arn:aws:events:us-east-1:{}:event-bus/default", place.account);
    expect_same(answer.event_buses().iter().any(|bus| bus.arn() == Some(&arn)), true, "whether it is listed")
}

pub async fn rejects_invalid_schedules(place: ProbePlace) -> ProbeResult {
    for schedule in ["rate(5 minute)", "rate(1 minutes)", "cron(0 12 * * * *)", "every day"] {
        let name = place.resource_name("rule");
        let answer = put_rule(&place, &name, schedule).await;
        delete_rule(&place, &name).await;
        match answer {
            Ok(_) => return fail_probe(format!("accepted {schedule}")),
            Err(error) => expect_same(error.code.as_str(), "ValidationException", schedule)?,
        }
    }
    Ok(())
}

pub async fn pages_rules(place: ProbePlace) -> ProbeResult {
    let names = ["rule-1", "rule-2", "rule-3"].map(|what| place.resource_name(what));
    for name in &names {
        put_rule(&place, name, "rate(5 minutes)").await.map_err(error_text)?;
    }
    let request = place.aws.events.list_rules().name_prefix(place.resource_name("rule-")).limit(2);
    let first = request.clone().send().await.call("events:ListRules").map_err(error_text)?;
    let token = first.next_token().map(ToOwned::to_owned);
    let second = request.set_next_token(token.clone()).send().await.call("events:ListRules").map_err(error_text)?;
    for name in &names {
        delete_rule(&place, name).await;
    }
    expect_same((first.rules().len(), token.is_some()), (2, true), "first page")?;
    expect_same((second.rules().len(), second.next_token().is_some()), (1, false), "second page")
}

pub async fn reports_missing_rules_as_not_found(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("rule");
    let events = &place.aws.events;
    let answer = events.list_targets_by_rule().rule(&name).send().await.call("events:ListTargetsByRule");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = events.remove_targets().rule(&name).ids("sync").send().await.call("events:RemoveTargets");
    expect_refused(answer, FailureKind::NotFound)
}
