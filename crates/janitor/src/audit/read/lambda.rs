//! Functions, what polls for them, who may call them.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{DestinationConfig, FunctionConfiguration};
use jiff::Timestamp;
use serde_json::Value;

use super::super::arn::{self, Arn, node_id};
use super::super::{EdgeKind, Node, NodeKind, VenueMarks};
use super::collector::Collector;
use super::time;
use deployer_aws::Found;
use deployer_core::naming;

pub(super) async fn read(lambda: &Client, collector: &Collector<'_>, venues: &[VenueMarks]) {
    tokio::join!(functions(lambda, collector, venues), mappings(lambda, collector));
}

async fn functions(lambda: &Client, collector: &Collector<'_>, venues: &[VenueMarks]) {
    let mut pages = lambda.list_functions().into_paginator().send();
    let mut arns = Vec::new();
    while let Some(page) = collector.page("lambda:ListFunctions", pages.next()).await {
        match page {
            Ok(page) => arns.extend(page.functions().iter().filter_map(|found| function(collector, found, venues))),
            Err(error) => {
                collector.unread(&error, None, "functions");
                break;
            }
        }
    }
    collector.each(arns, |arn| details(lambda, collector, arn)).await;
}

/// Gives the function's ARN.
fn function(collector: &Collector<'_>, found: &FunctionConfiguration, venues: &[VenueMarks]) -> Option<String> {
    let (arn, _) = node_id(found.function_arn()?);
    let name = found.function_name().unwrap_or_default();
    let variables = found.environment().and_then(|environment| environment.variables());
    let names: Vec<&str> = {
        let mut names: Vec<&str> = variables.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        names.sort_unstable();
        names
    };
    let of_venues: Vec<&str> = venues
        .iter()
        .filter(|venue| variables.into_iter().flatten().any(|(key, value)| venue.match_variable(key, value)))
        .map(|venue| venue.name.as_str())
        .collect();
    let list = |values: &[&str]| (!values.is_empty()).then(|| values.join(", "));
    let mut node = Node::new(NodeKind::Function, &arn, name)
        .with_attribute("runtime", found.runtime().map(|runtime| runtime.as_str().to_owned()))
        .with_attribute("memory_mb", found.memory_size())
        .with_attribute("environment", list(&names))
        .with_attribute("venues", list(&of_venues));
    node.changed_at = found.last_modified().and_then(modified);
    if let Some((deployment, venue)) = found.description().and_then(naming::parse_mark) {
        (node.deployment, node.venue) = (Some(deployment.to_owned()), Some(venue.to_owned()));
    }
    collector.node(node);
    if let Some(role) = found.role() {
        collector.edge(&arn, role, EdgeKind::Role, true, None);
    }
    let group = found.logging_config().and_then(|config| config.log_group()).map(ToOwned::to_owned);
    let group = group.unwrap_or_else(|| format!("/aws/lambda/{name}"));
    let group = collector.scope.regional_arn("logs", &format!("log-group:{group}"));
    collector.edge(&arn, &group, EdgeKind::Log, true, None);
    if let Some(target) =
        found.dead_letter_config().and_then(|config| config.target_arn()).filter(|arn| !arn.is_empty())
    {
        collector.edge(&arn, target, EdgeKind::DeadLetter, true, None);
    }
    for (key, value) in variables.into_iter().flatten() {
        collector.mention(&arn, value, EdgeKind::Environment, Some(key), true);
    }
    Some(arn)
}

