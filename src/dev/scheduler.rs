//! Fires the rules and the schedules of the embedded cloud as EventBridge and its Scheduler do: the enabled ones, each at its
//! times. The embedded cloud itself fires none.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use deployer_aws::Aws;
use deployer_aws::observe::read_firing;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Manifest, ScheduleExpression, format_duration};
use deployer_core::naming::VenueNames;

/// When each venue's rule fires next.
pub struct RuleScheduler {
    every: Option<Duration>,
    rules: Mutex<BTreeMap<String, FiringRule>>,
    /// Wakes the loop when the rules have changed.
    changed: Notify,
}

/// An enabled rule, or an enabled schedule.
#[derive(Debug, Clone)]
struct FiringRule {
    schedule: ScheduleExpression,
    enabled: Timestamp,
    /// `None` once the schedule has ended.
    next: Option<Timestamp>,
    /// The event of a schedule. A rule sends its own.
    input: Option<String>,
}

impl RuleScheduler {
    /// Reads the rules. Each enabled rule is due at once, so that nobody waits for the first run, and then on its
    /// schedule, or at the interval `every`.
    ///
    /// # Errors
    /// A rule can't be read or has an invalid schedule.
    pub async fn read_rules(aws: &Aws, manifest: &Manifest, every: Option<Duration>) -> Result<Self> {
        let enabled = Timestamp::now();
        let mut rules = BTreeMap::new();
        let deployment = &manifest.deployment.name;
        let scheduled = manifest.scheduled_venues();
        for venue in &manifest.venues {
            let names = VenueNames::new(deployment, &venue.name);
            let by_schedule = scheduled.contains(venue.name.as_str());
            let what = if by_schedule { "schedule" } else { "rule" };
            let name = &names.rule;
            let firing = read_firing(aws, deployment, &names, by_schedule).await.map_err(|error| {
                Error::failed(ErrorCode::Dev, format!("could not read {what} {name}")).caused_by(&error)
            })?;
            // A blocked venue has neither.
            let Some(firing) = firing.filter(|firing| firing.enabled) else { continue };
            let schedule = ScheduleExpression::parse_expression(&firing.schedule).map_err(|flaw| {
                Error::failed(ErrorCode::Dev, format!("{what} {name}: {}: {}", firing.schedule, flaw.message))
            })?;
            let schedule = match &firing.timezone {
                Some(zone) => schedule.in_zone(zone),
                None => schedule,
            };
            let input = firing.input;
            rules.insert(venue.name.clone(), FiringRule { schedule, enabled, next: Some(enabled), input });
        }
        Ok(Self { every, rules: Mutex::new(rules), changed: Notify::new() })
    }

    /// Takes over rules that were read later. One that hasn't changed stays due when it was.
    pub fn adopt_rules(&self, read: Self) {
        let mut rules = self.rules.lock();
        let mut now = read.rules.into_inner();
        for (venue, rule) in &mut now {
            if let Some(known) = rules.get(venue).filter(|known| known.schedule == rule.schedule) {
                rule.clone_from(known);
            }
        }
        *rules = now;
        drop(rules);
        self.changed.notify_one();
    }

    /// The venues whose rules are enabled.
    pub fn enabled_venues(&self) -> Vec<String> {
        self.rules.lock().keys().cloned().collect()
    }

    /// How often every rule fires, if an interval replaces the schedules.
    pub fn interval(&self) -> Option<Duration> {
        self.every
    }

    /// The same, for people.
    pub fn interval_text(&self) -> Option<String> {
        self.every.map(|every| format_duration(every.as_secs()))
    }

    /// The event that a venue's schedule sends, before Scheduler fills it in; `None` if a rule starts its runs.
    pub fn schedule_input(&self, venue: &str) -> Option<String> {
        self.rules.lock().get(venue)?.input.clone()
    }

    /// When a venue's rule fires next.
    pub fn next_run(&self, venue: &str) -> Option<Timestamp> {
        self.rules.lock().get(venue)?.next
    }

