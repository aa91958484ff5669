//! Functions with versions, aliases, settings and policies.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deployer_artifact::zip;
use deployer_aws::{Call, CallError, FailureKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe, iam};

/// The maximum number of reads until a change must be complete.
const READS: usize = 200;

fn zip_script(script: &str) -> Vec<u8> {
    zip::build_deterministic_zip(&[("bootstrap", script.as_bytes())]).expect("the code is zipped").to_vec()
}

async fn try_create_function(place: &ProbePlace, name: &str, role: &str) -> Result<(), CallError> {
    let request = place.aws.lambda.create_function().function_name(name).description("a probe");
    let request = request.runtime(Runtime::from("provided.al2023")).handler("bootstrap").timeout(60).memory_size(128);
    let request = request
        .role(place.role_arn(role))
        .architectures(Architecture::Arm64)
        .environment(Environment::builder().variables("VENUE", "a").build())
        .set_tags(Some(TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()))
        .code(FunctionCode::builder().zip_file(Blob::new(zip_script("#!/bin/sh\n"))).build());
    request.send().await.call("lambda:CreateFunction").map(drop)
}

/// Creates a function with a role. In a real account it takes a while until the role can be assumed.
pub async fn create_function(place: &ProbePlace, name: &str) -> ProbeResult {
    iam::create_role(place, name).await.map_err(error_text)?;
    for _ in 0..READS {
        match try_create_function(place, name, name).await {
            Ok(()) => return wait_until_ready(place, name).await,
            Err(error) if error.message.contains("cannot be assumed") => {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error_text(error)),
        }
    }
    fail_probe("its role never became assumable")
}

pub async fn get_function(
    place: &ProbePlace,
    name: &str,
    qualifier: Option<&str>,
) -> Result<GetFunctionOutput, CallError> {
    let request = place.aws.lambda.get_function().function_name(name).set_qualifier(qualifier.map(ToOwned::to_owned));
    request.send().await.call("lambda:GetFunction")
}

