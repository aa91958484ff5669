//! Creates a function as it was archived: version by version, lowest first, then `$LATEST`.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::super::archivable::RestoredResource;
use super::super::super::parts::ResourceParts;
use super::super::super::proof::{RebuiltCall, RestoreProof};
use super::super::super::runtimes::{RuntimeStanding, judge_runtime};
use super::super::super::wire::{answer, list_of, pick_members, text_of};
use super::super::super::{DecommissionContext, DecommissionTarget, unexpected_error};
use super::read::{LATEST, code_file};
use super::{is_enabled, policy, put_concurrency};
use deployer_aws::limiter::AwsLimiter;
use deployer_aws::{Call, CallError, FailureKind, Found, wait_until_function_ready};

const CREATE: &str = "lambda:CreateFunction";

/// The members of a configuration that `UpdateFunctionConfiguration` accepts unchanged.
const SETTINGS: &[&str] = &[
    "Runtime",
    "Role",
    "Handler",
    "Description",
    "Timeout",
    "MemorySize",
    "DeadLetterConfig",
    "KMSKeyArn",
    "TracingConfig",
    "FileSystemConfigs",
    "EphemeralStorage",
    "LoggingConfig",
];
/// The members of a mapping that `CreateEventSourceMapping` accepts unchanged.
const MAPPING: &[&str] = &[
    "EventSourceArn",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "FunctionResponseTypes",
    "ScalingConfig",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "AmazonManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "Topics",
    "Queues",
    "KMSKeyArn",
    "MetricsConfig",
    "ProvisionedPollerConfig",
];

pub(super) async fn restore_function(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let name = target.aws_identifier();
    let mut restored = RestoredResource::default();
    let versions = restore_code(cx, name, parts).await?;
    for (old, new) in &versions {
        if old != new {
            restored.renamed.push((format!("{}:{old}", target.id), format!("{}:{new}", target.id)));
        }
    }
    restore_aliases(cx, name, parts, &versions).await?;
    put_concurrency(cx, name, parts).await?;
    restore_permissions(cx, name, parts, &mut restored).await?;
    restore_invoke_configs(cx, name, parts, &versions).await?;
    restore_urls(cx, name, parts, &mut restored).await?;
    restore_mappings(cx, parts, &mut restored).await?;
    Ok(restored)
}

/// Restores the code and configuration of every archived version and of `$LATEST`, and returns the versions' new
/// numbers.
async fn restore_code(
    cx: &DecommissionContext<'_>,
    name: &str,
    parts: &ResourceParts,
) -> Result<BTreeMap<String, String>, CallError> {
    let lambda = &cx.aws.lambda;
    let function = parts.get("function.json");
    let latest = &function["Configuration"];
    let published = parts.get("versions.json").as_array().map(Vec::as_slice).unwrap_or_default();
    let found = lambda.get_function_configuration().function_name(name).send().await;
    let mut there = found.call("lambda:GetFunctionConfiguration").found()?.is_some();
    let mut numbers = BTreeMap::new();
    for configuration in published.iter().chain([latest]) {
        let code = code_request(configuration, &function["Code"], parts)?;
        if there {
            wait_until_function_ready(cx.aws, name, &AwsLimiter::unlimited(), cx.delays).await?;
            let mut body = code;
            body["Architectures"] = configuration["Architectures"].clone();
            let call = async || {
                let request = lambda.update_function_code().function_name(name);
                answer!("lambda:UpdateFunctionCode", request, &body)
            };
            cx.call_with_retry(call).await?;
            wait_until_function_ready(cx.aws, name, &AwsLimiter::unlimited(), cx.delays).await?;
            let body = settings_request(configuration);
            let call = async || {
                let request = lambda.update_function_configuration().function_name(name);
                answer!("lambda:UpdateFunctionConfiguration", request, &body)
            };
            cx.call_with_retry(call).await?;
        } else {
            let body = create_request(name, configuration, code, parts);
            // The role may be new, so that Lambda can't assume it yet.
            cx.call_with_retry(async || answer!(CREATE, lambda.create_function().function_name(name), &body)).await?;
            there = true;
        }
        wait_until_function_ready(cx.aws, name, &AwsLimiter::unlimited(), cx.delays).await?;
        if let Some(old) = text_of(configuration, "Version").filter(|version| *version != LATEST) {
            const CALL: &str = "lambda:PublishVersion";
            let description = text_of(configuration, "Description").unwrap_or_default();
            let request = lambda.publish_version().function_name(name).description(description);
            let answer = cx.call_with_retry(async || request.clone().send().await.call(CALL)).await?;
            numbers.insert(old.to_owned(), answer.version().unwrap_or_default().to_owned());
        }
    }
    Ok(numbers)
}

