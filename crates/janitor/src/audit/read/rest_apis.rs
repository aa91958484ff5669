//! REST APIs: stages, methods with what they call, and custom domains.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::super::arn::{api_id, integration_target_arn};
use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::signed::{RestRequest, flag_of, list_of, text_of, texts_of, time_of};
use deployer_aws::{FailureKind, Found, SignedClient};

/// The variables of one stage.
pub(super) type StageVariables = BTreeMap<String, String>;

pub(super) async fn read_rest_apis(aws: &SignedClient, collector: &Collector<'_>) {
    let request = RestRequest::new("apigateway:GetRestApis", Method::GET, &["restapis"]).with_query("limit", 500);
    let mut found = Vec::new();
    let add = |api: &Value| {
        found.extend(add_rest_api(collector, api)?);
        Ok(())
    };
    collector.list_items(aws.send_pages(request), "item", "REST APIs", add).await;
    collector
        .for_each(
            found,
            &["apigateway:GetResources", "apigateway:GetAuthorizers", "apigateway:GetStages"],
            |(node, id)| read_routes(aws, collector, node, id),
        )
        .await;
    read_domains(aws, collector).await;
}

fn node_id_of(collector: &Collector<'_>, id: &str) -> String {
    api_id(NodeKind::RestApi, collector.scope.aws_partition(), &collector.scope.region, id)
}

/// Returns the API's node and its id.
fn add_rest_api(collector: &Collector<'_>, api: &Value) -> Result<Option<(String, String)>, String> {
    let Some(id) = text_of(api, "id") else { return Ok(None) };
    let arn = node_id_of(collector, id);
    let mut node =
        Node::new(NodeKind::RestApi, &arn, text_of(api, "name").unwrap_or(id)).with_attribute("api_id", Some(id));
    node.changed_at = time_of(api, "createdDate")?;
    if flag_of(api, "disableExecuteApiEndpoint")?.unwrap_or_default() {
        node.attributes.insert("default_endpoint".to_owned(), "disabled".to_owned());
    }
    node.tags = texts_of(api, "tags").map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    collector.add_node(node);
    Ok(Some((arn, id.to_owned())))
}

async fn read_routes(aws: &SignedClient, collector: &Collector<'_>, node: String, id: String) {
    let stages = read_stages(aws, collector, &node, &id).await;
    let request = RestRequest::new("apigateway:GetResources", Method::GET, &["restapis", &id, "resources"]);
    let pages = aws.send_pages(request.with_query("embed", "methods").with_query("limit", 500));
    let add = |resource: &Value| {
        add_methods(collector, &node, resource, &stages);
        Ok(())
    };
    collector.list_items_of(Some(&node), pages, "item", &format!("the routes of REST API {id}"), add).await;
    let request = RestRequest::new("apigateway:GetAuthorizers", Method::GET, &["restapis", &id, "authorizers"]);
    let what = format!("the authorizers of REST API {id}");
    let pages = aws.send_pages(request.with_query("limit", 500));
    let add = |authorizer: &Value| {
        add_authorizer(collector, &node, authorizer, &stages, &["authorizerUri", "authorizerCredentials"]);
        Ok(())
    };
    collector.list_items_of(Some(&node), pages, "item", &what, add).await;
}

/// Adds the function that decides who may call an API, and the role with which it is called.
pub(super) fn add_authorizer(
    collector: &Collector<'_>,
    node: &str,
    authorizer: &Value,
    stages: &[StageVariables],
    [uri, credentials]: &[&str; 2],
) {
    for uri in text_of(authorizer, uri).into_iter().flat_map(|uri| with_variables(uri, stages)) {
        if let Some(target) = integration_target_arn(&uri) {
            collector.add_edge(node, &target, EdgeKind::Integration, true, Some("authorizer".to_owned()));
        }
    }
    if let Some(role) = text_of(authorizer, credentials).filter(|role| role.starts_with("arn:")) {
        collector.add_edge(node, role, EdgeKind::Role, true, None);
    }
}

/// Returns the variables of each stage.
async fn read_stages(aws: &SignedClient, collector: &Collector<'_>, node: &str, id: &str) -> Vec<StageVariables> {
    const CALL: &str = "apigateway:GetStages";
    let what = format!("the stages of REST API {id}");
    let request = RestRequest::new(CALL, Method::GET, &["restapis", id, "stages"]);
    match collector.make_call(CALL, aws.send(request)).await.found() {
        Ok(answer) => {
            let answer = answer.unwrap_or_default();
            let stages = list_of(&answer, "item");
            if let Err(why) = note_stages(collector, node, stages) {
                collector.note_unread(CALL, Some(node), what, why);
            }
            stages.iter().map(|stage| variables_of(stage, "variables")).collect()
        }
        Err(error) => {
            collector.note_failure(&error, Some(node), what);
            Vec::new()
        }
    }
}

