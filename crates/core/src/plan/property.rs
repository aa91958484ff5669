//! Contact properties in HubSpot. Staff's data is in them: they are made and put right, and only archived when asked.

use std::collections::BTreeMap;

use super::{Action, Change, Conflict, Context, Differences, Operation, Plan, Unreadable, Verdict};
use crate::desired::Desired;
use crate::naming;
use crate::property::{GROUP, GROUP_LABEL, Legacy, LivePortal, Portal, Property, parse_name};
use crate::resource::Kind;

/// What there is to say of a venue's properties; nothing where HubSpot wasn't asked or couldn't be read, which is said
/// once for all venues.
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
        return conflict(None, Some(format!("is {is} in HubSpot, and the sync needs {must}")));
    }
    // A flag of a name that the manifest chose, which somebody made: it is used as it is.
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
        if marked { "it is not as the manifest says" } else { "it was made by hand, and is taken under management" };
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

/// The group, where it is missing.
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
        // What staff read beside a tick box is the property's own label.
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
    // A type is never changed: a tick box keeps the one of two that it has.
    let property = Property { kind: live.kind.clone(), ..wanted.clone() };
    differences.put_right_by(|| Operation::UpdateProperty { property });
    differences
}

fn shown_type(property: &Property) -> String {
    format!("{}/{}", property.kind, property.field_type)
}

/// What is to be said of the portal as a whole: that it couldn't be read, and flags that say no venue.
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
    let carry = match contacts {
        Ok(1) => "1 contact still carries it".to_owned(),
        Ok(contacts) => format!("{contacts} contacts still carry it"),
        Err(why) => format!("how many contacts still carry it couldn't be counted ({why})"),
    };
    format!(
        "HubSpot has the property {name} (\"{label}\"), which says no venue: {carry}. `deployer migrate-flag --from {name} \
         --to VENUE` moves it to a venue's own flag"
    )
}

/// Whether a venue declares the property of this name.
fn is_wanted(desired: &Desired, name: &str) -> bool {
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    stacks.flat_map(|stack| &stack.properties).any(|(_, property)| property.name == name)
}

/// What HubSpot has of venues that are declared no more. A property that a venue took over under another's name stays.
pub(super) fn undeclared<'l>(desired: &Desired, portal: &'l Portal) -> BTreeMap<&'l str, Vec<&'l Property>> {
    let mut owned = portal.read().map(|live| live.owned(&desired.deployment)).unwrap_or_default();
    owned.retain(|venue, _| !desired.venues.iter().any(|declared| declared.venue == **venue));
    for properties in owned.values_mut() {
        properties.retain(|property| !is_wanted(desired, &property.name));
    }
    owned.retain(|_, properties| !properties.is_empty());
    owned
}

/// Archives what HubSpot has of a venue that is declared no more where that is wanted, and otherwise says that it is kept.
pub(super) fn prune(plan: &mut Plan, desired: &Desired, venue: &str, properties: &[&Property]) {
    if !desired.archive_properties {
        plan.notes.push(format!(
            "HubSpot keeps {} contact properties of {venue}, which is not in the manifest: staff's data is in them. \
             `--archive-properties` archives them",
            properties.len()
        ));
        return;
    }
    let context = Context { deployment: &desired.deployment, venue, is_canary: false };
    let reason = format!("{venue} is not in the manifest; HubSpot keeps it archived for 90 days");
    for property in properties {
        // A name that a manifest chose can only be a flag's.
        let kind = parse_name(&property.name).map_or(Kind::FlagProperty, |(kind, _)| kind);
        let change = context.change(kind, &property.name, Action::Delete, &reason);
        let operations = vec![Operation::ArchiveProperty { property: property.name.clone() }];
        plan.changes.push(Change { operations, ..change });
    }
}
