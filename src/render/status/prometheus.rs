//! The status in Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! What is unknown has no sample, so that an alert on its absence can be told from a zero.

use std::fmt::Write;

use deployer_health::status::{
    ContactCounts, Overview, SharedAttempt, VenueDrift, VenueHealth, VenueOverview, VenueRun,
};
use jiff::Timestamp;

/// A metric of which each venue has one sample at most.
struct VenueMetric {
    name: &'static str,
    help: &'static str,
    value: fn(&VenueOverview) -> Option<f64>,
}

/// All are gauges: a count of the period's runs falls when old runs leave it.
const METRICS: [VenueMetric; 17] = [
    VenueMetric {
        name: "deployer_venue_healthy",
        help: "Whether an active venue does its work: 1 yes, 0 no. Paused and blocked venues have no sample.",
        value: |status| match status.health {
            VenueHealth::Healthy => Some(1.0),
            VenueHealth::Unhealthy => Some(0.0),
            VenueHealth::Idle | VenueHealth::Unknown => None,
        },
    },
    VenueMetric {
        name: "deployer_venue_last_run_timestamp_seconds",
        help: "When the last run ended.",
        value: |status| status.last_run().map(|run| unix_seconds(run.ended_at)),
    },
    VenueMetric {
        name: "deployer_venue_last_success_timestamp_seconds",
        help: "When the last run that succeeded ended.",
        value: |status| status.runs.as_present()?.last_good.as_ref().map(|run| unix_seconds(run.ended_at)),
    },
    VenueMetric {
        name: "deployer_venue_next_run_timestamp_seconds",
        help: "When the rule fires next.",
        value: |status| status.next_run.map(unix_seconds),
    },
    VenueMetric {
        name: "deployer_venue_last_run_duration_seconds",
        help: "How long the last run took.",
        value: |status| Some(status.last_run()?.duration_ms? as f64 / 1000.0),
    },
    VenueMetric {
        name: "deployer_venue_last_run_failed",
        help: "Whether the last run failed: 1 yes, 0 no.",
        value: |status| status.last_run().map(|run| f64::from(u8::from(run.error.is_some()))),
    },
    VenueMetric {
        name: "deployer_venue_backlog_contacts",
        help: "Contacts that the last run left for the next one.",
        value: |status| status.last_run().map(|run| run.backlog as f64),
    },
    VenueMetric {
        name: "deployer_venue_oldest_flag_timestamp_seconds",
        help: "When the oldest flag that is still set was set. No sample if none is set.",
        value: |status| status.last_run().and_then(VenueRun::oldest_flag_set_at).map(unix_seconds),
    },
    VenueMetric {
        name: "deployer_venue_runs",
        help: "Runs of the period.",
        value: |status| status.runs.as_present().map(|runs| runs.count as f64),
    },
    VenueMetric {
        name: "deployer_venue_runs_failed",
        help: "Runs of the period that failed.",
        value: |status| status.runs.as_present().map(|runs| runs.failed_runs as f64),
    },
    VenueMetric {
        name: "deployer_venue_contacts_synced",
        help: "Contacts that became leads in the period.",
        value: |status| status.runs.as_present().map(|runs| runs.synced as f64),
    },
    VenueMetric {
        name: "deployer_venue_contacts_failed",
        help: "Contacts that were refused in the period.",
        value: |status| status.runs.as_present().map(|runs| runs.failed as f64),
    },
    VenueMetric {
        name: "deployer_venue_contacts_needs_review",
        help: "Contacts that came to need review in the period.",
        value: |status| status.runs.as_present().map(|runs| runs.needs_review as f64),
    },
    VenueMetric {
        name: "deployer_venue_contacts_open_failed",
        help: "Contacts that are refused now, by HubSpot's count.",
        value: |status| match status.contacts {
            ContactCounts::Counted { failed, .. } => Some(failed as f64),
            ContactCounts::NotAsked(_) | ContactCounts::Unreadable(_) => None,
        },
    },
    VenueMetric {
        name: "deployer_venue_contacts_open_needs_review",
        help: "Contacts that need review now, by HubSpot's count.",
        value: |status| match status.contacts {
            ContactCounts::Counted { needs_review, .. } => Some(needs_review as f64),
            ContactCounts::NotAsked(_) | ContactCounts::Unreadable(_) => None,
        },
    },
    VenueMetric {
        name: "deployer_venue_drift_resources",
        help: "Resources that differ from the manifest.",
        value: |status| match status.drift {
            VenueDrift::Matches => Some(0.0),
            VenueDrift::Differs(count) => Some(count as f64),
            VenueDrift::Unknown(_) => None,
        },
    },
    VenueMetric {
        name: "deployer_venue_alarms_raised",
        help: "Alarms of the venue that are raised.",
        value: |status| status.alarms.as_present().map(|raised| raised.len() as f64),
    },
];

