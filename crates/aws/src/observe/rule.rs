//! EventBridge rules on the default bus: one paged list has everything except tags and targets.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::RuleState;

use super::tags::KnownTags;
use super::{ResourceList, to_unreadable};
use crate::{Call, CallError, FailureKind, Found};
use deployer_core::resource::{LiveRule, Observed, RuleTarget, StringMap};
use deployer_core::scope::Scope;

/// Reads `ListRules` for the deployment's names.
pub(super) async fn list_rules(events: &Client, deployment: &str) -> ResourceList<LiveRule> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let page = events
            .list_rules()
            .name_prefix(format!("{deployment}-"))
            .limit(100)
            .set_next_token(token)
            .send()
            .await
            .call("events:ListRules")?;
        for rule in page.rules() {
            let name = rule.name().unwrap_or_default();
            let live = build_live_rule(name, rule.description(), rule.schedule_expression(), rule.state());
            found.insert(name.to_owned(), live);
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

pub(super) async fn observe_rule(
    events: &Client,
    scope: &Scope,
    list: &ResourceList<LiveRule>,
    name: &str,
    known: &KnownTags,
    confirm: bool,
) -> Observed<LiveRule> {
    let rule = match list {
        Err(error) => return to_unreadable(error),
        Ok(rules) => match rules.get(name) {
            Some(rule) => rule.clone(),
            None if !confirm => return Observed::Absent,
            None => match read_rule(events, name).await {
                Ok(Some(rule)) => rule,
                Ok(None) => return Observed::Absent,
                Err(error) => return to_unreadable(&error),
            },
        },
    };
    let arn = scope.regional_arn("events", &format!("rule/{name}"));
    let tags = async {
        match known.tags_of(&arn) {
            Some(tags) => Ok(tags),
            None => read_rule_tags(events, &arn).await,
        }
    };
    let (tags, targets) = tokio::join!(tags, read_targets(events, name));
    match (tags, targets) {
        (Ok(tags), Ok(targets)) => Observed::Present(LiveRule { tags, targets, ..rule }),
        (Err(error), _) | (_, Err(error)) if error.kind == FailureKind::NotFound => Observed::Absent,
        (Err(error), _) | (_, Err(error)) => to_unreadable(&error),
    }
}

async fn read_rule(events: &Client, name: &str) -> Result<Option<LiveRule>, CallError> {
    let found = events.describe_rule().name(name).send().await.call("events:DescribeRule").found()?;
    Ok(found.map(|rule| build_live_rule(name, rule.description(), rule.schedule_expression(), rule.state())))
}

fn build_live_rule(
    name: &str,
    description: Option<&str>,
    schedule: Option<&str>,
    state: Option<&RuleState>,
) -> LiveRule {
    LiveRule {
        name: name.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        schedule: schedule.unwrap_or_default().to_owned(),
        enabled: state != Some(&RuleState::Disabled),
        tags: StringMap::new(),
        targets: Vec::new(),
    }
}

pub(super) async fn read_rule_tags(events: &Client, arn: &str) -> Result<StringMap, CallError> {
    let answer = events.list_tags_for_resource().resource_arn(arn).send().await.call("events:ListTagsForResource")?;
    Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}

async fn read_targets(events: &Client, rule: &str) -> Result<Vec<RuleTarget>, CallError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = events
            .list_targets_by_rule()
            .rule(rule)
            .set_next_token(token)
            .send()
            .await
            .call("events:ListTargetsByRule")?;
        found.extend(page.targets().iter().map(|target| RuleTarget {
            id: target.id().to_owned(),
            arn: target.arn().to_owned(),
            maximum_retry_attempts: target.retry_policy().and_then(|policy| policy.maximum_retry_attempts()),
            maximum_event_age_s: target.retry_policy().and_then(|policy| policy.maximum_event_age_in_seconds()),
        }));
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}
