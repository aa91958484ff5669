//! What the pure planner makes of HubSpot's side.

use deployer::desired::Desired;
use deployer::naming::description;
use deployer::observe::Snapshot;
use deployer::plan::{Action, Operation, Origin, Plan, SavedPlan, invariants, plan};
use deployer::property::{GROUP, Legacy, LivePortal, Portal, Property};
use deployer::resource::Kind;

use super::with_token;
use crate::planner::{MANIFEST, converged, wanted};

const FLAG: &str = "tripleseat_sync__harbour";
const STATUS: &str = "tripleseat_sync_status__harbour";

fn desired() -> Desired {
    wanted(&with_token(MANIFEST, "https://api.hubapi.com"))
}

/// HubSpot and AWS after all of `desired` was applied.
fn all_there(desired: &Desired) -> Snapshot {
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    let properties = stacks.flat_map(|stack| &stack.properties);
    let properties = properties.map(|(_, property)| (property.name.clone(), property.clone())).collect();
    let live = LivePortal { portal_id: 111, has_group: true, properties, legacy: Vec::new() };
    Snapshot { portal: Portal::Read(live), ..converged(desired) }
}

fn live(snapshot: &mut Snapshot) -> &mut LivePortal {
    match &mut snapshot.portal {
        Portal::Read(live) => live,
        _ => panic!("it was read"),
    }
}

fn property<'s>(snapshot: &'s mut Snapshot, name: &str) -> &'s mut Property {
    live(snapshot).properties.get_mut(name).expect("it is there")
}

fn checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

/// `venue/kind: calls: attribute before -> after`, for each change.
fn changes(plan: &Plan) -> Vec<String> {
    let line = |change: &deployer::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call).collect();
        let attributes = change.attributes.iter().map(|attribute| {
            let shown = |value: &Option<serde_json::Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
            format!("\n  {} {} -> {}", attribute.path, shown(&attribute.before), shown(&attribute.after))
        });
        format!("{}: {}{}", change.address, calls.join(", "), attributes.collect::<String>())
    };
    plan.changes.iter().map(line).collect()
}

#[test]
fn what_was_applied_is_no_change() {
    let desired = desired();
    let plan = checked(&desired, &all_there(&desired));
    assert_eq!((plan.changes.len(), plan.unchanged, plan.notes.len()), (0, 2 * (8 + 5), 0));
}

