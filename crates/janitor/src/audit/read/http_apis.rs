//! HTTP and WebSocket APIs: stages, routes with what they call, and custom domains.

use http::Method;
use serde_json::Value;

use super::super::arn::{api_id, integration_target_arn};
use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::rest_apis::{StageVariables, add_authorizer, note_stages, variables_of, with_variables};
use deployer_aws::SignedClient;
use deployer_aws::signed::{AnswerPages, RestRequest, flag_of, text_of, texts_of, time_of};

pub(super) async fn read_http_apis(aws: &SignedClient, collector: &Collector<'_>) {
    let mut found = Vec::new();
    let add = |api: &Value| {
        found.extend(add_http_api(collector, api)?);
        Ok(())
    };
    collector
        .list_items_of(None, list_pages(aws, "apigateway:GetApis", &["v2", "apis"]), "items", "HTTP APIs", add)
        .await;
    const CALLS: &[&str] = &[
        "apigateway:GetRoutes",
        "apigateway:GetIntegrations",
        "apigateway:GetHttpAuthorizers",
        "apigateway:GetHttpStages",
    ];
    collector.for_each(found, CALLS, |(node, id)| read_routes(aws, collector, node, id)).await;
    read_domains(aws, collector).await;
}

fn list_pages<'c>(aws: &'c SignedClient, call: &'static str, path: &[&str]) -> AnswerPages<'c> {
    aws.send_pages(RestRequest::new(call, Method::GET, path).with_query("maxResults", 500))
}

fn node_id_of(collector: &Collector<'_>, id: &str) -> String {
    api_id(NodeKind::HttpApi, collector.scope.aws_partition(), &collector.scope.region, id)
}

/// Returns the API's node and its id.
fn add_http_api(collector: &Collector<'_>, api: &Value) -> Result<Option<(String, String)>, String> {
    let Some(id) = text_of(api, "apiId") else { return Ok(None) };
    let arn = node_id_of(collector, id);
    let mut node = Node::new(NodeKind::HttpApi, &arn, text_of(api, "name").unwrap_or(id))
        .with_attribute("api_id", Some(id))
        .with_attribute("protocol", text_of(api, "protocolType"));
    node.changed_at = time_of(api, "createdDate")?;
    if flag_of(api, "disableExecuteApiEndpoint")?.unwrap_or_default() {
        node.attributes.insert("default_endpoint".to_owned(), "disabled".to_owned());
    }
    node.tags = texts_of(api, "tags").map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    collector.add_node(node);
    Ok(Some((arn, id.to_owned())))
}

async fn read_routes(aws: &SignedClient, collector: &Collector<'_>, node: String, id: String) {
    const STAGES: &str = "apigateway:GetHttpStages";
    let path = |list| ["v2", "apis", id.as_str(), list];
    let what = format!("the stages of HTTP API {id}");
    let mut stages = Vec::new();
    let pages = list_pages(aws, STAGES, &path("stages"));
    let complete =
        collector.list_items_of(Some(&node), pages, "items", &what, |stage| keep_item(&mut stages, stage)).await;
    if complete && let Err(why) = note_stages(collector, &node, &stages) {
        collector.note_unread(STAGES, Some(&node), what, why);
    }
    // Stages from part of a list aren't used.
    let stages = if complete { stages } else { Vec::new() };
    let variables: Vec<StageVariables> = stages.iter().map(|stage| variables_of(stage, "stageVariables")).collect();

    let what = format!("the routes of HTTP API {id}");
    let (mut routes, mut integrations) = (Vec::new(), Vec::new());
    let pages = list_pages(aws, "apigateway:GetRoutes", &path("routes"));
    let routes_read =
        collector.list_items_of(Some(&node), pages, "items", &what, |route| keep_item(&mut routes, route)).await;
    let pages = list_pages(aws, "apigateway:GetIntegrations", &path("integrations"));
    let keep = |integration: &Value| keep_item(&mut integrations, integration);
    let integrations_read = collector.list_items_of(Some(&node), pages, "items", &what, keep).await;
    let what = format!("the authorizers of HTTP API {id}");
    let pages = list_pages(aws, "apigateway:GetHttpAuthorizers", &path("authorizers"));
    let add = |authorizer: &Value| {
        add_authorizer(collector, &node, authorizer, &variables, &["authorizerUri", "authorizerCredentialsArn"]);
        Ok(())
    };
    collector.list_items_of(Some(&node), pages, "items", &what, add).await;
    if !routes_read || !integrations_read {
        return;
    }
    for route in &routes {
        let key = text_of(route, "routeKey").unwrap_or_default();
        let Some(wanted) = text_of(route, "target").and_then(|target| target.strip_prefix("integrations/")) else {
            continue;
        };
        let mut found = integrations.iter().filter(|found| text_of(found, "integrationId") == Some(wanted));
        if let Some(integration) = found.next() {
            add_integration(collector, &node, key, integration, &variables);
        }
    }
}

fn keep_item(items: &mut Vec<Value>, item: &Value) -> Result<(), String> {
    items.push(item.clone());
    Ok(())
}

fn add_integration(collector: &Collector<'_>, node: &str, route: &str, integration: &Value, stages: &[StageVariables]) {
    let note = Some(route.to_owned());
    match text_of(integration, "integrationUri") {
        Some(uri) => {
            for uri in with_variables(uri, stages) {
                let target = integration_target_arn(&uri).unwrap_or_else(|| "service:".to_owned());
                collector.add_edge(node, &target, EdgeKind::Integration, true, note.clone());
            }
        }
        // `SQS-SendMessage` and the like: their parameters name the resource that they call.
        None => {
            collector.add_edge(node, "service:", EdgeKind::Integration, true, note);
            for (_, text) in texts_of(integration, "requestParameters") {
                collector.add_mention(node, text, EdgeKind::Integration, Some(route), false);
            }
        }
    }
    if let Some(role) = text_of(integration, "credentialsArn") {
        collector.add_edge(node, role, EdgeKind::Role, true, None);
    }
}

async fn read_domains(aws: &SignedClient, collector: &Collector<'_>) {
    let mut names = Vec::new();
    let add = |domain: &Value| {
        names.extend(text_of(domain, "domainName").map(ToOwned::to_owned));
        Ok(())
    };
    let pages = list_pages(aws, "apigateway:GetHttpDomainNames", &["v2", "domainnames"]);
    if collector.list_items_of(None, pages, "items", "custom domains of HTTP APIs", add).await {
        collector.for_each(names, &["apigateway:GetApiMappings"], |name| read_mappings(aws, collector, name)).await;
    }
}

async fn read_mappings(aws: &SignedClient, collector: &Collector<'_>, domain: String) {
    let mut mappings = Vec::new();
    let pages = list_pages(aws, "apigateway:GetApiMappings", &["v2", "domainnames", &domain, "apimappings"]);
    let what = format!("the mappings of domain {domain}");
    if !collector.list_items_of(None, pages, "items", &what, |mapping| keep_item(&mut mappings, mapping)).await {
        return;
    }
    for mapping in &mappings {
        let Some(id) = text_of(mapping, "apiId") else { continue };
        let base = text_of(mapping, "apiMappingKey").unwrap_or_default().to_owned();
        // Mappings of REST APIs are in this list too. Only the id shows the kind.
        let rest = api_id(NodeKind::RestApi, collector.scope.aws_partition(), &collector.scope.region, id);
        let mut gathered = collector.gathered();
        let node = if gathered.nodes.contains_key(&rest) { rest } else { node_id_of(collector, id) };
        gathered.domains.push((domain.to_ascii_lowercase(), base, node));
    }
}
