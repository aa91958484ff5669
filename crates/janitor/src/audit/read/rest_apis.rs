//! REST APIs: stages, methods with what they call, and custom domains.

use std::collections::HashMap;

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{Integration, Resource, RestApi};

use super::super::arn::{api_id, integration_target_arn};
use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::time;
use deployer_aws::{FailureKind, Found};

pub(super) async fn read(apigateway: &Client, collector: &Collector<'_>) {
    let mut pages = apigateway.get_rest_apis().limit(500).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = collector.page("apigateway:GetRestApis", pages.next()).await {
        match page {
            Ok(page) => found.extend(page.items().iter().filter_map(|api| rest_api(collector, api))),
            Err(error) => {
                collector.unread(&error, None, "REST APIs");
                break;
            }
        }
    }
    collector.each(found, |(node, id)| details(apigateway, collector, node, id)).await;
    domains(apigateway, collector).await;
}

fn node_of(collector: &Collector<'_>, id: &str) -> String {
    api_id(NodeKind::RestApi, collector.scope.aws_partition(), &collector.scope.region, id)
}

fn rest_api(collector: &Collector<'_>, api: &RestApi) -> Option<(String, String)> {
    let id = api.id()?;
    let arn = node_of(collector, id);
    let mut node = Node::new(NodeKind::RestApi, &arn, api.name().unwrap_or(id)).with_attribute("api_id", Some(id));
    node.changed_at = time(api.created_date());
    node.tags = api.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    collector.node(node);
    Some((arn, id.to_owned()))
}

async fn details(apigateway: &Client, collector: &Collector<'_>, node: String, id: String) {
    let stages = stages(apigateway, collector, &node, &id).await;
    let request = apigateway.get_resources().rest_api_id(&id).embed("methods").limit(500);
    let mut pages = request.into_paginator().send();
    while let Some(page) = collector.page("apigateway:GetResources", pages.next()).await {
        match page.found() {
            Ok(page) => {
                let resources = page.iter().flat_map(|page| page.items());
                resources.for_each(|resource| methods(collector, &node, resource, &stages));
            }
            Err(error) => return collector.unread(&error, Some(&node), format!("the routes of REST API {id}")),
        }
    }
}

/// Gives the variables of each stage.
async fn stages(apigateway: &Client, collector: &Collector<'_>, node: &str, id: &str) -> Vec<HashMap<String, String>> {
    let request = apigateway.get_stages().rest_api_id(id).send();
    match collector.call("apigateway:GetStages", request).await.found() {
        Ok(answer) => {
            let stages = answer.and_then(|answer| answer.item).unwrap_or_default();
            let mut names: Vec<&str> = stages.iter().filter_map(|stage| stage.stage_name()).collect();
            names.sort_unstable();
            let changed = stages.iter().filter_map(|stage| time(stage.last_updated_date().or(stage.created_date())));
            let changed = changed.max();
            collector.update(node, |node| {
                node.attributes.insert("stages".to_owned(), names.join(", "));
                node.changed_at = node.changed_at.max(changed);
            });
            stages.iter().map(|stage| stage.variables().cloned().unwrap_or_default()).collect()
        }
        Err(error) => {
            collector.unread(&error, Some(node), format!("the stages of REST API {id}"));
            Vec::new()
        }
    }
}

fn methods(collector: &Collector<'_>, node: &str, resource: &Resource, stages: &[HashMap<String, String>]) {
    for (verb, method) in resource.resource_methods().into_iter().flatten() {
        let route = format!("{verb} {}", resource.path().unwrap_or("/"));
        if let Some(integration) = method.method_integration() {
            calls(collector, node, &route, integration, stages);
        }
    }
}

fn calls(
    collector: &Collector<'_>,
    node: &str,
    route: &str,
    integration: &Integration,
    stages: &[HashMap<String, String>],
) {
    let Some(uri) = integration.uri() else {
        // A mock answers by itself.
        return collector.edge(node, "mock:", EdgeKind::Integration, true, Some(route.to_owned()));
    };
    for uri in with_variables(uri, stages) {
        match integration_target_arn(&uri) {
            Some(target) => collector.edge(node, &target, EdgeKind::Integration, true, Some(route.to_owned())),
            // Calls another service: whom, its parameters and templates say.
            None => {
                collector.edge(node, "service:", EdgeKind::Integration, true, Some(route.to_owned()));
                let texts = [integration.request_templates(), integration.request_parameters()];
                for text in texts.into_iter().flatten().flat_map(HashMap::values) {
                    collector.mention(node, text, EdgeKind::Integration, Some(route), false);
                }
            }
        }
    }
    if let Some(role) = integration.credentials().filter(|role| role.starts_with("arn:")) {
        collector.edge(node, role, EdgeKind::Role, true, None);
    }
}

/// The URI for each stage, with `${stageVariables.name}` filled in.
pub(super) fn with_variables(uri: &str, stages: &[HashMap<String, String>]) -> Vec<String> {
    if !uri.contains("${stageVariables.") {
        return vec![uri.to_owned()];
    }
    let filled = stages.iter().map(|variables| {
        variables
            .iter()
            .fold(uri.to_owned(), |uri, (name, value)| uri.replace(&format!("${{stageVariables.{name}}}"), value))
    });
    let mut filled: Vec<String> = filled.collect();
    filled.sort_unstable();
    filled.dedup();
    filled
}

async fn domains(apigateway: &Client, collector: &Collector<'_>) {
    let mut pages = apigateway.get_domain_names().limit(500).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = collector.page("apigateway:GetDomainNames", pages.next()).await {
        match page {
            Ok(page) => names.extend(page.items().iter().filter_map(|domain| domain.domain_name.clone())),
            Err(error) => return collector.unread(&error, None, "custom domains of REST APIs"),
        }
    }
    collector.each(names, |name| mappings(apigateway, collector, name)).await;
}

async fn mappings(apigateway: &Client, collector: &Collector<'_>, domain: String) {
    let mut pages = apigateway.get_base_path_mappings().domain_name(&domain).limit(500).into_paginator().send();
    while let Some(page) = collector.page("apigateway:GetBasePathMappings", pages.next()).await {
        let page = match page.found() {
            Ok(Some(page)) => page,
            Ok(None) => return,
            // Mappings to HTTP APIs are in a list of their own.
            Err(error) if error.kind == FailureKind::Invalid => return,
            Err(error) => return collector.unread(&error, None, format!("where domain {domain} leads")),
        };
        for mapping in page.items() {
            let Some(id) = mapping.rest_api_id() else { continue };
            let base = mapping.base_path().filter(|base| *base != "(none)").unwrap_or_default().to_owned();
            let entry = (domain.to_ascii_lowercase(), base, node_of(collector, id));
            collector.gathered().domains.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_variables_are_filled_in_for_each_stage() {
        let stage = |name: &str| HashMap::from([("fn".to_owned(), name.to_owned())]);
        let uri = "arn:aws:lambda:us-east-1:1:function:${stageVariables.fn}";
        let filled = with_variables(uri, &[stage("b"), stage("a"), stage("b")]);
        assert_eq!(filled, ["arn:aws:lambda:us-east-1:1:function:a", "arn:aws:lambda:us-east-1:1:function:b"]);
        assert_eq!(with_variables("x", &[]), ["x"]);
    }
}
