//! Tags of APIs, stages and domain names, by ARN. These ARNs have no account.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiError, ApiGatewayCall, ApiGatewayState, CloudAnswer, not_found, tags_of};
use crate::CloudContext;
use deployer_core::arn::Arn;

impl ApiGatewayState {
    /// The resource at a path below `arn:aws:apigateway:<region>::`.
    fn tagged_resource_mut(&mut self, path: &str) -> Option<&mut Value> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["restapis", id] => self.rest.get_mut(id).map(|api| &mut api.shown),
            ["restapis", id, "stages", stage] => self.rest.get_mut(id)?.stages.get_mut(*stage),
            ["apis", id] => self.http.get_mut(id).map(|api| &mut api.shown),
            ["apis", id, "stages", stage] => self.http.get_mut(id)?.below.get_mut("stages")?.get_mut(*stage),
            ["domainnames", name] => self.domains.get_mut(name).map(|domain| &mut domain.tags),
            _ => None,
        }
    }

    /// Every API, stage and domain name for `GetResources`, as type, ARN and tags.
    pub(in super::super) fn all_tagged(&self, region: &str) -> Vec<(&'static str, String, BTreeMap<String, String>)> {
        let mut all = Vec::new();
        let mut add = |kind, path: String, shown: &Value| {
            all.push((kind, resource_arn(region, &path), tags_of(shown)));
        };
        for (id, api) in &self.rest {
            add("apigateway:restapis", format!("restapis/{id}"), &api.shown);
            for (name, stage) in &api.stages {
                add("apigateway:stages", format!("restapis/{id}/stages/{name}"), stage);
            }
        }
        for (id, api) in &self.http {
            add("apigateway:apis", format!("apis/{id}"), &api.shown);
            for (name, stage) in api.below.get("stages").into_iter().flatten() {
                add("apigateway:stages", format!("apis/{id}/stages/{name}"), stage);
            }
        }
        for (name, domain) in &self.domains {
            add("apigateway:domainnames", format!("domainnames/{name}"), &domain.tags);
        }
        all
    }
}

pub(super) fn handle_tag_request(call: &mut ApiGatewayCall<'_, '_>, operation: &str) -> Result<CloudAnswer, ApiError> {
    let path = resource_path(call.cx, call.path_part(1))?;
    // A mutable borrow counts as a change, so look it up in a copy first.
    let mut state = call.gateway_state().clone();
    let before = state.tagged_resource_mut(&path).map(|shown| tags_of(shown));
    let mut tags = before.ok_or_else(|| not_found("Invalid Resource identifier specified"))?;
    match operation {
        "GetTags" => return Ok(CloudAnswer::from_rest_json(200, &json!({ "tags": tags }))),
        "UntagResource" => {
            let keys = call.request.query_values("tagKeys");
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
        _ => tags.extend(call.json_body()?.member_map("tags")),
    }
    if let Some(shown) = call.gateway_state_mut().tagged_resource_mut(&path) {
        shown["tags"] = json!(tags);
    }
    Ok(if call.second { CloudAnswer::from_rest_json(201, &json!({})) } else { CloudAnswer::without_body(204) })
}

fn resource_path(cx: &CloudContext<'_>, arn: &str) -> Result<String, ApiError> {
    let path = arn.strip_prefix(&resource_arn(cx.request_region(), ""));
    path.map(ToOwned::to_owned).ok_or_else(|| super::bad_request("Invalid ARN specified in the request"))
}

fn resource_arn(region: &str, path: &str) -> String {
    let resource = &format!("/{path}");
    Arn { partition: "aws", service: "apigateway", region, account: "", resource }.to_string()
}
