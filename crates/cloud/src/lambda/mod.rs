//! AWS Lambda.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/>

mod aliases;
mod download;
mod functions;
mod invocations;
mod mappings;
mod model;
mod policy;
mod settings;
mod urls;

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{ApiError, Context, Handled, Request};
pub(super) use download::{download, is_download};
pub(super) use invocations::ran;
pub use mappings::Mapping;
pub use model::{Alias, AsyncSettings, Configuration, Function, Statement, Version};
pub use urls::FunctionUrl;

/// The functions of a region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub functions: BTreeMap<String, Function>,
    /// Event source mappings, by UUID.
    pub mappings: BTreeMap<String, Mapping>,
}

/// The operation of a request, by its method and path. The path starts with a date, the version of the interface. It is
/// ignored, since the SDK uses a different one for each group of operations.
pub(super) fn operation(request: &Request) -> Option<&'static str> {
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let method = &request.method;
    let by = |table: &[(&Method, &'static str)]| table.iter().find(|(verb, _)| *verb == method).map(|(_, name)| *name);
    match parts[1..] {
        ["functions"] => by(&[(&post, "CreateFunction"), (&get, "ListFunctions")]),
        ["functions", _] => by(&[(&get, "GetFunction"), (&delete, "DeleteFunction")]),
        ["functions", _, "configuration"] => {
            by(&[(&get, "GetFunctionConfiguration"), (&put, "UpdateFunctionConfiguration")])
        }
        ["functions", _, "code"] => by(&[(&put, "UpdateFunctionCode")]),
        ["functions", _, "versions"] => by(&[(&post, "PublishVersion"), (&get, "ListVersionsByFunction")]),
        ["functions", _, "aliases"] => by(&[(&post, "CreateAlias"), (&get, "ListAliases")]),
        ["functions", _, "aliases", _] => by(&[(&get, "GetAlias"), (&put, "UpdateAlias"), (&delete, "DeleteAlias")]),
        ["functions", _, "invocations"] => by(&[(&post, "Invoke")]),
        ["functions", _, "policy"] => by(&[(&post, "AddPermission"), (&get, "GetPolicy")]),
        ["functions", _, "policy", _] => by(&[(&delete, "RemovePermission")]),
        ["functions", _, "concurrency"] => by(&[
            (&put, "PutFunctionConcurrency"),
            (&get, "GetFunctionConcurrency"),
            (&delete, "DeleteFunctionConcurrency"),
        ]),
        ["functions", _, "event-invoke-config"] => by(&[
            (&put, "PutFunctionEventInvokeConfig"),
            (&post, "UpdateFunctionEventInvokeConfig"),
            (&get, "GetFunctionEventInvokeConfig"),
            (&delete, "DeleteFunctionEventInvokeConfig"),
        ]),
        ["functions", _, "event-invoke-config", "list"] => by(&[(&get, "ListFunctionEventInvokeConfigs")]),
        ["functions", _, "url"] => by(&[
            (&post, "CreateFunctionUrlConfig"),
            (&get, "GetFunctionUrlConfig"),
            (&put, "UpdateFunctionUrlConfig"),
            (&delete, "DeleteFunctionUrlConfig"),
        ]),
        ["functions", _, "urls"] => by(&[(&get, "ListFunctionUrlConfigs")]),
        ["event-source-mappings"] => by(&[(&post, "CreateEventSourceMapping"), (&get, "ListEventSourceMappings")]),
        ["event-source-mappings", _] => by(&[
            (&get, "GetEventSourceMapping"),
            (&put, "UpdateEventSourceMapping"),
            (&delete, "DeleteEventSourceMapping"),
        ]),
        ["tags", _] => by(&[(&get, "ListTags"), (&post, "TagResource"), (&delete, "UntagResource")]),
        ["account-settings"] => by(&[(&get, "GetAccountSettings")]),
        _ => None,
    }
}

/// The function named in a request's path, with its qualifier.
pub(super) fn resource(request: &Request) -> String {
    let addressed = Addressed::of(request);
    match addressed.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", addressed.name),
        None => addressed.name,
    }
}

