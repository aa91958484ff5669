//! Functions, their event source mappings, and who may call them.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{DestinationConfig, FunctionConfiguration};
use jiff::Timestamp;

use super::super::arn::{self, node_id};
use super::super::{EdgeKind, Node, NodeKind, VenueMarks};
use super::collector::Collector;
use super::policy::add_permissions;
use super::sdk_time;
use deployer_aws::{FailureKind, Found, sdk_pages};
use deployer_core::naming;

pub(super) async fn read_functions(lambda: &Client, collector: &Collector<'_>, venues: &[VenueMarks]) {
    tokio::join!(list_functions(lambda, collector, venues), read_mappings(lambda, collector));
}

async fn list_functions(lambda: &Client, collector: &Collector<'_>, venues: &[VenueMarks]) {
    let stream = lambda.list_functions().into_paginator().send();
    let mut arns = Vec::new();
    let mut pages = sdk_pages("lambda:ListFunctions", stream, |page| page.next_marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        match page {
            Ok(page) => arns.extend(page.functions().iter().filter_map(|found| add_function(collector, found, venues))),
            Err(error) => {
                collector.note_failure(&error, None, "functions");
                break;
            }
        }
    }
    const CALLS: &[&str] = &[
        "lambda:GetFunction",
        "lambda:GetPolicy",
        "lambda:ListFunctionUrlConfigs",
        "lambda:ListFunctionEventInvokeConfigs",
        "lambda:ListAliases",
    ];
    collector.for_each(arns, CALLS, |arn| read_details(lambda, collector, arn)).await;
}

/// Returns the function's ARN.
fn add_function(collector: &Collector<'_>, found: &FunctionConfiguration, venues: &[VenueMarks]) -> Option<String> {
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
    let joined = |values: &[&str]| (!values.is_empty()).then(|| values.join(", "));
    let mut node = Node::new(NodeKind::Function, &arn, name)
        .with_attribute("runtime", found.runtime().map(|runtime| runtime.as_str().to_owned()))
        .with_attribute("memory_mb", found.memory_size())
        .with_attribute("environment", joined(&names))
        .with_attribute("venues", joined(&of_venues));
    match found.last_modified().map(parse_modified).transpose() {
        Ok(modified) => node.changed_at = modified,
        Err(why) => {
            let what = format!("when function {name} was last changed");
            collector.note_unread("lambda:ListFunctions", Some(&arn), what, why);
        }
    }
    if let Some((deployment, venue)) = found.description().and_then(naming::parse_mark) {
        (node.deployment, node.venue) = (Some(deployment.to_owned()), Some(venue.to_owned()));
    }
    collector.add_node(node);
    if let Some(role) = found.role() {
        collector.add_edge(&arn, role, EdgeKind::Role, true, None);
    }
    let group = found.logging_config().and_then(|config| config.log_group()).map(ToOwned::to_owned);
    let group = group.unwrap_or_else(|| format!("/aws/lambda/{name}"));
    let group = collector.scope.regional_arn("logs", &format!("log-group:{group}"));
    collector.add_edge(&arn, &group, EdgeKind::Log, true, None);
    if let Some(target) =
        found.dead_letter_config().and_then(|config| config.target_arn()).filter(|arn| !arn.is_empty())
    {
        collector.add_edge(&arn, target, EdgeKind::DeadLetter, true, None);
    }
    for (key, value) in variables.into_iter().flatten() {
        collector.add_mention(&arn, value, EdgeKind::Environment, Some(key), true);
    }
    Some(arn)
}

/// Lambda writes `2024-03-02T10:00:00.000+0000`.
fn parse_modified(text: &str) -> Result<Timestamp, String> {
    let parsed = text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok());
    parsed.ok_or_else(|| format!("LastModified is not a time: {text}"))
}

async fn read_details(lambda: &Client, collector: &Collector<'_>, arn: String) {
    tokio::join!(
        read_configuration(lambda, collector, &arn),
        read_urls(lambda, collector, &arn),
        read_destinations(lambda, collector, &arn),
        read_policies(lambda, collector, &arn),
    );
}

