//! Functions: create, read, update, delete.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::model::{LATEST, environment_variables};
use super::{AddressedFunction, StoredFunction, VersionConfiguration, download, invalid_parameter};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody, ListPage};

/// The maximum size of a zip in a request (50 MB,
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_ZIP_BYTES: usize = 50 * 1024 * 1024;
/// The maximum size of all environment variables together, as JSON.
const MAX_ENVIRONMENT_BYTES: usize = 4096;
/// The page size of lists of functions and versions.
pub(super) const PAGE: usize = 50;

pub(super) fn create_function(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let body = JsonBody::parse_body(&request.body)?;
    let name = AddressedFunction::parse_name(body.required_text("FunctionName")?).name;
    if cx.region_state().lambda.functions.contains_key(&name) {
        return Err(ApiError::new(409, "ResourceConflictException", format!("Function already exist: {name}")));
    }
    let role = body.required_text("Role")?.to_owned();
    check_role(cx, &role)?;
    let zip = decode_zip(&JsonBody::from_value(body.member_value("Code").unwrap_or(&Value::Null)))?;
    let mut configuration = VersionConfiguration {
        description: String::new(),
        runtime: body.required_text("Runtime")?.to_owned(),
        handler: body.required_text("Handler")?.to_owned(),
        architectures: vec!["x86_64".to_owned()],
        memory_mb: 128,
        timeout_s: 3,
        role,
        environment: BTreeMap::new(),
        code_sha256: String::new(),
        code_size: 0,
        code: String::new(),
        dead_letters: None,
        others: Map::new(),
    };
    set_settings(&mut configuration, &body)?;
    set_code(cx, &mut configuration, &body, &zip)?;
    let reads = cx.config.lambda_settles_after_reads;
    let function = StoredFunction {
        name: name.clone(),
        configuration,
        last_modified: last_modified(cx),
        revision_id: cx.random_uuid(),
        tags: body.member_map("Tags"),
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
    cx.region_state_mut().lambda.functions.insert(name.clone(), function);
    let version =
        if body.member_flag("Publish") { super::aliases::publish_latest(cx, &name)? } else { LATEST.to_owned() };
    let function = AddressedFunction { name, qualifier: None };
    Ok(CloudAnswer::from_rest_json(201, &function.find_function(cx)?.configuration_json(cx, None, &version)))
}

pub(super) fn list_functions(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let all_versions = request.query_value("FunctionVersion") == Some("ALL");
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items_after(
        |after| list_entries(cx, all_versions, after),
        |(key, ..)| key.clone(),
        request.query_value("Marker"),
        size,
        || invalid_parameter("Invalid marker"),
    )?;
    let show = |(_, function, version): &(String, &StoredFunction, Option<u64>)| match version {
        None => function.configuration_json(cx, all_versions.then_some(LATEST), LATEST),
        Some(number) => function.configuration_json(cx, Some(&number.to_string()), &number.to_string()),
    };
    let functions: Vec<Value> = page.items.iter().map(show).collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "Functions": functions, "NextMarker": page.next })))
}

