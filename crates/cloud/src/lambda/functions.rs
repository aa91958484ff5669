//! Functions: create, read, update, delete.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{LATEST, environment};
use super::{Addressed, Configuration, Function, download, invalid};
use crate::{Answer, ApiError, Context, Json, Page, Request};

/// The maximum size of a zip in a request (50 MB,
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_ZIP_BYTES: usize = 50 * 1024 * 1024;
/// The maximum size of all environment variables together.
const MAX_ENVIRONMENT_BYTES: usize = 4096;
/// The page size of lists of functions and versions.
pub(super) const PAGE: usize = 50;

pub(super) fn create(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let body = Json::parse(&request.body)?;
    let name = Addressed::parse(body.required("FunctionName")?).name;
    if cx.regional().lambda.functions.contains_key(&name) {
        return Err(ApiError::new(409, "ResourceConflictException", format!("Function already exist: {name}")));
    }
    let role = body.required("Role")?.to_owned();
    check_role(cx, &role)?;
    let zip = zip(&Json::of(body.value("Code").unwrap_or(&Value::Null)))?;
    let mut configuration = Configuration {
        description: String::new(),
        runtime: body.required("Runtime")?.to_owned(),
        handler: body.required("Handler")?.to_owned(),
        architectures: vec!["x86_64".to_owned()],
        memory_mb: 128,
        timeout_s: 3,
        role,
        environment: BTreeMap::new(),
        code_sha256: String::new(),
        code_size: 0,
        code: String::new(),
        dead_letters: None,
    };
    set_settings(&mut configuration, &body)?;
    set_code(cx, &mut configuration, &body, &zip)?;
    let reads = cx.config.lambda_settles_after_reads;
    let function = Function {
        name: name.clone(),
        configuration,
        last_modified: last_modified(cx),
        revision_id: cx.uuid(),
        tags: body.map("Tags"),
        versions: BTreeMap::new(),
        last_version: 0,
        aliases: BTreeMap::new(),
        reserved_concurrency: None,
        asynchronous: BTreeMap::new(),
        policies: BTreeMap::new(),
        urls: BTreeMap::new(),
        active: reads == 0,
        settles_after_reads: reads,
    };
    cx.regional_mut().lambda.functions.insert(name.clone(), function);
    let version = if body.flag("Publish") { super::aliases::publish_now(cx, &name)? } else { LATEST.to_owned() };
    let function = Addressed { name, qualifier: None };
    Ok(Answer::rest(201, &function.function(cx)?.shown(cx, None, &version)))
}

pub(super) fn list(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let all_versions = request.query("FunctionVersion") == Some("ALL");
    let mut entries = Vec::new();
    for function in cx.regional().lambda.functions.values() {
        entries.push((function.name.clone(), function.shown(cx, all_versions.then_some(LATEST), LATEST)));
        for number in function.versions.keys().filter(|_| all_versions) {
            let version = number.to_string();
            entries.push((format!("{}:{number:020}", function.name), function.shown(cx, Some(&version), &version)));
        }
    }
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = Page::of(entries, |(key, _)| key.clone(), request.query("Marker"), size, || invalid("Invalid marker"))?;
    let functions: Vec<Value> = page.items.into_iter().map(|(_, shown)| shown).collect();
    Ok(Answer::rest(200, &json!({ "Functions": functions, "NextMarker": page.next })))
}

pub(super) fn get(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let (addressed, version) = read(cx, request)?;
    let function = addressed.function(cx)?;
    let (_, configuration) = function.version(&version).ok_or_else(|| addressed.not_found(cx))?;
    let mut answer = json!({
        "Configuration": function.shown(cx, addressed.qualifier.as_deref(), &version),
        "Code": { "RepositoryType": "S3", "Location": download::link(cx, request, configuration) },
        "Tags": function.tags,
    });
    if let Some(reserved) = function.reserved_concurrency {
        answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(Answer::rest(200, &answer))
}

pub(super) fn get_configuration(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let (addressed, version) = read(cx, request)?;
    let function = addressed.function(cx)?;
    Ok(Answer::rest(200, &function.shown(cx, addressed.qualifier.as_deref(), &version)))
}

/// Finds the addressed version. Each read brings a change in progress closer to completion.
fn read(cx: &mut Context<'_>, request: &Request) -> Result<(Addressed, String), ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function(cx)?;
    let Some((version, _)) = function.version(addressed.qualifier()) else { return Err(addressed.not_found(cx)) };
    if function.settles_after_reads > 0 {
        addressed.function_mut(cx)?.settle();
    }
    Ok((addressed, version))
}

pub(super) fn update_configuration(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let body = Json::parse(&request.body)?;
    change(cx, request, |cx, configuration| {
        if let Some(role) = body.text("Role") {
            check_role(cx, role)?;
            role.clone_into(&mut configuration.role);
        }
        set_settings(configuration, &body)
    })
}

pub(super) fn update_code(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let body = Json::parse(&request.body)?;
    let zip = zip(&body)?;
    let answer = change(cx, request, |cx, configuration| set_code(cx, configuration, &body, &zip))?;
    if body.flag("Publish") {
        let addressed = Addressed::of(request);
        let version = super::aliases::publish_now(cx, &addressed.name)?;
        return Ok(Answer::rest(200, &addressed.function(cx)?.shown(cx, Some(&version), &version)));
    }
    Ok(answer)
}

/// Changes `$LATEST`, unless another change is in progress.
fn change(
    cx: &mut Context<'_>,
    request: &Request,
    set: impl FnOnce(&mut Context<'_>, &mut Configuration) -> Result<(), ApiError>,
) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function(cx)?;
    refuse_in_progress(cx, function)?;
    let mut configuration = function.configuration.clone();
    set(cx, &mut configuration)?;
    let (modified, revision, reads) = (last_modified(cx), cx.uuid(), cx.config.lambda_settles_after_reads);
    let function = addressed.function_mut(cx)?;
    function.configuration = configuration;
    function.last_modified = modified;
    function.revision_id = revision;
    function.unsettle(reads);
    Ok(Answer::rest(200, &addressed.function(cx)?.shown(cx, None, LATEST)))
}

/// Lambda accepts only one change of a function at a time.
pub(super) fn refuse_in_progress(cx: &Context<'_>, function: &Function) -> Result<(), ApiError> {
    if function.settles_after_reads == 0 {
        return Ok(());
    }
    let arn = cx.arn("lambda", &format!("function:{}", function.name));
    let message = if function.active {
        format!("The operation cannot be performed at this time. An update is in progress for resource: {arn}")
    } else {
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending ({arn})"
        )
    };
    Err(ApiError::new(409, "ResourceConflictException", message))
}

