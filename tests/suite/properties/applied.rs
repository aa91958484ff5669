//! Plans carried out on a portal: broken off anywhere, repeated, refused.

use std::sync::Arc;

use deployer_aws::Aws;
use deployer_cloud::{Cloud, CloudConfig};
use deployer_core::desired::Desired;
use deployer_core::property::of_venue;
use deployer_sandbox::hubspot::PropertyDefinition;
use deployer_sandbox::{Fault, RequestInfo};
use futures_util::future::join_all;
use serde_json::json;
use sync_config::config::{LedgerProperties, default_flag_property};

use super::{Portal, with_token};
use crate::world::{World, actions, manifest};

async fn world(portal: &Portal) -> World {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    world.without_delays().with_hubspot(portal.client())
}

fn desired(world: &World) -> Desired {
    world.desired(&with_token(&manifest("sync"), "https://api.hubapi.com"))
}

#[tokio::test]
async fn they_are_made_once_and_a_second_apply_writes_nothing() {
    let portal = Portal::start().await;
    let world = world(&portal).await;
    let desired = desired(&world);
    assert_eq!(world.apply(&desired).await.failed, []);
    let mut writes = portal.writes();
    writes.sort();
    assert_eq!(writes, [&["POST contacts"; 10][..], &["POST groups"]].concat(), "the group is made once");
    assert_eq!(world.apply(&desired).await.done, []);
    assert_eq!(portal.writes(), Vec::<String>::new());
    let made = portal.client().properties().await.expect("a list");
    let wanted = desired.venues[0].stack.as_ref().expect("deployed").properties.iter();
    for (_, wanted) in wanted {
        assert!(made.contains(wanted), "{wanted:?}");
    }
}

