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

use http::Method;

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudContext, CloudRequest, HandlerOutcome};
pub(super) use download::{download_code, is_code_path, is_download};
pub(super) use invocations::{invoke_for_service, record_run};
pub use mappings::StoredMapping;
pub use model::{
    AsyncSettings, StoredAlias, StoredFunction, StoredFunctionVersion, StoredStatement, VersionConfiguration,
};
pub use urls::FunctionUrl;

stored_parts! {
    /// The functions of a region.
    pub struct LambdaState {
        /// By name.
        pub functions: StoredTable<StoredFunction>,
        /// How many executions all functions reserve, under [`RESERVED`], so that a reservation needn't look at each of
        /// them. Only [`LambdaState::set_reserved`] and deletions change it.
        pub totals: StoredTable<u32>,
        /// Event source mappings, by UUID.
        pub mappings: StoredTable<StoredMapping>,
    }
}

const RESERVED: &str = "reserved";

impl LambdaState {
    fn reserved_total(&self) -> u32 {
        self.totals.get(RESERVED).copied().unwrap_or_else(|| self.count_reserved())
    }

    fn count_reserved(&self) -> u32 {
        self.functions.values().filter_map(|function| function.reserved_concurrency).sum()
    }

    /// Sets how many executions a function reserves. One that doesn't exist reserves none.
    fn set_reserved(&mut self, name: &str, reserved: Option<u32>) {
        let total = self.reserved_total();
        let Some(function) = self.functions.get_mut(name) else { return };
        let before = std::mem::replace(&mut function.reserved_concurrency, reserved).unwrap_or_default();
        let total = total.saturating_sub(before).saturating_add(reserved.unwrap_or_default());
        self.totals.insert(RESERVED.to_owned(), total);
    }
}

/// The operation of a request, by its method and path. The path starts with a date, the version of the interface. It is
/// ignored, since the SDK uses a different one for each group of operations.
pub(super) fn operation_name(request: &CloudRequest) -> Option<&'static str> {
    let segments = request.path_segments();
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
pub(super) fn resource_name(request: &CloudRequest) -> String {
    let addressed = AddressedFunction::from_request(request);
    match addressed.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", addressed.name),
        None => addressed.name,
    }
}

/// Handles one request.
pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let answer = match operation {
        "CreateFunction" => functions::create_function(cx, request),
        "ListFunctions" => functions::list_functions(cx, request),
        "GetFunction" => functions::get_function(cx, request),
        "GetFunctionConfiguration" => functions::get_function_configuration(cx, request),
        "UpdateFunctionConfiguration" => functions::update_function_configuration(cx, request),
        "UpdateFunctionCode" => functions::update_function_code(cx, request),
        "DeleteFunction" => functions::delete_function(cx, request),
        "PublishVersion" => aliases::publish_version(cx, request),
        "ListVersionsByFunction" => aliases::list_versions_by_function(cx, request),
        "CreateAlias" => aliases::create_alias(cx, request),
        "GetAlias" => aliases::get_alias(cx, request),
        "UpdateAlias" => aliases::update_alias(cx, request),
        "DeleteAlias" => aliases::delete_alias(cx, request),
        "ListAliases" => aliases::list_aliases(cx, request),
        "AddPermission" => policy::add_permission(cx, request),
        "GetPolicy" => policy::get_policy(cx, request),
        "RemovePermission" => policy::remove_permission(cx, request),
        "PutFunctionConcurrency" => settings::put_function_concurrency(cx, request),
        "GetFunctionConcurrency" => settings::get_function_concurrency(cx, request),
        "DeleteFunctionConcurrency" => settings::delete_function_concurrency(cx, request),
        "PutFunctionEventInvokeConfig" => settings::put_function_event_invoke_config(cx, request),
        "UpdateFunctionEventInvokeConfig" => settings::update_function_event_invoke_config(cx, request),
        "GetFunctionEventInvokeConfig" => settings::get_function_event_invoke_config(cx, request),
        "ListFunctionEventInvokeConfigs" => settings::list_function_event_invoke_configs(cx, request),
        "DeleteFunctionEventInvokeConfig" => settings::delete_function_event_invoke_config(cx, request),
        "CreateFunctionUrlConfig" => urls::create_function_url_config(cx, request),
        "GetFunctionUrlConfig" => urls::get_function_url_config(cx, request),
        "UpdateFunctionUrlConfig" => urls::update_function_url_config(cx, request),
        "DeleteFunctionUrlConfig" => urls::delete_function_url_config(cx, request),
        "ListFunctionUrlConfigs" => urls::list_function_url_configs(cx, request),
        "CreateEventSourceMapping" => mappings::create_event_source_mapping(cx, request),
        "GetEventSourceMapping" => mappings::get_event_source_mapping(cx, request),
        "ListEventSourceMappings" => mappings::list_event_source_mappings(cx, request),
        "UpdateEventSourceMapping" => mappings::update_event_source_mapping(cx, request),
        "DeleteEventSourceMapping" => mappings::delete_event_source_mapping(cx, request),
        "ListTags" => settings::list_tags(cx, request),
        "TagResource" => settings::tag_resource(cx, request),
        "UntagResource" => settings::untag_resource(cx, request),
        "GetAccountSettings" => settings::get_account_settings(cx),
        "Invoke" => return invocations::invoke_function(cx, request),
        _ => Err(super::dispatch::not_implemented("lambda", operation)),
    };
    answer.map(HandlerOutcome::Now)
}

/// A request's function, by name or ARN, with the qualifier from the query or the ARN.
struct AddressedFunction {
    name: String,
    qualifier: Option<String>,
}

impl AddressedFunction {
    fn from_request(request: &CloudRequest) -> Self {
        let segment = request.path_segments().get(2).cloned().unwrap_or_default();
        let mut addressed = Self::parse_name(&segment);
        if let Some(qualifier) = request.query_value("Qualifier") {
            addressed.qualifier = Some(qualifier.to_owned());
        }
        addressed
    }

    /// `name`, `name:qualifier`, `arn:aws:lambda:region:account:function:name[:qualifier]`
    fn parse_name(text: &str) -> Self {
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
    fn qualifier_or_latest(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(model::LATEST)
    }

    fn function_arn(&self, cx: &CloudContext<'_>) -> String {
        let arn = cx.build_arn("lambda", &format!("function:{}", self.name));
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    fn not_found(&self, cx: &CloudContext<'_>) -> ApiError {
        ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {}", self.function_arn(cx)))
    }

    fn find_function<'c>(&self, cx: &'c CloudContext<'_>) -> Result<&'c StoredFunction, ApiError> {
        cx.region_state().lambda.functions.get(&self.name).ok_or_else(|| self.not_found(cx))
    }

    fn find_function_mut<'c>(&self, cx: &'c mut CloudContext<'_>) -> Result<&'c mut StoredFunction, ApiError> {
        let missing = self.not_found(cx);
        // A mutable borrow counts as a change, so look it up first: a failed request must not change the state.
        if !cx.region_state().lambda.functions.contains_key(&self.name) {
            return Err(missing);
        }
        cx.region_state_mut().lambda.functions.get_mut(&self.name).ok_or(missing)
    }
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterValueException", message)
}