/// Lambda writes `2024-03-02T10:00:00.000+0000`.
fn modified(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

async fn details(lambda: &Client, collector: &Collector<'_>, arn: String) {
    tokio::join!(
        configuration(lambda, collector, &arn),
        urls(lambda, collector, &arn),
        destinations(lambda, collector, &arn),
        policies(lambda, collector, &arn),
    );
}

/// Reserved concurrency and tags.
async fn configuration(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let request = lambda.get_function().function_name(arn).send();
    match collector.call("lambda:GetFunction", request).await.found() {
        Ok(None) => {}
        Ok(Some(answer)) => {
            let reserved = answer.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
            collector.update(arn, |node| {
                node.enabled = reserved != Some(0);
                node.tags.extend(answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            });
            if let Some(error) = answer.tags_error() {
                let denied = deployer_aws::CallError {
                    operation: "lambda:ListTags",
                    kind: deployer_aws::FailureKind::Denied,
                    code: error.error_code().to_owned(),
                    message: error.message().to_owned(),
                    request_id: None,
                };
                collector.unread(&denied, Some(arn), format!("the tags of function {}", arn::short_name(arn)));
            }
        }
        Err(error) => {
            let what = format!("the tags and the concurrency of function {}", arn::short_name(arn));
            collector.unread(&error, Some(arn), what);
        }
    }
}

async fn urls(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let mut pages = lambda.list_function_url_configs().function_name(arn).into_paginator().send();
    while let Some(page) = collector.page("lambda:ListFunctionUrlConfigs", pages.next()).await {
        match page.found() {
            Ok(page) => {
                for url in page.iter().flat_map(|page| page.function_url_configs()) {
                    let open = url.auth_type().as_str() == "NONE";
                    let note = if open { "open to everybody" } else { "signed requests only" };
                    let from = url.function_url().trim_end_matches('/');
                    collector.edge(from, url.function_arn(), EdgeKind::FunctionUrl, true, Some(note.to_owned()));
                    collector.update(arn, |node| drop(node.attributes.insert("url".to_owned(), from.to_owned())));
                }
            }
            Err(error) => {
                return collector.unread(&error, Some(arn), format!("the URLs of function {}", arn::short_name(arn)));
            }
        }
    }
}

/// Where the results of asynchronous invocations go.
async fn destinations(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let mut pages = lambda.list_function_event_invoke_configs().function_name(arn).into_paginator().send();
    while let Some(page) = collector.page("lambda:ListFunctionEventInvokeConfigs", pages.next()).await {
        match page.found() {
            Ok(page) => {
                for config in page.iter().flat_map(|page| page.function_event_invoke_configs()) {
                    destination(collector, arn, config.destination_config());
                }
            }
            Err(error) => {
                let what = format!("the destinations of function {}", arn::short_name(arn));
                return collector.unread(&error, Some(arn), what);
            }
        }
    }
}

fn destination(collector: &Collector<'_>, arn: &str, config: Option<&DestinationConfig>) {
    let failure = config.and_then(|config| config.on_failure()).and_then(|target| target.destination());
    let success = config.and_then(|config| config.on_success()).and_then(|target| target.destination());
    if let Some(target) = failure.filter(|target| !target.is_empty()) {
        collector.edge(arn, target, EdgeKind::DeadLetter, true, Some("on failure".to_owned()));
    }
    if let Some(target) = success.filter(|target| !target.is_empty()) {
        collector.edge(arn, target, EdgeKind::Target, true, Some("on success".to_owned()));
    }
}

/// The function's policy and those of its aliases: each has its own.
async fn policies(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let mut qualifiers = vec![None];
    let mut pages = lambda.list_aliases().function_name(arn).into_paginator().send();
    while let Some(page) = collector.page("lambda:ListAliases", pages.next()).await {
        match page.found() {
            Ok(page) => {
                let aliases = page.iter().flat_map(|page| page.aliases());
                qualifiers.extend(aliases.filter_map(|alias| alias.name()).map(|name| Some(name.to_owned())));
            }
            Err(error) => {
                collector.unread(&error, Some(arn), format!("the aliases of function {}", arn::short_name(arn)));
                break;
            }
        }
    }
    for qualifier in qualifiers {
        let request = lambda.get_policy().function_name(arn).set_qualifier(qualifier).send();
        match collector.call("lambda:GetPolicy", request).await.found() {
            Ok(answer) => {
                let policy = answer.and_then(|answer| answer.policy).unwrap_or_default();
                policy_statements(collector, arn, &policy);
            }
            Err(error) => {
                return collector.unread(&error, Some(arn), format!("the policy of function {}", arn::short_name(arn)));
            }
        }
    }
}

fn policy_statements(collector: &Collector<'_>, arn: &str, policy: &str) {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    for statement in policy["Statement"].as_array().into_iter().flatten() {
        if statement["Effect"] == "Deny" {
            continue;
        }
        let sources = sources(&statement["Condition"]);
        for source in &sources {
            collector.edge(&caller(source), arn, EdgeKind::Permission, true, None);
        }
        if sources.is_empty() {
            let principal = match &statement["Principal"] {
                Value::Object(principal) => principal.values().next().unwrap_or(&Value::Null),
                principal => principal,
            };
            let principal = principal.as_str().map_or_else(|| principal.to_string(), ToOwned::to_owned);
            collector.edge(&format!("principal:{principal}"), arn, EdgeKind::Permission, true, None);
        }
    }
}

/// `{"ArnLike": {"AWS:SourceArn": "…"}}`, one or several; the key's case differs between services.
fn sources(condition: &Value) -> Vec<String> {
    let operators = condition.as_object().into_iter().flat_map(|operators| operators.values());
    let members = operators.filter_map(Value::as_object).flatten();
    let found =
        members.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).flat_map(|(_, value)| match value {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => Vec::from_iter(one.as_str()),
        });
    found.map(ToOwned::to_owned).collect()
}

