//! The alarms of `deployer dev`: a fault raises one, and its end clears it. Minutes pass for the alarms as the test wants.

use std::sync::Arc;

use deployer::dev::page::{PageBackend, VenueAlarmState, VenueAlarmView};
use deployer::dev::{AlarmMessageView, System, SystemBackend, SystemConfig};
use deployer_core::manifest::parse_manifest;
use parking_lot::Mutex;

use crate::fixtures::venue_tables;
use crate::sync::process::build_bootstrap;

/// A deployment whose venues run every five minutes; their tables follow.
const HEAD: &str = r#"
[deployment]
name = "sync"
region = "us-east-1"

[alarms]
email = ["ops@example.com"]
causes = ["failing", "silent", "needs_review"]
"#;

#[tokio::test]
async fn tripleseat_down_raises_one_alarm_a_venue_and_its_end_clears_it() {
    let text = format!("{HEAD}{}{}", venue_tables("a", ""), venue_tables("b", ""));
    let manifest = parse_manifest(&text, "venues.toml").expect("valid").manifest;
    let artifact = build_bootstrap().await;
    let system = System::start(SystemConfig { manifest, artifact, contacts: None, every: None }).await;
    let system = system.expect("dev starts");
    let backend = SystemBackend::new(Arc::clone(&system));
    let told = Arc::new(Mutex::new(Vec::<AlarmMessageView>::new()));
    let sink = Arc::clone(&told);
    system.listen_to_alarms(move |message| sink.lock().push(message.clone()));
    let state_of = |venue: &str| -> VenueAlarmView {
        let view = backend.current_view();
        let venue = view.venues.into_iter().find(|shown| shown.name == venue).expect("it is shown");
        venue.alarm.expect("it has alarms")
    };
    backend.switch_fault("tripleseat_down", true).expect("there is such a fault");
    for _ in 0..4 {
        drop(system.run_once().await);
        system.pass_alarm_minutes(5);
    }
    let raised = state_of("a");
    assert_eq!(raised.state, VenueAlarmState::Raised, "{raised:?}");
    assert!(raised.causes.iter().any(|cause| cause.text.contains("need review")), "{raised:?}");
    backend.switch_fault("tripleseat_down", false).expect("there is such a fault");
    // What needs review counts for an hour, and CloudWatch looks at two hours more.
    for _ in 0..12 {
        drop(system.run_once().await);
        system.pass_alarm_minutes(14);
    }
    drop(system.run_once().await);
    system.pass_alarm_minutes(14);
    assert_eq!((state_of("a").state, state_of("a").causes), (VenueAlarmState::Ok, Vec::new()));
    let told = told.lock();
    for venue in ["a", "b"] {
        let of_venue = told.iter().filter(|message| message.venue == venue).map(|message| message.raised);
        assert_eq!(of_venue.collect::<Vec<_>>(), [true, false], "{told:?}");
    }
    assert_eq!(told.len(), 4, "HubSpot is fine: {told:?}");
    let shown = backend.current_view().alarms.expect("alarms are declared").messages;
    assert_eq!(shown.len(), told.len(), "the page has them all");
    system.stop();
}