pub(super) fn delete(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function_mut(cx)?;
    let Some(qualifier) = addressed.qualifier.clone() else {
        cx.regional_mut().lambda.functions.remove(&addressed.name);
        return Ok(Answer::empty(204));
    };
    if function.aliases.values().any(|alias| alias.version == qualifier) {
        let message = "Version is referenced by an alias";
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let removed = qualifier.parse().ok().and_then(|number: u64| function.versions.remove(&number));
    if removed.is_none() {
        return Err(addressed.not_found(cx));
    }
    Ok(Answer::empty(204))
}

/// Lambda checks that it can assume the role.
fn check_role(cx: &Context<'_>, role: &str) -> Result<(), ApiError> {
    if cx.state.has_role(role) {
        Ok(())
    } else {
        Err(invalid("The role defined for the function cannot be assumed by Lambda."))
    }
}

fn set_settings(configuration: &mut Configuration, body: &Json) -> Result<(), ApiError> {
    for (member, field) in [
        ("Description", &mut configuration.description),
        ("Runtime", &mut configuration.runtime),
        ("Handler", &mut configuration.handler),
    ] {
        if let Some(text) = body.text(member) {
            text.clone_into(field);
        }
    }
    for (member, field, range) in
        [("MemorySize", &mut configuration.memory_mb, 128..=10_240), ("Timeout", &mut configuration.timeout_s, 1..=900)]
    {
        if let Some(value) = body.integer(member) {
            *field = u32::try_from(value).ok().filter(|value| range.contains(value)).ok_or_else(|| {
                ApiError::validation(format!(
                    "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member \
                     must have value between {} and {}",
                    range.start(),
                    range.end()
                ))
            })?;
        }
    }
    if let Some(dead_letters) = body.value("DeadLetterConfig").map(Json::of) {
        let target = dead_letters.text("TargetArn").filter(|target| !target.is_empty());
        configuration.dead_letters = target.map(ToOwned::to_owned);
    }
    if let Some(variables) = environment(body) {
        let bytes: usize = variables.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_ENVIRONMENT_BYTES {
            return Err(invalid(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided exceeded the 4KB limit.",
            ));
        }
        configuration.environment = variables;
    }
    Ok(())
}

fn set_code(cx: &Context<'_>, configuration: &mut Configuration, body: &Json, zip: &Bytes) -> Result<(), ApiError> {
    let architectures = body.texts("Architectures");
    if !architectures.is_empty() {
        if architectures.len() > 1 || !["x86_64", "arm64"].contains(&architectures[0].as_str()) {
            return Err(ApiError::validation("Architectures must be one of [x86_64], [arm64]"));
        }
        configuration.architectures = architectures;
    }
    configuration.code_sha256 = STANDARD.encode(Sha256::digest(zip));
    configuration.code_size = zip.len() as u64;
    configuration.code =
        cx.blobs.put(zip).map_err(|error| ApiError::new(500, "ServiceException", error.to_string()))?;
    Ok(())
}

fn zip(code: &Json) -> Result<Bytes, ApiError> {
    let text = code.text("ZipFile").ok_or_else(|| invalid("Please provide a source for function code."))?;
    let zip = STANDARD.decode(text).map_err(|_| invalid("ZipFile is not valid base64"))?;
    if zip.len() > MAX_ZIP_BYTES {
        return Err(ApiError::new(413, "RequestEntityTooLargeException", "The zip is larger than 50 MB"));
    }
    if deployer_artifact::zip::entries(&zip).is_err() {
        return Err(invalid("Could not unzip uploaded file. Please check your file, then try to upload again."));
    }
    Ok(Bytes::from(zip))
}

pub(super) fn last_modified(cx: &Context<'_>) -> String {
    cx.now.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}