/// The node that a `SourceArn` is about. `execute-api` ARNs have the API's id and don't say of which kind it is: the node
/// is found when all are read.
fn caller(source: &str) -> String {
    match Arn::parse_arn(source) {
        Some(arn) if arn.service == "execute-api" => {
            let id = arn.resource.split('/').next().unwrap_or_default();
            format!("execute-api:{id}")
        }
        _ => node_id(source).0,
    }
}

async fn mappings(lambda: &Client, collector: &Collector<'_>) {
    let mut pages = lambda.list_event_source_mappings().into_paginator().send();
    while let Some(page) = collector.page("lambda:ListEventSourceMappings", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.unread(&error, None, "event source mappings"),
        };
        for mapping in page.event_source_mappings() {
            let Some(function) = mapping.function_arn() else { continue };
            let state = mapping.state().unwrap_or_default();
            let enabled = !matches!(state, "Disabled" | "Disabling" | "Deleting");
            // A cluster of one's own has no ARN.
            let from = mapping.event_source_arn().unwrap_or("principal:a self-managed event source");
            let changed = time(mapping.last_modified()).map(super::day);
            let note = match (enabled, changed) {
                (false, Some(day)) => Some(format!("disabled, changed {day}")),
                (false, None) => Some("disabled".to_owned()),
                (true, _) => mapping.batch_size().map(|size| format!("batches of {size}")),
            };
            collector.edge(from, function, EdgeKind::Mapping, enabled, note);
            destination(collector, &node_id(function).0, mapping.destination_config());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_lambda_writes_them() {
        let time = modified("2024-03-02T10:00:00.123+0000").expect("a time");
        assert_eq!(super::super::day(time), "2024-03-02");
        assert!(modified("2024-03-02T10:00:00Z").is_some());
        assert_eq!(modified("yesterday"), None);
    }

    #[test]
    fn a_statement_may_have_several_sources_or_none() {
        let one = serde_json::json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::a" } });
        let two = serde_json::json!({ "ArnLike": { "aws:sourcearn": ["arn:aws:s3:::a", "arn:aws:s3:::b"] } });
        let none = serde_json::json!({ "StringEquals": { "AWS:SourceAccount": "1" } });
        assert_eq!([sources(&one).len(), sources(&two).len(), sources(&none).len()], [1, 2, 0]);
    }

    #[test]
    fn callers_are_nodes() {
        assert_eq!(caller("arn:aws:execute-api:us-east-1:123456789012:abc123/*/POST/x"), "execute-api:abc123");
        assert_eq!(caller("arn:aws:s3:::bucket"), "arn:aws:s3:::bucket");
    }
}
