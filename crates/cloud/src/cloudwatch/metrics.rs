//! Datapoints: counted by the other services, put and queried.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::CloudContext;
use super::{
    ApiError, CloudAnswer, CloudWatchCall, CloudWatchState, QueryForm, format_time, invalid_parameter, read_dimensions,
    write_dimensions,
};

/// Datapoints are stored by the minute, CloudWatch's default resolution.
const MINUTE_S: i64 = 60;
/// The maximum number of queries in `GetMetricData`.
const MAX_QUERIES: usize = 500;
/// The maximum number of datapoints in a response of `GetMetricData`.
const MAX_DATAPOINTS: usize = 100_800;
/// The page size of `ListMetrics`.
const PAGE: usize = 500;
/// How far in the past and in the future a datapoint can be when it is put.
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);
const AHEAD: SignedDuration = SignedDuration::from_hours(2);
/// How long CloudWatch keeps a metric: 455 days.
const KEPT: SignedDuration = SignedDuration::from_hours(455 * 24);

/// A metric with its datapoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredMetric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    /// By minute, in seconds since 1970.
    pub minutes: BTreeMap<i64, MetricStatistics>,
}

/// The statistics of all values in a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricStatistics {
    pub count: f64,
    pub sum: f64,
    pub least: f64,
    pub most: f64,
}

impl MetricStatistics {
    fn from_value(value: f64) -> Self {
        Self { count: 1.0, sum: value, least: value, most: value }
    }

    fn combined_with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    fn statistic_value(self, name: &str) -> Option<f64> {
        match name {
            "Sum" => Some(self.sum),
            "SampleCount" => Some(self.count),
            "Average" => Some(self.sum / self.count),
            "Minimum" => Some(self.least),
            "Maximum" => Some(self.most),
            _ => None,
        }
    }
}

/// What tells a metric from all others, in one text.
pub(in super::super) fn metric_key(namespace: &str, name: &str, dimensions: &BTreeMap<String, String>) -> String {
    let dimensions = dimensions.iter().flat_map(|(name, value)| [name.as_str(), value]);
    // JSON keeps the parts apart, whatever is in them.
    serde_json::Value::from_iter([namespace, name].into_iter().chain(dimensions)).to_string()
}

impl CloudWatchState {
    /// Adds values at a time to a metric.
    pub fn add_datapoint(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: BTreeMap<String, String>,
        at: Timestamp,
        values: MetricStatistics,
    ) {
        let minute = at.as_second().div_euclid(MINUTE_S) * MINUTE_S;
        let metric = self.metrics.entry_or_insert_with(metric_key(namespace, name, &dimensions), || {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            StoredMetric { namespace, name, dimensions, minutes: BTreeMap::new() }
        });
        metric.minutes.entry(minute).and_modify(|known| *known = known.combined_with(values)).or_insert(values);
    }

    fn find_metric(&self, namespace: &str, name: &str, dimensions: &BTreeMap<String, String>) -> Option<&StoredMetric> {
        self.metrics.get(&metric_key(namespace, name, dimensions))
    }
}

impl CloudContext<'_> {
    /// Records a datapoint of an AWS service in CloudWatch, at the current time.
    pub(in super::super) fn count_metric(
        &mut self,
        namespace: &str,
        metric: &str,
        dimensions: &[(&str, &str)],
        value: f64,
    ) {
        self.count_metric_at(self.now, namespace, metric, dimensions, value);
    }

    /// Records a datapoint at any time and in any namespace, which no caller of CloudWatch can do. Tests and samples
    /// use it to create history.
    pub fn count_metric_at(
        &mut self,
        at: Timestamp,
        namespace: &str,
        metric: &str,
        dimensions: &[(&str, &str)],
        value: f64,
    ) {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let oldest = self.now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN).as_second();
        let state = &mut self.region_state_mut().cloudwatch;
        let key = metric_key(namespace, metric, &dimensions);
        state.add_datapoint(namespace, metric, dimensions, at, MetricStatistics::from_value(value));
        if let Some(metric) = state.metrics.get_mut(&key) {
            while metric.minutes.first_key_value().is_some_and(|(minute, _)| *minute < oldest) {
                metric.minutes.pop_first();
            }
        }
    }
}

