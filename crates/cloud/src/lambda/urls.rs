//! Function URLs. The embedded cloud doesn't serve them.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::functions::{PAGE, last_modified};
use super::{AddressedFunction, invalid_parameter, model::LATEST};
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, JsonBody, ListPage};

/// The characters of a URL's first label.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// The URL of a function or of an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionUrl {
    pub url: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    pub cors: Option<Value>,
    pub invoke_mode: String,
    pub created: String,
    pub modified: String,
}

pub(super) fn create_function_url_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = find_url_owner(cx, request)?;
    let mut url = FunctionUrl {
        url: format!("https://{}.lambda-url.{}.on.aws/", cx.random_text(LETTERS, 32), cx.request_region()),
        auth_type: String::new(),
        cors: None,
        invoke_mode: "BUFFERED".to_owned(),
        created: last_modified(cx),
        modified: last_modified(cx),
    };
    let body = JsonBody::parse_body(&request.body)?;
    body.required_text("AuthType")?;
    set_url_settings(&mut url, &body)?;
    let (arn, qualifier) = (addressed.function_arn(cx), addressed.qualifier_or_latest().to_owned());
    let urls = &mut addressed.find_function_mut(cx)?.urls;
    if urls.contains_key(&qualifier) {
        let message = format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message: FunctionUrlConfig exists for \
             this Lambda function"
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let shown = url_json(&arn, &url);
    urls.insert(qualifier, url);
    Ok(CloudAnswer::from_rest_json(201, &shown))
}

fn set_url_settings(url: &mut FunctionUrl, body: &JsonBody) -> Result<(), ApiError> {
    if let Some(auth_type) = body.member_text("AuthType") {
        if !["NONE", "AWS_IAM"].contains(&auth_type) {
            return Err(ApiError::validation_error(format!(
                "Value '{auth_type}' at 'authType' must be NONE or AWS_IAM"
            )));
        }
        auth_type.clone_into(&mut url.auth_type);
    }
    if let Some(mode) = body.member_text("InvokeMode") {
        mode.clone_into(&mut url.invoke_mode);
    }
    if let Some(cors) = body.member_value("Cors") {
        url.cors = Some(cors.clone());
    }
    Ok(())
}

pub(super) fn get_function_url_config(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let addressed = find_url_owner(cx, request)?;
    let url = addressed.find_function(cx)?.urls.get(addressed.qualifier_or_latest()).ok_or_else(url_not_found)?;
    Ok(CloudAnswer::from_rest_json(200, &url_json(&addressed.function_arn(cx), url)))
}

pub(super) fn update_function_url_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = find_url_owner(cx, request)?;
    let body = JsonBody::parse_body(&request.body)?;
    let (arn, modified) = (addressed.function_arn(cx), last_modified(cx));
    let mut url =
        addressed.find_function(cx)?.urls.get(addressed.qualifier_or_latest()).cloned().ok_or_else(url_not_found)?;
    set_url_settings(&mut url, &body)?;
    url.modified = modified;
    let shown = url_json(&arn, &url);
    addressed.find_function_mut(cx)?.urls.insert(addressed.qualifier_or_latest().to_owned(), url);
    Ok(CloudAnswer::from_rest_json(200, &shown))
}

pub(super) fn delete_function_url_config(
    cx: &mut CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = find_url_owner(cx, request)?;
    match addressed.find_function_mut(cx)?.urls.remove(addressed.qualifier_or_latest()) {
        Some(_) => Ok(CloudAnswer::without_body(204)),
        None => Err(url_not_found()),
    }
}

pub(super) fn list_function_url_configs(
    cx: &CloudContext<'_>,
    request: &CloudRequest,
) -> Result<CloudAnswer, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let urls = &addressed.find_function(cx)?.urls;
    let size = cx.page_size(request.query_value("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = ListPage::from_items(
        urls,
        |(qualifier, _)| (*qualifier).clone(),
        request.query_value("Marker"),
        size,
        || invalid_parameter("Invalid marker"),
    )?;
    let shown: Vec<Value> = page
        .items
        .into_iter()
        .map(|(qualifier, url)| {
            let qualifier = (qualifier != LATEST).then(|| qualifier.clone());
            url_json(&AddressedFunction { name: addressed.name.clone(), qualifier }.function_arn(cx), url)
        })
        .collect();
    Ok(CloudAnswer::from_rest_json(200, &json!({ "FunctionUrlConfigs": shown, "NextMarker": page.next })))
}

/// The addressed function or alias. Versions can't have URLs.
fn find_url_owner(cx: &CloudContext<'_>, request: &CloudRequest) -> Result<AddressedFunction, ApiError> {
    let addressed = AddressedFunction::from_request(request);
    let function = addressed.find_function(cx)?;
    match &addressed.qualifier {
        Some(alias) if !function.aliases.contains_key(alias) => Err(addressed.not_found(cx)),
        _ => Ok(addressed),
    }
}

fn url_not_found() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn url_json(arn: &str, url: &FunctionUrl) -> Value {
    let mut shown = json!({
        "FunctionUrl": url.url,
        "FunctionArn": arn,
        "AuthType": url.auth_type,
        "InvokeMode": url.invoke_mode,
        "CreationTime": url.created,
        "LastModifiedTime": url.modified,
    });
    if let Some(cors) = &url.cors {
        shown["Cors"] = cors.clone();
    }
    shown
}
