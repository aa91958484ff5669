//! Composes the digest of a deployment from the logs of its venues and the states of its alarms, and publishes it to the
//! topic of the alarms. It reads nothing in HubSpot: of what waits for a person, it says what came to wait in its time.
//!
//! What can't be read is unknown in the digest. A digest that isn't published fails the invocation, so that Lambda tries again
//! and an alarm is raised.

mod alarms;
pub mod runs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use backon::Retryable;
use futures_util::{StreamExt, stream};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrets::redact_secrets;
use serde_json::{Value, json};
use sync_config::arn::Arn;
use sync_config::chat::ForwardConfig;
use sync_config::digest::{Digest, DigestAlarm, DigestConfig, DigestMessage, DigestVenue, period_words};
use sync_config::mapping::find_timezone;

use crate::clock;
use crate::error::{RunError, Side};
use crate::report::LogSink;
use crate::retry::retry_pauses;
use crate::signed::{AwsCaller, FailedAwsCall, QueryService, element_texts};
use alarms::{VenueAlarms, read_alarms};
use runs::{LogPeriod, RunTally, read_runs};

const SNS: QueryService =
    QueryService { name: "sns", version: "2010-03-31", endpoint_variable: "AWS_ENDPOINT_URL_SNS" };

/// How many logs are read at once.
const LOGS_AT_ONCE: usize = 4;
/// What has to be left of an invocation to read another log, so that what was read is sent.
const RESERVE: Duration = Duration::from_secs(60);
const TRIES: usize = 3;
/// The pause before the first retry; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// What a digest is about that nobody scheduled.
const DAY_HOURS: u32 = 24;

/// Sends the digest.
pub struct DigestSender<'s> {
    /// Makes calls with the function's role.
    pub caller: AwsCaller,
    /// The function's configuration.
    pub config: &'s ForwardConfig,
    /// Its part for the digest.
    pub digest: &'s DigestConfig,
    /// Where it says what it did.
    pub log: &'s LogSink,
}

/// Whether a rule sent this event.
pub fn is_of_schedule(event: &Value) -> bool {
    event["source"] == "aws.events"
}

/// The name of a venue's log group.
fn log_group_name(deployment: &str, venue: &str) -> String {
    format!("/aws/lambda/{deployment}-{venue}")
}

