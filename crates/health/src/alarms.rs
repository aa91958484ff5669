//! The state of a deployment's alarms: one list for all venues.

use std::collections::BTreeMap;

use deployer_aws::observe::list_alarm_answers;
use deployer_aws::signed::{text_of, time_of};
use deployer_aws::{CallError, SignedClient};
use deployer_core::naming::VenueNames;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// What the alarms of one venue say. [`SHARED_VENUE`](deployer_core::naming::SHARED_VENUE) stands for HubSpot failing at many of
/// them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VenueAlarm {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`, of the alarm that sends the messages.
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The words of the causes that are in alarm, such as `silent`, each with AWS's reason.
    pub causes: BTreeMap<String, String>,
}

impl VenueAlarm {
    /// Whether the venue needs attention.
    pub fn is_raised(&self) -> bool {
        self.state == "ALARM"
    }
}

/// Reads the state of all alarms, by venue. A venue without alarms isn't in it.
///
/// # Errors
/// The list can't be read, or has something other than a time where one belongs.
pub async fn read_alarm_states(
    aws: &SignedClient,
    deployment: &str,
) -> Result<BTreeMap<String, VenueAlarm>, CallError> {
    let answers = list_alarm_answers(aws, deployment).await?;
    let mut venues = BTreeMap::<String, VenueAlarm>::new();
    for (answer, _) in &answers {
        let name = text_of(answer, "AlarmName").unwrap_or_default();
        let Some(rest) = name.strip_prefix(VenueNames::alarm_prefix(deployment).as_str()) else { continue };
        let (venue, cause) = rest.split_once('/').map_or((rest, None), |(venue, cause)| (venue, Some(cause)));
        let state = text_of(answer, "StateValue").unwrap_or_default();
        let alarm = venues.entry(venue.to_owned()).or_default();
        match cause {
            Some(cause) if state == "ALARM" => {
                alarm.causes.insert(cause.to_owned(), text_of(answer, "StateReason").unwrap_or_default().to_owned());
            }
            Some(_) => {}
            None => {
                alarm.state = state.to_owned();
                alarm.since =
                    read_since(answer).map_err(|why| CallError::unexpected("cloudwatch:DescribeAlarms", why))?;
            }
        }
    }
    // The deployment's own has no composite alarm.
    for alarm in venues.values_mut().filter(|alarm| alarm.state.is_empty()) {
        alarm.state = if alarm.causes.is_empty() { "OK" } else { "ALARM" }.to_owned();
    }
    Ok(venues)
}

/// A change of the reason updates the other member, too.
fn read_since(answer: &Value) -> Result<Option<Timestamp>, String> {
    let changed = time_of(answer, "StateTransitionedTimestamp")?;
    changed.map_or_else(|| time_of(answer, "StateUpdatedTimestamp"), |at| Ok(Some(at)))
}
