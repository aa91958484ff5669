//! Plans applied to a portal: interrupted anywhere, repeated, refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::call_rates::find_slowest_of_plan;
use deployer_core::desired::Desired;
use deployer_core::plan::LambdaOperation;
use deployer_core::property::venue_properties;
use deployer_core::quota::{LimitSource, QuotaKind};
use deployer_reconcile::apply::ApplyEvent;
use deployer_sandbox::hubspot::PropertyDefinition;
use deployer_sandbox::{RequestInfo, SandboxFault};
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::json;
use sync_config::config::{LedgerProperties, default_flag_property};

use super::{TestPortal, with_token};
use crate::world::{World, describe_actions, two_venue_manifest, venue_tables};

async fn new_world(portal: &TestPortal) -> World {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    world.without_delays().with_hubspot(portal.deployer_client())
}

fn desired_state(world: &World) -> Desired {
    world.desired_from(&with_token(&two_venue_manifest("sync"), "https://api.hubapi.com"))
}

#[tokio::test]
async fn creates_properties_once_and_then_writes_nothing() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let desired = desired_state(&world);
    assert_eq!(world.apply(&desired).await.failed, []);
    let mut writes = portal.take_writes();
    writes.sort();
    assert_eq!(writes, ["POST create", "POST groups"], "one request for all properties, after their group");
    assert_eq!(world.apply(&desired).await.done, []);
    assert_eq!(portal.take_writes(), Vec::<String>::new());
    let made = portal.deployer_client().list_properties().await.expect("a list of properties");
    let wanted = desired.venues[0].stack.as_ref().expect("deployed").properties.iter();
    for (_, wanted) in wanted {
        assert!(made.contains(wanted), "{wanted:?}");
    }
}

#[tokio::test]
async fn the_next_apply_recovers_from_a_crash_at_any_request() {
    // Three reads, the limit of properties, one group, and all properties at once; or a batch that is refused, a list and
    // ten properties.
    let cases = [(true, 6), (false, 17)].into_iter().flat_map(|(batches, last)| {
        (1..=last).flat_map(move |at| [false, true].map(|took_effect| (batches, at, took_effect)))
    });
    let cases = cases.map(async |(batches, at, took_effect)| {
        let portal = TestPortal::start().await;
        portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            if !batches && request.path.ends_with("/batch/create") {
                return Some(SandboxFault::Status { status: 404, body: json!({}), headers: Vec::new() });
            }
            (request.number == at).then(|| match took_effect {
                // An answer that isn't retried, as if the process had died there.
                true => SandboxFault::StatusAfter { status: 400 },
                false => SandboxFault::Status { status: 400, body: json!({}), headers: Vec::new() },
            })
        })));
        let world = new_world(&portal).await;
        let desired = desired_state(&world);
        let plan = world.plan(&desired).await;
        let (outcome, _) = world.execute_plan(&plan).await;
        if at == 4 || at == 6 || (at == 7 && !batches) {
            assert_eq!(outcome.failed, [], "neither an unreadable limit nor a refused batch stops anything");
        } else if at > 4 {
            assert!(!outcome.failed.is_empty(), "{at}");
        } else {
            assert_eq!(plan.unreadable.len(), 1, "{at}: nothing unreadable is changed");
            assert!(!describe_actions(&plan).iter().any(|action| action.contains("-property")), "{at}");
        }
        world.converge(&desired).await;
    });
    join_all(cases).await;
}

#[tokio::test]
async fn survives_a_lost_answer() {
    let cases = (4..=6).map(async |at| {
        let portal = TestPortal::start().await;
        portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
            (request.number == at).then_some(SandboxFault::DropAfter)
        })));
        let world = new_world(&portal).await;
        let desired = desired_state(&world);
        assert_eq!(world.apply(&desired).await.failed, [], "{at}");
        assert_eq!(describe_actions(&world.plan(&desired).await), Vec::<String>::new(), "{at}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn does_not_claim_a_property_that_somebody_created_meanwhile() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let desired = desired_state(&world);
    let plan = world.plan(&desired).await;
    let flag = PropertyDefinition::single_checkbox("tripleseat_sync__a", "Mine");
    portal.hubspot.define_property(flag).expect("the definition is valid");
    let (outcome, _) = world.execute_plan(&plan).await;
    let failed: Vec<String> = outcome.failed.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].starts_with("a/flag-property: hubspot:CreateProperty: ") && failed[0].contains("409"),
        "{}",
        failed[0]
    );
    // The next plan finds the property and shows that it takes it over.
    let plan = world.plan(&desired).await;
    assert!(describe_actions(&plan).contains(&"a/flag-property Update".to_owned()), "{:?}", describe_actions(&plan));
    world.converge(&desired).await;
}

