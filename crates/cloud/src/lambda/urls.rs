//! Function URLs. The embedded cloud doesn't serve them.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::functions::{PAGE, last_modified};
use super::{Addressed, invalid, model::LATEST};
use crate::{Answer, ApiError, Context, Json, Page, Request};

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

pub(super) fn create(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let mut url = FunctionUrl {
        url: format!("https://{}.lambda-url.{}.on.aws/", cx.random(LETTERS, 32), cx.region()),
        auth_type: String::new(),
        cors: None,
        invoke_mode: "BUFFERED".to_owned(),
        created: last_modified(cx),
        modified: last_modified(cx),
    };
    let body = Json::parse(&request.body)?;
    body.required("AuthType")?;
    set(&mut url, &body)?;
    let (arn, qualifier) = (addressed.arn(cx), addressed.qualifier().to_owned());
    let urls = &mut addressed.function_mut(cx)?.urls;
    if urls.contains_key(&qualifier) {
        let message = format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message: FunctionUrlConfig exists for \
             this Lambda function"
        );
        return Err(ApiError::new(409, "ResourceConflictException", message));
    }
    let shown = shown(&arn, &url);
    urls.insert(qualifier, url);
    Ok(Answer::rest(201, &shown))
}

fn set(url: &mut FunctionUrl, body: &Json) -> Result<(), ApiError> {
    if let Some(auth_type) = body.text("AuthType") {
        if !["NONE", "AWS_IAM"].contains(&auth_type) {
            return Err(ApiError::validation(format!("Value '{auth_type}' at 'authType' must be NONE or AWS_IAM")));
        }
        auth_type.clone_into(&mut url.auth_type);
    }
    if let Some(mode) = body.text("InvokeMode") {
        mode.clone_into(&mut url.invoke_mode);
    }
    if let Some(cors) = body.value("Cors") {
        url.cors = Some(cors.clone());
    }
    Ok(())
}

pub(super) fn get(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let url = addressed.function(cx)?.urls.get(addressed.qualifier()).ok_or_else(missing)?;
    Ok(Answer::rest(200, &shown(&addressed.arn(cx), url)))
}

pub(super) fn update(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    let body = Json::parse(&request.body)?;
    let (arn, modified) = (addressed.arn(cx), last_modified(cx));
    let mut url = addressed.function(cx)?.urls.get(addressed.qualifier()).cloned().ok_or_else(missing)?;
    set(&mut url, &body)?;
    url.modified = modified;
    let shown = shown(&arn, &url);
    addressed.function_mut(cx)?.urls.insert(addressed.qualifier().to_owned(), url);
    Ok(Answer::rest(200, &shown))
}

pub(super) fn delete(cx: &mut Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = qualified(cx, request)?;
    match addressed.function_mut(cx)?.urls.remove(addressed.qualifier()) {
        Some(_) => Ok(Answer::empty(204)),
        None => Err(missing()),
    }
}

pub(super) fn list(cx: &Context<'_>, request: &Request) -> Result<Answer, ApiError> {
    let addressed = Addressed::of(request);
    let urls = &addressed.function(cx)?.urls;
    let size = cx.page_size(request.query("MaxItems").and_then(|size| size.parse().ok()), PAGE);
    let page = Page::of(
        urls,
        |(qualifier, _)| (*qualifier).clone(),
        request.query("Marker"),
        size,
        || invalid("Invalid marker"),
    )?;
    let shown: Vec<Value> = page
        .items
        .into_iter()
        .map(|(qualifier, url)| {
            let qualifier = (qualifier != LATEST).then(|| qualifier.clone());
            shown(&Addressed { name: addressed.name.clone(), qualifier }.arn(cx), url)
        })
        .collect();
    Ok(Answer::rest(200, &json!({ "FunctionUrlConfigs": shown, "NextMarker": page.next })))
}

/// The addressed function or alias. Versions can't have URLs.
fn qualified(cx: &Context<'_>, request: &Request) -> Result<Addressed, ApiError> {
    let addressed = Addressed::of(request);
    let function = addressed.function(cx)?;
    match &addressed.qualifier {
        Some(alias) if !function.aliases.contains_key(alias) => Err(addressed.not_found(cx)),
        _ => Ok(addressed),
    }
}

fn missing() -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist.")
}

fn shown(arn: &str, url: &FunctionUrl) -> Value {
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
