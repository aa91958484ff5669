//! Which alarms of the deployment are raised.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backon::Retryable;

use crate::retry::retry_pauses;
use crate::signed::{AwsCaller, FailedAwsCall, QueryService, element_texts};

const CLOUDWATCH: QueryService =
    QueryService { name: "monitoring", version: "2010-08-01", endpoint_variable: "AWS_ENDPOINT_URL_CLOUDWATCH" };

const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// Most pages of one list, of a hundred alarms each.
const MOST_PAGES: usize = 200;

/// The alarms of one venue, or those of all venues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VenueAlarms {
    /// Whether it has one that sends messages for all of its causes. A paused venue has none.
    pub has_own: bool,
    /// Whether that one is raised.
    pub raised: bool,
    /// The words of the causes that are in alarm.
    pub causes: BTreeSet<String>,
}

/// Reads the alarms of a deployment, by venue: those that send messages in any state, and the causes that are in alarm.
///
/// # Errors
/// Why they can't be read.
pub async fn read_alarms(
    caller: &AwsCaller,
    place: (&str, &str),
    deployment: &str,
) -> Result<BTreeMap<String, VenueAlarms>, String> {
    let prefix = format!("{deployment}/");
    let mut venues = BTreeMap::<String, VenueAlarms>::new();
    for (name, state) in list_alarms(caller, place, &[("AlarmTypes.member.1", "CompositeAlarm")], &prefix).await? {
        if let Some(venue) = name.strip_prefix(&prefix).filter(|venue| !venue.contains('/')) {
            let alarms = venues.entry(venue.to_owned()).or_default();
            (alarms.has_own, alarms.raised) = (true, state == "ALARM");
        }
    }
    let in_alarm = [("AlarmTypes.member.1", "MetricAlarm"), ("StateValue", "ALARM")];
    for (name, _) in list_alarms(caller, place, &in_alarm, &prefix).await? {
        if let Some((venue, cause)) = name.strip_prefix(&prefix).and_then(|rest| rest.split_once('/')) {
            venues.entry(venue.to_owned()).or_default().causes.insert(cause.to_owned());
        }
    }
    Ok(venues)
}

/// Names and states.
async fn list_alarms(
    caller: &AwsCaller,
    place: (&str, &str),
    filter: &[(&str, &str)],
    prefix: &str,
) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut parameters = filter.to_vec();
        parameters.extend([("AlarmNamePrefix", prefix), ("MaxRecords", "100")]);
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let xml = (|| caller.attempt_query(&CLOUDWATCH, place, "DescribeAlarms", &parameters))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(FailedAwsCall::is_temporary)
            .await
            .map_err(|failed| failed.reason())?;
        // Each alarm has one of either.
        found.extend(element_texts(&xml, "AlarmName").zip(element_texts(&xml, "StateValue")));
        token = element_texts(&xml, "NextToken").next().filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
    Err("there are too many of them".to_owned())
}
