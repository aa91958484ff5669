//! Rules and their targets.

use aws_sdk_eventbridge::types::{RetryPolicy, RuleState, Tag, Target};
use deployer_aws::{Call, CallError, FailureKind};

use super::{Place, Probed, TAGS, differs, refused, same, text};

async fn put_rule(place: &Place, name: &str, schedule: &str) -> Result<String, CallError> {
    let tags =
        TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().expect("all required members are set"));
    let request = place.aws.events.put_rule().name(name).schedule_expression(schedule).description("a probe");
    let request = request.state(RuleState::Disabled).set_tags(Some(tags.to_vec()));
    let answer = request.send().await.call("events:PutRule")?;
    Ok(answer.rule_arn.unwrap_or_default())
}

async fn put_target(place: &Place, name: &str) -> Probed {
    let retry = RetryPolicy::builder().maximum_retry_attempts(0).maximum_event_age_in_seconds(60).build();
    let arn = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe:live", place.account);
    let target =
        Target::builder().id("sync").arn(arn).retry_policy(retry).build().expect("all required members are set");
    let request = place.aws.events.put_targets().rule(name).targets(target);
    let answer = request.send().await.call("events:PutTargets").map_err(text)?;
    same(answer.failed_entry_count(), 0, "failed targets")
}

async fn delete_rule(place: &Place, name: &str) {
    let _ = place.aws.events.remove_targets().rule(name).ids("sync").send().await;
    let _ = place.aws.events.delete_rule().name(name).send().await;
}

async fn rule_tags(place: &Place, arn: &str) -> Result<Vec<(String, String)>, String> {
    let answer = place.aws.events.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.call("events:ListTagsForResource").map_err(text)?;
    let mut tags: Vec<_> = answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    tags.sort_unstable();
    Ok(tags)
}

fn all_tags() -> Vec<(String, String)> {
    TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

pub async fn keeps_rule_settings(place: Place) -> Probed {
    let name = place.name("rule");
    let arn = put(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    same(arn.as_str(), &format!("arn:aws:events:us-east-1:{}:rule/{name}", place.account), "ARN")?;
    let answer = place.aws.events.list_rules().name_prefix(&name).send().await;
    let answer = answer.call("events:ListRules").map_err(text)?;
    let rule = answer.rules().first().ok_or("not listed")?;
    same(rule.description(), Some("a probe"), "description")?;
    same(rule.schedule_expression(), Some("rate(5 minutes)"), "schedule")?;
    same(rule.state(), Some(&RuleState::Disabled), "state")?;
    let tags = tags(&place, &arn).await?;
    delete(&place, &name).await;
    same(tags, all_tags(), "tags")
}

pub async fn put_rule_replaces_settings_and_keeps_tags(place: Place) -> Probed {
    let name = place.name("rule");
    let arn = put(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    let request = place.aws.events.put_rule().name(&name).schedule_expression("rate(1 hour)");
    request.send().await.call("events:PutRule").map_err(text)?;
    let rule = place.aws.events.describe_rule().name(&name).send().await.call("events:DescribeRule").map_err(text)?;
    let tags = tags(&place, &arn).await?;
    delete(&place, &name).await;
    same(rule.schedule_expression(), Some("rate(1 hour)"), "schedule")?;
    same(rule.state(), Some(&RuleState::Enabled), "state, which defaults to enabled")?;
    same(rule.description(), None, "description, which was omitted in the second call")?;
    same(tags, all_tags(), "tags")
}

pub async fn keeps_target_retry_policy(place: Place) -> Probed {
    let name = place.name("rule");
    put(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    put_target(&place, &name).await?;
    put_target(&place, &name).await?;
    let answer = place.aws.events.list_targets_by_rule().rule(&name).send().await;
    let answer = answer.call("events:ListTargetsByRule").map_err(text)?;
    delete(&place, &name).await;
    same(answer.targets().len(), 1, "number of targets with the same id")?;
    let retry = answer.targets()[0].retry_policy().ok_or("no retry policy")?;
    same(retry.maximum_retry_attempts(), Some(0), "retry attempts")?;
    same(retry.maximum_event_age_in_seconds(), Some(60), "event age")
}

pub async fn refuses_to_delete_rule_with_targets(place: Place) -> Probed {
    let name = place.name("rule");
    put(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    put_target(&place, &name).await?;
    let answer = place.aws.events.delete_rule().name(&name).send().await.call("events:DeleteRule");
    delete(&place, &name).await;
    match answer {
        Ok(_) => differs("the rule was deleted with its target"),
        Err(error) => same(error.code.as_str(), "ValidationException", "error code"),
    }
}

pub async fn lists_rules_by_target(place: Place) -> Probed {
    let name = place.name("rule");
    put(&place, &name, "rate(5 minutes)").await.map_err(text)?;
    put_target(&place, &name).await?;
    let arn = format!("arn:aws:lambda:us-east-1:{}:function:deployer-probe:live", place.account);
    let answer = place.aws.events.list_rule_names_by_target().target_arn(arn).send().await;
    let answer = answer.call("events:ListRuleNamesByTarget");
    delete(&place, &name).await;
    // In a shared account, other probes have rules with this target too.
    same(answer.map_err(text)?.rule_names().contains(&name), true, "whether the rule is listed")
}

pub async fn lists_default_event_bus(place: Place) -> Probed {
    let answer = place.aws.events.list_event_buses().send().await.call("events:ListEventBuses").map_err(text)?;
    let arn = format!("arn:aws:events:us-east-1:{}:event-bus/default", place.account);
    same(answer.event_buses().iter().any(|bus| bus.arn() == Some(&arn)), true, "whether it is listed")
}

pub async fn rejects_invalid_schedules(place: Place) -> Probed {
    for schedule in ["rate(5 minute)", "rate(1 minutes)", "cron(0 12 * * * *)", "every day"] {
        let name = place.name("rule");
        let answer = put(&place, &name, schedule).await;
        delete(&place, &name).await;
        match answer {
            Ok(_) => return differs(format!("accepted {schedule}")),
            Err(error) => same(error.code.as_str(), "ValidationException", schedule)?,
        }
    }
    Ok(())
}

pub async fn pages_rules(place: Place) -> Probed {
    let names = ["rule-1", "rule-2", "rule-3"].map(|what| place.name(what));
    for name in &names {
        put(&place, name, "rate(5 minutes)").await.map_err(text)?;
    }
    let request = place.aws.events.list_rules().name_prefix(place.name("rule-")).limit(2);
    let first = request.clone().send().await.call("events:ListRules").map_err(text)?;
    let token = first.next_token().map(ToOwned::to_owned);
    let second = request.set_next_token(token.clone()).send().await.call("events:ListRules").map_err(text)?;
    for name in &names {
        delete(&place, name).await;
    }
    same((first.rules().len(), token.is_some()), (2, true), "first page")?;
    same((second.rules().len(), second.next_token().is_some()), (1, false), "second page")
}

pub async fn reports_missing_rules_as_not_found(place: Place) -> Probed {
    let name = place.name("rule");
    let events = &place.aws.events;
    let answer = events.list_targets_by_rule().rule(&name).send().await.call("events:ListTargetsByRule");
    refused(answer, FailureKind::NotFound)?;
    let answer = events.remove_targets().rule(&name).ids("sync").send().await.call("events:RemoveTargets");
    refused(answer, FailureKind::NotFound)
}
