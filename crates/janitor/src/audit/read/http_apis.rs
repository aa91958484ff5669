//! HTTP and WebSocket APIs: stages, routes with what they call, and custom domains.

use std::collections::HashMap;

use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{Api, Integration};

use super::super::arn::{api_id, integration_target_arn};
use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use super::rest_apis::with_variables;
use super::time;
use deployer_aws::{CallError, Found};

/// Pages through a list that has no paginator: `$request` is what is sent but for the token.
macro_rules! pages {
    ($collector:expr, $call:literal, $request:expr) => {{
        let mut items = Vec::new();
        let mut token = None;
        loop {
            let request = $request.max_results("500").set_next_token(token).send();
            match $collector.call($call, request).await.found() {
                Ok(None) => break Ok(items),
                Ok(Some(page)) => {
                    items.extend(page.items.unwrap_or_default());
                    token = page.next_token;
                    if token.is_none() {
                        break Ok(items);
                    }
                }
                Err(error) => break Err::<Vec<_>, CallError>(error),
            }
        }
    }};
}

pub(super) async fn read(apigateway: &Client, collector: &Collector<'_>) {
    let apis = match pages!(collector, "apigateway:GetApis", apigateway.get_apis()) {
        Ok(apis) => apis,
        Err(error) => {
            collector.unread(&error, None, "HTTP APIs");
            Vec::new()
        }
    };
    let found: Vec<_> = apis.iter().filter_map(|api| http_api(collector, api)).collect();
    collector.each(found, |(node, id)| details(apigateway, collector, node, id)).await;
    domains(apigateway, collector).await;
}

fn node_of(collector: &Collector<'_>, id: &str) -> String {
    api_id(NodeKind::HttpApi, collector.scope.aws_partition(), &collector.scope.region, id)
}

fn http_api(collector: &Collector<'_>, api: &Api) -> Option<(String, String)> {
    let id = api.api_id()?;
    let arn = node_of(collector, id);
    let mut node = Node::new(NodeKind::HttpApi, &arn, api.name().unwrap_or(id))
        .with_attribute("api_id", Some(id))
        .with_attribute("protocol", api.protocol_type().map(|protocol| protocol.as_str().to_owned()));
    node.changed_at = time(api.created_date());
    node.tags = api.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    collector.node(node);
    Some((arn, id.to_owned()))
}

async fn details(apigateway: &Client, collector: &Collector<'_>, node: String, id: String) {
    let mut variables: Vec<HashMap<String, String>> = Vec::new();
    match pages!(collector, "apigateway:GetHttpStages", apigateway.get_stages().api_id(&id)) {
        Ok(stages) => {
            let mut names: Vec<&str> = stages.iter().filter_map(|stage| stage.stage_name()).collect();
            names.sort_unstable();
            let changed = stages.iter().filter_map(|stage| time(stage.last_updated_date().or(stage.created_date())));
            let changed = changed.max();
            collector.update(&node, |node| {
                node.attributes.insert("stages".to_owned(), names.join(", "));
                node.changed_at = node.changed_at.max(changed);
            });
            variables.extend(stages.into_iter().map(|stage| stage.stage_variables.unwrap_or_default()));
        }
        Err(error) => collector.unread(&error, Some(&node), format!("the stages of HTTP API {id}")),
    }
    let routes = pages!(collector, "apigateway:GetRoutes", apigateway.get_routes().api_id(&id));
    let integrations = pages!(collector, "apigateway:GetIntegrations", apigateway.get_integrations().api_id(&id));
    let (routes, integrations) = match (routes, integrations) {
        (Ok(routes), Ok(integrations)) => (routes, integrations),
        (Err(error), _) | (_, Err(error)) => {
            return collector.unread(&error, Some(&node), format!("the routes of HTTP API {id}"));
        }
    };
    for route in &routes {
        let key = route.route_key().unwrap_or_default();
        let wanted = route.target().and_then(|target| target.strip_prefix("integrations/"));
        let mut found =
            integrations.iter().filter(|found| found.integration_id().is_some() && found.integration_id() == wanted);
        if let Some(integration) = found.next() {
            calls(collector, &node, key, integration, &variables);
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
    let note = Some(route.to_owned());
    match integration.integration_uri() {
        Some(uri) => {
            for uri in with_variables(uri, stages) {
                let target = integration_target_arn(&uri).unwrap_or_else(|| "service:".to_owned());
                collector.edge(node, &target, EdgeKind::Integration, true, note.clone());
            }
        }
        // `SQS-SendMessage` and its like: whom they call, their parameters say.
        None => {
            collector.edge(node, "service:", EdgeKind::Integration, true, note);
            for text in integration.request_parameters().into_iter().flat_map(HashMap::values) {
                collector.mention(node, text, EdgeKind::Integration, Some(route), false);
            }
        }
    }
    if let Some(role) = integration.credentials_arn().filter(|role| !role.is_empty()) {
        collector.edge(node, role, EdgeKind::Role, true, None);
    }
}

async fn domains(apigateway: &Client, collector: &Collector<'_>) {
    let names = match pages!(collector, "apigateway:GetHttpDomainNames", apigateway.get_domain_names()) {
        Ok(domains) => domains.into_iter().filter_map(|domain| domain.domain_name).collect::<Vec<_>>(),
        Err(error) => return collector.unread(&error, None, "custom domains of HTTP APIs"),
    };
    collector.each(names, |name| mappings(apigateway, collector, name)).await;
}

async fn mappings(apigateway: &Client, collector: &Collector<'_>, domain: String) {
    match pages!(collector, "apigateway:GetApiMappings", apigateway.get_api_mappings().domain_name(&domain)) {
        Ok(mappings) => {
            for mapping in mappings {
                let Some(id) = mapping.api_id() else { continue };
                let base = mapping.api_mapping_key().unwrap_or_default().to_owned();
                // Mappings of REST APIs stand here too: which it is, the id says.
                let rest = api_id(NodeKind::RestApi, collector.scope.aws_partition(), &collector.scope.region, id);
                let mut gathered = collector.gathered();
                let node = if gathered.nodes.contains_key(&rest) { rest } else { node_of(collector, id) };
                gathered.domains.push((domain.to_ascii_lowercase(), base, node));
            }
        }
        Err(error) => collector.unread(&error, None, format!("where domain {domain} leads")),
    }
}