fn code_request(configuration: &Value, code: &Value, parts: &ResourceParts) -> Result<Value, CallError> {
    if let Some(image) = text_of(code, "ImageUri") {
        return Ok(json!({ "ImageUri": image }));
    }
    let zip =
        text_of(configuration, "CodeSha256").and_then(code_file).and_then(|file| parts.file_bytes(&file).cloned());
    let zip = zip.ok_or_else(|| unexpected_error(CREATE, "the archive lacks its code"))?;
    Ok(json!({ "ZipFile": STANDARD.encode(zip) }))
}

/// The parameters of `CreateFunction`.
fn create_request(name: &str, configuration: &Value, code: Value, parts: &ResourceParts) -> Value {
    let mut body = settings_request(configuration);
    body["FunctionName"] = json!(name);
    body["Code"] = code;
    body["Tags"] = parts.get("tags.json").clone();
    for member in ["Architectures", "PackageType"] {
        if !configuration[member].is_null() {
            body[member] = configuration[member].clone();
        }
    }
    body
}

/// Converts a configuration to a request: some members have another shape there than in a response.
fn settings_request(configuration: &Value) -> Value {
    let mut body = pick_members(configuration, SETTINGS);
    body["Environment"] =
        json!({ "Variables": configuration["Environment"]["Variables"].as_object().cloned().unwrap_or_default() });
    let layers: Vec<&Value> = list_of(configuration, "Layers").iter().map(|layer| &layer["Arn"]).collect();
    if !layers.is_empty() {
        body["Layers"] = json!(layers);
    }
    if !list_of(&configuration["VpcConfig"], "SubnetIds").is_empty() {
        let taken = ["SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack"];
        body["VpcConfig"] = pick_members(&configuration["VpcConfig"], &taken);
    }
    if let Some(image) = configuration["ImageConfigResponse"]["ImageConfig"].as_object() {
        body["ImageConfig"] = json!(image);
    }
    if configuration["SnapStart"]["ApplyOn"].is_string() {
        body["SnapStart"] = pick_members(&configuration["SnapStart"], &["ApplyOn"]);
    }
    body
}