async fn wait_until_ready(place: &ProbePlace, name: &str) -> ProbeResult {
    for _ in 0..READS {
        let answer = get_function(place, name, None).await.map_err(error_text)?;
        let configuration = answer.configuration().ok_or("no configuration")?;
        let settled = configuration.last_update_status() != Some(&LastUpdateStatus::InProgress);
        if settled && configuration.state() != Some(&State::Pending) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    fail_probe("the function never became ready")
}

async fn publish_version(place: &ProbePlace, name: &str) -> Result<String, String> {
    let answer = place.aws.lambda.publish_version().function_name(name).send().await.call("lambda:PublishVersion");
    Ok(answer.map_err(error_text)?.version.unwrap_or_default())
}

async fn create_alias(place: &ProbePlace, name: &str, version: &str) -> ProbeResult {
    let request = place.aws.lambda.create_alias().function_name(name).name("live").function_version(version);
    request.send().await.call("lambda:CreateAlias").map(drop).map_err(error_text)
}

async fn add_permission(place: &ProbePlace, name: &str) -> Result<(), CallError> {
    let request = place.aws.lambda.add_permission().function_name(name).qualifier("live").statement_id("sync");
    let request = request.action("lambda:InvokeFunction").principal("events.amazonaws.com");
    let rule = format!("arn:aws:events:us-east-1:{}:rule/{name}", place.account);
    request.source_arn(rule).send().await.call("lambda:AddPermission").map(drop)
}

pub async fn delete_function(place: &ProbePlace, name: &str) {
    let _ = place.aws.lambda.delete_function().function_name(name).send().await;
    iam::delete_role(place, name).await;
}

pub async fn rejects_missing_role(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    let answer = try_create_function(&place, &name, &place.resource_name("no-role")).await;
    delete_function(&place, &name).await;
    match answer {
        Ok(()) => fail_probe("the function was created"),
        Err(error) => expect_same(error.code.as_str(), "InvalidParameterValueException", "error code"),
    }
}

pub async fn keeps_function_settings(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let answer = get_function(&place, &name, None).await.map_err(error_text)?;
    delete_function(&place, &name).await;
    let found = answer.configuration().ok_or("no configuration")?;
    expect_same(found.description(), Some("a probe"), "description")?;
    expect_same(found.runtime(), Some(&Runtime::from("provided.al2023")), "runtime")?;
    expect_same(found.architectures(), &[Architecture::Arm64][..], "architecture")?;
    expect_same((found.memory_size(), found.timeout()), (Some(128), Some(60)), "memory and timeout")?;
    expect_same(found.role(), Some(place.role_arn(&name).as_str()), "role")?;
    expect_same(found.code_sha256(), Some(code_sha256("#!/bin/sh\n").as_str()), "hash of the code")?;
    let variables = found.environment().and_then(|environment| environment.variables());
    expect_same(
        variables.and_then(|variables| variables.get("VENUE")).map(String::as_str),
        Some("a"),
        "environment variable",
    )?;
    let mut tags: Vec<_> =
        answer.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    tags.sort_unstable();
    expect_same(tags, TAGS.to_vec(), "tags")
}

fn code_sha256(script: &str) -> String {
    STANDARD.encode(Sha256::digest(zip_script(script)))
}

pub async fn rejects_duplicate_function_name(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let second = try_create_function(&place, &name, &name).await;
    delete_function(&place, &name).await;
    expect_refused(second, FailureKind::AlreadyExists)
}

pub async fn updated_code_has_hash_of_its_zip(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let request = place.aws.lambda.update_function_code().function_name(&name);
    let request = request.architectures(Architecture::Arm64).zip_file(Blob::new(zip_script("#!/bin/sh\nexit 1\n")));
    let answer = request.send().await.call("lambda:UpdateFunctionCode").map_err(error_text)?;
    wait_until_ready(&place, &name).await?;
    let read = get_function(&place, &name, None).await.map_err(error_text)?;
    delete_function(&place, &name).await;
    let expected = code_sha256("#!/bin/sh\nexit 1\n");
    expect_same(answer.code_sha256(), Some(expected.as_str()), "hash in UpdateFunctionCode")?;
    expect_same(
        read.configuration().and_then(|found| found.code_sha256()),
        Some(expected.as_str()),
        "hash in GetFunction",
    )
}

pub async fn publishes_unchanged_function_only_once(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let first = publish_version(&place, &name).await?;
    let again = publish_version(&place, &name).await?;
    let request = place.aws.lambda.update_function_configuration().function_name(&name).timeout(30);
    request.send().await.call("lambda:UpdateFunctionConfiguration").map_err(error_text)?;
    wait_until_ready(&place, &name).await?;
    let changed = publish_version(&place, &name).await?;
    delete_function(&place, &name).await;
    expect_same([first.as_str(), again.as_str(), changed.as_str()], ["1", "1", "2"], "published versions")
}

pub async fn alias_resolves_to_its_version(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let first = publish_version(&place, &name).await?;
    create_alias(&place, &name, &first).await?;
    let request = place.aws.lambda.update_function_configuration().function_name(&name).timeout(30);
    request.send().await.call("lambda:UpdateFunctionConfiguration").map_err(error_text)?;
    wait_until_ready(&place, &name).await?;
    let seen = async || -> Result<(Option<String>, Option<i32>), String> {
        let answer = get_function(&place, &name, Some("live")).await.map_err(error_text)?;
        let found = answer.configuration.ok_or("no configuration")?;
        Ok((found.version, found.timeout))
    };
    expect_same(seen().await?, (Some("1".to_owned()), Some(60)), "version and timeout before the alias moved")?;
    let second = publish_version(&place, &name).await?;
    let request = place.aws.lambda.update_alias().function_name(&name).name("live").function_version(second);
    request.send().await.call("lambda:UpdateAlias").map_err(error_text)?;
    let moved = seen().await?;
    delete_function(&place, &name).await;
    expect_same(moved, (Some("2".to_owned()), Some(30)), "version and timeout after the alias moved")
}

pub async fn get_function_shows_reserved_concurrency(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let request = place.aws.lambda.put_function_concurrency().function_name(&name).reserved_concurrent_executions(1);
    request.send().await.call("lambda:PutFunctionConcurrency").map_err(error_text)?;
    let answer = get_function(&place, &name, None).await.map_err(error_text)?;
    delete_function(&place, &name).await;
    let reserved = answer.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
    expect_same(reserved, Some(1), "reserved concurrency in GetFunction")
}

pub async fn keeps_async_settings_per_alias(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    create_alias(&place, &name, &publish_version(&place, &name).await?).await?;
    let lambda = &place.aws.lambda;
    let request = lambda.put_function_event_invoke_config().function_name(&name).qualifier("live");
    let request = request.maximum_retry_attempts(0).maximum_event_age_in_seconds(60);
    request.send().await.call("lambda:PutFunctionEventInvokeConfig").map_err(error_text)?;
    let read = lambda.get_function_event_invoke_config().function_name(&name).qualifier("live").send().await;
    let read = read.call("lambda:GetFunctionEventInvokeConfig").map_err(error_text)?;
    let plain = lambda.get_function_event_invoke_config().function_name(&name).send().await;
    let plain = plain.call("lambda:GetFunctionEventInvokeConfig");
    delete_function(&place, &name).await;
    let settings = (read.maximum_retry_attempts(), read.maximum_event_age_in_seconds());
    expect_same(settings, (Some(0), Some(60)), "settings of the alias")?;
    expect_refused(plain, FailureKind::NotFound)
}

pub async fn keeps_permissions_per_alias(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    create_alias(&place, &name, &publish_version(&place, &name).await?).await?;
    add_permission(&place, &name).await.map_err(error_text)?;
    let lambda = &place.aws.lambda;
    let policy = lambda.get_policy().function_name(&name).qualifier("live").send().await.call("lambda:GetPolicy");
    let policy = policy.map_err(error_text)?;
    let plain = lambda.get_policy().function_name(&name).send().await.call("lambda:GetPolicy");
    let request = lambda.remove_permission().function_name(&name).qualifier("live").statement_id("sync");
    request.send().await.call("lambda:RemovePermission").map_err(error_text)?;
    let after = lambda.get_policy().function_name(&name).qualifier("live").send().await.call("lambda:GetPolicy");
    delete_function(&place, &name).await;
    let policy: Value = serde_json::from_str(policy.policy().unwrap_or_default()).unwrap_or_default();
    let statement = &policy["Statement"][0];
    expect_same(statement["Sid"].as_str(), Some("sync"), "statement id")?;
    let source = statement["Condition"]["ArnLike"]["AWS:SourceArn"].as_str();
    expect_same(
        source.is_some_and(|arn| arn.ends_with(&name)),
        true,
        &format!("whether the condition names the rule, in {statement}"),
    )?;
    expect_refused(plain, FailureKind::NotFound)?;
    expect_refused(after, FailureKind::NotFound)
}

pub async fn rejects_duplicate_statement_id(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    create_alias(&place, &name, &publish_version(&place, &name).await?).await?;
    add_permission(&place, &name).await.map_err(error_text)?;
    let second = add_permission(&place, &name).await;
    delete_function(&place, &name).await;
    expect_refused(second, FailureKind::AlreadyExists)
}

pub async fn pages_functions(place: ProbePlace) -> ProbeResult {
    let names = ["function-1", "function-2", "function-3"].map(|what| place.resource_name(what));
    for name in &names {
        create_function(&place, name).await?;
    }
    let request = place.aws.lambda.list_functions().max_items(1);
    let first = request.send().await.call("lambda:ListFunctions").map_err(error_text)?;
    let mut pages = place.aws.lambda.list_functions().max_items(1).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.call("lambda:ListFunctions").map_err(error_text)?;
        found.extend(page.functions().iter().filter_map(|function| function.function_name().map(ToOwned::to_owned)));
    }
    for name in &names {
        delete_function(&place, name).await;
    }
    expect_same((first.functions().len(), first.next_marker().is_some()), (1, true), "first page")?;
    expect_same(names.iter().all(|name| found.contains(name)), true, "whether all functions are on the pages")
}

pub async fn reports_missing_functions_as_not_found(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    let lambda = &place.aws.lambda;
    expect_refused(get_function(&place, &name, None).await, FailureKind::NotFound)?;
    let answer = lambda.get_policy().function_name(&name).send().await.call("lambda:GetPolicy");
    expect_refused(answer, FailureKind::NotFound)?;
    let answer = lambda.delete_function().function_name(&name).send().await.call("lambda:DeleteFunction");
    expect_refused(answer, FailureKind::NotFound)?;
    create_function(&place, &name).await?;
    let qualified = get_function(&place, &name, Some("live")).await;
    let policy = lambda.get_policy().function_name(&name).send().await.call("lambda:GetPolicy");
    delete_function(&place, &name).await;
    expect_refused(qualified, FailureKind::NotFound)?;
    expect_refused(policy, FailureKind::NotFound)
}
