//! Amazon CloudWatch: metrics with their datapoints, and alarms.
//!
//! The other services record what they do with [`Context::count`]. Alarms are stored, but never evaluated.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>

mod alarms;
mod metrics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::query::{self, Form, Xml};
use super::{Answer, ApiError, Context, Handled, Page, Request, dispatch};

pub use alarms::Alarm;
pub use metrics::{Metric, Statistics};

pub(super) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// The metrics and alarms of a region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub metrics: Vec<Metric>,
    /// By name.
    pub alarms: BTreeMap<String, Alarm>,
}

/// One request to CloudWatch.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    operation: &'a str,
    form: &'a Form,
    request_id: &'a str,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().cloudwatch
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().cloudwatch
    }

    fn answer(&self, result: impl FnOnce(&mut Xml)) -> Answer {
        query::answer(NAMESPACE, self.operation, self.request_id, result)
    }

    /// The response of an operation without a result.
    fn done(&self) -> Answer {
        self.answer(|_| ())
    }

    fn page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        size: usize,
    ) -> Result<Page<T>, ApiError> {
        Page::of(items, key, self.form.text("NextToken"), size, || {
            ApiError::bad("InvalidNextToken", "The next token specified is invalid.")
        })
    }
}

/// `Dimensions.member.1.Name`, ….
fn dimensions(form: &Form) -> BTreeMap<String, String> {
    let pair = |form: Form| Some((form.text("Name")?.to_owned(), form.text("Value")?.to_owned()));
    form.structures("Dimensions").into_iter().filter_map(pair).collect()
}

fn show_dimensions(xml: &mut Xml, dimensions: &BTreeMap<String, String>) {
    xml.members("Dimensions", dimensions, |xml, (name, value)| {
        xml.text("Name", name);
        xml.text("Value", value);
    });
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("InvalidParameterValue", message)
}

pub(super) fn handle(
    cx: &mut Context<'_>,
    operation: &str,
    form: &Form,
    request: &Request,
) -> Result<Handled, ApiError> {
    let mut call = Call { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "PutMetricData" => metrics::put(call),
        "GetMetricData" => metrics::get_data(call),
        "ListMetrics" => metrics::list(call),
        "PutMetricAlarm" => alarms::put(call),
        "DescribeAlarms" => alarms::describe(call),
        "DeleteAlarms" => alarms::delete(call),
        "EnableAlarmActions" => alarms::enable_actions(call, true),
        "DisableAlarmActions" => alarms::enable_actions(call, false),
        "ListTagsForResource" => alarms::list_tags(call),
        "TagResource" => alarms::tag(call),
        "UntagResource" => alarms::untag(call),
        _ => Err(dispatch::not_implemented("monitoring", operation)),
    };
    answer.map(Handled::from)
}