async fn restore_aliases(
    cx: &DecommissionContext<'_>,
    name: &str,
    parts: &ResourceParts,
    versions: &BTreeMap<String, String>,
) -> Result<(), CallError> {
    let lambda = &cx.aws.lambda;
    let renumbered = |version: &str| versions.get(version).cloned().unwrap_or_else(|| version.to_owned());
    for alias in parts.get("aliases.json").as_array().into_iter().flatten() {
        let mut body = pick_members(alias, &["Name", "Description"]);
        body["FunctionVersion"] = json!(renumbered(text_of(alias, "FunctionVersion").unwrap_or(LATEST)));
        if let Some(weights) = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object() {
            let weights: serde_json::Map<_, _> =
                weights.iter().map(|(version, weight)| (renumbered(version), weight.clone())).collect();
            body["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
        }
        let alias_name = text_of(alias, "Name").unwrap_or_default();
        let create = async || answer!("lambda:CreateAlias", lambda.create_alias().function_name(name), &body);
        match cx.call_with_retry(create).await {
            Err(error) if error.kind == FailureKind::AlreadyExists => {
                let request = lambda.update_alias().function_name(name).name(alias_name);
                answer!("lambda:UpdateAlias", request, &body)?;
            }
            other => drop(other?),
        }
    }
    Ok(())
}

async fn restore_permissions(
    cx: &DecommissionContext<'_>,
    name: &str,
    parts: &ResourceParts,
    restored: &mut RestoredResource,
) -> Result<(), CallError> {
    const CALL: &str = "lambda:AddPermission";
    for (qualifier, document) in parts.get("policies.json").as_object().into_iter().flatten() {
        let qualifier = (qualifier != LATEST).then(|| qualifier.clone());
        for statement in list_of(document, "Statement") {
            let body = match policy::permission_request(statement) {
                Ok(body) => body,
                Err(condition) => {
                    let sid = text_of(statement, "Sid").unwrap_or_default();
                    let note = format!(
                        "statement {sid} of its policy has the condition {condition}, which can't be recreated"
                    );
                    restored.notes.push(note);
                    continue;
                }
            };
            let call = async || {
                let request = cx.aws.lambda.add_permission().function_name(name).set_qualifier(qualifier.clone());
                answer!(CALL, request, &body)
            };
            match cx.call_with_retry(call).await {
                Err(error) if error.kind == FailureKind::AlreadyExists => {}
                other => drop(other?),
            }
        }
    }
    Ok(())
}

async fn restore_invoke_configs(
    cx: &DecommissionContext<'_>,
    name: &str,
    parts: &ResourceParts,
    versions: &BTreeMap<String, String>,
) -> Result<(), CallError> {
    for config in parts.get("invoke-configs.json").as_array().into_iter().flatten() {
        let mut body = pick_members(config, &["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"]);
        // A response may have an empty destination, but a request must not.
        for member in ["OnSuccess", "OnFailure"] {
            if body["DestinationConfig"][member].as_object().is_some_and(serde_json::Map::is_empty)
                && let Some(destination) = body["DestinationConfig"].as_object_mut()
            {
                destination.remove(member);
            }
        }
        let qualifier = arn_qualifier(config).map(|version| versions.get(&version).cloned().unwrap_or(version));
        let call = async || {
            let request = cx.aws.lambda.put_function_event_invoke_config().function_name(name);
            answer!("lambda:PutFunctionEventInvokeConfig", request.set_qualifier(qualifier.clone()), &body)
        };
        cx.call_with_retry(call).await?;
    }
    Ok(())
}

async fn restore_urls(
    cx: &DecommissionContext<'_>,
    name: &str,
    parts: &ResourceParts,
    restored: &mut RestoredResource,
) -> Result<(), CallError> {
    for url in parts.get("urls.json").as_array().into_iter().flatten() {
        let body = pick_members(url, &["AuthType", "Cors", "InvokeMode"]);
        let qualifier = arn_qualifier(url).filter(|qualifier| qualifier != LATEST);
        let call = async || {
            let request = cx.aws.lambda.create_function_url_config().function_name(name);
            answer!("lambda:CreateFunctionUrlConfig", request.set_qualifier(qualifier.clone()), &body)
        };
        let made = match cx.call_with_retry(call).await {
            Err(error) if error.kind == FailureKind::AlreadyExists || error.code == "ResourceConflictException" => {
                continue;
            }
            other => other?,
        };
        if let (Some(old), Some(new)) = (text_of(url, "FunctionUrl"), text_of(&made, "FunctionUrl"))
            && old != new
        {
            restored.notes.push(format!("its URL is now {new}; update everything that uses {old}"));
        }
    }
    Ok(())
}

async fn restore_mappings(
    cx: &DecommissionContext<'_>,
    parts: &ResourceParts,
    restored: &mut RestoredResource,
) -> Result<(), CallError> {
    const CALL: &str = "lambda:CreateEventSourceMapping";
    for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
        let body = mapping_request(mapping);
        let function = text_of(mapping, "FunctionArn").unwrap_or_default();
        let lambda = &cx.aws.lambda;
        let request = || lambda.create_event_source_mapping().function_name(function);
        match cx.call_with_retry(async || answer!(CALL, request(), &body)).await {
            Err(error) if error.kind == FailureKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(made) => {
                if let (Some(old), Some(new)) = (text_of(mapping, "UUID"), text_of(&made, "UUID")) {
                    restored.renamed.push((old.to_owned(), new.to_owned()));
                }
            }
        }
    }
    Ok(())
}

/// The parameters of `CreateEventSourceMapping`.
fn mapping_request(mapping: &Value) -> Value {
    let mut body = pick_members(mapping, MAPPING);
    // Responses have it for every source, but requests for a FIFO queue must not.
    if body["MaximumBatchingWindowInSeconds"] == 0
        && let Some(members) = body.as_object_mut()
    {
        members.remove("MaximumBatchingWindowInSeconds");
    }
    body["FunctionName"] = json!(text_of(mapping, "FunctionArn").unwrap_or_default());
    body["Enabled"] = json!(is_enabled(mapping));
    body
}

/// The configurations that a restore creates: the published versions that aliases point to, then `$LATEST`.
fn restored_configurations(parts: &ResourceParts) -> impl Iterator<Item = &Value> {
    let published = parts.get("versions.json").as_array().map(Vec::as_slice).unwrap_or_default();
    published.iter().chain([&parts.get("function.json")["Configuration"]])
}