/// Adds the stages' names and the time of their last change to their API's node.
pub(super) fn note_stages(collector: &Collector<'_>, node: &str, stages: &[Value]) -> Result<(), String> {
    let mut names: Vec<&str> = stages.iter().filter_map(|stage| text_of(stage, "stageName")).collect();
    names.sort_unstable();
    let mut changed = None;
    for stage in stages {
        changed = changed.max(time_of(stage, "lastUpdatedDate")?.or(time_of(stage, "createdDate")?));
    }
    collector.update_node(node, |node| {
        node.attributes.insert("stages".to_owned(), names.join(", "));
        node.changed_at = node.changed_at.max(changed);
    });
    Ok(())
}

pub(super) fn variables_of(stage: &Value, member: &str) -> StageVariables {
    texts_of(stage, member).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn add_methods(collector: &Collector<'_>, node: &str, resource: &Value, stages: &[StageVariables]) {
    for (verb, method) in resource["resourceMethods"].as_object().into_iter().flatten() {
        let route = format!("{verb} {}", text_of(resource, "path").unwrap_or("/"));
        let integration = &method["methodIntegration"];
        if integration.is_object() {
            add_integration(collector, node, &route, integration, stages);
        }
    }
}

fn add_integration(collector: &Collector<'_>, node: &str, route: &str, integration: &Value, stages: &[StageVariables]) {
    let note = Some(route.to_owned());
    let Some(uri) = text_of(integration, "uri") else {
        // A mock integration answers by itself.
        return collector.add_edge(node, "mock:", EdgeKind::Integration, true, note);
    };
    for uri in with_variables(uri, stages) {
        match integration_target_arn(&uri) {
            Some(target) => collector.add_edge(node, &target, EdgeKind::Integration, true, note.clone()),
            // It calls another AWS service. Its parameters and templates name the resource.
            None => {
                collector.add_edge(node, "service:", EdgeKind::Integration, true, note.clone());
                let texts = ["requestTemplates", "requestParameters"];
                for (_, text) in texts.into_iter().flat_map(|member| texts_of(integration, member)) {
                    collector.add_mention(node, text, EdgeKind::Integration, Some(route), false);
                }
            }
        }
    }
    if let Some(role) = text_of(integration, "credentials").filter(|role| role.starts_with("arn:")) {
        collector.add_edge(node, role, EdgeKind::Role, true, None);
    }
}

/// The URI for each stage, with `${stageVariables.name}` replaced.
pub(super) fn with_variables(uri: &str, stages: &[StageVariables]) -> Vec<String> {
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

async fn read_domains(aws: &SignedClient, collector: &Collector<'_>) {
    let request = RestRequest::new("apigateway:GetDomainNames", Method::GET, &["domainnames"]).with_query("limit", 500);
    let mut names = Vec::new();
    let add = |domain: &Value| {
        names.extend(text_of(domain, "domainName").map(ToOwned::to_owned));
        Ok(())
    };
    if collector.list_items(aws.send_pages(request), "item", "custom domains of REST APIs", add).await {
        collector
            .for_each(names, &["apigateway:GetBasePathMappings"], |name| read_mappings(aws, collector, name))
            .await;
    }
}

async fn read_mappings(aws: &SignedClient, collector: &Collector<'_>, domain: String) {
    let path = ["domainnames", &domain, "basepathmappings"];
    let request = RestRequest::new("apigateway:GetBasePathMappings", Method::GET, &path).with_query("limit", 500);
    let mut pages = aws.send_pages(request);
    while let Some(page) = collector.next_page(&mut pages).await {
        let page = match page.found() {
            Ok(Some(page)) => page,
            Ok(None) => return,
            // A domain of HTTP APIs, whose mappings are read with them.
            Err(error) if error.kind == FailureKind::Invalid => return,
            Err(error) => return collector.note_failure(&error, None, format!("the mappings of domain {domain}")),
        };
        for mapping in list_of(&page, "item") {
            let Some(id) = text_of(mapping, "restApiId") else { continue };
            let base = text_of(mapping, "basePath").filter(|base| *base != "(none)").unwrap_or_default().to_owned();
            let entry = (domain.to_ascii_lowercase(), base, node_id_of(collector, id));
            collector.gathered().domains.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_stage_variables_for_each_stage() {
        let stage = |name: &str| StageVariables::from([("fn".to_owned(), name.to_owned())]);
        let uri = "arn:aws:lambda:us-east-1:1:function:${stageVariables.fn}";
        let filled = with_variables(uri, &[stage("b"), stage("a"), stage("b")]);
        assert_eq!(filled, ["arn:aws:lambda:us-east-1:1:function:a", "arn:aws:lambda:us-east-1:1:function:b"]);
        assert_eq!(with_variables("x", &[]), ["x"]);
    }
}
