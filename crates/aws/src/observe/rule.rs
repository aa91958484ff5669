//! EventBridge rules on the default bus: one paged list has everything except tags and targets.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::RuleState;

use super::tags::Tags;
use super::{List, unreadable};
use crate::{Call, CallError, FailureKind, Found};
use deployer_core::desired::Scope;
use deployer_core::resource::{LiveRule, Map, Observed, Target};

/// Reads `ListRules` for the deployment's names.
pub(super) async fn list(events: &Client, deployment: &str) -> List<LiveRule> {
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
            let live = live(name, rule.description(), rule.schedule_expression(), rule.state());
            found.insert(name.to_owned(), live);
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

pub(super) async fn details(
    events: &Client,
    scope: &Scope,
    list: &List<LiveRule>,
    name: &str,
    known: &Tags,
    confirm: bool,
) -> Observed<LiveRule> {
    let rule = match list {
        Err(error) => return unreadable(error),
        Ok(rules) => match rules.get(name) {
            Some(rule) => rule.clone(),
            None if !confirm => return Observed::Absent,
            None => match one(events, name).await {
                Ok(Some(rule)) => rule,
                Ok(None) => return Observed::Absent,
                Err(error) => return unreadable(&error),
            },
        },
    };
    let arn = scope.arn("events", &format!("rule/{name}"));
    let tags = async {
        match known.of(&arn) {
            Some(tags) => Ok(tags),
            None => tags(events, &arn).await,
        }
    };
    let (tags, targets) = tokio::join!(tags, targets(events, name));
    match (tags, targets) {
        (Ok(tags), Ok(targets)) => Observed::Present(LiveRule { tags, targets, ..rule }),
        (Err(error), _) | (_, Err(error)) if error.kind == FailureKind::NotFound => Observed::Absent,
        (Err(error), _) | (_, Err(error)) => unreadable(&error),
    }
}

async fn one(events: &Client, name: &str) -> Result<Option<LiveRule>, CallError> {
    let found = events.describe_rule().name(name).send().await.call("events:DescribeRule").found()?;
    Ok(found.map(|rule| live(name, rule.description(), rule.schedule_expression(), rule.state())))
}

fn live(name: &str, description: Option<&str>, schedule: Option<&str>, state: Option<&RuleState>) -> LiveRule {
    LiveRule {
        name: name.to_owned(),
        description: description.unwrap_or_default().to_owned(),
        schedule: schedule.unwrap_or_default().to_owned(),
        enabled: state != Some(&RuleState::Disabled),
        tags: Map::new(),
        targets: Vec::new(),
    }
}

pub(super) async fn tags(events: &Client, arn: &str) -> Result<Map, CallError> {
    let answer = events.list_tags_for_resource().resource_arn(arn).send().await.call("events:ListTagsForResource")?;
    Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}

async fn targets(events: &Client, rule: &str) -> Result<Vec<Target>, CallError> {
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
        found.extend(page.targets().iter().map(|target| Target {
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
