//! Datapoints: counted by the other services, put and queried.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::Context;
use super::{Answer, ApiError, Call, Form, State, dimensions, invalid, show_dimensions, time};

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
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    /// By minute, in seconds since 1970.
    pub minutes: BTreeMap<i64, Statistics>,
}

/// The statistics of all values in a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    pub count: f64,
    pub sum: f64,
    pub least: f64,
    pub most: f64,
}

impl Statistics {
    fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, least: value, most: value }
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    fn get(self, name: &str) -> Option<f64> {
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

impl State {
    /// Adds values at a time to a metric.
    pub fn add(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: BTreeMap<String, String>,
        at: Timestamp,
        values: Statistics,
    ) {
        let is_it =
            |metric: &Metric| metric.namespace == namespace && metric.name == name && metric.dimensions == dimensions;
        let place = self.metrics.iter().position(is_it).unwrap_or_else(|| {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            self.metrics.push(Metric { namespace, name, dimensions, minutes: BTreeMap::new() });
            self.metrics.len() - 1
        });
        let minute = at.as_second().div_euclid(MINUTE_S) * MINUTE_S;
        if let Some(metric) = self.metrics.get_mut(place) {
            metric.minutes.entry(minute).and_modify(|known| *known = known.with(values)).or_insert(values);
        }
    }
}

impl Context<'_> {
    /// Records a datapoint of an AWS service in CloudWatch, at the current time.
    pub(in super::super) fn count(&mut self, namespace: &str, metric: &str, dimensions: &[(&str, &str)], value: f64) {
        self.count_at(self.now, namespace, metric, dimensions, value);
    }

    /// Records a datapoint at any time and in any namespace, which no caller of CloudWatch can do. Tests and samples
    /// use it to create history.
    pub fn count_at(&mut self, at: Timestamp, namespace: &str, metric: &str, dimensions: &[(&str, &str)], value: f64) {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let oldest = self.now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN).as_second();
        let state = &mut self.regional_mut().cloudwatch;
        state.add(namespace, metric, dimensions, at, Statistics::of(value));
        for metric in &mut state.metrics {
            while metric.minutes.first_key_value().is_some_and(|(minute, _)| *minute < oldest) {
                metric.minutes.pop_first();
            }
        }
    }
}

/// Callers can't put datapoints into the namespaces of AWS services.
pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let namespace = call.form.required("Namespace")?.to_owned();
    if namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    let mut all = Vec::new();
    for (at, data) in (1..).zip(call.form.structures("MetricData")) {
        all.push((data.required("MetricName")?.to_owned(), dimensions(&data), when(call, at, &data)?, values(&data)?));
    }
    for (name, dimensions, at, values) in all {
        call.state_mut().add(&namespace, &name, dimensions, at, values);
    }
    Ok(call.done())
}

fn when(call: &Call<'_, '_>, at: u32, data: &Form) -> Result<Timestamp, ApiError> {
    let Some(text) = data.text("Timestamp") else { return Ok(call.cx.now) };
    let refused =
        |what: &str| invalid(format!("The parameter MetricData.member.{at}.Timestamp must specify a time {what}."));
    let given: Timestamp = text.parse().map_err(|_| refused("in ISO 8601"))?;
    match given.duration_since(call.cx.now) {
        early if early < -OLDEST => Err(refused("no more than two weeks in the past")),
        late if late > AHEAD => Err(refused("no more than two hours in the future")),
        _ => Ok(given),
    }
}

fn values(data: &Form) -> Result<Statistics, ApiError> {
    if let Some(value) = data.number("Value") {
        return Ok(Statistics::of(value));
    }
    let set = data.below("StatisticValues.");
    let numbers = ["SampleCount", "Sum", "Minimum", "Maximum"].map(|name| set.number(name));
    if let [Some(count), Some(sum), Some(least), Some(most)] = numbers {
        return Ok(Statistics { count, sum, least, most });
    }
    let counts: Vec<f64> = data.list("Counts").iter().filter_map(|text| text.parse().ok()).collect();
    let values = data.list("Values").into_iter().filter_map(|text| text.parse().ok()).enumerate();
    let all = values.map(|(at, value): (usize, f64)| {
        let count = counts.get(at).copied().unwrap_or(1.0);
        Statistics { count, sum: value * count, least: value, most: value }
    });
    all.reduce(Statistics::with).ok_or_else(|| {
        ApiError::bad(
            "MissingParameter",
            "At least one of the parameters Value, Values and StatisticValues must be specified.",
        )
    })
}

struct Query {
    id: String,
    label: String,
    /// The start of each period, in seconds, and its value.
    points: Vec<(i64, f64)>,
}