/// Callers can't put datapoints into the namespaces of AWS services.
pub(super) fn put_metric_data(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let namespace = call.form.required_text("Namespace")?.to_owned();
    if namespace.starts_with("AWS/") {
        return Err(invalid_parameter("The value AWS/ for parameter Namespace is invalid."));
    }
    let mut all = Vec::new();
    for (at, data) in (1..).zip(call.form.member_structures("MetricData")) {
        all.push((
            data.required_text("MetricName")?.to_owned(),
            read_dimensions(&data),
            datapoint_time(call, at, &data)?,
            datapoint_values(&data)?,
        ));
    }
    for (name, dimensions, at, values) in all {
        call.cloudwatch_state_mut().add_datapoint(&namespace, &name, dimensions, at, values);
    }
    Ok(call.empty_answer())
}

fn datapoint_time(call: &CloudWatchCall<'_, '_>, at: u32, data: &QueryForm) -> Result<Timestamp, ApiError> {
    let Some(text) = data.member_text("Timestamp") else { return Ok(call.cx.now) };
    let refused = |what: &str| {
        invalid_parameter(format!("The parameter MetricData.member.{at}.Timestamp must specify a time {what}."))
    };
    let given: Timestamp = text.parse().map_err(|_| refused("in ISO 8601"))?;
    match given.duration_since(call.cx.now) {
        early if early < -OLDEST => Err(refused("no more than two weeks in the past")),
        late if late > AHEAD => Err(refused("no more than two hours in the future")),
        _ => Ok(given),
    }
}

fn datapoint_values(data: &QueryForm) -> Result<MetricStatistics, ApiError> {
    if let Some(value) = data.member_number("Value") {
        return Ok(MetricStatistics::from_value(value));
    }
    let set = data.members_below("StatisticValues.");
    let numbers = ["SampleCount", "Sum", "Minimum", "Maximum"].map(|name| set.member_number(name));
    if let [Some(count), Some(sum), Some(least), Some(most)] = numbers {
        return Ok(MetricStatistics { count, sum, least, most });
    }
    let counts: Vec<f64> = data.member_list("Counts").iter().filter_map(|text| text.parse().ok()).collect();
    let values = data.member_list("Values").into_iter().filter_map(|text| text.parse().ok()).enumerate();
    let all = values.map(|(at, value): (usize, f64)| {
        let count = counts.get(at).copied().unwrap_or(1.0);
        MetricStatistics { count, sum: value * count, least: value, most: value }
    });
    all.reduce(MetricStatistics::combined_with).ok_or_else(|| {
        ApiError::bad_request(
            "MissingParameter",
            "At least one of the parameters Value, Values and StatisticValues must be specified.",
        )
    })
}

struct MetricQueryResult {
    id: String,
    label: String,
    /// The start of each period, in seconds, and its value.
    points: Vec<(i64, f64)>,
}

/// Supports only metrics, not expressions.
pub(super) fn get_metric_data(call: &CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let (from, until) = (parse_time(call.form, "StartTime")?, parse_time(call.form, "EndTime")?);
    if from >= until {
        return Err(validation_error("The parameter StartTime must be less than the parameter EndTime."));
    }
    let asked = call.form.member_structures("MetricDataQueries");
    if asked.is_empty() || asked.len() > MAX_QUERIES {
        return Err(validation_error(format!("MetricDataQueries must have between 1 and {MAX_QUERIES} members.")));
    }
    let newest_first = call.form.member_text("ScanBy") != Some("TimestampAscending");
    let mut queries = Vec::new();
    for form in &asked {
        let mut query = run_query(call.cloudwatch_state(), form, from, until)?;
        if queries.iter().any(|other: &MetricQueryResult| other.id == query.id) {
            return Err(validation_error(format!(
                "The values for parameter id in MetricDataQueries must be unique: {}",
                query.id
            )));
        }
        if newest_first {
            query.points.reverse();
        }
        queries.push(query);
    }
    // A query without datapoints has a result too, so it counts as one datapoint.
    let all = queries.iter().enumerate().flat_map(|(number, query)| {
        let points = query.points.iter().map(|point| Some(*point));
        let none = query.points.is_empty().then_some(None);
        points.chain(none).enumerate().map(move |(at, point)| (number, at, point))
    });
    let size = call.cx.page_size(call.form.member_integer("MaxDatapoints"), MAX_DATAPOINTS);
    let page = call.list_page(all, |(number, at, _)| format!("{number:06}/{at:08}"), size)?;
    Ok(call.xml_answer(|xml| {
        let shown = queries.iter().enumerate().filter(|(number, _)| page.items.iter().any(|item| item.0 == *number));
        xml.write_members("MetricDataResults", shown, |xml, (number, query)| {
            let items = || page.items.iter().filter(move |item| item.0 == number);
            let points: Vec<(i64, f64)> = items().filter_map(|item| item.2).collect();
            let last = items().any(|item| item.1 + 1 >= query.points.len());
            xml.write_text("Id", &query.id);
            xml.write_text("Label", &query.label);
            xml.write_members("Timestamps", &points, |xml, (second, _)| {
                xml.write_raw_text(&format_time(Timestamp::from_second(*second).unwrap_or_default()));
            });
            xml.write_members("Values", &points, |xml, (_, value)| xml.write_raw_text(&value.to_string()));
            xml.write_text("StatusCode", if last { "Complete" } else { "PartialData" });
        });
        xml.write_next_token(&page);
    }))
}

