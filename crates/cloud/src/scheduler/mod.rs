//! Amazon EventBridge Scheduler: schedules in groups, which have the tags. The embedded cloud never fires them.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/>

mod groups;
mod schedules;

use http::Method;
use serde_json::{Value, json};

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, ListPage, dispatch};

pub use groups::StoredScheduleGroup;
pub(super) use groups::{group_arn, tags_of_group};
pub use schedules::StoredSchedule;

/// The group that every account has.
const DEFAULT: &str = "default";
/// The maximum page size.
const PAGE: usize = 100;
/// The maximum length of the name of a schedule or a group.
const MAX_NAME: usize = 64;

stored_parts! {
    /// The schedules of a region, by `group/name`, and the groups besides `default`, by name.
    pub struct SchedulerState {
        pub schedules: StoredTable<StoredSchedule>,
        pub groups: StoredTable<StoredScheduleGroup>,
    }
}

pub(super) fn operation_name(request: &CloudRequest) -> Option<&'static str> {
    let segments = request.path_segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, parts.as_slice()) {
        (&Method::GET, ["schedules"]) => Some("ListSchedules"),
        (&Method::POST, ["schedules", _]) => Some("CreateSchedule"),
        (&Method::GET, ["schedules", _]) => Some("GetSchedule"),
        (&Method::PUT, ["schedules", _]) => Some("UpdateSchedule"),
        (&Method::DELETE, ["schedules", _]) => Some("DeleteSchedule"),
        (&Method::GET, ["schedule-groups"]) => Some("ListScheduleGroups"),
        (&Method::POST, ["schedule-groups", _]) => Some("CreateScheduleGroup"),
        (&Method::GET, ["schedule-groups", _]) => Some("GetScheduleGroup"),
        (&Method::DELETE, ["schedule-groups", _]) => Some("DeleteScheduleGroup"),
        (&Method::GET, ["tags", _]) => Some("ListTagsForResource"),
        (&Method::POST, ["tags", _]) => Some("TagResource"),
        (&Method::DELETE, ["tags", _]) => Some("UntagResource"),
        _ => None,
    }
}

/// The schedule, the group, or the ARN of the group, that is named in a request's path.
pub(super) fn resource_name(request: &CloudRequest) -> String {
    request.path_segments().into_iter().nth(1).unwrap_or_default()
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = match request.method {
        Method::POST | Method::PUT => JsonBody::parse_body(&request.body)?,
        _ => JsonBody::from_value(&Value::Null),
    };
    let group = body.member_text("GroupName").or_else(|| request.query_value("groupName")).unwrap_or(DEFAULT);
    let name = resource_name(request);
    let answer = match operation {
        "CreateSchedule" => schedules::create_schedule(cx, group, &name, &body),
        "GetSchedule" => schedules::get_schedule(cx, group, &name),
        "UpdateSchedule" => schedules::update_schedule(cx, group, &name, &body),
        "DeleteSchedule" => schedules::delete_schedule(cx, group, &name),
        "ListSchedules" => schedules::list_schedules(cx, request),
        "CreateScheduleGroup" => groups::create_group(cx, &name, &body),
        "GetScheduleGroup" => groups::get_group(cx, &name),
        "DeleteScheduleGroup" => groups::delete_group(cx, &name),
        "ListScheduleGroups" => groups::list_groups(cx, request),
        "TagResource" => groups::tag_group(cx, &name, &body),
        "UntagResource" => groups::untag_group(cx, &name, request),
        "ListTagsForResource" => groups::list_tags(cx, &name),
        _ => Err(dispatch::not_implemented("scheduler", operation)),
    };
    answer.map(|answer| CloudAnswer::from_rest_json(200, &answer).into())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if named && !name.is_empty() && name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(ApiError::validation_error(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: [0-9a-zA-Z-_.]+ and have length less than or equal to {MAX_NAME}"
    )))
}

fn not_found(message: String) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn conflict(message: String) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

/// An answer with a page of a list.
fn page_answer<T>(list: &str, page: &ListPage<T>, brief: impl Fn(&T) -> Value) -> Value {
    let mut answer = json!({ list: page.items.iter().map(brief).collect::<Vec<_>>() });
    if let Some(next) = &page.next {
        answer["NextToken"] = json!(next);
    }
    answer
}