/// All metrics of all venues.
pub fn status_metrics(overview: &Overview) -> String {
    let mut out = String::new();
    let deployment = label_value(&overview.deployment);
    for metric in &METRICS {
        write_head(&mut out, metric.name, metric.help);
        for status in &overview.venues {
            if let Some(value) = (metric.value)(status) {
                let venue = label_value(&status.venue.name);
                let name = metric.name;
                let _ = writeln!(out, "{name}{{deployment=\"{deployment}\",venue=\"{venue}\"}} {value}");
            }
        }
    }
    let standings = "deployer_venue_info";
    write_head(&mut out, standings, "The venue's standing, schedule and live version, always 1.");
    for status in &overview.venues {
        let venue = label_value(&status.venue.name);
        let standing = serde_json::to_value(status.standing).unwrap_or_default();
        let standing = label_value(standing.as_str().unwrap_or_default());
        let version = status.function.as_present().and_then(|function| function.version.as_deref());
        let version = label_value(version.unwrap_or_default());
        let _ = writeln!(
            out,
            "{standings}{{deployment=\"{deployment}\",venue=\"{venue}\",standing=\"{standing}\",version=\"{version}\"}} 1"
        );
    }
    write_shared(&mut out, overview, &deployment);
    let unreadable = "deployer_status_unreadable";
    write_head(&mut out, unreadable, "Parts of the status that are unreadable.");
    let _ = writeln!(out, "{unreadable}{{deployment=\"{deployment}\"}} {}", overview.unreadable_reasons().len());
    let read_at = "deployer_status_timestamp_seconds";
    write_head(&mut out, read_at, "When the status was read.");
    let _ = writeln!(out, "{read_at}{{deployment=\"{deployment}\"}} {}", unix_seconds(overview.made_at));
    out
}

/// The metrics of the function of all venues, where there is one.
fn write_shared(out: &mut String, overview: &Overview, deployment: &str) {
    let Some(shared) = &overview.shared else { return };
    let history = shared.history();
    let failed = |last: Option<&SharedAttempt>| last.map(|last| f64::from(u8::from(last.error.is_some())));
    let metrics = [
        (
            "deployer_shared_healthy",
            "Whether messages reach the chats and the digest is sent: 1 yes, 0 no.",
            match shared.health {
                VenueHealth::Healthy => Some(1.0),
                VenueHealth::Unhealthy => Some(0.0),
                VenueHealth::Idle | VenueHealth::Unknown => None,
            },
        ),
        (
            "deployer_digest_last_success_timestamp_seconds",
            "When a digest was last sent by its rule.",
            history.and_then(|history| history.last_good_digest).map(unix_seconds),
        ),
        (
            "deployer_digest_last_failed",
            "Whether the last digest wasn't sent: 1 yes, 0 no.",
            failed(history.and_then(|history| history.last_digest.as_ref())),
        ),
        (
            "deployer_digest_next_timestamp_seconds",
            "When the next digest is due.",
            shared.next_digest.map(unix_seconds),
        ),
        (
            "deployer_chat_last_failed",
            "Whether the last message wasn't delivered to a chat: 1 yes, 0 no.",
            failed(history.and_then(|history| history.last_message.as_ref())),
        ),
    ];
    for (name, help, value) in metrics {
        write_head(out, name, help);
        if let Some(value) = value {
            let _ = writeln!(out, "{name}{{deployment=\"{deployment}\"}} {value}");
        }
    }
}

/// The two lines before a metric's samples. In a help text, a backslash and a line break are escaped; ours have none.
fn write_head(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// A label's value: backslash, quote and line break are escaped.
fn label_value(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Seconds since 1970, without a fraction where there is none.
fn unix_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