/// What `ListFunctions` lists after a key: functions, each followed by its versions if all are asked for. The key of a
/// function is its name; that of a version has its number too.
fn list_entries<'c>(
    cx: &'c CloudContext<'_>,
    all_versions: bool,
    after: Option<&str>,
) -> impl Iterator<Item = (String, &'c StoredFunction, Option<u64>)> + use<'c> {
    let after = after.map(ToOwned::to_owned);
    // A page may end among the versions of a function.
    let first = after.as_deref().and_then(|after| after.split(':').next()).unwrap_or_default();
    let entries = cx.region_state().lambda.functions.iter_from(first).flat_map(move |(name, function)| {
        let versions = function.versions.keys().filter(move |_| all_versions);
        let versions = versions.map(move |number| (format!("{name}:{number:020}"), function, Some(*number)));
        [(name.clone(), function, None)].into_iter().chain(versions)
    });
    entries.skip_while(move |(key, ..)| after.as_ref().is_some_and(|after| key <= after))
}

pub(super) fn get_function(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let (addressed, version) = read_addressed(cx, request)?;
    let function = addressed.find_function(cx)?;
    let (_, configuration) = function.find_version(&version).ok_or_else(|| addressed.not_found(cx))?;
    let mut answer = json!({
        "Configuration": function.configuration_json(cx, addressed.qualifier.as_deref(), &version),
        "Code": { "RepositoryType": "S3", "Location": download::code_link(cx, request, configuration) },
        "Tags": function.tags,
    });
    if let Some(reserved) = function.reserved_concurrency {
        answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(CloudAnswer::from_rest_json(200, &answer))
}

pub(super) fn get_function_configuration(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let (addressed, version) = read_addressed(cx, request)?;
    let function = addressed.find_function(cx)?;
    Ok(CloudAnswer::from_rest_json(200, &function.configuration_json(cx, addressed.qualifier.as_deref(), &version)))
}

/// Finds the addressed version. Each read brings a change in progress closer to completion.
fn read_addressed(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<(AddressedFunction, String), ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let function = addressed.find_function(cx)?;
    let Some((version, _)) = function.find_version(addressed.qualifier_or_latest()) else {
        return Err(addressed.not_found(cx));
    };
    if function.settles_after_reads > 0 {
        addressed.find_function_mut(cx)?.count_read();
    }
    Ok((addressed, version))
}

pub(super) fn update_function_configuration(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let body = JsonBody::parse_body(&request.body)?;
    change_latest(cx, request, |cx, configuration| {
        if let Some(role) = body.member_text("Role") {
            check_role(cx, role)?;
            role.clone_into(&mut configuration.role);
        }
        set_settings(configuration, &body)
    })
}

pub(super) fn update_function_code(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let body = JsonBody::parse_body(&request.body)?;
    let zip = decode_zip(&body)?;
    let answer = change_latest(cx, request, |cx, configuration| set_code(cx, configuration, &body, &zip))?;
    if body.member_flag("Publish") {
        let addressed = AddressedFunction::from_request(request);
        let version = super::aliases::publish_latest(cx, &addressed.name)?;
        return Ok(CloudAnswer::from_rest_json(
            200,
            &addressed.find_function(cx)?.configuration_json(cx, Some(&version), &version),
        ));
    }
    Ok(answer)
}

/// Changes `$LATEST`, unless another change is in progress.
fn change_latest(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
    set: impl FnOnce(&mut CloudContext<'_>, &mut VersionConfiguration) -> Result<(), ApiError>,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let function = addressed.find_function(cx)?;
    refuse_in_progress(cx, function)?;
    let mut configuration = function.configuration.clone();
    // A change that succeeds ends the failure of the one before.
    configuration.others.retain(|member, _| !member.starts_with("LastUpdate") && !member.starts_with("State"));
    set(cx, &mut configuration)?;
    let (modified, revision, reads) = (last_modified(cx), cx.random_uuid(), cx.config.lambda_settles_after_reads);
    let function = addressed.find_function_mut(cx)?;
    function.configuration = configuration;
    function.last_modified = modified;
    function.revision_id = revision;
    function.start_change(reads);
    Ok(CloudAnswer::from_rest_json(200, &addressed.find_function(cx)?.configuration_json(cx, None, LATEST)))
}

/// Lambda accepts only one change of a function at a time.
pub(super) fn refuse_in_progress(cx: &CloudContext<'_>, function: &StoredFunction) -> Result<(), ApiError> {
    if function.settles_after_reads == 0 {
        return Ok(());
    }
    let arn = cx.build_arn("lambda", &format!("function:{}", function.name));
    let message = if function.active {
        format!("The operation cannot be performed at this time. An update is in progress for resource: {arn}")
    } else {
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending ({arn})"
        )
    };
    Err(ApiError::new(409, "ResourceConflictException", message))
}

pub(super) fn delete_function(cx: &mut CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let Some(qualifier) = addressed.qualifier.clone() else {
        addressed.find_function(cx)?;
        let lambda = &mut cx.region_state_mut().lambda;
        if lambda.functions.get(&addressed.name).is_some_and(|function| function.reserved_concurrency.is_some()) {
            lambda.set_reserved(&addressed.name, None);
        }
        lambda.functions.remove(&addressed.name);
        return Ok(CloudAnswer::without_body(204));
    };
    let function = addressed.find_function_mut(cx)?;
    if function.aliases.values().any(|alias| alias.version == qualifier) {
        let message = "Version is referenced by an alias";
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let removed = qualifier.parse().ok().and_then(|number: u64| function.versions.remove(&number));
    if removed.is_none() {
        return Err(addressed.not_found(cx));
    }
    Ok(CloudAnswer::without_body(204))
}

/// Lambda checks that it can assume the role.
fn check_role(cx: &CloudContext<'_>, role: &str) -> Result<(), ApiError> {
    if cx.state.has_role(role) {
        Ok(())
    } else {
        Err(invalid_parameter("The role defined for the function cannot be assumed by Lambda."))
    }
}

fn set_settings(configuration: &mut VersionConfiguration, body: &JsonBody) -> Result<(), ApiError> {
    for (member, field) in [
        ("Description", &mut configuration.description),
        ("Runtime", &mut configuration.runtime),
        ("Handler", &mut configuration.handler),
    ] {
        if let Some(text) = body.member_text(member) {
            text.clone_into(field);
        }
    }
    for (member, field, range) in
        [("MemorySize", &mut configuration.memory_mb, 128..=10_240), ("Timeout", &mut configuration.timeout_s, 1..=900)]
    {
        if let Some(value) = body.member_integer(member) {
            *field = u32::try_from(value).ok().filter(|value| range.contains(value)).ok_or_else(|| {
                ApiError::validation_error(format!(
                    "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member \
                     must have value between {} and {}",
                    range.start(),
                    range.end()
                ))
            })?;
        }
    }
    if let Some(dead_letters) = body.member_value("DeadLetterConfig").map(JsonBody::from_value) {
        let target = dead_letters.member_text("TargetArn").filter(|target| !target.is_empty());
        configuration.dead_letters = target.map(ToOwned::to_owned);
    }
    if let Some(variables) = environment_variables(body) {
        let measured = json!(variables).to_string();
        if measured.len() > MAX_ENVIRONMENT_BYTES {
            return Err(invalid_parameter(format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided exceeded the 4KB limit. String measured: {measured}"
            )));
        }
        configuration.environment = variables;
        configuration.others.remove("Environment");
    }
    for member in OTHER_SETTINGS {
        if let Some(value) = body.member_value(member) {
            set_other(&mut configuration.others, member, value);
        }
    }
    Ok(())
}

/// Settings that are stored and returned, and have no effect.
const OTHER_SETTINGS: [&str; 8] = [
    "VpcConfig",
    "KMSKeyArn",
    "TracingConfig",
    "Layers",
    "FileSystemConfigs",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
];

/// Stores a setting as Lambda returns it; an empty one is removed.
fn set_other(others: &mut Map<String, Value>, member: &str, value: &Value) {
    let empty = match value {
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(|value| value.as_array().is_some_and(Vec::is_empty)),
        _ => false,
    };
    let stored = match (member, value) {
        _ if empty => {
            others.remove(member);
            return;
        }
        ("Layers", Value::Array(arns)) => arns.iter().map(|arn| json!({ "Arn": arn, "CodeSize": 1 })).collect(),
        ("SnapStart", _) => json!({ "ApplyOn": value["ApplyOn"], "OptimizationStatus": "Off" }),
        ("VpcConfig", _) => {
            let mut stored = value.clone();
            stored["VpcId"] = json!("vpc-0123456789abcdef0");
            stored
        }
        _ => value.clone(),
    };
    others.insert(member.to_owned(), stored);
}

fn set_code(
    cx: &CloudContext<'_>,
    configuration: &mut VersionConfiguration,
    body: &JsonBody,
    zip: &Bytes,
) -> Result<(), ApiError> {
    let architectures = body.member_texts("Architectures");
    if !architectures.is_empty() {
        if architectures.len() > 1 || !["x86_64", "arm64"].contains(&architectures[0].as_str()) {
            return Err(ApiError::validation_error("Architectures must be one of [x86_64], [arm64]"));
        }
        configuration.architectures = architectures;
    }
    let digest = Sha256::digest(zip);
    configuration.code_sha256 = STANDARD.encode(digest);
    configuration.code_size = zip.len() as u64;
    let stored = cx.blobs.store_blob(zip, &digest);
    configuration.code = stored.map_err(|error| ApiError::new(500, "ServiceException", error.to_string()))?;
    Ok(())
}

fn decode_zip(code: &JsonBody) -> Result<Bytes, ApiError> {
    let text =
        code.member_text("ZipFile").ok_or_else(|| invalid_parameter("Please provide a source for function code."))?;
    let zip = STANDARD.decode(text).map_err(|_| invalid_parameter("ZipFile is not valid base64"))?;
    if zip.len() > MAX_ZIP_BYTES {
        return Err(ApiError::new(413, "RequestEntityTooLargeException", "The zip is larger than 50 MB"));
    }
    if deployer_artifact::zip::list_entries(&zip).is_err() {
        return Err(invalid_parameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ));
    }
    Ok(Bytes::from(zip))
}

pub(super) fn last_modified(cx: &CloudContext<'_>) -> String {
    cx.now.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}
