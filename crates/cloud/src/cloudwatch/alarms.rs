//! Alarms on metrics, and their tags.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, ApiError, Call, Xml, dimensions, show_dimensions, time};

/// The page size of `DescribeAlarms`.
const PAGE: usize = 100;
/// Members that are stored and returned unchanged.
const TEXTS: [&str; 14] = [
    "AlarmDescription",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "ThresholdMetricId",
];
/// The actions on a change of the alarm's state.
const ACTIONS: [&str; 3] = ["OKActions", "AlarmActions", "InsufficientDataActions"];

/// An alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub name: String,
    pub arn: String,
    pub actions_enabled: bool,
    pub updated: Timestamp,
    /// String and number members of `PutMetricAlarm`, by name.
    pub texts: BTreeMap<String, String>,
    /// ARNs, by member of `PutMetricAlarm`.
    pub actions: BTreeMap<String, Vec<String>>,
    pub dimensions: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// Replaces an existing alarm but keeps its tags.
pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let form = call.form;
    let name = form.required("AlarmName")?.to_owned();
    form.required("ComparisonOperator")?;
    form.required("EvaluationPeriods")?;
    if !form.structures("Metrics").is_empty() {
        return Err(ApiError::new(
            501,
            "NotImplemented",
            "the local cloud does not support alarms on metric expressions",
        ));
    }
    let given = |name: &&str| Some(((*name).to_owned(), form.text(name)?.to_owned()));
    let alarm = Alarm {
        arn: call.cx.arn("cloudwatch", &format!("alarm:{name}")),
        actions_enabled: form.text("ActionsEnabled") != Some("false"),
        updated: call.cx.now,
        texts: TEXTS.iter().filter_map(given).collect(),
        actions: ACTIONS.iter().map(|name| ((*name).to_owned(), form.list(name))).collect(),
        dimensions: dimensions(form),
        tags: call.state().alarms.get(&name).map_or_else(|| form.tags("Tags"), |alarm| alarm.tags.clone()),
        name: name.clone(),
    };
    call.state_mut().alarms.insert(name, alarm);
    Ok(call.done())
}

pub(super) fn describe(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let (names, prefix) = (call.form.list("AlarmNames"), call.form.text("AlarmNamePrefix").unwrap_or_default());
    // Alarms are never evaluated, so each one has too little data.
    let state = call.form.text("StateValue").is_none_or(|state| state == INSUFFICIENT);
    let kinds = call.form.list("AlarmTypes");
    let wanted = state && (kinds.is_empty() || kinds.iter().any(|kind| kind == "MetricAlarm"));
    let alarms =
        call.state().alarms.values().filter(|alarm| {
            wanted && alarm.name.starts_with(prefix) && (names.is_empty() || names.contains(&alarm.name))
        });
    let size = call.cx.page_size(call.form.integer("MaxRecords"), PAGE);
    let page = call.page(alarms, |alarm| alarm.name.clone(), size)?;
    Ok(call.answer(|xml| {
        xml.element("CompositeAlarms", |_| ());
        xml.members("MetricAlarms", &page.items, |xml, alarm| show(xml, alarm));
        xml.next_token(&page);
    }))
}

const INSUFFICIENT: &str = "INSUFFICIENT_DATA";

fn show(xml: &mut Xml, alarm: &Alarm) {
    xml.text("AlarmName", &alarm.name);
    xml.text("AlarmArn", &alarm.arn);
    xml.text("ActionsEnabled", if alarm.actions_enabled { "true" } else { "false" });
    xml.text("AlarmConfigurationUpdatedTimestamp", &time(alarm.updated));
    xml.text("StateUpdatedTimestamp", &time(alarm.updated));
    xml.text("StateValue", INSUFFICIENT);
    xml.text("StateReason", "Unchecked: Initial alarm creation");
    for (name, value) in &alarm.texts {
        xml.text(name, value);
    }
    for (name, arns) in &alarm.actions {
        xml.members(name, arns, |xml, arn| xml.raw(arn));
    }
    show_dimensions(xml, &alarm.dimensions);
}

/// If any alarm is missing, none is deleted.
pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let names = call.form.list("AlarmNames");
    if let Some(missing) = names.iter().find(|name| !call.state().alarms.contains_key(*name)) {
        return Err(ApiError::new(404, "ResourceNotFound", format!("Unknown alarm: {missing}")));
    }
    call.state_mut().alarms.retain(|name, _| !names.contains(name));
    Ok(call.done())
}

/// A missing alarm is not an error.
pub(super) fn enable_actions(call: &mut Call<'_, '_>, enabled: bool) -> Result<Answer, ApiError> {
    for name in call.form.list("AlarmNames") {
        if let Some(alarm) = call.state_mut().alarms.get_mut(&name) {
            alarm.actions_enabled = enabled;
        }
    }
    Ok(call.done())
}

/// The name of the alarm that `ResourceARN` names.
fn tagged(call: &Call<'_, '_>) -> Result<String, ApiError> {
    let arn = call.form.required("ResourceARN")?;
    let found = call.state().alarms.values().find(|alarm| alarm.arn == arn);
    found
        .map(|alarm| alarm.name.clone())
        .ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", format!("The resource {arn} does not exist.")))
}

pub(super) fn list_tags(call: &Call<'_, '_>) -> Result<Answer, ApiError> {
    let name = tagged(call)?;
    let none = BTreeMap::new();
    let tags = call.state().alarms.get(&name).map_or(&none, |alarm| &alarm.tags);
    Ok(call.answer(|xml| xml.tags("Tags", tags)))
}

pub(super) fn tag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let tags = call.form.tags("Tags");
    change_tags(call, |all| all.extend(tags))
}

pub(super) fn untag(call: &mut Call<'_, '_>) -> Result<Answer, ApiError> {
    let keys = call.form.list("TagKeys");
    change_tags(call, |all| all.retain(|key, _| !keys.contains(key)))
}

fn change_tags(
    call: &mut Call<'_, '_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Answer, ApiError> {
    let name = tagged(call)?;
    if let Some(alarm) = call.state_mut().alarms.get_mut(&name) {
        change(&mut alarm.tags);
    }
    Ok(call.answer(|_| ()))
}
