//! Alarms on metrics, and their tags.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ApiError, CloudAnswer, CloudWatchCall, XmlWriter, format_time, read_dimensions, write_dimensions};

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
pub struct StoredAlarm {
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
pub(super) fn put_metric_alarm(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let form = call.form;
    let name = form.required_text("AlarmName")?.to_owned();
    form.required_text("ComparisonOperator")?;
    form.required_text("EvaluationPeriods")?;
    if !form.member_structures("Metrics").is_empty() {
        return Err(ApiError::new(
            501,
            "NotImplemented",
            "the local cloud does not support alarms on metric expressions",
        ));
    }
    let given = |name: &&str| Some(((*name).to_owned(), form.member_text(name)?.to_owned()));
    let alarm = StoredAlarm {
        arn: call.cx.build_arn("cloudwatch", &format!("alarm:{name}")),
        actions_enabled: form.member_text("ActionsEnabled") != Some("false"),
        updated: call.cx.now,
        texts: TEXTS.iter().filter_map(given).collect(),
        actions: ACTIONS.iter().map(|name| ((*name).to_owned(), form.member_list(name))).collect(),
        dimensions: read_dimensions(form),
        tags: call
            .cloudwatch_state()
            .alarms
            .get(&name)
            .map_or_else(|| form.member_tags("Tags"), |alarm| alarm.tags.clone()),
        name: name.clone(),
    };
    call.cloudwatch_state_mut().alarms.insert(name, alarm);
    Ok(call.empty_answer())
}

pub(super) fn describe_alarms(call: &CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let (names, prefix) =
        (call.form.member_list("AlarmNames"), call.form.member_text("AlarmNamePrefix").unwrap_or_default());
    // Alarms are never evaluated, so each one has too little data.
    let state = call.form.member_text("StateValue").is_none_or(|state| state == INSUFFICIENT);
    let kinds = call.form.member_list("AlarmTypes");
    let wanted = state && (kinds.is_empty() || kinds.iter().any(|kind| kind == "MetricAlarm"));
    let is_wanted = |alarm: &&StoredAlarm| wanted && (names.is_empty() || names.contains(&alarm.name));
    let alarms = &call.cloudwatch_state().alarms;
    let size = call.cx.page_size(call.form.member_integer("MaxRecords"), PAGE);
    let page = call.list_page_after(
        |after| alarms.iter_with_prefix_after(prefix, after).map(|(_, alarm)| alarm).filter(is_wanted),
        |alarm| alarm.name.clone(),
        size,
    )?;
    Ok(call.xml_answer(|xml| {
        xml.write_element("CompositeAlarms", |_| ());
        xml.write_members("MetricAlarms", &page.items, |xml, alarm| write_alarm(xml, alarm));
        xml.write_next_token(&page);
    }))
}

const INSUFFICIENT: &str = "INSUFFICIENT_DATA";

fn write_alarm(xml: &mut XmlWriter, alarm: &StoredAlarm) {
    xml.write_text("AlarmName", &alarm.name);
    xml.write_text("AlarmArn", &alarm.arn);
    xml.write_text("ActionsEnabled", if alarm.actions_enabled { "true" } else { "false" });
    xml.write_text("AlarmConfigurationUpdatedTimestamp", &format_time(alarm.updated));
    xml.write_text("StateUpdatedTimestamp", &format_time(alarm.updated));
    xml.write_text("StateValue", INSUFFICIENT);
    xml.write_text("StateReason", "Unchecked: Initial alarm creation");
    for (name, value) in &alarm.texts {
        xml.write_text(name, value);
    }
    for (name, arns) in &alarm.actions {
        xml.write_members(name, arns, |xml, arn| xml.write_raw_text(arn));
    }
    write_dimensions(xml, &alarm.dimensions);
}

/// If any alarm is missing, none is deleted.
pub(super) fn delete_alarms(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let names = call.form.member_list("AlarmNames");
    if let Some(missing) = names.iter().find(|name| !call.cloudwatch_state().alarms.contains_key(name)) {
        return Err(ApiError::new(404, "ResourceNotFound", format!("Unknown alarm: {missing}")));
    }
    for name in &names {
        call.cloudwatch_state_mut().alarms.remove(name);
    }
    Ok(call.empty_answer())
}

/// A missing alarm is not an error.
pub(super) fn set_alarm_actions_enabled(
    call: &mut CloudWatchCall<'_, '_>,
    enabled: bool,
) -> Result<CloudAnswer, ApiError> {
    for name in call.form.member_list("AlarmNames") {
        if let Some(alarm) = call.cloudwatch_state_mut().alarms.get_mut(&name) {
            alarm.actions_enabled = enabled;
        }
    }
    Ok(call.empty_answer())
}

/// The name of the alarm that `ResourceARN` names.
fn tagged_alarm_name(call: &CloudWatchCall<'_, '_>) -> Result<String, ApiError> {
    let arn = call.form.required_text("ResourceARN")?;
    let name = arn.rsplit_once(":alarm:").map_or(arn, |(_, name)| name);
    let found = call.cloudwatch_state().alarms.get(name).filter(|alarm| alarm.arn == arn);
    found
        .map(|alarm| alarm.name.clone())
        .ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", format!("The resource {arn} does not exist.")))
}

pub(super) fn list_tags_for_resource(call: &CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let name = tagged_alarm_name(call)?;
    let none = BTreeMap::new();
    let tags = call.cloudwatch_state().alarms.get(&name).map_or(&none, |alarm| &alarm.tags);
    Ok(call.xml_answer(|xml| xml.write_tags("Tags", tags)))
}

pub(super) fn tag_resource(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let tags = call.form.member_tags("Tags");
    change_tags(call, |all| all.extend(tags))
}

pub(super) fn untag_resource(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let keys = call.form.member_list("TagKeys");
    change_tags(call, |all| all.retain(|key, _| !keys.contains(key)))
}

fn change_tags(
    call: &mut CloudWatchCall<'_, '_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<CloudAnswer, ApiError> {
    let name = tagged_alarm_name(call)?;
    if let Some(alarm) = call.cloudwatch_state_mut().alarms.get_mut(&name) {
        change(&mut alarm.tags);
    }
    Ok(call.xml_answer(|_| ()))
}