    /// Calls `fire` for each venue that is due, until `shutdown`.
    pub async fn fire_due_rules(&self, shutdown: &CancellationToken, fire: impl Fn(&str)) {
        loop {
            let now = Timestamp::now();
            for venue in self.take_due_venues(now) {
                fire(&venue);
            }
            let earliest = self.rules.lock().values().filter_map(|rule| rule.next).min();
            let due = async {
                match earliest {
                    Some(at) => {
                        sleep(Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.changed.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Returns the venues that are due, and sets when each is due next.
    fn take_due_venues(&self, now: Timestamp) -> Vec<String> {
        let mut rules = self.rules.lock();
        let is_due = |rule: &FiringRule| rule.next.is_some_and(|at| at <= now);
        let mut due = Vec::new();
        for (venue, rule) in rules.iter_mut().filter(|(_, rule)| is_due(rule)) {
            due.push(venue.clone());
            rule.next = match self.every {
                Some(every) => SignedDuration::try_from(every).ok().and_then(|every| now.checked_add(every).ok()),
                None => rule.schedule.next_after(now, rule.enabled),
            };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deployer_cloud::{ApiError, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
    use deployer_core::manifest::parse_manifest;

    use super::*;

    const MANIFEST: &str = r#"
[deployment]
name = "sync"
region = "us-east-1"

[venues.a]
display_name = "A"

[venues.a.secrets]
hubspot_token = "env:TOKEN"
tripleseat_public_key = "env:KEY"

[venues.a.destination]
kind = "tripleseat"
"#;

    #[tokio::test]
    async fn a_rule_that_cannot_be_read_does_not_count_as_disabled() {
        let manifest = parse_manifest(MANIFEST, "venues.toml").expect("valid").manifest;
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let none = RuleScheduler::read_rules(&aws, &manifest, None).await.expect("there is no rule");
        assert_eq!(none.enabled_venues().len(), 0);
        let rule = aws.events.put_rule().name("sync-a-schedule").schedule_expression("rate(1 minute)");
        rule.send().await.expect("put");
        let one = RuleScheduler::read_rules(&aws, &manifest, None).await.expect("the rule is readable");
        assert_eq!(one.enabled_venues(), ["a"]);
        cloud.set_faults(Some(Arc::new(|_| {
            let denied = ApiError::new(403, "AccessDeniedException", "not authorized");
            Some(InjectedFault::Before(CloudFault::Error(denied)))
        })));
        let error = RuleScheduler::read_rules(&aws, &manifest, None).await.err().expect("the rule is unreadable");
        assert!(error.to_string().contains("could not read rule sync-a-schedule"), "{error}");
    }

    #[tokio::test]
    async fn fires_schedules_in_their_time_zones() {
        let text = MANIFEST.replace("region =", "scheduler = \"scheduler\"\nregion =");
        let manifest = parse_manifest(&text, "venues.toml").expect("valid").manifest;
        let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let trust = serde_json::json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "scheduler.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let role = aws.iam.create_role().role_name("r").assume_role_policy_document(trust.to_string());
        let role = role.send().await.expect("a role").role.expect("a role").arn;
        let post = |path: &[&str], body: serde_json::Value| {
            let request = deployer_aws::signed::RestRequest::new("scheduler:CreateSchedule", http::Method::POST, path);
            aws.signed.send(request.with_body(&body))
        };
        post(&["schedule-groups", "sync-schedules"], serde_json::json!({})).await.expect("a group");
        let schedule = serde_json::json!({
            "GroupName": "sync-schedules", "ScheduleExpression": "cron(0 8 * * ? *)",
            "ScheduleExpressionTimezone": "Asia/Tokyo", "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": { "Arn": "arn:aws:lambda:us-east-1:123456789012:function:sync-a:live", "RoleArn": role, "Input": "{}" },
        });
        post(&["schedules", "sync-a-schedule"], schedule).await.expect("a schedule");
        let read = RuleScheduler::read_rules(&aws, &manifest, None).await.expect("the schedule is readable");
        assert_eq!((read.enabled_venues(), read.schedule_input("a")), (vec!["a".to_owned()], Some("{}".to_owned())));
        read.take_due_venues(Timestamp::now());
        let next = read.next_run("a").expect("it fires again").to_zoned(jiff::tz::TimeZone::UTC);
        assert_eq!((next.hour(), next.minute()), (23, 0), "eight in the morning in Tokyo");
    }
}