/// Handles one request.
pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let answer = match operation {
        "CreateFunction" => functions::create(cx, request),
        "ListFunctions" => functions::list(cx, request),
        "GetFunction" => functions::get(cx, request),
        "GetFunctionConfiguration" => functions::get_configuration(cx, request),
        "UpdateFunctionConfiguration" => functions::update_configuration(cx, request),
        "UpdateFunctionCode" => functions::update_code(cx, request),
        "DeleteFunction" => functions::delete(cx, request),
        "PublishVersion" => aliases::publish(cx, request),
        "ListVersionsByFunction" => aliases::list_versions(cx, request),
        "CreateAlias" => aliases::create(cx, request),
        "GetAlias" => aliases::get(cx, request),
        "UpdateAlias" => aliases::update(cx, request),
        "DeleteAlias" => aliases::delete(cx, request),
        "ListAliases" => aliases::list(cx, request),
        "AddPermission" => policy::add(cx, request),
        "GetPolicy" => policy::get(cx, request),
        "RemovePermission" => policy::remove(cx, request),
        "PutFunctionConcurrency" => settings::put_concurrency(cx, request),
        "GetFunctionConcurrency" => settings::get_concurrency(cx, request),
        "DeleteFunctionConcurrency" => settings::delete_concurrency(cx, request),
        "PutFunctionEventInvokeConfig" => settings::put_async(cx, request),
        "UpdateFunctionEventInvokeConfig" => settings::update_async(cx, request),
        "GetFunctionEventInvokeConfig" => settings::get_async(cx, request),
        "ListFunctionEventInvokeConfigs" => settings::list_async(cx, request),
        "DeleteFunctionEventInvokeConfig" => settings::delete_async(cx, request),
        "CreateFunctionUrlConfig" => urls::create(cx, request),
        "GetFunctionUrlConfig" => urls::get(cx, request),
        "UpdateFunctionUrlConfig" => urls::update(cx, request),
        "DeleteFunctionUrlConfig" => urls::delete(cx, request),
        "ListFunctionUrlConfigs" => urls::list(cx, request),
        "CreateEventSourceMapping" => mappings::create(cx, request),
        "GetEventSourceMapping" => mappings::get(cx, request),
        "ListEventSourceMappings" => mappings::list(cx, request),
        "UpdateEventSourceMapping" => mappings::update(cx, request),
        "DeleteEventSourceMapping" => mappings::delete(cx, request),
        "ListTags" => settings::list_tags(cx, request),
        "TagResource" => settings::tag(cx, request),
        "UntagResource" => settings::untag(cx, request),
        "GetAccountSettings" => settings::account(cx),
        "Invoke" => return invocations::invoke(cx, request),
        _ => Err(super::dispatch::not_implemented("lambda", operation)),
    };
    answer.map(Handled::Now)
}

/// A request's function, by name or ARN, with the qualifier from the query or the ARN.
struct Addressed {
    name: String,
    qualifier: Option<String>,
}

impl Addressed {
    fn of(request: &Request) -> Self {
        let segment = request.segments().get(2).cloned().unwrap_or_default();
        let mut addressed = Self::parse(&segment);
        if let Some(qualifier) = request.query("Qualifier") {
            addressed.qualifier = Some(qualifier.to_owned());
        }
        addressed
    }

    /// `name`, `name:qualifier`, `arn:aws:lambda:region:account:function:name[:qualifier]`
    fn parse(text: &str) -> Self {
        let rest = match text.split_once(":function:") {
            Some((_, rest)) => rest,
            None => text,
        };
        match rest.split_once(':') {
            Some((name, qualifier)) => Self { name: name.to_owned(), qualifier: Some(qualifier.to_owned()) },
            None => Self { name: rest.to_owned(), qualifier: None },
        }
    }

    /// The qualifier; `$LATEST` if there is none.
    fn qualifier(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(model::LATEST)
    }

    fn arn(&self, cx: &Context<'_>) -> String {
        let arn = cx.arn("lambda", &format!("function:{}", self.name));
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    fn not_found(&self, cx: &Context<'_>) -> ApiError {
        ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {}", self.arn(cx)))
    }

    fn function<'c>(&self, cx: &'c Context<'_>) -> Result<&'c Function, ApiError> {
        cx.regional().lambda.functions.get(&self.name).ok_or_else(|| self.not_found(cx))
    }

    fn function_mut<'c>(&self, cx: &'c mut Context<'_>) -> Result<&'c mut Function, ApiError> {
        let missing = self.not_found(cx);
        // A mutable borrow counts as a change, so look it up first: a failed request must not change the state.
        if !cx.regional().lambda.functions.contains_key(&self.name) {
            return Err(missing);
        }
        cx.regional_mut().lambda.functions.get_mut(&self.name).ok_or(missing)
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValueException", message)
}