#[test]
fn a_portal_without_them_gets_the_group_and_the_five_of_each_venue() {
    let desired = desired();
    let mut snapshot = all_there(&desired);
    live(&mut snapshot).properties.clear();
    live(&mut snapshot).has_group = false;
    let plan = checked(&desired, &snapshot);
    assert_eq!(plan.changes.len(), 10);
    insta::assert_snapshot!(changes(&plan)[..5].join("\n"), @r#"
    harbour/flag-property: hubspot:CreatePropertyGroup, hubspot:CreateProperty
      label - -> "Tripleseat Sync - Harbour"
      type - -> "bool"
      fieldType - -> "booleancheckbox"
      groupName - -> "tripleseat_sync"
      description - -> "Managed by deployer: deployment sync, venue harbour"
      options.true - -> "Yes"
      options.false - -> "No"
    harbour/status-property: hubspot:CreatePropertyGroup, hubspot:CreateProperty
      label - -> "Tripleseat Sync Status - Harbour"
      type - -> "enumeration"
      fieldType - -> "select"
      groupName - -> "tripleseat_sync"
      description - -> "Managed by deployer: deployment sync, venue harbour"
      options.sending - -> "Sending"
      options.synced - -> "Synced"
      options.failed - -> "Failed"
      options.needs_review - -> "Needs review"
    harbour/lead-id-property: hubspot:CreatePropertyGroup, hubspot:CreateProperty
      label - -> "Tripleseat Lead ID - Harbour"
      type - -> "string"
      fieldType - -> "text"
      groupName - -> "tripleseat_sync"
      description - -> "Managed by deployer: deployment sync, venue harbour"
    harbour/error-property: hubspot:CreatePropertyGroup, hubspot:CreateProperty
      label - -> "Tripleseat Sync Error - Harbour"
      type - -> "string"
      fieldType - -> "textarea"
      groupName - -> "tripleseat_sync"
      description - -> "Managed by deployer: deployment sync, venue harbour"
    harbour/synced-at-property: hubspot:CreatePropertyGroup, hubspot:CreateProperty
      label - -> "Tripleseat Synced At - Harbour"
      type - -> "string"
      fieldType - -> "text"
      groupName - -> "tripleseat_sync"
      description - -> "Managed by deployer: deployment sync, venue harbour"
    "#);
}

#[test]
fn another_display_name_is_another_label_and_the_same_name() {
    let before = desired();
    let renamed = with_token(&MANIFEST.replace("\"Harbour\"", "\"The Harbour\""), "https://api.hubapi.com");
    let plan = checked(&wanted(&renamed), &all_there(&before));
    assert_eq!(plan.changes.len(), 5);
    assert!(plan.changes.iter().all(|change| change.address.kind.is_property() && change.attributes.len() == 1));
    assert_eq!(plan.changes[0].name, FLAG);
    insta::assert_snapshot!(changes(&plan)[0], @r#"
    harbour/flag-property: hubspot:UpdateProperty
      label "Tripleseat Sync - Harbour" -> "Tripleseat Sync - The Harbour"
    "#);
}

#[test]
fn each_drift_is_found_and_put_right() {
    type Drift = (&'static str, fn(&mut Property), &'static [&'static str]);
    let drifts: [Drift; 8] = [
        (FLAG, |found| found.label = "Sync".to_owned(), &["label"]),
        (FLAG, |found| drop(found.options.pop()), &["options.false"]),
        (FLAG, |found| found.group_name = "contactinformation".to_owned(), &["groupName"]),
        (STATUS, |found| found.field_type = "radio".to_owned(), &["fieldType"]),
        (STATUS, |found| drop(found.options.remove(1)), &["options.synced"]),
        (STATUS, |found| found.options[1].label = "Done".to_owned(), &["options.synced"]),
        (STATUS, |found| found.options[1].value = "done".to_owned(), &["options.synced", "options.done"]),
        (FLAG, |found| found.description.clear(), &["description"]),
    ];
    let desired = desired();
    for (name, drift, paths) in drifts {
        let mut snapshot = all_there(&desired);
        drift(property(&mut snapshot, name));
        let plan = checked(&desired, &snapshot);
        let found: Vec<&str> = plan.changes[0].attributes.iter().map(|attribute| attribute.path.as_str()).collect();
        assert_eq!((plan.changes.len(), found.as_slice()), (1, paths));
        let wanted = desired.venues[0].stack.as_ref().expect("deployed").properties.iter();
        let wanted = wanted.map(|(_, property)| property).find(|property| property.name == name).expect("declared");
        assert_eq!(plan.changes[0].operations, [Operation::UpdateProperty { property: wanted.clone() }]);
    }
}

#[test]
fn what_means_nothing_to_the_sync_is_no_drift() {
    let desired = desired();
    let mut snapshot = all_there(&desired);
    // HubSpot's older type of a tick box, and what HubSpot itself calls its values.
    let flag = property(&mut snapshot, FLAG);
    flag.kind = "enumeration".to_owned();
    flag.options[0].label = "True".to_owned();
    property(&mut snapshot, STATUS).options.reverse();
    property(&mut snapshot, STATUS).options[0].display_order = None;
    assert_eq!(changes(&checked(&desired, &snapshot)), Vec::<String>::new());
    // Where something else has to be changed, the type stays as it is.
    property(&mut snapshot, FLAG).label = "Sync".to_owned();
    let plan = checked(&desired, &snapshot);
    let Operation::UpdateProperty { property } = &plan.changes[0].operations[0] else { panic!("{plan:?}") };
    assert_eq!(property.kind, "enumeration");
}

#[test]
fn what_was_made_by_hand_is_taken_under_management_for_all_to_see() {
    let desired = desired();
    let mut snapshot = all_there(&desired);
    for found in live(&mut snapshot).properties.values_mut() {
        found.description.clear();
        found.group_name = "contactinformation".to_owned();
    }
    live(&mut snapshot).has_group = false;
    let plan = checked(&desired, &snapshot);
    assert_eq!(plan.changes.len(), 10);
    assert!(
        plan.changes.iter().all(|change| change.reason.contains("made by hand") && change.action == Action::Update)
    );
    insta::assert_snapshot!(changes(&plan)[0], @r#"
    harbour/flag-property: hubspot:CreatePropertyGroup, hubspot:UpdateProperty
      groupName "contactinformation" -> "tripleseat_sync"
      description "" -> "Managed by deployer: deployment sync, venue harbour"
    "#);
}

#[test]
fn another_deployments_property_is_a_conflict_and_so_is_a_type_that_cannot_be_changed() {
    let desired = desired();
    let mut snapshot = all_there(&desired);
    property(&mut snapshot, FLAG).description = description("other", "harbour");
    property(&mut snapshot, STATUS).kind = "string".to_owned();
    property(&mut snapshot, STATUS).field_type = "text".to_owned();
    let plan = checked(&desired, &snapshot);
    assert_eq!(changes(&plan), Vec::<String>::new());
    let text = anstream::adapter::strip_str(&deployer::render::plan_text(&plan)).to_string();
    assert!(text.contains(&format!("flag-property {FLAG} exists and isn't owned by deployment sync")), "{text}");
    assert!(text.contains("(owner: deployment other, venue harbour)"), "{text}");
    let words = format!("status-property {STATUS} is string/text in HubSpot, and the sync needs enumeration/select");
    assert!(text.contains(&words) && text.contains("Archive it in HubSpot"), "{text}");
}

#[test]
fn a_flag_that_the_manifest_names_is_used_as_somebody_made_it() {
    let named = "display_name = \"Harbour\"\nflag_property = \"send_to_harbour\"";
    let desired = wanted(&with_token(&MANIFEST.replace("display_name = \"Harbour\"", named), "https://api.hubapi.com"));
    let mut snapshot = all_there(&desired);
    let flag = property(&mut snapshot, "send_to_harbour");
    flag.description.clear();
    flag.label = "Send to the harbour".to_owned();
    flag.group_name = "contactinformation".to_owned();
    assert_eq!(changes(&checked(&desired, &snapshot)), Vec::<String>::new(), "it is staff's own");
    property(&mut snapshot, "send_to_harbour").field_type = "select".to_owned();
    property(&mut snapshot, "send_to_harbour").kind = "enumeration".to_owned();
    assert_eq!(checked(&desired, &snapshot).conflicts.len(), 1, "but a tick box it has to be");
    live(&mut snapshot).properties.remove("send_to_harbour");
    assert_eq!(checked(&desired, &snapshot).summary().create, 1);
}

#[test]
fn properties_of_a_venue_that_is_gone_stay_and_are_archived_only_when_asked() {
    let both = desired();
    let only_harbour = with_token(&MANIFEST[..MANIFEST.find("[venues.mill]").expect("it is there")], "https://h.test");
    let mut only_harbour = wanted(&only_harbour);
    let mut snapshot = all_there(&both);
    let mut others = snapshot.portal.read().expect("read").properties[FLAG].clone();
    others.name = "tripleseat_sync__elsewhere".to_owned();
    others.description = description("other", "elsewhere");
    live(&mut snapshot).properties.insert(others.name.clone(), others);
    let plan = checked(&only_harbour, &snapshot);
    assert!(plan.changes.iter().all(|change| !change.address.kind.is_property()), "{:?}", changes(&plan));
    let kept = |note: &String| note.contains("keeps 5 contact properties of mill") && note.contains("--archive-prop");
    assert!(plan.notes.iter().any(kept), "{:?}", plan.notes);
    assert!(!plan.notes.iter().any(|note| note.contains("elsewhere")), "another deployment's are not our concern");

    only_harbour.archive_properties = true;
    let plan = checked(&only_harbour, &snapshot);
    let archived: Vec<_> = plan.changes.iter().filter(|change| change.address.kind.is_property()).collect();
    assert_eq!(archived.len(), 5);
    assert!(archived.iter().all(|change| change.address.venue == "mill" && change.reason.contains("90 days")));
    assert_eq!(plan.deleted_venues(), ["mill"]);

    // When everything else is gone already, too; and then no venue is lost by it.
    snapshot.venues.remove("mill");
    let plan = checked(&only_harbour, &snapshot);
    assert_eq!((plan.summary().delete, plan.deleted_venues().len()), (5, 0));
}

#[test]
fn a_blocked_venue_keeps_its_properties_whatever_is_asked() {
    let blocked = "status = \"blocked\"\nblocker = { reason = \"The licence ended\", owner = \"ops\", \
                   next_step = \"renew\", since = 2026-01-01 }";
    let manifest = MANIFEST.replace("status = \"paused\"", blocked);
    let mut desired = wanted(&with_token(&manifest, "https://h.test"));
    desired.archive_properties = true;
    let plan = checked(&desired, &all_there(&self::desired()));
    assert!(plan.changes.iter().all(|change| !change.address.kind.is_property()), "{:?}", changes(&plan));
    // And one that never had any gets none.
    let mut nothing_there = all_there(&desired);
    live(&mut nothing_there).properties.retain(|name, _| !name.ends_with("__mill"));
    assert_eq!(changes(&checked(&desired, &nothing_there)), Vec::<String>::new());
}

#[test]
fn a_portal_that_could_not_be_read_is_left_alone_and_aws_is_not() {
    let desired = desired();
    let portal = Portal::Unreadable("HubSpot's contact properties: 403".to_owned());
    let plan = checked(&desired, &Snapshot { portal, ..Snapshot::default() });
    assert_eq!((plan.summary().create, plan.unreadable.len()), (16, 1));
    assert!(plan.unreadable[0].reason.contains("403"));
    let plan = checked(&desired, &Snapshot { portal: Portal::NotAsked, ..Snapshot::default() });
    assert_eq!((plan.summary().create, plan.unreadable.len()), (16, 0));
}

#[test]
fn a_flag_without_a_venue_is_told_with_how_many_carry_it() {
    let desired = desired();
    let mut snapshot = all_there(&desired);
    for (contacts, words) in [
        (Ok(1), "1 contact still carries it"),
        (Ok(250), "250 contacts still carry it"),
        (Err("403".to_owned()), "couldn't be counted (403)"),
    ] {
        let (name, label) = ("tripleseat_sync".to_owned(), "Tripleseat Sync".to_owned());
        live(&mut snapshot).legacy = vec![Legacy { name, label, contacts }];
        let plan = checked(&desired, &snapshot);
        assert_eq!(plan.notes.len(), 1);
        assert!(plan.notes[0].contains(words) && plan.notes[0].contains("--from tripleseat_sync --to"), "{words}");
    }
}

#[test]
fn a_flag_without_a_venue_that_is_a_venues_own_is_not_told() {
    let named = "display_name = \"Harbour\"\nflag_property = \"tripleseat_sync\"";
    let desired = wanted(&with_token(&MANIFEST.replace("display_name = \"Harbour\"", named), "https://h.test"));
    let mut snapshot = all_there(&desired);
    let (name, label) = ("tripleseat_sync".to_owned(), "Tripleseat Sync".to_owned());
    live(&mut snapshot).legacy = vec![Legacy { name, label, contacts: Ok(3) }];
    assert_eq!(checked(&desired, &snapshot).notes, Vec::<String>::new());
}

#[test]
fn plans_that_do_what_they_must_not_break_the_rules() {
    let desired = desired();
    let snapshot = all_there(&desired);
    let mut missing = snapshot.clone();
    live(&mut missing).properties.remove(FLAG);
    let good = checked(&desired, &missing);
    let tampered = |tamper: &dyn Fn(&mut deployer::plan::Change)| {
        let mut plan = good.clone();
        tamper(&mut plan.changes[0]);
        invariants::violations(&plan, &desired, &missing)
    };
    type Tamper = fn(&mut deployer::plan::Change);
    let tampers: [(&str, Tamper); 5] = [
        ("a property of another venue", |change| change.address.venue = "mill".to_owned()),
        ("a property of another venue", |change| change.address.kind = Kind::StatusProperty),
        ("would touch", |change| {
            if let Some(Operation::CreateProperty { property }) = change.operations.last_mut() {
                property.group_name = "contactinformation".to_owned();
            }
        }),
        ("would touch", |change| {
            change.operations = vec![Operation::ArchiveProperty { property: STATUS.to_owned() }];
        }),
        ("archived unasked", |change| change.action = Action::Delete),
    ];
    for (words, tamper) in tampers {
        let found = tampered(&tamper);
        assert!(found.iter().any(|violation| violation.contains(words)), "{words}: {found:?}");
    }
    let unread = Snapshot { portal: Portal::NotAsked, ..missing.clone() };
    assert!(invariants::violations(&good, &desired, &unread).iter().any(|found| found.contains("wasn't read")));
}

#[test]
fn a_saved_plan_is_stale_when_hubspot_has_moved() {
    let desired = desired();
    let mut before = all_there(&desired);
    live(&mut before).properties.remove(FLAG);
    fn origin(snapshot: &Snapshot) -> Origin<'_> {
        Origin { snapshot, manifest: "", artifacts: &[] }
    }
    let saved = SavedPlan::new(plan(&desired, &before, &[]), &origin(&before), &[], false);
    let saved = SavedPlan::from_text(&saved.to_text()).expect("it is as it was written");
    let moved = |change: &dyn Fn(&mut Snapshot)| {
        let mut after = before.clone();
        change(&mut after);
        saved.moved(&plan(&desired, &after, &[]), &origin(&after)).join("; ")
    };
    assert_eq!(moved(&|_| ()), "");
    assert_eq!(moved(&|after| live(after).legacy.clear()), "", "who carries an old flag changes by the minute");
    assert!(
        moved(&|after| property(after, STATUS).label.push('!')).contains("property tripleseat_sync_status__harbour")
    );
    assert!(
        moved(&|after| live(after).has_group = false).contains(&format!("property group {GROUP} is there no more"))
    );
    assert!(moved(&|after| live(after).portal_id = 222).contains("portal 111, and the token opens 222"));
    assert!(moved(&|after| after.portal = Portal::NotAsked).contains("HubSpot was read when it was made"));
    // Limited to one venue it doesn't depend on the other's.
    let targets = ["harbour".to_owned()];
    let saved = SavedPlan::new(plan(&desired, &before, &targets), &origin(&before), &targets, false);
    let mut after = before.clone();
    property(&mut after, "tripleseat_sync__mill").label.push('!');
    assert_eq!(saved.moved(&plan(&desired, &after, &targets), &origin(&after)), Vec::<String>::new());
}
