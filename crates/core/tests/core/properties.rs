//! What the pure planner plans for HubSpot.

use deployer_core::desired::Desired;
use deployer_core::naming::mark_description;
use deployer_core::plan::{
    Action, HubSpotOperation, Operation, Plan, PlanOrigin, PlanPlace, SavedPlan, invariants, plan,
};
use deployer_core::property::{ContactProperty, LegacyFlag, ObservedPortal, PROPERTY_GROUP, PropertyField};
use deployer_core::resource::ResourceKind;
use deployer_core::snapshot::Snapshot;

use crate::assertions::assert_contains;
use crate::fixtures::{
    FLAG, MANIFEST, STATUS, desired_from, desired_state, everything_applied, live_portal, property_mut, with_token,
};

fn plan_checked(desired: &Desired, snapshot: &Snapshot) -> Plan {
    let plan = plan(desired, snapshot, &[]);
    assert_eq!(invariants::find_violations(&plan, desired, snapshot), Vec::<String>::new());
    plan
}

/// `venue/kind: calls`, then `attribute before -> after` for each attribute, for each change.
fn describe_changes(plan: &Plan) -> Vec<String> {
    let line = |change: &deployer_core::plan::Change| {
        let calls: Vec<&str> = change.operations.iter().map(Operation::call_name).collect();
        let attributes = change.attributes.iter().map(|attribute| {
            let shown = |value: &Option<serde_json::Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
            format!("\n  {} {} -> {}", attribute.path, shown(&attribute.before), shown(&attribute.after))
        });
        format!("{}: {}{}", change.address, calls.join(", "), attributes.collect::<String>())
    };
    plan.changes.iter().map(line).collect()
}

#[test]
fn plans_no_changes_after_an_apply() {
    let desired = desired_state();
    let plan = plan_checked(&desired, &everything_applied(&desired));
    assert_eq!((plan.changes.len(), plan.unchanged, plan.notes.len()), (0, 2 * (7 + 5), 0));
}