/// Supports only metrics, not expressions.
pub(super) fn get_data(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let (from, until) = (instant(call.form, "StartTime")?, instant(call.form, "EndTime")?);
    if from >= until {
        return Err(refused("The parameter StartTime must be less than the parameter EndTime."));
    }
    let asked = call.form.structures("MetricDataQueries");
    if asked.is_empty() || asked.len() > MAX_QUERIES {
        return Err(refused(format!("MetricDataQueries must have between 1 and {MAX_QUERIES} members.")));
    }
    let newest_first = call.form.text("ScanBy") != Some("TimestampAscending");
    let mut queries = Vec::new();
    for form in &asked {
        let mut query = query(call.state(), form, from, until)?;
        if queries.iter().any(|other: &Query| other.id == query.id) {
            return Err(refused(format!(
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
    let size = call.cx.page_size(call.form.integer("MaxDatapoints"), MAX_DATAPOINTS);
    let page = call.page(all, |(number, at, _)| format!("{number:06}/{at:08}"), size)?;
    Ok(call.answer(|xml| {
        let shown = queries.iter().enumerate().filter(|(number, _)| page.items.iter().any(|item| item.0 == *number));
        xml.members("MetricDataResults", shown, |xml, (number, query)| {
            let items = || page.items.iter().filter(move |item| item.0 == number);
            let points: Vec<(i64, f64)> = items().filter_map(|item| item.2).collect();
            let last = items().any(|item| item.1 + 1 >= query.points.len());
            xml.text("Id", &query.id);
            xml.text("Label", &query.label);
            xml.members("Timestamps", &points, |xml, (second, _)| {
                xml.raw(&time(Timestamp::from_second(*second).unwrap_or_default()));
            });
            xml.members("Values", &points, |xml, (_, value)| xml.raw(&value.to_string()));
            xml.text("StatusCode", if last { "Complete" } else { "PartialData" });
        });
        xml.next_token(&page);
    }))
}

fn query(state: &State, form: &Form, from: Timestamp, until: Timestamp) -> Result<Query, ApiError> {
    let id = form.required("Id")?.to_owned();
    if form.text("Expression").is_some() {
        return Err(ApiError::new(501, "NotImplemented", "the local cloud does not support metric expressions"));
    }
    let stat = form.below("MetricStat.");
    let metric = stat.below("Metric.");
    let (namespace, name) = (metric.required("Namespace")?, metric.required("MetricName")?);
    let period = stat.integer("Period").unwrap_or_default();
    if period < MINUTE_S || period % MINUTE_S != 0 {
        return Err(refused(format!("Period must be a multiple of {MINUTE_S}.")));
    }
    let statistic = stat.required("Stat")?;
    if Statistics::of(0.0).get(statistic).is_none() {
        return Err(refused(format!("The value {statistic} for parameter Stat is not supported.")));
    }
    let dimensions = dimensions(&metric);
    let found = state
        .metrics
        .iter()
        .find(|metric| metric.namespace == namespace && metric.name == name && metric.dimensions == dimensions);
    // Periods start at the first whole minute.
    let first = from.as_second().div_euclid(MINUTE_S) * MINUTE_S;
    let mut periods: BTreeMap<i64, Statistics> = BTreeMap::new();
    for (minute, values) in found.iter().flat_map(|metric| metric.minutes.range(first..until.as_second())) {
        let start = first + (minute - first).div_euclid(period) * period;
        periods.entry(start).and_modify(|known| *known = known.with(*values)).or_insert(*values);
    }
    let points = periods.into_iter().filter_map(|(start, values)| Some((start, values.get(statistic)?))).collect();
    let label = form.text("Label").unwrap_or(name).to_owned();
    Ok(Query { id, label, points })
}

fn instant(form: &Form, name: &str) -> Result<Timestamp, ApiError> {
    form.required(name)?.parse().map_err(|_| refused(format!("The parameter {name} must be a time in ISO 8601.")))
}

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationError", message)
}

/// Filters by namespace, name and dimensions. A dimension without a value matches any value.
pub(super) fn list(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let (namespace, name) = (call.form.text("Namespace"), call.form.text("MetricName"));
    let wanted = call.form.structures("Dimensions");
    let has = |metric: &Metric, wanted: &Form| {
        let found = wanted.text("Name").and_then(|name| metric.dimensions.get(name));
        found.is_some_and(|found| wanted.text("Value").is_none_or(|value| value == found))
    };
    let matching = call.state().metrics.iter().enumerate().filter(|(_, metric)| {
        namespace.is_none_or(|namespace| metric.namespace == namespace)
            && name.is_none_or(|name| metric.name == name)
            && wanted.iter().all(|wanted| has(metric, wanted))
    });
    let size = call.cx.page_size(None, PAGE);
    let page = call.page(matching, |(at, _)| format!("{at:010}"), size)?;
    Ok(call.answer(|xml| {
        xml.members("Metrics", &page.items, |xml, (_, metric)| {
            xml.text("Namespace", &metric.namespace);
            xml.text("MetricName", &metric.name);
            show_dimensions(xml, &metric.dimensions);
        });
        xml.next_token(&page);
    }))
}
