//! Reads an account: one file per service, all services at the same time, with bulk calls where a service has them.
//!
//! [`super::sources`] has the table of everything that can reach something, and of the calls that show it. What isn't read
//! (another account, a program with a role) is known from policies and from IAM.

mod alarms;
mod callers;
mod collector;
mod events;
mod http_apis;
mod hubspot;
mod iam;
mod lambda;
mod link;
mod logs;
mod metrics;
pub(super) mod policy;
mod progress;
mod regions;
mod rest_apis;
mod scheduler;
mod secrets;
mod sfn;
mod sns;
mod sqs;
mod tags;
mod trail;

use aws_smithy_types::DateTime;
use jiff::Timestamp;
use serde_json::Value;

use callers::items_at as callers_items;
pub use hubspot::HubSpotSource;
pub use progress::AuditProgress;

use super::{AuditInventory, VenueMarks};
use collector::Collector;
use deployer_aws::Aws;
use deployer_core::scope::Scope;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many days back use is counted, 1 to 455: CloudWatch keeps daily values for that long.
    pub days: u32,
    /// How to recognize the manifest's venues.
    pub venues: Vec<VenueMarks>,
    /// Whether functions of the account's other regions are listed: roles belong to all regions.
    pub all_regions: bool,
    /// Whether calls stay below AWS's quotas. A server on this machine has none.
    pub rate_limited: bool,
}

/// Reads one region of an account. After each call, `on_progress` gets how far it is.
pub async fn read(
    aws: &Aws,
    scope: &Scope,
    hubspot: Option<&HubSpotSource>,
    options: &Options,
    on_progress: &(dyn Fn(AuditProgress) + Sync),
) -> AuditInventory {
    let taken_at = Timestamp::now();
    let window =
        Window { from: taken_at - jiff::SignedDuration::from_hours(24 * i64::from(options.days)), to: taken_at };
    let collector = Collector::new(scope, options.rate_limited, on_progress);
    let apis = async {
        // Both share one quota.
        rest_apis::read_rest_apis(&aws.signed, &collector).await;
        http_apis::read_http_apis(&aws.signed, &collector).await;
    };
    tokio::join!(
        lambda::read_functions(&aws.lambda, &collector, &options.venues),
        events::read_rules(&aws.events, &collector),
        scheduler::read_schedules(&aws.signed, &collector),
        sqs::read_queues(&aws.signed, &collector),
        sns::read_topics(&aws.signed, &collector),
        apis,
        sfn::read_state_machines(&aws.signed, &collector),
        secrets::read_secrets(&aws.secrets, &collector, &window),
        iam::read_identities(&aws.iam, &collector, &window),
        logs::read_log_groups(&aws.signed, &collector),
        alarms::read_alarms(&aws.signed, &collector),
        hubspot::read_hubspot(hubspot, &collector),
        callers::read_callers(&aws.signed, &collector),
        async {
            if options.all_regions {
                regions::read_other_regions(&aws.signed, &collector).await;
            }
        },
    );
    link::drop_log_groups(&collector);
    tokio::join!(
        tags::read_tags(&aws.signed, &collector),
        metrics::read_uses(&aws.signed, &collector, &window),
        trail::read_ages(&aws.signed, &collector, &window),
        logs::read_subscriptions(&aws.signed, &collector),
    );
    link::link_all(&collector, &options.venues);
    let gathered = collector.into_gathered();
    AuditInventory {
        account: scope.account.clone(),
        region: scope.region.clone(),
        taken_at,
        days: options.days,
        nodes: gathered.nodes.into_values().collect(),
        edges: gathered.edges.into_iter().collect(),
        grants: gathered.grants.into_iter().collect(),
        unread: gathered.unread.into_iter().collect(),
        calls: gathered.calls,
    }
}

impl Window {
    /// Whether a time is in it.
    fn contains(&self, at: Timestamp) -> bool {
        at >= self.from
    }
}

/// The period in which use is counted.
struct Window {
    from: Timestamp,
    to: Timestamp,
}

/// A generated client's time, in whole seconds.
fn sdk_time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(at?.secs()).ok()
}

/// The queue in a redrive policy of SQS or SNS, which is JSON in a text.
///
/// # Errors
/// The policy is not JSON, so where failed messages go is unknown.
fn dead_letter_queue(policy: Option<&str>) -> Result<Option<String>, String> {
    let Some(policy) = policy else { return Ok(None) };
    let policy: Value = serde_json::from_str(policy).map_err(|error| format!("RedrivePolicy is not JSON: {error}"))?;
    Ok(policy["deadLetterTargetArn"].as_str().map(ToOwned::to_owned))
}

/// The day of a time, such as `2026-11-26`, in UTC.
fn format_day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_must_be_json() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:dead","maxReceiveCount":3}"#;
        assert_eq!(dead_letter_queue(Some(policy)), Ok(Some("arn:aws:sqs:us-east-1:1:dead".to_owned())));
        assert_eq!(dead_letter_queue(None), Ok(None));
        assert!(dead_letter_queue(Some("{")).is_err_and(|why| why.contains("not JSON")));
    }
}