#[tokio::test]
async fn the_rest_is_created_if_a_portal_refuses_a_batch_for_one() {
    let portal = TestPortal::start().await;
    portal.hubspot.change_behavior(|behavior| behavior.rejects_whole_batches = true);
    let world = new_world(&portal).await;
    let mut plan = world.plan(&desired_state(&world)).await;
    plan.changes.retain(|change| change.address.kind.is_property());
    let flag = PropertyDefinition::single_checkbox("tripleseat_sync__b", "Mine");
    portal.hubspot.define_property(flag).expect("the definition is valid");
    portal.take_writes();
    let (outcome, _) = world.execute_plan(&plan).await;
    let failed: Vec<String> = outcome.failed.iter().map(|(address, _)| address.to_string()).collect();
    assert_eq!((failed, outcome.done.len()), (vec!["b/flag-property".to_owned()], 9));
    let mut writes = portal.take_writes();
    writes.sort();
    assert_eq!(writes, [&["POST contacts"; 10][..], &["POST create", "POST groups"]].concat());
}

#[tokio::test]
async fn a_hundred_venues_take_five_requests_and_show_each_property() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let tables: String = (0..100).map(|number| venue_tables(&format!("v{number:03}"), "")).collect();
    let text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}");
    let mut plan = world.plan(&world.desired_from(&with_token(&text, "https://api.hubapi.com"))).await;
    plan.changes.retain(|change| change.address.kind.is_property());
    assert_eq!(plan.changes.len(), 500);
    let slowest = find_slowest_of_plan(&plan).expect("HubSpot has a rate");
    assert_eq!((slowest.rate.calls, slowest.calls), ("hubspot", 6), "an apply says how long it takes");
    portal.take_writes();
    let (outcome, events) = world.execute_plan(&plan).await;
    assert_eq!((outcome.failed, outcome.done.len()), (Vec::new(), 500));
    let mut writes = portal.take_writes();
    writes.sort();
    assert_eq!(writes, [&["POST create"; 5][..], &["POST groups"]].concat());
    let shown = |wanted: fn(&ApplyEvent) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(shown(|event| matches!(event, ApplyEvent::Started { .. })), 500);
    assert_eq!(shown(|event| matches!(event, ApplyEvent::Done { .. })), 500);
}

#[tokio::test]
async fn nothing_of_other_venues_is_created_before_the_canary_succeeded() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let mut plan = world.plan(&desired_state(&world)).await;
    plan.changes.retain(|change| change.address.kind.is_property());
    plan.canary = Some("b".to_owned());
    let tries = LambdaOperation::InvokeDryRun { function: "sync-b".to_owned() };
    plan.changes.last_mut().expect("a property").operations.push(tries.into());
    let created: Arc<Mutex<Vec<BTreeSet<char>>>> = Arc::default();
    let seen = Arc::clone(&created);
    portal.hubspot.set_fault_hook(Some(Arc::new(move |request: &RequestInfo| {
        let inputs = request.body["inputs"].as_array().into_iter().flatten();
        let venues = inputs.filter_map(|input| input["name"].as_str()?.chars().last()).collect::<BTreeSet<char>>();
        seen.lock().extend((!venues.is_empty()).then_some(venues));
        None
    })));
    let (outcome, _) = world.execute_plan(&plan).await;
    // There is no version that could be tried.
    assert_eq!((outcome.failed.len(), outcome.done.len(), outcome.not_started.len()), (1, 4, 5));
    assert_eq!(*created.lock(), [BTreeSet::from(['b'])]);
}

#[tokio::test]
async fn explains_how_to_free_the_name_of_an_archived_property() {
    let portal = TestPortal::start().await;
    // The name is still taken: creating it is refused, but it isn't listed.
    portal.hubspot.set_fault_hook(Some(Arc::new(|request: &RequestInfo| {
        let whole = request.path.ends_with("/batch/create");
        (request.method == "POST" && (whole || request.body["name"] == "tripleseat_sync__a")).then(|| {
            let body = json!({ "category": "OBJECT_ALREADY_EXISTS", "message": "A property of this name exists" });
            SandboxFault::Status { status: 409, body, headers: Vec::new() }
        })
    })));
    let world = new_world(&portal).await;
    let desired = desired_state(&world);
    let outcome = world.apply(&desired).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{:?}", outcome.failed) };
    assert_eq!(address.to_string(), "a/flag-property");
    let words = "Restore the archived property of that name (Settings, Properties, Archived properties)";
    assert!(error.to_string().contains(words), "{error}");
    portal.hubspot.set_fault_hook(None);
    world.converge(&desired).await;
}

