//! Whose a schedule is: its group's tags say so, and its name.

use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};
use deployer_janitor::audit::{Audit, AuditVerdict, NodeKind};
use serde_json::json;

use crate::fixtures::with_scheduler;
use crate::processes::Site;
use crate::world::two_venue_manifest;

/// The verdict and the deployment of each schedule, by its group and its name.
fn audit_schedules(site: &Site, expected: i32) -> Vec<(String, AuditVerdict, Option<String>)> {
    let (code, text) = site.run_deployer(&["audit", "--out", "audit.json"]);
    assert_eq!(code, expected, "{text}");
    let file = std::fs::read_to_string(site.path().join("audit.json")).expect("the file exists");
    let audit: Audit = serde_json::from_str(&file).expect("it is an audit");
    let found = audit.inventory.nodes.iter().zip(&audit.findings);
    let schedules = found.filter(|(node, _)| node.kind == NodeKind::Schedule);
    let mut found: Vec<_> = schedules
        .map(|(node, finding)| {
            let owner = node.deployment.as_ref().zip(node.venue.as_ref());
            let owner = owner.map(|(deployment, venue)| format!("{deployment}/{venue}"));
            (format!("{}/{}", node.attributes["group"], node.name), finding.verdict, owner)
        })
        .collect();
    found.sort();
    found
}

/// Each of them is old, fires at nothing, and would be stale if nobody owned it.
#[test]
fn a_deployments_schedules_are_managed_and_strangers_are_judged() {
    let site = Site::new();
    site.write_file("venues.toml", &with_scheduler(&two_venue_manifest("sync"), "scheduler"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let changed = site.cloud.with_context(|cx| {
        let scheduler = &mut cx.region_state_mut().scheduler;
        let mut stranger_group = scheduler.groups.get("sync-schedules").expect("the group").clone();
        stranger_group.name = "sync-schedules-old".to_owned();
        stranger_group.tags.clear();
        scheduler.groups.insert(stranger_group.name.clone(), stranger_group);
        let own = scheduler.schedules.get("sync-schedules/sync-a-schedule").expect("a's schedule").clone();
        for (group, name) in [
            ("sync-schedules", "sync-a-schedule"),
            ("sync-schedules", "sync-b-schedule"),
            ("sync-schedules", "theirs"),
            ("sync-schedules-old", "sync-a-schedule"),
            ("default", "nightly"),
        ] {
            let mut schedule = own.clone();
            (schedule.group, schedule.name) = (group.to_owned(), name.to_owned());
            schedule.arn = format!("arn:aws:scheduler:us-east-1:123456789012:schedule/{group}/{name}");
            (schedule.created_s, schedule.modified_s) = (1_500_000_000.0, 1_500_000_000.0);
            schedule.given["Target"]["Arn"] = json!("arn:aws:lambda:us-east-1:123456789012:function:gone");
            scheduler.schedules.insert(format!("{group}/{name}"), schedule);
        }
    });
    changed.expect("the state is writable");
    let told = |name: &str, verdict, owner: Option<&str>| (name.to_owned(), verdict, owner.map(str::to_owned));
    let (managed, stale) = (AuditVerdict::Managed, AuditVerdict::Stale);
    let expected = [
        told("default/nightly", stale, None),
        told("sync-schedules-old/sync-a-schedule", stale, None),
        told("sync-schedules/sync-a-schedule", managed, Some("sync/a")),
        told("sync-schedules/sync-b-schedule", managed, Some("sync/b")),
        told("sync-schedules/theirs", stale, None),
    ];
    assert_eq!(audit_schedules(&site, 0), expected);
    // Without the tags it is unknown whose they are, and none is called stale.
    site.cloud.set_faults(Some(Arc::new(|call: &CloudCall| {
        let denied = ApiError::new(403, "AccessDeniedException", "no");
        (call.operation == "GetResources").then_some(InjectedFault::Before(CloudFault::Error(denied)))
    })));
    let untold = audit_schedules(&site, 3);
    assert_eq!(untold.len(), expected.len());
    assert!(untold.iter().all(|(_, verdict, owner)| *verdict != stale && owner.is_none()), "{untold:?}");
}
