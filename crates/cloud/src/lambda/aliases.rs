//! Published versions and the aliases that point to them.

use serde_json::{Value, json};

use super::functions::{PAGE, last_modified, refuse_in_progress};
use super::model::{LATEST, StoredAlias, StoredFunctionVersion};
use super::{AddressedFunction, invalid_parameter};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody, ListPage};

pub(super) fn publish_version(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let body = JsonBody::parse_body(&request.body)?;
    let function = addressed.find_function(cx)?;
    refuse_in_progress(cx, function)?;
    if body.member_text("CodeSha256").is_some_and(|sha| sha != function.configuration.code_sha256) {
        return Err(invalid_parameter(format!(
            "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
            body.member_text("CodeSha256").unwrap_or_default(),
            function.configuration.code_sha256
        )));
    }
    let version = publish_latest(cx, &addressed.name)?;
    Ok(CloudAnswer::from_rest_json(201, &addressed.find_function(cx)?.configuration_json(cx, Some(&version), &version)))
}

/// Publishes `$LATEST`. If nothing has changed since the last version, returns that one.
pub(super) fn publish_latest(cx: &mut CloudContext<'_>, name: &str) -> Result<String, ApiError> {
    let addressed = AddressedFunction { name: name.to_owned(), qualifier: None };
    let function = addressed.find_function(cx)?;
    if let Some((number, last)) = function.versions.last_key_value()
        && last.configuration == function.configuration
    {
        return Ok(number.to_string());
    }
    let last_modified = last_modified(cx);
    let function = addressed.find_function_mut(cx)?;
    function.last_version += 1;
    let version = StoredFunctionVersion { configuration: function.configuration.clone(), last_modified };
    function.versions.insert(function.last_version, Box::new(version));
    Ok(function.last_version.to_string())
}

pub(super) fn list_versions_by_function(
    cx: &CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let function = AddressedFunction::from_request(request).find_function(cx)?;
    let mut entries = vec![(0, function.configuration_json(cx, Some(LATEST), LATEST))];
    entries.extend(function.versions.keys().map(|number| {
        let version = number.to_string();
        (*number, function.configuration_json(cx, Some(&version), &version))
    }));
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let key = |(number, _): &(u64, Value)| format!("{number:020}");
    let page = ListPage::from_items(entries, key, request.query_value("Marker"), size, || {
        invalid_parameter("Invalid marker")
    })?;
    let versions: Vec<Value> = page.items.into_iter().map(|(_, shown)| shown).collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "Versions": versions, "NextMarker": page.next })))
}

pub(super) fn create_alias(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let body = JsonBody::parse_body(&request.body)?;
    let name = body.required_text("Name")?.to_owned();
    let arn = alias_arn(cx, &addressed.name, &name);
    let version = known_version(cx, &addressed, body.required_text("FunctionVersion")?)?;
    let revision_id = cx.random_uuid();
    let function = addressed.find_function_mut(cx)?;
    if function.aliases.contains_key(&name) {
        return Err(ApiError::new(409, "ResourceConflictException", format!("Alias already exists: {arn}")));
    }
    let alias = StoredAlias {
        version,
        description: body.member_text("Description").unwrap_or_default().to_owned(),
        revision_id,
        routing: given_routing(&body).flatten(),
    };
    let answer = CloudAnswer::from_rest_json(201, &alias_json(&arn, &name, &alias));
    function.aliases.insert(name, Box::new(alias));
    Ok(answer)
}

pub(super) fn get_alias(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let name = alias_name(request);
    let arn = alias_arn(cx, &addressed.name, &name);
    let alias = addressed.find_function(cx)?.aliases.get(&name).ok_or_else(|| no_alias(&arn))?;
    Ok(CloudAnswer::from_rest_json(200, &alias_json(&arn, &name, alias)))
}

pub(super) fn update_alias(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let body = JsonBody::parse_body(&request.body)?;
    let name = alias_name(request);
    let arn = alias_arn(cx, &addressed.name, &name);
    let version =
        body.member_text("FunctionVersion").map(|version| known_version(cx, &addressed, version)).transpose()?;
    let revision_id = cx.random_uuid();
    let function = addressed.find_function_mut(cx)?;
    let alias = function.aliases.get_mut(&name).ok_or_else(|| no_alias(&arn))?;
    if let Some(version) = version {
        alias.version = version;
    }
    if let Some(description) = body.member_text("Description") {
        description.clone_into(&mut alias.description);
    }
    if let Some(routing) = given_routing(&body) {
        alias.routing = routing;
    }
    alias.revision_id = revision_id;
    Ok(CloudAnswer::from_rest_json(200, &alias_json(&arn, &name, alias)))
}

/// Also deletes the alias's policy and settings.
pub(super) fn delete_alias(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let name = alias_name(request);
    let function = AddressedFunction::from_request(request).find_function_mut(cx)?;
    function.aliases.remove(&name);
    function.policies.remove(&name);
    function.asynchronous.remove(&name);
    function.urls.remove(&name);
    Ok(CloudAnswer::without_body(204))
}

pub(super) fn list_aliases(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let function = addressed.find_function(cx)?;
    let of_version = request.query_value("FunctionVersion");
    let aliases =
        function.aliases.iter().filter(|(_, alias)| of_version.is_none_or(|version| alias.version == version));
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items(
        aliases,
        |(name, _)| (*name).clone(),
        request.query_value("Marker"),
        size,
        || invalid_parameter("Invalid marker"),
    )?;
    let shown: Vec<Value> =
        page.items.iter().map(|(name, alias)| alias_json(&alias_arn(cx, &addressed.name, name), name, alias)).collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "Aliases": shown, "NextMarker": page.next })))
}

fn alias_name(request: &CloudRequest) -> String {
    request.path_segments().get(4).cloned().unwrap_or_default()
}

fn alias_arn(cx: &CloudContext<'_>, function: &str, alias: &str) -> String {
    cx.build_arn("lambda", &format!("function:{function}:{alias}"))
}

fn no_alias(arn: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", format!("Cannot find alias arn: {arn}"))
}

fn known_version(cx: &CloudContext<'_>, addressed: &AddressedFunction, version: &str) -> Result<String, ApiError> {
    let function = addressed.find_function(cx)?;
    let known = version == LATEST || version.parse().is_ok_and(|number: u64| function.versions.contains_key(&number));
    if known {
        return Ok(version.to_owned());
    }
    let arn = cx.build_arn("lambda", &format!("function:{}:{version}", addressed.name));
    Err(ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}")))
}

/// The weights in a request, if it has any: `Some(None)` removes them.
fn given_routing(body: &JsonBody) -> Option<Option<Value>> {
    let routing = body.member_value("RoutingConfig")?;
    let weights = routing["AdditionalVersionWeights"].as_object();
    Some(weights.filter(|weights| !weights.is_empty()).map(|_| routing.clone()))
}

fn alias_json(arn: &str, name: &str, alias: &StoredAlias) -> Value {
    let mut shown = json!({
        "AliasArn": arn,
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    });
    if let Some(routing) = &alias.routing {
        shown["RoutingConfig"] = routing.clone();
    }
    shown
}