#[tokio::test]
async fn an_apply_that_dies_at_any_request_is_mended_by_the_next() {
    // Three reads, the group and ten properties.
    let cases = (1..=14).flat_map(|at| [false, true].map(|took_effect| (at, took_effect)));
    let cases = cases.map(async |(at, took_effect)| {
        let portal = Portal::start().await;
        portal.hubspot.set_faults(Some(Arc::new(move |request: &RequestInfo| {
            (request.number == at).then(|| match took_effect {
                // An answer that isn't tried again, as if the process had ended there.
                true => Fault::StatusAfter { status: 400 },
                false => Fault::Status { status: 400, body: json!({}), headers: Vec::new() },
            })
        })));
        let world = world(&portal).await;
        let desired = desired(&world);
        let plan = world.plan(&desired).await;
        let (outcome, _) = world.execute(&plan).await;
        if at > 3 {
            assert!(!outcome.failed.is_empty(), "{at}");
        } else {
            assert_eq!(plan.unreadable.len(), 1, "{at}: nothing is made of what couldn't be read");
            assert!(!actions(&plan).iter().any(|action| action.contains("-property")), "{at}");
        }
        world.converge(&desired).await;
    });
    join_all(cases).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_failure() {
    let cases = (4..=14).map(async |at| {
        let portal = Portal::start().await;
        portal.hubspot.set_faults(Some(Arc::new(move |request: &RequestInfo| {
            (request.number == at).then_some(Fault::DropAfter)
        })));
        let world = world(&portal).await;
        let desired = desired(&world);
        assert_eq!(world.apply(&desired).await.failed, [], "{at}");
        assert_eq!(actions(&world.plan(&desired).await), Vec::<String>::new(), "{at}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn what_somebody_makes_meanwhile_is_not_taken_for_ours() {
    let portal = Portal::start().await;
    let world = world(&portal).await;
    let desired = desired(&world);
    let plan = world.plan(&desired).await;
    let flag = PropertyDefinition::tick_box("tripleseat_sync__a", "Mine");
    portal.hubspot.define_property(flag).expect("it is valid");
    let (outcome, _) = world.execute(&plan).await;
    let failed: Vec<String> = outcome.failed.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("a/flag-property: hubspot:CreateProperty: ") && failed[0].contains("409"));
    // The next plan sees it, and takes it over for all to see.
    let plan = world.plan(&desired).await;
    assert!(actions(&plan).contains(&"a/flag-property Update".to_owned()), "{:?}", actions(&plan));
    world.converge(&desired).await;
}

#[tokio::test]
async fn a_name_that_an_archived_property_keeps_is_told_with_what_to_do() {
    let portal = Portal::start().await;
    // As if the name were still taken: refused, and not in the list.
    portal.hubspot.set_faults(Some(Arc::new(|request: &RequestInfo| {
        (request.method == "POST" && request.body["name"] == "tripleseat_sync__a").then(|| {
            let body = json!({ "category": "OBJECT_ALREADY_EXISTS", "message": "A property of this name exists" });
            Fault::Status { status: 409, body, headers: Vec::new() }
        })
    })));
    let world = world(&portal).await;
    let desired = desired(&world);
    let outcome = world.apply(&desired).await;
    let [(address, error)] = &outcome.failed[..] else { panic!("{:?}", outcome.failed) };
    assert_eq!(address.to_string(), "a/flag-property");
    let words = "restore the archived property of that name (Settings, Properties, Archived properties)";
    assert!(error.to_string().contains(words), "{error}");
    portal.hubspot.set_faults(None);
    world.converge(&desired).await;
}

#[tokio::test]
async fn what_was_made_by_hand_is_taken_over_and_values_stay() {
    let portal = Portal::start().await;
    let ledger = LedgerProperties::new("a", &default_flag_property("a"));
    for (_, property) in of_venue(&ledger, "Venue a", "") {
        let definition = PropertyDefinition::from(property).in_group("contactinformation");
        portal.hubspot.define_property(definition).expect("it is valid");
    }
    let flagged = [(ledger.flag.clone(), "true".to_owned())].into();
    let id = portal.hubspot.add_contacts(vec![flagged]).expect("a contact")[0];
    let world = world(&portal).await;
    world.converge(&desired(&world)).await;
    let contact = portal.hubspot.contact(id).expect("it is there");
    assert_eq!(contact.properties.get(&ledger.flag).map(String::as_str), Some("true"));
}

#[tokio::test]
async fn a_venue_that_is_gone_keeps_them_until_they_are_archived_and_can_come_back() {
    let portal = Portal::start().await;
    let world = world(&portal).await;
    let both = desired(&world);
    world.converge(&both).await;
    let only_a = Desired { venues: both.venues[..1].to_vec(), ..both.clone() };
    portal.writes();
    world.converge(&only_a).await;
    assert_eq!(portal.writes(), Vec::<String>::new(), "a prune takes no property away");
    let asked = Desired { archive_properties: true, ..only_a };
    world.converge(&asked).await;
    assert_eq!(portal.writes().len(), 5);
    let names = |list: Vec<deployer_core::property::Property>| list.into_iter().map(|property| property.name);
    let left = names(portal.client().properties().await.expect("a list")).filter(|name| name.ends_with("__b")).count();
    assert_eq!(left, 0);
    world.converge(&both).await;
    let back = names(portal.client().properties().await.expect("a list")).filter(|name| name.ends_with("__b")).count();
    assert_eq!(back, 5);
}

#[tokio::test]
async fn a_token_that_may_not_write_says_which_scope_it_lacks() {
    let portal = Portal::start().await;
    portal.hubspot.add_token(super::TOKEN, &["crm.schemas.contacts.read"]);
    let world = world(&portal).await;
    let outcome = world.apply(&desired(&world)).await;
    let (address, error) = &outcome.failed[0];
    assert!(address.kind.is_property(), "{address}");
    assert!(error.to_string().contains("403"), "{error}");
    assert!(error.hint().expect("what to do").contains("crm.schemas.contacts.read and .write"), "{error}");
}

#[tokio::test]
async fn each_drift_in_the_portal_is_put_back() {
    let portal = Portal::start().await;
    let world = world(&portal).await;
    let desired = desired(&world);
    world.converge(&desired).await;
    let flag = PropertyDefinition::tick_box("tripleseat_sync__a", "Sync them");
    portal.hubspot.define_property(flag).expect("it is valid");
    let status = PropertyDefinition::new("tripleseat_sync_status__a", "State", "enumeration", "radio");
    portal.hubspot.define_property(status.with_options(&[("Done", "synced")])).expect("it is valid");
    let plan = world.plan(&desired).await;
    assert_eq!(actions(&plan), ["a/flag-property Update", "a/status-property Update"]);
    world.converge(&desired).await;
}