#[tokio::test]
async fn takes_over_properties_created_by_hand_and_keeps_values() {
    let portal = TestPortal::start().await;
    let ledger = LedgerProperties::new("a", &default_flag_property("a"));
    for (_, property) in venue_properties(&ledger, "Venue a", ("", "")) {
        let definition = PropertyDefinition::from(property).in_group("contactinformation");
        portal.hubspot.define_property(definition).expect("the definition is valid");
    }
    let flagged = [(ledger.flag.clone(), "true".to_owned())].into();
    let id = portal.hubspot.add_contacts(vec![flagged]).expect("a contact")[0];
    let world = new_world(&portal).await;
    world.converge(&desired_state(&world)).await;
    let contact = portal.hubspot.find_contact(id).expect("it exists");
    assert_eq!(contact.properties.get(&ledger.flag).map(String::as_str), Some("true"));
}

#[tokio::test]
async fn keeps_properties_of_removed_venues_until_asked_to_archive_them() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let both = desired_state(&world);
    world.converge(&both).await;
    let only_a = Desired { venues: both.venues[..1].to_vec(), ..both.clone() };
    portal.take_writes();
    world.converge(&only_a).await;
    assert_eq!(portal.take_writes(), Vec::<String>::new(), "a prune removes no properties");
    let asked = Desired { archive_properties: true, ..only_a };
    world.converge(&asked).await;
    assert_eq!(portal.take_writes().len(), 5);
    let names = |list: Vec<deployer_core::property::ContactProperty>| list.into_iter().map(|property| property.name);
    let left = names(portal.deployer_client().list_properties().await.expect("a list of properties"))
        .filter(|name| name.ends_with("__b"))
        .count();
    assert_eq!(left, 0);
    world.converge(&both).await;
    let back = names(portal.deployer_client().list_properties().await.expect("a list of properties"))
        .filter(|name| name.ends_with("__b"))
        .count();
    assert_eq!(back, 5);
}

#[tokio::test]
async fn names_the_scope_that_a_token_lacks() {
    let portal = TestPortal::start().await;
    portal.hubspot.add_token(super::TOKEN, &["crm.schemas.contacts.read"]);
    let world = new_world(&portal).await;
    let outcome = world.apply(&desired_state(&world)).await;
    let (address, error) = &outcome.failed[0];
    assert!(address.kind.is_property(), "{address}");
    assert!(error.to_string().contains("403"), "{error}");
    assert!(error.hint().expect("a hint").contains("crm.schemas.contacts.read and .write"), "{error}");
}

#[tokio::test]
async fn fixes_drift_in_the_portal() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let desired = desired_state(&world);
    world.converge(&desired).await;
    let flag = PropertyDefinition::single_checkbox("tripleseat_sync__a", "Sync them");
    portal.hubspot.define_property(flag).expect("the definition is valid");
    let status = PropertyDefinition::new("tripleseat_sync_status__a", "State", "enumeration", "radio");
    portal.hubspot.define_property(status.with_options(&[("Done", "synced")])).expect("the definition is valid");
    let plan = world.plan(&desired).await;
    assert_eq!(describe_actions(&plan), ["a/flag-property Update", "a/status-property Update"]);
    world.converge(&desired).await;
}

#[tokio::test]
async fn a_plan_says_that_the_portal_has_no_room_for_properties() {
    let portal = TestPortal::start().await;
    let world = new_world(&portal).await;
    let desired = desired_state(&world);
    let exceeded = async || {
        let plan = world.plan(&desired).await;
        plan.quotas.iter().map(|quota| (quota.quota, quota.needed, quota.limit, quota.limit_source)).collect::<Vec<_>>()
    };
    assert_eq!(exceeded().await, []);
    portal.hubspot.change_behavior(|behavior| behavior.custom_properties = Some(9));
    assert_eq!(exceeded().await, [(QuotaKind::ContactProperties, 10, 9, LimitSource::Account)]);
    portal.take_writes();
    let refusal = world.try_apply(&desired).await.expect_err("they don't fit");
    assert!(refusal.to_string().contains("3 of 9 are used, and 10 more are needed"), "{refusal}");
    assert_eq!(portal.take_writes(), Vec::<String>::new());
}
