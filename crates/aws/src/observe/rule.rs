//! EventBridge rules on the default bus: one paged list has everything except tags and targets.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::Client;
use serde_json::Value;

use super::answer::KeptAnswer;
use super::tags::KnownTags;
use super::{Listed, ResourceList, to_unreadable};
use crate::signed::{list_of, text_of};
use crate::{Call, CallError, FailureKind, Found, ListPages};
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{LiveRule, Observed, RuleTarget, StringMap};
use deployer_core::scope::Scope;

/// Reads `ListRules` for the deployment's names.
pub(super) async fn list_rules(events: &Client, deployment: &str) -> ResourceList<LiveRule> {
    const CALL: &str = "events:ListRules";
    let mut found = BTreeMap::new();
    let mut pages = ListPages::of_call(CALL);
    loop {
        let kept = KeptAnswer::default();
        let request =
            events.list_rules().name_prefix(format!("{deployment}-")).limit(100).set_next_token(pages.token());
        let page = request.customize().interceptor(kept.clone()).send().await.call(CALL)?;
        for rule in list_of(&kept.read_list(CALL)?, "Rules") {
            let live = build_live_rule(rule);
            found.insert(live.name.clone(), live);
        }
        if !pages.advance_to(page.next_token)? {
            return Ok(found);
        }
    }
}

pub(super) async fn observe_rule(
    events: &Client,
    scope: &Scope,
    listed: Listed<LiveRule>,
    name: &str,
    known: &KnownTags,
    confirm: bool,
) -> Observed<LiveRule> {
    let rule = match listed {
        Err(error) => return to_unreadable(&error),
        Ok(Some(rule)) => rule,
        Ok(None) if !confirm => return Observed::Absent,
        Ok(None) => match read_rule(events, name).await {
            Ok(Some(rule)) => rule,
            Ok(None) => return Observed::Absent,
            Err(error) => return to_unreadable(&error),
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
    const CALL: &str = "events:DescribeRule";
    let kept = KeptAnswer::default();
    let request = events.describe_rule().name(name).customize().interceptor(kept.clone());
    if request.send().await.call(CALL).found()?.is_none() {
        return Ok(None);
    }
    kept.read_json(CALL).map(|rule| Some(build_live_rule(&rule)))
}

fn build_live_rule(rule: &Value) -> LiveRule {
    let text = |member| text_of(rule, member).unwrap_or_default().to_owned();
    let name = text("Name");
    LiveRule {
        description: text("Description"),
        schedule: text("ScheduleExpression"),
        enabled: text("State") != "DISABLED",
        tags: StringMap::new(),
        targets: Vec::new(),
        unmodeled: UnmodeledPart { members: AnswerKind::Rule.find_unmodeled(&name, rule), unread: Vec::new() },
        name,
    }
}

pub(super) async fn read_rule_tags(events: &Client, arn: &str) -> Result<StringMap, CallError> {
    let answer = events.list_tags_for_resource().resource_arn(arn).send().await.call("events:ListTagsForResource")?;
    Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}

async fn read_targets(events: &Client, rule: &str) -> Result<Vec<RuleTarget>, CallError> {
    const CALL: &str = "events:ListTargetsByRule";
    let mut found = Vec::new();
    let mut pages = ListPages::of_call(CALL);
    loop {
        let kept = KeptAnswer::default();
        let request = events.list_targets_by_rule().rule(rule).set_next_token(pages.token());
        let page = request.customize().interceptor(kept.clone()).send().await.call(CALL)?;
        found.extend(list_of(&kept.read_list(CALL)?, "Targets").iter().map(|target| build_target(rule, target)));
        if !pages.advance_to(page.next_token)? {
            return Ok(found);
        }
    }
}

fn build_target(rule: &str, target: &Value) -> RuleTarget {
    let text = |member| text_of(target, member).unwrap_or_default().to_owned();
    let number = |member: &str| target["RetryPolicy"][member].as_i64().and_then(|value| i32::try_from(value).ok());
    RuleTarget {
        id: text("Id"),
        arn: text("Arn"),
        role_arn: text_of(target, "RoleArn").map(ToOwned::to_owned),
        maximum_retry_attempts: number("MaximumRetryAttempts"),
        maximum_event_age_s: number("MaximumEventAgeInSeconds"),
        unmodeled: AnswerKind::Target.find_unmodeled(rule, target),
    }
}
