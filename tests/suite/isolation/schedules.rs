//! Schedules in the deployment's group that are no venue's, as `plan` and `verify --isolation` say it.

use deployer_cloud::EmbeddedCloud;
use serde_json::{Value, json};

use super::command::{ISOLATION, deny_operation};
use crate::fixtures::with_scheduler;
use crate::processes::Site;
use crate::world::two_venue_manifest;

const GROUP: &str = "sync-schedules";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
const ROLE: &str = "arn:aws:iam::123456789012:role/deployer/sync/us-east-1/sync-a-role";

fn scheduled_site() -> Site {
    let site = Site::new();
    site.write_file("venues.toml", &with_scheduler(&two_venue_manifest("sync"), "scheduler"));
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    site
}

/// Puts a copy of venue a's schedule into the group, with another name and another target.
fn add_schedule(cloud: &EmbeddedCloud, name: &str, target: &Value) {
    let add = cloud.with_context(|cx| {
        let schedules = &mut cx.region_state_mut().scheduler.schedules;
        let mut other = schedules.get(&format!("{GROUP}/sync-a-schedule")).expect("a's schedule").clone();
        other.name = name.to_owned();
        other.given["Description"] = json!("");
        other.given["Target"] = target.clone();
        schedules.insert(format!("{GROUP}/{name}"), other);
    });
    add.expect("the state is writable");
}

#[test]
fn schedules_of_the_venues_are_isolated() {
    let (code, text) = scheduled_site().run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in none of 2 pairs"), "{text}");
}

#[test]
fn what_else_is_in_the_group_is_told_by_plan_and_by_isolation() {
    let theirs = "arn:aws:iam::123456789012:role/theirs";
    let queue = "arn:aws:sqs:us-east-1:123456789012:theirs";
    let invoke = "arn:aws:scheduler:::aws-sdk:lambda:invoke";
    let input = json!({ "FunctionName": "sync-a", "Qualifier": "live" }).to_string();
    let starts = Some("starts its function".to_owned());
    for (name, target, does) in [
        ("theirs", json!({ "Arn": format!("{FUNCTION}:live"), "RoleArn": ROLE }), starts.clone()),
        ("theirs", json!({ "Arn": invoke, "RoleArn": theirs, "Input": input }), starts.clone()),
        ("theirs", json!({ "Arn": queue, "RoleArn": ROLE }), Some(format!("has its role, and calls {queue}"))),
        ("theirs", json!({ "Arn": queue, "RoleArn": theirs }), None),
        // It is named as a venue's would be, and no venue of the manifest is called so.
        ("sync-gone-schedule", json!({ "Arn": format!("{FUNCTION}:live"), "RoleArn": ROLE }), starts),
    ] {
        let site = scheduled_site();
        add_schedule(&site.cloud, name, &target);
        let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
        assert_eq!(code, 0, "{text}");
        let arn = target["Arn"].as_str().expect("an ARN");
        match name {
            "theirs" => {
                // Long texts are wrapped.
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let told = format!("it has schedules that are no venue's: theirs (invokes {arn})");
                assert!(words.contains(&told) && !text.contains("theirs will be deleted"), "{text}");
            }
            _ => assert!(text.contains("- schedule sync-gone-schedule"), "{text}"),
        }
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, i32::from(does.is_some()), "{target}: {text}");
        match does {
            Some(does) => {
                let told = format!("a: the schedule {name} in the group {GROUP}, which is no venue's, {does}");
                assert!(text.contains(&told), "{told}: {text}");
                assert!(!text.contains("b: the schedule"), "{text}");
            }
            None => assert!(!text.contains("theirs"), "{text}"),
        }
    }
}

#[test]
fn what_is_unreadable_of_the_group_is_unknown() {
    let site = scheduled_site();
    add_schedule(&site.cloud, "theirs", &json!({ "Arn": FUNCTION, "RoleArn": ROLE }));
    for operation in ["ListSchedules", "GetSchedule"] {
        deny_operation(&site, operation);
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 3, "{operation}: {text}");
        assert!(text.contains("could not read") && text.contains(operation), "{operation}: {text}");
    }
    assert!(site.run_deployer(&ISOLATION).1.contains("could not read the schedule theirs in the group"));
}
