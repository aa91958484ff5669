//! Amazon CloudWatch: metrics with their datapoints, and alarms.
//!
//! The other services record what they do with [`CloudContext::count`]. Alarms are stored, but nothing here
//! evaluates them: `deployer dev` does, by [`evaluation`].
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>

mod alarms;
pub mod embedded_format;
pub mod evaluation;
mod expression;
mod metrics;

use std::collections::BTreeMap;

use super::query::{self, QueryForm, XmlWriter};
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, ListPage, dispatch};

pub use alarms::{StoredAlarm, StoredAlarmState};
pub(super) use metrics::metric_key;
pub use metrics::{MetricStatistics, StoredMetric};

pub(super) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

stored_parts! {
    /// The metrics and alarms of a region.
    pub struct CloudWatchState {
        /// By [`metric_key`].
        pub metrics: StoredTable<StoredMetric>,
        /// By name.
        pub alarms: StoredTable<StoredAlarm>,
    }
}

/// One request to CloudWatch.
struct CloudWatchCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    operation: &'a str,
    form: &'a QueryForm,
    request_id: &'a str,
}

impl CloudWatchCall<'_, '_> {
    fn cloudwatch_state(&self) -> &CloudWatchState {
        &self.cx.region_state().cloudwatch
    }

    fn cloudwatch_state_mut(&mut self) -> &mut CloudWatchState {
        &mut self.cx.region_state_mut().cloudwatch
    }

    fn xml_answer(&self, result: impl FnOnce(&mut XmlWriter)) -> CloudAnswer {
        query::xml_answer(NAMESPACE, self.operation, self.request_id, result)
    }

    /// The response of an operation without a result.
    fn empty_answer(&self) -> CloudAnswer {
        self.xml_answer(|_| ())
    }

    /// A page of a list that is too long to go through it for each page.
    fn list_page_after<T, I: IntoIterator<Item = T>>(
        &self,
        items_after: impl FnOnce(Option<&str>) -> I,
        key: impl Fn(&T) -> String,
        size: usize,
    ) -> Result<ListPage<T>, ApiError> {
        ListPage::from_items_after(items_after, key, self.form.member_text("NextToken"), size, || {
            ApiError::bad_request("InvalidNextToken", "The next token specified is invalid.")
        })
    }

    fn list_page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        size: usize,
    ) -> Result<ListPage<T>, ApiError> {
        ListPage::from_items(items, key, self.form.member_text("NextToken"), size, || {
            ApiError::bad_request("InvalidNextToken", "The next token specified is invalid.")
        })
    }
}

/// `Dimensions.member.1.Name`, ….
fn read_dimensions(form: &QueryForm) -> BTreeMap<String, String> {
    let pair = |form: QueryForm| Some((form.member_text("Name")?.to_owned(), form.member_text("Value")?.to_owned()));
    form.member_structures("Dimensions").into_iter().filter_map(pair).collect()
}

fn write_dimensions(xml: &mut XmlWriter, dimensions: &BTreeMap<String, String>) {
    xml.write_members("Dimensions", dimensions, |xml, (name, value)| {
        xml.write_text("Name", name);
        xml.write_text("Value", value);
    });
}

fn format_time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterValue", message)
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    form: &QueryForm,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let mut call = CloudWatchCall { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "PutMetricData" => metrics::put_metric_data(call),
        "GetMetricData" => metrics::get_metric_data(call),
        "ListMetrics" => metrics::list_metrics(call),
        "PutMetricAlarm" => alarms::put_metric_alarm(call),
        "PutCompositeAlarm" => alarms::put_composite_alarm(call),
        "SetAlarmState" => alarms::set_alarm_state(call),
        "DescribeAlarms" => alarms::describe_alarms(call),
        "DeleteAlarms" => alarms::delete_alarms(call),
        "EnableAlarmActions" => alarms::set_alarm_actions_enabled(call, true),
        "DisableAlarmActions" => alarms::set_alarm_actions_enabled(call, false),
        "ListTagsForResource" => alarms::list_tags_for_resource(call),
        "TagResource" => alarms::tag_resource(call),
        "UntagResource" => alarms::untag_resource(call),
        _ => Err(dispatch::not_implemented("monitoring", operation)),
    };
    answer.map(HandlerOutcome::from)
}
