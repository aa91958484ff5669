//! Reading: one file a service, all at once. Everything is listed in bulk where the service has a bulk call.
//!
//! What isn't read: who calls a function from outside of these services (S3 notifications, Cognito, IoT, load balancers,
//! CloudFront, other accounts, programs). Such calls are counted as the function's invocations all the same.

mod alarms;
mod collector;
mod events;
mod http_apis;
mod hubspot;
mod iam;
mod lambda;
mod link;
mod logs;
mod metrics;
mod rest_apis;
mod scheduler;
mod secrets;
mod sfn;
mod sns;
mod sqs;
mod tags;

use aws_smithy_types::DateTime;
use jiff::Timestamp;

pub use hubspot::HubSpotSource;

use super::{AuditInventory, VenueMarks};
use collector::Collector;
use deployer_aws::Aws;
use deployer_core::desired::Scope;

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many days back use is counted, 1 to 455: so long CloudWatch keeps daily values.
    pub days: u32,
    /// By what the manifest's venues are recognised.
    pub venues: Vec<VenueMarks>,
    /// Whether calls are spaced by AWS's quotas. A server on this machine has none.
    pub rate_limited: bool,
}

/// Reads an account's region. `on_progress` is told how many calls were made and how much was found, after each call.
pub async fn read(
    aws: &Aws,
    scope: &Scope,
    hubspot: Option<&HubSpotSource>,
    options: &Options,
    on_progress: &(dyn Fn(u64, usize) + Sync),
) -> AuditInventory {
    let taken_at = Timestamp::now();
    let window =
        Window { from: taken_at - jiff::SignedDuration::from_hours(24 * i64::from(options.days)), to: taken_at };
    let collector = Collector::new(scope, options.rate_limited, on_progress);
    let apis = async {
        // One quota for both.
        rest_apis::read(&aws.apigateway, &collector).await;
        http_apis::read(&aws.apigatewayv2, &collector).await;
    };
    tokio::join!(
        lambda::read(&aws.lambda, &collector, &options.venues),
        events::read(&aws.events, &collector),
        scheduler::read(&aws.scheduler, &collector),
        sqs::read(&aws.sqs, &collector),
        sns::read(&aws.sns, &collector),
        apis,
        sfn::read(&aws.sfn, &collector),
        secrets::read(&aws.secrets, &collector, &window),
        iam::read(&aws.iam, &collector, &window),
        logs::read(&aws.logs, &collector),
        alarms::read(&aws.cloudwatch, &collector),
        hubspot::read(hubspot, &collector),
    );
    link::log_groups(&collector);
    tokio::join!(tags::read(&aws.tagging, &collector), metrics::read(&aws.cloudwatch, &collector, &window));
    link::link(&collector, &options.venues);
    let gathered = collector.into_gathered();
    AuditInventory {
        account: scope.account.clone(),
        region: scope.region.clone(),
        taken_at,
        days: options.days,
        nodes: gathered.nodes.into_values().collect(),
        edges: gathered.edges.into_iter().collect(),
        unread: gathered.unread.into_iter().collect(),
        calls: gathered.calls,
    }
}

/// The time in which use counts.
struct Window {
    from: Timestamp,
    to: Timestamp,
}

fn time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(at?.secs()).ok()
}

/// The day of a time, as `2026-11-26`, in UTC.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