fn run_query(
    state: &CloudWatchState,
    form: &QueryForm,
    from: Timestamp,
    until: Timestamp,
) -> Result<MetricQueryResult, ApiError> {
    let id = form.required_text("Id")?.to_owned();
    if form.member_text("Expression").is_some() {
        return Err(ApiError::new(501, "NotImplemented", "the local cloud does not support metric expressions"));
    }
    let stat = form.members_below("MetricStat.");
    let metric = stat.members_below("Metric.");
    let (namespace, name) = (metric.required_text("Namespace")?, metric.required_text("MetricName")?);
    let period = stat.member_integer("Period").unwrap_or_default();
    if period < MINUTE_S || period % MINUTE_S != 0 {
        return Err(validation_error(format!("Period must be a multiple of {MINUTE_S}.")));
    }
    let statistic = stat.required_text("Stat")?;
    if MetricStatistics::from_value(0.0).statistic_value(statistic).is_none() {
        return Err(validation_error(format!("The value {statistic} for parameter Stat is not supported.")));
    }
    let dimensions = read_dimensions(&metric);
    let found = state.find_metric(namespace, name, &dimensions);
    // Periods start at the first whole minute.
    let first = from.as_second().div_euclid(MINUTE_S) * MINUTE_S;
    let mut periods: BTreeMap<i64, MetricStatistics> = BTreeMap::new();
    for (minute, values) in found.iter().flat_map(|metric| metric.minutes.range(first..until.as_second())) {
        let start = first + (minute - first).div_euclid(period) * period;
        periods.entry(start).and_modify(|known| *known = known.combined_with(*values)).or_insert(*values);
    }
    let points =
        periods.into_iter().filter_map(|(start, values)| Some((start, values.statistic_value(statistic)?))).collect();
    let label = form.member_text("Label").unwrap_or(name).to_owned();
    Ok(MetricQueryResult { id, label, points })
}

fn parse_time(form: &QueryForm, name: &str) -> Result<Timestamp, ApiError> {
    form.required_text(name)?
        .parse()
        .map_err(|_| validation_error(format!("The parameter {name} must be a time in ISO 8601.")))
}

fn validation_error(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ValidationError", message)
}

/// Filters by namespace, name and dimensions. A dimension without a value matches any value.
pub(super) fn list_metrics(call: &CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let (namespace, name) = (call.form.member_text("Namespace"), call.form.member_text("MetricName"));
    let wanted = call.form.member_structures("Dimensions");
    let has = |metric: &StoredMetric, wanted: &QueryForm| {
        let found = wanted.member_text("Name").and_then(|name| metric.dimensions.get(name));
        found.is_some_and(|found| wanted.member_text("Value").is_none_or(|value| value == found))
    };
    let is_wanted = |metric: &StoredMetric| {
        namespace.is_none_or(|namespace| metric.namespace == namespace)
            && name.is_none_or(|name| metric.name == name)
            && wanted.iter().all(|wanted| has(metric, wanted))
    };
    let metrics = &call.cloudwatch_state().metrics;
    let size = call.cx.page_size(None, PAGE);
    let page = call.list_page_after(
        |after| metrics.iter_after(after).filter(|(_, metric)| is_wanted(metric)),
        |(key, _)| (*key).clone(),
        size,
    )?;
    Ok(call.xml_answer(|xml| {
        xml.write_members("Metrics", &page.items, |xml, (_, metric)| {
            xml.write_text("Namespace", &metric.namespace);
            xml.write_text("MetricName", &metric.name);
            write_dimensions(xml, &metric.dimensions);
        });
        xml.write_next_token(&page);
    }))
}
