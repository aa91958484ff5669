//! Reads a function and everything that belongs to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::super::parts::{ResourceParts, hex_string};
use super::super::super::wire::{RawExchange, answer, collect_pages, text_of};
use super::super::super::{DecommissionContext, DecommissionTarget, none_if_missing, unexpected_error};
use deployer_aws::{Call, CallError, FailureKind};

const GET: &str = "lambda:GetFunction";
/// The qualifier of the function itself, as opposed to an alias or a version.
pub(super) const LATEST: &str = "$LATEST";

pub(super) async fn read_function(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let name = target.aws_identifier();
    let mut parts = ResourceParts::default();
    let mut function = match get_with_code(cx, name, None, &mut parts).await {
        Ok(function) => function,
        Err(error) if error.kind == FailureKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let members = function.as_object_mut();
    let tags = members.and_then(|members| members.remove("Tags")).unwrap_or_else(|| json!({}));
    parts.put_document("function.json", function);
    parts.put_document("tags.json", tags);

    let lambda = &cx.aws.lambda;
    let aliases = list_aliases(cx, name).await?;
    let mut versions = Vec::new();
    for version in aliased_versions(&aliases) {
        versions.push(get_with_code(cx, name, Some(&version), &mut parts).await?["Configuration"].clone());
    }
    let mut qualifiers = vec![None];
    qualifiers.extend(aliases.iter().filter_map(|alias| text_of(alias, "Name")).map(|name| Some(name.to_owned())));

    let mut policies = Map::new();
    let mut mappings: Vec<Value> = Vec::new();
    for qualifier in &qualifiers {
        let request = lambda.get_policy().function_name(name).set_qualifier(qualifier.clone());
        if let Some(policy) = none_if_missing(answer!("lambda:GetPolicy", request))? {
            let policy = text_of(&policy, "Policy").and_then(|policy| serde_json::from_str(policy).ok());
            let policy = policy.ok_or_else(|| {
                unexpected_error("lambda:GetPolicy", format!("the policy of {name} isn't valid JSON"))
            })?;
            policies.insert(qualifier.clone().unwrap_or_else(|| LATEST.to_owned()), policy);
        }
        let addressed = qualifier.as_ref().map_or_else(|| name.to_owned(), |alias| format!("{name}:{alias}"));
        let found = read_pages("lambda:ListEventSourceMappings", "EventSourceMappings", async |marker| {
            let request = lambda.list_event_source_mappings().function_name(&addressed).set_marker(marker);
            answer!("lambda:ListEventSourceMappings", request)
        });
        for mut mapping in found.await? {
            if !mappings.iter().any(|known| known["UUID"] == mapping["UUID"]) {
                // A request takes `Enabled`. `State` also shows a transition between the two.
                let state = text_of(&mapping, "State").unwrap_or("Enabled");
                mapping["Enabled"] = json!(!matches!(state, "Disabled" | "Disabling"));
                mappings.push(mapping);
            }
        }
    }
    let urls = read_pages("lambda:ListFunctionUrlConfigs", "FunctionUrlConfigs", async |marker| {
        let request = lambda.list_function_url_configs().function_name(name).set_marker(marker);
        answer!("lambda:ListFunctionUrlConfigs", request)
    });
    let urls = urls.await?;
    let configs = read_pages("lambda:ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfigs", async |marker| {
        let request = lambda.list_function_event_invoke_configs().function_name(name).set_marker(marker);
        answer!("lambda:ListFunctionEventInvokeConfigs", request)
    });
    let configs = configs.await?;

    parts.put_document("aliases.json", Value::Array(aliases));
    parts.put_document("versions.json", Value::Array(versions));
    parts.put_document("policies.json", Value::Object(policies));
    parts.put_document("mappings.json", Value::Array(mappings));
    parts.put_document("urls.json", Value::Array(urls));
    parts.put_document("invoke-configs.json", Value::Array(configs));
    Ok(Some(parts))
}

/// Calls `GetFunction`, and adds the code as a file to `parts`. The code's URL isn't kept: for ten minutes, it gives
/// everybody access.
async fn get_with_code(
    cx: &DecommissionContext<'_>,
    name: &str,
    qualifier: Option<&str>,
    parts: &mut ResourceParts,
) -> Result<Value, CallError> {
    let raw = RawExchange::default();
    let request = cx.aws.lambda.get_function().function_name(name).set_qualifier(qualifier.map(ToOwned::to_owned));
    request.customize().interceptor(raw.clone()).send().await.call(GET)?;
    let mut function = raw.response_json(GET)?;
    let location = function["Code"].as_object_mut().and_then(|code| code.remove("Location"));
    let configuration = &function["Configuration"];
    if text_of(configuration, "PackageType") == Some("Image") {
        return Ok(function);
    }
    let wanted = text_of(configuration, "CodeSha256").unwrap_or_default().to_owned();
    let file = code_file(&wanted).ok_or_else(|| unexpected_error(GET, format!("{name} has no CodeSha256")))?;
    if parts.file_bytes(&file).is_none() {
        let location = location.as_ref().and_then(Value::as_str).unwrap_or_default();
        let zip: Bytes = raw.download_file(cx, GET, location).await?;
        if STANDARD.encode(Sha256::digest(&zip)) != wanted {
            return Err(unexpected_error(GET, format!("the downloaded code of {name} doesn't match its CodeSha256")));
        }
        parts.put_bytes(&file, zip);
    }
    Ok(function)
}

/// The file name of a function's code. It is the hash, so versions with the same code share the file.
pub(super) fn code_file(sha256: &str) -> Option<String> {
    let sum = STANDARD.decode(sha256).ok().filter(|sum| !sum.is_empty())?;
    Some(format!("code/{}.zip", hex_string(&sum)))
}

/// The published versions that aliases point to, lowest first.
pub(super) fn aliased_versions(aliases: &[Value]) -> Vec<String> {
    let weighted =
        |alias: &Value| alias["RoutingConfig"]["AdditionalVersionWeights"].as_object().cloned().unwrap_or_default();
    let mut versions: Vec<u64> = aliases
        .iter()
        .flat_map(|alias| {
            let main = text_of(alias, "FunctionVersion").map(ToOwned::to_owned);
            main.into_iter().chain(weighted(alias).into_iter().map(|(version, _)| version))
        })
        .filter_map(|version| version.parse().ok())
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions.into_iter().map(|version| version.to_string()).collect()
}

/// All aliases of a function.
pub(super) async fn list_aliases(cx: &DecommissionContext<'_>, name: &str) -> Result<Vec<Value>, CallError> {
    read_pages("lambda:ListAliases", "Aliases", async |marker| {
        answer!("lambda:ListAliases", cx.aws.lambda.list_aliases().function_name(name).set_marker(marker))
    })
    .await
}

/// All pages of one of Lambda's lists; nothing where an emulator doesn't have the call.
async fn read_pages(
    operation: &'static str,
    member: &str,
    page: impl AsyncFnMut(Option<String>) -> Result<Value, CallError>,
) -> Result<Vec<Value>, CallError> {
    Ok(none_if_missing(collect_pages(operation, member, "NextMarker", page).await)?.unwrap_or_default())
}