/// The statements of its policies, with the qualifier of each.
fn statements(parts: &ResourceParts) -> impl Iterator<Item = &Value> {
    let policies = parts.get("policies.json").as_object().into_iter().flatten();
    policies.flat_map(|(_, document)| list_of(document, "Statement"))
}

/// The calls that create the function, without its code: [`add_doubts`] checks that.
pub(super) fn rebuild_calls(name: &str, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
    let mut calls = Vec::new();
    for configuration in restored_configurations(parts) {
        let version = text_of(configuration, "Version").unwrap_or(LATEST);
        if !is_image(parts) {
            for member in ["Runtime", "Handler"] {
                if text_of(configuration, member).is_none() {
                    return Err(format!("the archive has no {member} of version {version}"));
                }
            }
        }
        let code = json!({ "ZipFile": "archived" });
        calls.push(RebuiltCall::new(CREATE, create_request(name, configuration, code, parts)));
    }
    for alias in parts.get("aliases.json").as_array().into_iter().flatten() {
        let body = pick_members(alias, &["Name", "FunctionVersion"]);
        let version = text_of(alias, "FunctionVersion").unwrap_or(LATEST);
        if !restored_configurations(parts).any(|one| text_of(one, "Version").unwrap_or(LATEST) == version) {
            let name = text_of(alias, "Name").unwrap_or_default();
            return Err(format!("the archive lacks version {version}, which alias {name} points to"));
        }
        calls.push(RebuiltCall::new("lambda:CreateAlias", body));
    }
    let permissions = statements(parts).filter_map(|statement| policy::permission_request(statement).ok());
    calls.extend(permissions.map(|body| RebuiltCall::new("lambda:AddPermission", body)));
    let all = |name: &str| parts.get(name).as_array().into_iter().flatten();
    calls.extend(
        all("urls.json")
            .map(|url| RebuiltCall::new("lambda:CreateFunctionUrlConfig", pick_members(url, &["AuthType"]))),
    );
    calls.extend(
        all("mappings.json")
            .map(|mapping| RebuiltCall::new("lambda:CreateEventSourceMapping", mapping_request(mapping))),
    );
    Ok(calls)
}

fn is_image(parts: &ResourceParts) -> bool {
    parts.get("function.json")["Code"]["ImageUri"].is_string()
}

/// Checks that the archive has the code of every version, as Lambda has it, and that Lambda still takes the runtimes.
pub(super) fn add_doubts(parts: &ResourceParts, now: Timestamp, proof: &mut RestoreProof) {
    if is_image(parts) {
        return;
    }
    let mut runtimes = BTreeSet::new();
    for configuration in restored_configurations(parts) {
        let version = text_of(configuration, "Version").unwrap_or(LATEST);
        let wanted = text_of(configuration, "CodeSha256").unwrap_or_default();
        match code_file(wanted).and_then(|file| parts.file_bytes(&file)) {
            None => proof.gaps.push(format!("the archive lacks the code of version {version}")),
            Some(zip) if STANDARD.encode(Sha256::digest(zip)) != wanted => {
                proof.gaps.push(format!("the archived code of version {version} is not what Lambda has"));
            }
            Some(_) => {}
        }
        runtimes.extend(text_of(configuration, "Runtime"));
    }
    for runtime in runtimes {
        match judge_runtime(runtime, now) {
            RuntimeStanding::Creatable => {}
            RuntimeStanding::Ending(why) | RuntimeStanding::Unlisted(why) => proof.warnings.push(why),
            RuntimeStanding::Blocked(why) => proof.gaps.push(why),
        }
    }
}

/// The statements of its policies that no call creates: a person has to.
pub(super) fn describe_lost_statements(parts: &ResourceParts) -> Option<String> {
    let lost = statements(parts).filter(|statement| policy::permission_request(statement).is_err());
    let sids: Vec<&str> = lost.map(|statement| text_of(statement, "Sid").unwrap_or("without an id")).collect();
    (!sids.is_empty()).then(|| {
        format!("{} statements of its policy, whose conditions no call can set: {}", sids.len(), sids.join(", "))
    })
}

/// The alias or version at the end of a `FunctionArn`.
fn arn_qualifier(value: &Value) -> Option<String> {
    let arn = text_of(value, "FunctionArn")?;
    arn.split(':').nth(7).map(ToOwned::to_owned)
}