#[test]
fn creates_the_group_and_five_properties_per_venue() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    live_portal(&mut snapshot).properties.clear();
    live_portal(&mut snapshot).has_group = false;
    let plan = plan_checked(&desired, &snapshot);
    assert_eq!(plan.changes.len(), 10);
    insta::assert_snapshot!(describe_changes(&plan)[..5].join("\n"), @r#"
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
      description - -> "Managed by deployer: deployment sync, venue harbour, account 123456789012, region eu-west-1"
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
fn a_new_display_name_changes_labels_but_not_names() {
    let before = desired_state();
    let renamed = with_token(&MANIFEST.replace("\"Harbour\"", "\"The Harbour\""), "https://api.hubapi.com");
    let plan = plan_checked(&desired_from(&renamed), &everything_applied(&before));
    assert_eq!(plan.changes.len(), 5);
    assert!(plan.changes.iter().all(|change| change.address.kind.is_property() && change.attributes.len() == 1));
    assert_eq!(plan.changes[0].name, FLAG);
    insta::assert_snapshot!(describe_changes(&plan)[0], @r#"
    harbour/flag-property: hubspot:UpdateProperty
      label "Tripleseat Sync - Harbour" -> "Tripleseat Sync - The Harbour"
    "#);
}

#[test]
fn finds_and_fixes_each_drift() {
    type Drift = (&'static str, fn(&mut ContactProperty), &'static [&'static str]);
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
    let desired = desired_state();
    for (name, drift, paths) in drifts {
        let mut snapshot = everything_applied(&desired);
        drift(property_mut(&mut snapshot, name));
        let plan = plan_checked(&desired, &snapshot);
        let found: Vec<&str> = plan.changes[0].attributes.iter().map(|attribute| attribute.path.as_str()).collect();
        assert_eq!((plan.changes.len(), found.as_slice()), (1, paths));
        let wanted = desired.venues[0].stack.as_ref().expect("deployed").properties.iter();
        let wanted = wanted.map(|(_, property)| property).find(|property| property.name == name).expect("declared");
        assert_eq!(
            plan.changes[0].operations,
            [Operation::HubSpot(HubSpotOperation::UpdateProperty { property: wanted.clone() })]
        );
    }
}

#[test]
fn ignores_differences_that_do_not_matter_to_the_sync() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    // HubSpot's older checkbox type, and HubSpot's own label for a value.
    let flag = property_mut(&mut snapshot, FLAG);
    flag.kind = "enumeration".to_owned();
    flag.options[0].label = "True".to_owned();
    property_mut(&mut snapshot, STATUS).options.reverse();
    property_mut(&mut snapshot, STATUS).options[0].display_order = None;
    assert_eq!(describe_changes(&plan_checked(&desired, &snapshot)), Vec::<String>::new());
    // The type stays as it is even if something else must be changed.
    property_mut(&mut snapshot, FLAG).label = "Sync".to_owned();
    let plan = plan_checked(&desired, &snapshot);
    let Operation::HubSpot(HubSpotOperation::UpdateProperty { property }) = &plan.changes[0].operations[0] else {
        panic!("{plan:?}")
    };
    assert_eq!(property.kind, "enumeration");
}

#[test]
fn shows_that_properties_created_by_hand_are_taken_over() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    for found in live_portal(&mut snapshot).properties.values_mut() {
        found.description.clear();
        found.group_name = "contactinformation".to_owned();
    }
    live_portal(&mut snapshot).has_group = false;
    let plan = plan_checked(&desired, &snapshot);
    assert_eq!(plan.changes.len(), 10);
    assert!(
        plan.changes.iter().all(|change| change.reason.contains("created by hand") && change.action == Action::Update)
    );
    insta::assert_snapshot!(describe_changes(&plan)[0], @r#"
    harbour/flag-property: hubspot:CreatePropertyGroup, hubspot:UpdateProperty
      groupName "contactinformation" -> "tripleseat_sync"
      description "" -> "Managed by deployer: deployment sync, venue harbour"
    "#);
}

#[test]
fn reports_foreign_and_mismatched_properties_as_conflicts() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    property_mut(&mut snapshot, FLAG).description = mark_description("other", "harbour");
    property_mut(&mut snapshot, STATUS).kind = "string".to_owned();
    property_mut(&mut snapshot, STATUS).field_type = "text".to_owned();
    let plan = plan_checked(&desired, &snapshot);
    assert_eq!(describe_changes(&plan), Vec::<String>::new());
    let found: Vec<_> = plan
        .conflicts
        .iter()
        .map(|found| (found.name.as_str(), found.owner.as_deref(), found.mismatch.as_deref()))
        .collect();
    let mismatch = "is string/text in HubSpot, but the sync needs enumeration/select";
    assert_eq!(found, [(FLAG, Some("deployment other, venue harbour"), None), (STATUS, None, Some(mismatch))]);
}

#[test]
fn uses_a_custom_flag_as_it_is() {
    let named = "display_name = \"Harbour\"\nflag_property = \"send_to_harbour\"";
    let desired =
        desired_from(&with_token(&MANIFEST.replace("display_name = \"Harbour\"", named), "https://api.hubapi.com"));
    let mut snapshot = everything_applied(&desired);
    let flag = property_mut(&mut snapshot, "send_to_harbour");
    flag.description.clear();
    flag.label = "Send to the harbour".to_owned();
    flag.group_name = "contactinformation".to_owned();
    assert_eq!(
        describe_changes(&plan_checked(&desired, &snapshot)),
        Vec::<String>::new(),
        "a custom flag belongs to staff"
    );
    property_mut(&mut snapshot, "send_to_harbour").field_type = "select".to_owned();
    property_mut(&mut snapshot, "send_to_harbour").kind = "enumeration".to_owned();
    assert_eq!(plan_checked(&desired, &snapshot).conflicts.len(), 1, "a custom flag must be a checkbox");
    live_portal(&mut snapshot).properties.remove("send_to_harbour");
    assert_eq!(plan_checked(&desired, &snapshot).summarize_changes().create, 1);
}

#[test]
fn archives_properties_of_removed_venues_only_when_asked() {
    let both = desired_state();
    let only_harbour = with_token(&MANIFEST[..MANIFEST.find("[venues.mill]").expect("it exists")], "https://h.test");
    let mut only_harbour = desired_from(&only_harbour);
    let mut snapshot = everything_applied(&both);
    let mut others = snapshot.portal.as_read().expect("the portal was read").properties[FLAG].clone();
    others.name = "tripleseat_sync__elsewhere".to_owned();
    others.description = mark_description("other", "elsewhere");
    live_portal(&mut snapshot).properties.insert(others.name.clone(), others);
    let plan = plan_checked(&only_harbour, &snapshot);
    assert!(plan.changes.iter().all(|change| !change.address.kind.is_property()), "{:?}", describe_changes(&plan));
    let kept = |note: &String| {
        note.starts_with("mill is not in")
            && note.contains("keeps its 5 contact properties")
            && note.contains("--archive-prop")
    };
    assert!(plan.notes.iter().any(kept), "{:?}", plan.notes);
    assert!(!plan.notes.iter().any(|note| note.contains("elsewhere")), "properties of another deployment don't matter");

    only_harbour.archive_properties = true;
    let plan = plan_checked(&only_harbour, &snapshot);
    let archived: Vec<_> = plan.changes.iter().filter(|change| change.address.kind.is_property()).collect();
    assert_eq!(archived.len(), 5);
    assert!(archived.iter().all(|change| change.address.venue == "mill" && change.reason.contains("90 days")));
    assert_eq!(plan.deleted_venues(), ["mill"]);

    // They are archived even if everything else is already gone. The plan doesn't count as deleting a venue then.
    snapshot.venues.remove("mill");
    let plan = plan_checked(&only_harbour, &snapshot);
    assert_eq!((plan.summarize_changes().delete, plan.deleted_venues().len()), (5, 0));
}

#[test]
fn a_blocked_venue_always_keeps_its_properties() {
    let blocked = "status = \"blocked\"\nblocker = { reason = \"The license ended\", owner = \"ops\", \
                   next_step = \"renew\", since = 2026-01-01 }";
    let manifest = MANIFEST.replace("status = \"paused\"", blocked);
    let mut desired = desired_from(&with_token(&manifest, "https://h.test"));
    desired.archive_properties = true;
    let plan = plan_checked(&desired, &everything_applied(&desired_state()));
    assert!(plan.changes.iter().all(|change| !change.address.kind.is_property()), "{:?}", describe_changes(&plan));
    // A blocked venue that never had properties doesn't get any.
    let mut nothing_there = everything_applied(&desired);
    live_portal(&mut nothing_there).properties.retain(|name, _| !name.ends_with("__mill"));
    assert_eq!(describe_changes(&plan_checked(&desired, &nothing_there)), Vec::<String>::new());
}

#[test]
fn leaves_an_unreadable_portal_alone_but_plans_aws() {
    let desired = desired_state();
    let portal = ObservedPortal::Unreadable("HubSpot's contact properties: 403".to_owned());
    let plan = plan_checked(&desired, &Snapshot { portal, ..Snapshot::default() });
    assert_eq!((plan.summarize_changes().create, plan.unreadable.len()), (14, 1));
    assert!(plan.unreadable[0].reason.contains("403"), "{}", plan.unreadable[0].reason);
    let plan = plan_checked(&desired, &Snapshot { portal: ObservedPortal::NotAsked, ..Snapshot::default() });
    assert_eq!((plan.summarize_changes().create, plan.unreadable.len()), (14, 0));
}

#[test]
fn reports_a_shared_flag_with_its_number_of_contacts() {
    let desired = desired_state();
    let mut snapshot = everything_applied(&desired);
    for (contacts, words) in [
        (Ok(1), "1 contact still has it ticked"),
        (Ok(250), "250 contacts still have it ticked"),
        (Err("403".to_owned()), "couldn't be counted (403)"),
    ] {
        let (name, label) = ("tripleseat_sync".to_owned(), "Tripleseat Sync".to_owned());
        live_portal(&mut snapshot).legacy = vec![LegacyFlag { name, label, contacts }];
        let plan = plan_checked(&desired, &snapshot);
        assert_eq!(plan.notes.len(), 1);
        assert!(plan.notes[0].contains(words) && plan.notes[0].contains("--from tripleseat_sync --to"), "{words}");
    }
}

#[test]
fn does_not_report_a_shared_flag_that_a_venue_uses() {
    let named = "display_name = \"Harbour\"\nflag_property = \"tripleseat_sync\"";
    let desired = desired_from(&with_token(&MANIFEST.replace("display_name = \"Harbour\"", named), "https://h.test"));
    let mut snapshot = everything_applied(&desired);
    let (name, label) = ("tripleseat_sync".to_owned(), "Tripleseat Sync".to_owned());
    live_portal(&mut snapshot).legacy = vec![LegacyFlag { name, label, contacts: Ok(3) }];
    assert_eq!(plan_checked(&desired, &snapshot).notes, Vec::<String>::new());
}

#[test]
fn forbidden_changes_break_the_invariants() {
    let desired = desired_state();
    let snapshot = everything_applied(&desired);
    let mut missing = snapshot.clone();
    live_portal(&mut missing).properties.remove(FLAG);
    let good = plan_checked(&desired, &missing);
    let tampered = |tamper: &dyn Fn(&mut deployer_core::plan::Change)| {
        let mut plan = good.clone();
        tamper(&mut plan.changes[0]);
        invariants::find_violations(&plan, &desired, &missing)
    };
    type Tamper = fn(&mut deployer_core::plan::Change);
    let tampers: [(&str, Tamper); 5] = [
        ("would change a property of another venue", |change| change.address.venue = "mill".to_owned()),
        ("would change a property of another venue", |change| {
            change.address.kind = ResourceKind::Property(PropertyField::Status)
        }),
        ("would touch", |change| {
            if let Some(Operation::HubSpot(HubSpotOperation::CreateProperty { property })) =
                change.operations.last_mut()
            {
                property.group_name = "contactinformation".to_owned();
            }
        }),
        ("would touch", |change| {
            change.operations = vec![HubSpotOperation::ArchiveProperty { property: STATUS.to_owned() }.into()];
        }),
        ("would archive a property without being asked to", |change| change.action = Action::Delete),
    ];
    for (words, tamper) in tampers {
        let found = tampered(&tamper);
        assert!(found.iter().any(|violation| violation.contains(words)), "{words}: {found:?}");
    }
    let unread = Snapshot { portal: ObservedPortal::NotAsked, ..missing.clone() };
    assert!(invariants::find_violations(&good, &desired, &unread).iter().any(|found| found.contains("wasn't read")));
}

#[test]
fn a_saved_plan_is_stale_when_hubspot_has_changed() {
    let desired = desired_state();
    let mut before = everything_applied(&desired);
    live_portal(&mut before).properties.remove(FLAG);
    fn origin(snapshot: &Snapshot) -> PlanOrigin<'_> {
        PlanOrigin { snapshot, manifest: "", artifacts: &[] }
    }
    let saved = SavedPlan::new(plan(&desired, &before, &[]), &origin(&before), PlanPlace::default(), &[], false);
    let saved = SavedPlan::from_text(&saved.to_text()).expect("the plan is unedited");
    let moved = |change: &dyn Fn(&mut Snapshot)| {
        let mut after = before.clone();
        change(&mut after);
        saved.changes_since(&plan(&desired, &after, &[]), &origin(&after)).join("; ")
    };
    assert_eq!(moved(&|_| ()), "");
    assert_eq!(
        moved(&|after| live_portal(after).legacy.clear()),
        "",
        "the number of contacts with an old flag changes all the time"
    );
    assert_contains(
        moved(&|after| property_mut(after, STATUS).label.push('!')),
        "property tripleseat_sync_status__harbour",
    );
    assert_contains(
        moved(&|after| live_portal(after).has_group = false),
        format!("property group {PROPERTY_GROUP} no longer exists"),
    );
    assert_contains(moved(&|after| live_portal(after).portal_id = 222), "portal 111, but the token opens 222");
    assert_contains(moved(&|after| after.portal = ObservedPortal::NotAsked), "HubSpot was read when the plan was made");
    // A plan for one venue doesn't depend on another venue's properties.
    let targets = ["harbour".to_owned()];
    let of_target = plan(&desired, &before, &targets);
    let saved = SavedPlan::new(of_target, &origin(&before), PlanPlace::default(), &targets, false);
    let mut after = before.clone();
    property_mut(&mut after, "tripleseat_sync__mill").label.push('!');
    assert_eq!(saved.changes_since(&plan(&desired, &after, &targets), &origin(&after)), Vec::<String>::new());
}
