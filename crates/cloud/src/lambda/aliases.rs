//! Published versions and the aliases that point to them.

use serde_json::{Value, json};

use super::functions::{PAGE, last_modified, refuse_in_progress};
use super::model::{Alias, LATEST, Version};
use super::{Addressed, invalid};
use crate::{Answer, ApiError, Context, Json, Page, Request};

pub(super) fn publish(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let body = Json::parse(&request.body)?;
    let function = addressed.function(cx)?;
    refuse_in_progress(cx, function)?;
    if body.text("CodeSha256").is_some_and(|sha| sha != function.configuration.code_sha256) {
        return Err(invalid(format!(
            "CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
            body.text("CodeSha256").unwrap_or_default(),
            function.configuration.code_sha256
        )));
    }
    let version = publish_now(cx, &addressed.name)?;
    Ok(Answer::rest(201, &addressed.function(cx)?.shown(cx, Some(&version), &version)))
}

/// Publishes `$LATEST`. If nothing has changed since the last version, returns that one.
pub(super) fn publish_now(cx: &mut Context<'_>, name: &str) -> Result<String, ApiError> {
    let addressed = Addressed { name: name.to_owned(), qualifier: None };
    let function = addressed.function(cx)?;
    if let Some((number, last)) = function.versions.last_key_value()
        && last.configuration == function.configuration
    {
        return Ok(number.to_string());
    }
    let last_modified = last_modified(cx);
    let function = addressed.function_mut(cx)?;
    function.last_version += 1;
    let version = Version { configuration: function.configuration.clone(), last_modified };
    function.versions.insert(function.last_version, version);
    Ok(function.last_version.to_string())
}

pub(super) fn list_versions(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let function = Addressed::of(request).function(cx)?;
    let mut entries = vec![(0, function.shown(cx, Some(LATEST), LATEST))];
    entries.extend(function.versions.keys().map(|number| {
        let version = number.to_string();
        (*number, function.shown(cx, Some(&version), &version))
    }));
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let key = |(number, _): &(u64, Value)| format!("{number:020}");
    let page = Page::of(entries, key, request.query("Marker"), size, || invalid("Invalid marker"))?;
    let versions: Vec<Value> = page.items.into_iter().map(|(_, shown)| shown).collect();
    Ok(Answer::rest(200, &json!({ "Versions": versions, "NextMarker": page.next })))
}

pub(super) fn create(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let body = Json::parse(&request.body)?;
    let name = body.required("Name")?.to_owned();
    let arn = alias_arn(cx, &addressed.name, &name);
    let version = known_version(cx, &addressed, body.required("FunctionVersion")?)?;
    let revision_id = cx.uuid();
    let function = addressed.function_mut(cx)?;
    if function.aliases.contains_key(&name) {
        return Err(ApiError::new(409, "ResourceConflictException", format!("Alias already exists: {arn}")));
    }
    let alias = Alias { version, description: body.text("Description").unwrap_or_default().to_owned(), revision_id };
    let answer = Answer::rest(201, &shown(&arn, &name, &alias));
    function.aliases.insert(name, alias);
    Ok(answer)
}

pub(super) fn get(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let name = alias_name(request);
    let arn = alias_arn(cx, &addressed.name, &name);
    let alias = addressed.function(cx)?.aliases.get(&name).ok_or_else(|| no_alias(&arn))?;
    Ok(Answer::rest(200, &shown(&arn, &name, alias)))
}

pub(super) fn update(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let body = Json::parse(&request.body)?;
    let name = alias_name(request);
    let arn = alias_arn(cx, &addressed.name, &name);
    let version = body.text("FunctionVersion").map(|version| known_version(cx, &addressed, version)).transpose()?;
    let revision_id = cx.uuid();
    let function = addressed.function_mut(cx)?;
    let alias = function.aliases.get_mut(&name).ok_or_else(|| no_alias(&arn))?;
    if let Some(version) = version {
        alias.version = version;
    }
    if let Some(description) = body.text("Description") {
        description.clone_into(&mut alias.description);
    }
    alias.revision_id = revision_id;
    Ok(Answer::rest(200, &shown(&arn, &name, alias)))
}

/// Also deletes the alias's policy and settings.
pub(super) fn delete(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let name = alias_name(request);
    let function = Addressed::of(request).function_mut(cx)?;
    function.aliases.remove(&name);
    function.policies.remove(&name);
    function.asynchronous.remove(&name);
    function.urls.remove(&name);
    Ok(Answer::empty(204))
}

pub(super) fn list(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function(cx)?;
    let of_version = request.query("FunctionVersion");
    let aliases =
        function.aliases.iter().filter(|(_, alias)| of_version.is_none_or(|version| alias.version == version));
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page =
        Page::of(aliases, |(name, _)| (*name).clone(), request.query("Marker"), size, || invalid("Invalid marker"))?;
    let shown: Vec<Value> =
        page.items.iter().map(|(name, alias)| shown(&alias_arn(cx, &addressed.name, name), name, alias)).collect();
    Ok(Answer::rest(200, &json!({ "Aliases": shown, "NextMarker": page.next })))
}

fn alias_name(request: &Request) -> String {
    request.segments().get(4).cloned().unwrap_or_default()
}

fn alias_arn(cx: &Context<'_>, function: &str, alias: &str) -> String {
    cx.arn("lambda", &format!("function:{function}:{alias}"))
}

fn no_alias(arn: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", format!("Cannot find alias arn: {arn}"))
}

fn known_version(cx: &Context<'_>, addressed: &Addressed, version: &str) -> Result<String, ApiError> {
    let function = addressed.function(cx)?;
    let known = version == LATEST || version.parse().is_ok_and(|number: u64| function.versions.contains_key(&number));
    if known {
        return Ok(version.to_owned());
    }
    let arn = cx.arn("lambda", &format!("function:{}:{version}", addressed.name));
    Err(ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}")))
}

fn shown(arn: &str, name: &str, alias: &Alias) -> Value {
    json!({
        "AliasArn": arn,
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    })
}
