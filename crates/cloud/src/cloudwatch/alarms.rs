//! Alarms on metrics, and their tags.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, CloudAnswer, CloudWatchCall, QueryForm, XmlWriter, format_time, read_dimensions, write_dimensions,
};

/// The page size of `DescribeAlarms`.
const PAGE: usize = 100;
/// Members that are stored and returned unchanged.
const TEXTS: [&str; 18] = [
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
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
    /// The queries of an alarm on an expression, by the names of their members in a form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<BTreeMap<String, String>>,
    pub tags: BTreeMap<String, String>,
    /// What it was set to, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StoredAlarmState>,
}

/// The state of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAlarmState {
    pub value: String,
    pub reason: String,
    pub since: Timestamp,
}

impl StoredAlarm {
    fn is_composite(&self) -> bool {
        self.texts.contains_key("AlarmRule")
    }

    fn state_value(&self) -> &str {
        self.state.as_ref().map_or(INSUFFICIENT, |state| state.value.as_str())
    }

    /// The alarms that it can't be without.
    fn needed_alarms(&self) -> Vec<&str> {
        let rule = self.texts.get("AlarmRule").map(String::as_str).unwrap_or_default();
        // Names are between quotes.
        let named = rule.split('"').skip(1).step_by(2);
        named.chain(self.texts.get("ActionsSuppressor").map(String::as_str)).collect()
    }
}

/// Replaces an existing alarm but keeps its tags and its state.
pub(super) fn put_metric_alarm(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    call.form.required_text("ComparisonOperator")?;
    call.form.required_text("EvaluationPeriods")?;
    put_alarm(call)
}

/// The alarms in the rule, and the one that holds back the actions, have to exist.
pub(super) fn put_composite_alarm(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    call.form.required_text("AlarmRule")?;
    put_alarm(call)
}

fn put_alarm(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let form = call.form;
    let name = form.required_text("AlarmName")?.to_owned();
    let given = |name: &&str| Some(((*name).to_owned(), form.member_text(name)?.to_owned()));
    let known = call.cloudwatch_state().alarms.get(&name);
    let alarm = StoredAlarm {
        arn: call.cx.build_arn("cloudwatch", &format!("alarm:{name}")),
        actions_enabled: form.member_text("ActionsEnabled") != Some("false"),
        updated: call.cx.now,
        texts: TEXTS.iter().filter_map(given).collect(),
        actions: ACTIONS.iter().map(|name| ((*name).to_owned(), form.member_list(name))).collect(),
        dimensions: read_dimensions(form),
        metrics: form.member_structures("Metrics").into_iter().map(QueryForm::into_members).collect(),
        tags: known.map_or_else(|| form.member_tags("Tags"), |alarm| alarm.tags.clone()),
        state: known.and_then(|alarm| alarm.state.clone()),
        name: name.clone(),
    };
    let missing = |needed: &&str| !call.cloudwatch_state().alarms.contains_key(needed);
    if let Some(missing) = alarm.needed_alarms().into_iter().find(missing) {
        let message =
            format!("Could not save the composite alarm as alarms [{missing}] in the alarm rule do not exist");
        return Err(ApiError::bad_request("ValidationError", message));
    }
    call.cloudwatch_state_mut().alarms.insert(name, alarm);
    Ok(call.empty_answer())
}

/// Lasts until the alarm is evaluated, which nothing here does.
pub(super) fn set_alarm_state(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let text = |member: &str| call.form.required_text(member).map(ToOwned::to_owned);
    let (name, value, reason) = (text("AlarmName")?, text("StateValue")?, text("StateReason")?);
    let since = call.cx.now;
    let alarm = call.cloudwatch_state_mut().alarms.get_mut(&name);
    let alarm = alarm.ok_or_else(|| ApiError::new(404, "ResourceNotFound", format!("Unknown alarm: {name}")))?;
    alarm.state = Some(StoredAlarmState { value, reason, since });
    Ok(call.empty_answer())
}

