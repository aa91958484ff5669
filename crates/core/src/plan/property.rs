//! Contact properties in HubSpot. They hold staff's data, so they are created and updated, but only archived on
//! request.

use std::collections::BTreeMap;

use super::{Action, Change, Conflict, Context, Differences, Operation, Plan, Unreadable, Verdict};
use crate::desired::Desired;
use crate::naming;
use crate::property::{GROUP, GROUP_LABEL, Legacy, LivePortal, Portal, Property, parse_name};
use crate::resource::Kind;

/// Compares a venue's properties. Returns nothing if HubSpot wasn't read or is unreadable, which the plan reports once
/// for all venues.
pub(super) fn compare_all(context: &Context, wanted: &[(Kind, Property)], portal: &Portal) -> Vec<(Kind, Verdict)> {
    let Some(live) = portal.read() else { return Vec::new() };
    wanted.iter().map(|(kind, property)| (*kind, compare(context, *kind, property, live))).collect()
}

fn compare(context: &Context, kind: Kind, wanted: &Property, portal: &LivePortal) -> Verdict {
    let Some(live) = portal.properties.get(&wanted.name) else { return create(context, kind, wanted, portal) };
    let marked = live.venue(context.deployment).is_some();
    let conflict = |owner, mismatch| {
        Verdict::Conflict(Conflict { address: context.address(kind), name: wanted.name.clone(), owner, mismatch })
    };
    if let Some(owner) = naming::marked_owner(&live.description).filter(|_| !marked) {
        return conflict(Some(owner), None);
    }
    if !live.has_type_of(wanted) {
        let (is, must) = (shown_type(live), shown_type(wanted));
        return conflict(None, Some(format!("is {is} in HubSpot, but the sync needs {must}")));
    }
    // Somebody created this flag, and the manifest chose its name. It is used as it is.
    if parse_name(&wanted.name).is_none() && !marked {
        return Verdict::Unchanged;
    }
    let (attributes, mut operations) = differences(wanted, live).into_parts();
    if attributes.is_empty() {
        return Verdict::Unchanged;
    }
    if live.group_name != GROUP {
        operations.splice(0..0, group(portal));
    }
    let reason =
        if marked { "differs from the manifest" } else { "created by hand; deployer will manage it from now on" };
    let change = context.change(kind, &wanted.name, Action::Update, reason);
    Verdict::Change(Change { attributes, operations, ..change })
}

fn create(context: &Context, kind: Kind, wanted: &Property, portal: &LivePortal) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("label", wanted.label.as_str());
    attributes.set("type", wanted.kind.as_str());
    attributes.set("fieldType", wanted.field_type.as_str());
    attributes.set("groupName", wanted.group_name.as_str());
    attributes.set("description", wanted.description.as_str());
    for option in &wanted.options {
        attributes.set(&format!("options.{}", option.value), option.label.as_str());
    }
    let operations = group(portal).into_iter().chain([Operation::CreateProperty { property: wanted.clone() }]);
    context.create(kind, &wanted.name, attributes, operations.collect())
}

/// Creates the property group if it is missing.
fn group(portal: &LivePortal) -> Option<Operation> {
    let create = || Operation::CreatePropertyGroup { group: GROUP.to_owned(), label: GROUP_LABEL.to_owned() };
    (!portal.has_group).then(create)
}

fn differences(wanted: &Property, live: &Property) -> Differences {
    let mut differences = Differences::default();
    differences.differ("label", live.label.as_str(), wanted.label.as_str());
    differences.differ("fieldType", live.field_type.as_str(), wanted.field_type.as_str());
    differences.differ("groupName", live.group_name.as_str(), wanted.group_name.as_str());
    differences.differ("description", live.description.as_str(), wanted.description.as_str());
    for option in &wanted.options {
        let found = live.options.iter().find(|found| found.value == option.value);
        // Staff never see a checkbox's options, only the property's own label.
        if found.is_none() || !wanted.is_tick_box() {
            let path = format!("options.{}", option.value);
            differences.differ_optional(&path, found.map(|found| found.label.as_str()), option.label.as_str());
        }
    }
    for option in &live.options {
        if !wanted.options.iter().any(|wanted| wanted.value == option.value) {
            differences.remove(&format!("options.{}", option.value), option.label.as_str());
        }
    }
    // A type is never changed, so a checkbox keeps whichever of the two types it has.
    let property = Property { kind: live.kind.clone(), ..wanted.clone() };
    differences.put_right_by(|| Operation::UpdateProperty { property });
    differences
}

fn shown_type(property: &Property) -> String {
    format!("{}/{}", property.kind, property.field_type)
}

/// Reports on the portal as a whole: that it is unreadable, and which shared flags it has.
pub(super) fn portal(plan: &mut Plan, desired: &Desired, portal: &Portal) {
    match portal {
        Portal::NotAsked => {}
        Portal::Unreadable(reason) => plan.unreadable.push(Unreadable { address: None, reason: reason.clone() }),
        Portal::Read(live) => {
            let legacy = live.legacy.iter().filter(|legacy| !is_wanted(desired, &legacy.name));
            plan.notes.extend(legacy.map(legacy_note));
        }
    }
}

fn legacy_note(legacy: &Legacy) -> String {
    let Legacy { name, label, contacts } = legacy;
    let ticked = match contacts {
        Ok(1) => "1 contact still has it ticked".to_owned(),
        Ok(contacts) => format!("{contacts} contacts still have it ticked"),
        Err(why) => format!("the contacts that still have it ticked couldn't be counted ({why})"),
    };
    format!(
        "HubSpot has a shared flag, {name} (\"{label}\"): {ticked}. Move contacts to a venue's own flag with `deployer \
         migrate-flag --from {name} --to VENUE`"
    )
}

/// Whether a venue declares the property with this name.
fn is_wanted(desired: &Desired, name: &str) -> bool {
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    stacks.flat_map(|stack| &stack.properties).any(|(_, property)| property.name == name)
}

/// The properties of venues that are no longer declared. A property that a declared venue uses now isn't one of them.
pub(super) fn undeclared<'l>(desired: &Desired, portal: &'l Portal) -> BTreeMap<&'l str, Vec<&'l Property>> {
    let mut owned = portal.read().map(|live| live.owned(&desired.deployment)).unwrap_or_default();
    owned.retain(|venue, _| !desired.venues.iter().any(|declared| declared.venue == **venue));
    for properties in owned.values_mut() {
        properties.retain(|property| !is_wanted(desired, &property.name));
    }
    owned.retain(|_, properties| !properties.is_empty());
    owned
}

/// Archives the properties of a venue that is no longer declared, if that was requested. Otherwise notes that they
/// stay.
pub(super) fn prune(plan: &mut Plan, desired: &Desired, venue: &str, properties: &[&Property]) {
    if !desired.archive_properties {
        plan.notes.push(format!(
            "{venue} is not in the manifest. HubSpot keeps its {} contact properties because they hold staff's data; \
             `--archive-properties` archives them",
            properties.len()
        ));
        return;
    }
    let context = Context { deployment: &desired.deployment, venue, is_canary: false };
    let reason = format!("{venue} is not in the manifest; HubSpot keeps archived properties for 90 days");
    for property in properties {
        // Only a flag can have a name that the manifest chose.
        let kind = parse_name(&property.name).map_or(Kind::FlagProperty, |(kind, _)| kind);
        let change = context.change(kind, &property.name, Action::Delete, &reason);
        let operations = vec![Operation::ArchiveProperty { property: property.name.clone() }];
        plan.changes.push(Change { operations, ..change });
    }
}