/// Reads reserved concurrency and tags.
async fn read_configuration(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let request = lambda.get_function().function_name(arn).send();
    match collector.make_sdk_call("lambda:GetFunction", request).await.found() {
        Ok(None) => {}
        Ok(Some(answer)) => {
            let reserved = answer.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
            collector.update_node(arn, |node| {
                node.enabled = reserved != Some(0);
                node.tags.extend(answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            });
            if let Some(error) = answer.tags_error() {
                let what = format!("the tags of function {}", arn::short_name(arn));
                let why = format!("access denied ({})", error.error_code());
                collector.note_unread("lambda:ListTags", Some(arn), what, why);
            }
        }
        Err(error) => {
            let what = format!("the tags and the concurrency of function {}", arn::short_name(arn));
            collector.note_failure(&error, Some(arn), what);
        }
    }
}

async fn read_urls(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let stream = lambda.list_function_url_configs().function_name(arn).into_paginator().send();
    let mut pages = sdk_pages("lambda:ListFunctionUrlConfigs", stream, |page| page.next_marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        match page.found() {
            Ok(page) => {
                for url in page.iter().flat_map(|page| page.function_url_configs()) {
                    add_url(collector, arn, url.function_url(), url.function_arn(), url.auth_type().as_str());
                }
            }
            Err(error) => {
                // Servers that have no list may have the URLs. Where the list is denied, an alias's could be missed.
                if error.kind == FailureKind::Denied || !read_single_urls(lambda, collector, arn).await {
                    collector.note_failure(&error, Some(arn), format!("the URLs of function {}", arn::short_name(arn)));
                }
                return;
            }
        }
    }
}

fn add_url(collector: &Collector<'_>, arn: &str, url: &str, target: &str, auth_type: &str) {
    let note = if auth_type == "NONE" { "open to everyone" } else { "signed requests only" };
    let from = url.trim_end_matches('/');
    collector.add_edge(from, target, EdgeKind::FunctionUrl, true, Some(note.to_owned()));
    collector.update_node(arn, |node| drop(node.attributes.insert("url".to_owned(), from.to_owned())));
}

/// Reads the URL of the function and of each alias, one call each. Returns whether all could be read.
async fn read_single_urls(lambda: &Client, collector: &Collector<'_>, arn: &str) -> bool {
    let request = lambda.list_aliases().function_name(arn).send();
    let Ok(aliases) = collector.make_sdk_call("lambda:ListAliases", request).await else { return false };
    if aliases.next_marker().is_some() {
        return false;
    }
    let aliases = aliases.aliases().iter().filter_map(|alias| alias.name()).map(|name| Some(name.to_owned()));
    for qualifier in std::iter::once(None).chain(aliases) {
        let request = lambda.get_function_url_config().function_name(arn).set_qualifier(qualifier).send();
        match collector.make_sdk_call("lambda:GetFunctionUrlConfig", request).await.found() {
            Ok(Some(url)) => add_url(collector, arn, url.function_url(), url.function_arn(), url.auth_type().as_str()),
            Ok(None) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Reads where the results of asynchronous invocations go.
async fn read_destinations(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let stream = lambda.list_function_event_invoke_configs().function_name(arn).into_paginator().send();
    let mut pages = sdk_pages("lambda:ListFunctionEventInvokeConfigs", stream, |page| page.next_marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        match page.found() {
            Ok(page) => {
                for config in page.iter().flat_map(|page| page.function_event_invoke_configs()) {
                    add_destinations(collector, arn, config.destination_config());
                }
            }
            Err(error) => {
                let what = format!("the destinations of function {}", arn::short_name(arn));
                return collector.note_failure(&error, Some(arn), what);
            }
        }
    }
}

fn add_destinations(collector: &Collector<'_>, arn: &str, config: Option<&DestinationConfig>) {
    let failure = config.and_then(|config| config.on_failure()).and_then(|target| target.destination());
    let success = config.and_then(|config| config.on_success()).and_then(|target| target.destination());
    if let Some(target) = failure.filter(|target| !target.is_empty()) {
        collector.add_edge(arn, target, EdgeKind::DeadLetter, true, Some("on failure".to_owned()));
    }
    if let Some(target) = success.filter(|target| !target.is_empty()) {
        collector.add_edge(arn, target, EdgeKind::Target, true, Some("on success".to_owned()));
    }
}

/// Reads the policy of the function and of each alias: every alias has its own.
async fn read_policies(lambda: &Client, collector: &Collector<'_>, arn: &str) {
    let mut qualifiers = vec![None];
    let stream = lambda.list_aliases().function_name(arn).into_paginator().send();
    let mut pages = sdk_pages("lambda:ListAliases", stream, |page| page.next_marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        match page.found() {
            Ok(page) => {
                let aliases = page.iter().flat_map(|page| page.aliases());
                qualifiers.extend(aliases.filter_map(|alias| alias.name()).map(|name| Some(name.to_owned())));
            }
            Err(error) => {
                collector.note_failure(&error, Some(arn), format!("the aliases of function {}", arn::short_name(arn)));
                break;
            }
        }
    }
    for qualifier in qualifiers {
        let request = lambda.get_policy().function_name(arn).set_qualifier(qualifier).send();
        match collector.make_sdk_call("lambda:GetPolicy", request).await.found() {
            Ok(answer) => {
                let policy = answer.and_then(|answer| answer.policy);
                if let Some(Err(why)) = policy.map(|policy| add_permissions(collector, arn, &policy)) {
                    let what = format!("the policy of function {}", arn::short_name(arn));
                    collector.note_unread("lambda:GetPolicy", Some(arn), what, why);
                }
            }
            Err(error) => {
                return collector.note_failure(
                    &error,
                    Some(arn),
                    format!("the policy of function {}", arn::short_name(arn)),
                );
            }
        }
    }
}

async fn read_mappings(lambda: &Client, collector: &Collector<'_>) {
    let stream = lambda.list_event_source_mappings().into_paginator().send();
    let mut pages = sdk_pages("lambda:ListEventSourceMappings", stream, |page| page.next_marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "event source mappings"),
        };
        for mapping in page.event_source_mappings() {
            let Some(function) = mapping.function_arn() else { continue };
            let state = mapping.state().unwrap_or_default();
            let enabled = !matches!(state, "Disabled" | "Disabling" | "Deleting");
            // A self-managed cluster has no ARN.
            let from = mapping.event_source_arn().unwrap_or("principal:a self-managed event source");
            let changed = sdk_time(mapping.last_modified()).map(super::format_day);
            let note = match (enabled, changed) {
                (false, Some(day)) => Some(format!("disabled, changed {day}")),
                (false, None) => Some("disabled".to_owned()),
                (true, _) => mapping.batch_size().map(|size| format!("batches of {size}")),
            };
            collector.add_edge(from, function, EdgeKind::Mapping, enabled, note);
            add_destinations(collector, &node_id(function).0, mapping.destination_config());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_as_lambda_writes_them() {
        let time = parse_modified("2024-03-02T10:00:00.123+0000").expect("a time");
        assert_eq!(super::super::format_day(time), "2024-03-02");
        assert!(parse_modified("2024-03-02T10:00:00Z").is_ok());
        assert!(parse_modified("yesterday").is_err_and(|why| why.contains("yesterday")));
    }
}