pub(super) fn describe_alarms(call: &CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let (names, prefix) =
        (call.form.member_list("AlarmNames"), call.form.member_text("AlarmNamePrefix").unwrap_or_default());
    // Composite ones are only listed for those who ask.
    let kinds = call.form.member_list("AlarmTypes");
    let is_asked = |alarm: &StoredAlarm| match alarm.is_composite() {
        true => kinds.iter().any(|kind| kind == "CompositeAlarm"),
        false => kinds.is_empty() || kinds.iter().any(|kind| kind == "MetricAlarm"),
    };
    let in_state = |alarm: &StoredAlarm| call.form.member_text("StateValue").is_none_or(|it| it == alarm.state_value());
    let is_wanted =
        |alarm: &&StoredAlarm| is_asked(alarm) && in_state(alarm) && (names.is_empty() || names.contains(&alarm.name));
    let alarms = &call.cloudwatch_state().alarms;
    let size = call.cx.page_size(call.form.member_integer("MaxRecords"), PAGE);
    let page = call.list_page_after(
        |after| alarms.iter_with_prefix_after(prefix, after).map(|(_, alarm)| alarm).filter(is_wanted),
        |alarm| alarm.name.clone(),
        size,
    )?;
    let (composite, plain): (Vec<&StoredAlarm>, Vec<&StoredAlarm>) =
        page.items.iter().copied().partition(|alarm| alarm.is_composite());
    Ok(call.xml_answer(|xml| {
        xml.write_members("CompositeAlarms", composite, write_alarm);
        xml.write_members("MetricAlarms", plain, write_alarm);
        xml.write_next_token(&page);
    }))
}

const INSUFFICIENT: &str = "INSUFFICIENT_DATA";

fn write_alarm(xml: &mut XmlWriter, alarm: &StoredAlarm) {
    xml.write_text("AlarmName", &alarm.name);
    xml.write_text("AlarmArn", &alarm.arn);
    xml.write_text("ActionsEnabled", if alarm.actions_enabled { "true" } else { "false" });
    xml.write_text("AlarmConfigurationUpdatedTimestamp", &format_time(alarm.updated));
    let since = alarm.state.as_ref().map_or(alarm.updated, |state| state.since);
    xml.write_text("StateUpdatedTimestamp", &format_time(since));
    xml.write_text("StateTransitionedTimestamp", &format_time(since));
    xml.write_text("StateValue", alarm.state_value());
    let reason = alarm.state.as_ref().map_or("Unchecked: Initial alarm creation", |state| state.reason.as_str());
    xml.write_text("StateReason", reason);
    for (name, value) in &alarm.texts {
        xml.write_text(name, value);
    }
    for (name, arns) in &alarm.actions {
        xml.write_members(name, arns, |xml, arn| xml.write_raw_text(arn));
    }
    write_dimensions(xml, &alarm.dimensions);
    if !alarm.metrics.is_empty() {
        xml.write_members("Metrics", &alarm.metrics, |xml, query| xml.write_form_members(query));
    }
}

/// If any alarm is missing, none is deleted.
pub(super) fn delete_alarms(call: &mut CloudWatchCall<'_, '_>) -> Result<CloudAnswer, ApiError> {
    let names = call.form.member_list("AlarmNames");
    if let Some(missing) = names.iter().find(|name| !call.cloudwatch_state().alarms.contains_key(name)) {
        return Err(ApiError::new(404, "ResourceNotFound", format!("Unknown alarm: {missing}")));
    }
    let alarms = &call.cloudwatch_state().alarms;
    let depends = |name: &&String| {
        alarms.values().any(|other| other.name != **name && other.needed_alarms().contains(&name.as_str()))
    };
    if let Some(needed) = names.iter().find(depends) {
        let message = format!("Cannot delete {needed} as there are composite alarm(s) depending on it.");
        return Err(ApiError::bad_request("ValidationError", message));
    }
    if names.iter().filter(|name| alarms.get(name).is_some_and(StoredAlarm::is_composite)).count() > 1 {
        return Err(ApiError::bad_request("ValidationError", "Only one composite alarm can be deleted per request."));
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