impl DigestSender<'_> {
    /// Composes the digest of the time before the event, and publishes it. What isn't read by `deadline` is unknown.
    ///
    /// # Errors
    /// It wasn't published.
    pub async fn send_digest(&self, event: &Value, deadline: SystemTime) -> Result<Value, RunError> {
        let until = event["time"].as_str().and_then(|time| time.parse().ok()).unwrap_or_else(clock::timestamp);
        let sent = self.compose_and_publish(until, deadline).await;
        match &sent {
            Ok(sent) => (self.log)(&json!({
                "level": "info", "event": "digest", "sent": true, "message_id": sent["message_id"],
                "subject": sent["subject"], "unreadable": sent["unreadable"],
            })),
            Err(error) => (self.log)(&json!({
                "level": "error", "event": "digest", "sent": false,
                "error": { "kind": error.kind_name(), "message": error.to_string() },
            })),
        }
        sent
    }

    async fn compose_and_publish(&self, until: Timestamp, deadline: SystemTime) -> Result<Value, RunError> {
        let topic = &self.digest.topic;
        let arn = Arn::parse_arn(topic)
            .map_err(|_| RunError::Settings(format!("the topic of the digest, {topic}, isn't an ARN")))?;
        let place = (arn.partition, arn.region);
        let (digest, unreadable) = self.compose_digest(place, until, deadline).await;
        // What is sent is passed on, so nothing in it may be secret.
        let DigestMessage { subject, body } = digest.render();
        let (subject, body) = (redact_secrets(&subject), redact_secrets(&body));
        let message_id = self.publish(place, &subject, &body).await?;
        Ok(json!({ "sent": true, "message_id": message_id, "subject": subject, "unreadable": unreadable }))
    }

    /// The digest, and how many parts of it couldn't be read.
    async fn compose_digest(&self, place: (&str, &str), until: Timestamp, deadline: SystemTime) -> (Digest, usize) {
        let DigestConfig { hours, unnamed, blocked, more_blocked, .. } = self.digest;
        let weekday = until.to_zoned(TimeZone::UTC).weekday().to_monday_zero_offset();
        let due = usize::try_from(weekday).ok().and_then(|day| hours.get(day)).copied().filter(|hours| *hours > 0);
        let hours = due.unwrap_or(DAY_HOURS);
        let from = until.checked_sub(SignedDuration::from_hours(i64::from(hours))).unwrap_or(until);
        let alarms = read_alarms(&self.caller, place, &self.config.deployment).await;
        let venues = self.list_venues(alarms.as_ref().ok());
        let named = self.config.venues.len() as u64 + unnamed;
        let more_venues = named.saturating_sub(venues.len() as u64);
        let reading = venues.iter().map(|venue| self.read_venue(place, venue, (from, until), deadline));
        let reading: Vec<_> = stream::iter(reading).buffered(LOGS_AT_ONCE).collect().await;
        let is_paused = |venue: &str| match &alarms {
            Ok(alarms) => {
                let unwatched = self.digest.unwatched.iter().any(|known| known == venue);
                !unwatched && !alarms.get(venue).is_some_and(|alarms| alarms.has_own)
            }
            Err(_) => false,
        };
        let told = venues.iter().zip(reading).map(|(venue, read)| self.tell_venue(venue, is_paused(venue), read));
        let told: Vec<DigestVenue> = told.collect();
        let unreadable = told.iter().filter(|venue| !venue.unknown.is_empty()).count() + usize::from(alarms.is_err());
        let zone = self.digest.timezone.as_deref().and_then(|name| find_timezone(name).ok()).unwrap_or(TimeZone::UTC);
        let zone_name = zone.iana_name().unwrap_or("UTC").to_owned();
        let digest = Digest {
            deployment: self.config.deployment.clone(),
            period: period_words(u64::from(hours) * 60),
            until: format!("{} {zone_name}", until.to_zoned(zone).strftime("%Y-%m-%d %H:%M")),
            waiting_is_now: false,
            venues: told,
            more_venues,
            blocked: blocked.clone(),
            more_blocked: *more_blocked,
            alarms: alarms.ok().map(|alarms| self.raised_alarms(&alarms)),
        };
        (digest, unreadable)
    }

    /// The venues that are set up: those that the configuration names, and those for which there was no room, as long as they
    /// have alarms.
    fn list_venues(&self, alarms: Option<&BTreeMap<String, VenueAlarms>>) -> BTreeSet<String> {
        let named = self.config.venues.keys();
        let watched = alarms.into_iter().flatten().filter(|(_, alarms)| alarms.has_own && self.digest.unnamed > 0);
        named.chain(watched.map(|(venue, _)| venue)).cloned().collect()
    }

    async fn read_venue(
        &self,
        place: (&str, &str),
        venue: &str,
        (from, until): (Timestamp, Timestamp),
        deadline: SystemTime,
    ) -> Result<Option<RunTally>, String> {
        if deadline.duration_since(SystemTime::now()).unwrap_or_default() < RESERVE {
            return Err("there was no time to read its log".to_owned());
        }
        let group = log_group_name(&self.config.deployment, venue);
        let (from_ms, until_ms) = (from.as_millisecond(), until.as_millisecond());
        read_runs(&self.caller, place, LogPeriod { group: &group, from_ms, until_ms }).await
    }

    fn display_name(&self, venue: &str) -> Option<&str> {
        self.config.venues.get(venue).map(String::as_str)
    }

    fn tell_venue(&self, venue: &str, paused: bool, read: Result<Option<RunTally>, String>) -> DigestVenue {
        let (tally, unknown) = match read {
            Ok(Some(tally)) => (Some(tally), String::new()),
            Ok(None) => (None, "nothing is deployed".to_owned()),
            Err(why) => (None, why),
        };
        DigestVenue {
            name: venue.to_owned(),
            display_name: self.display_name(venue).unwrap_or(venue).to_owned(),
            paused,
            runs: tally.map(|tally| tally.runs),
            waiting: tally.map(|tally| tally.waiting),
            unknown,
        }
    }

    fn raised_alarms(&self, alarms: &BTreeMap<String, VenueAlarms>) -> Vec<DigestAlarm> {
        let raised = alarms.iter().filter(|(_, alarms)| alarms.raised || !alarms.causes.is_empty());
        let told = raised.map(|(venue, alarms)| {
            DigestAlarm::from_causes(venue, self.display_name(venue), alarms.causes.iter().map(String::as_str))
        });
        told.collect()
    }

    /// Publishes a message, and returns its id. A response that is lost may mean a second message, which is better than none.
    async fn publish(&self, place: (&str, &str), subject: &str, body: &str) -> Result<String, RunError> {
        let topic = self.digest.topic.as_str();
        let parameters = [("TopicArn", topic), ("Subject", subject), ("Message", body)];
        let xml = (|| self.caller.attempt_query(&SNS, place, "Publish", &parameters))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(FailedAwsCall::is_temporary)
            .await
            .map_err(|failed| publish_error(topic, failed))?;
        Ok(element_texts(&xml, "MessageId").next().unwrap_or_default())
    }
}

fn publish_error(topic: &str, failed: FailedAwsCall) -> RunError {
    let code = match failed {
        FailedAwsCall::Unanswered(message) | FailedAwsCall::Throttled(message) => {
            return RunError::Unavailable { side: Side::Topic, message };
        }
        FailedAwsCall::NotSigned(error) => return error,
        FailedAwsCall::Refused(code) => code,
    };
    let advice = match code.as_str() {
        "NotFound" => "The topic doesn't exist; `deployer apply` creates the deployment's own",
        code if code.starts_with("KMS") => "The topic is encrypted with a key that the function's role may not use",
        "AuthorizationError" | "AccessDenied" => {
            "The function's role may not publish there; `deployer plan` shows what differs from the manifest. The policy of a \
             topic in another account has to let it"
        }
        _ => "`deployer plan` shows what differs from the manifest",
    };
    RunError::Credential {
        side: Side::Topic,
        credential: "the function's role",
        message: format!("{code} for {topic}"),
        advice: advice.to_owned(),
    }
}
