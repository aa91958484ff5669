//! Contact properties in HubSpot. They hold staff's data, so they are created and updated, but only archived on
//! request.

use std::collections::BTreeMap;

use super::{
    Action, Change, Conflict, Differences, HubSpotOperation, Operation, Plan, PlanIndex, ResourceVerdict,
    UnreadableResource, VenueContext,
};
use crate::desired::Desired;
use crate::naming;
use crate::property::{
    ContactProperty, LegacyFlag, LivePortal, ObservedPortal, PROPERTY_GROUP, PROPERTY_GROUP_LABEL, PropertyField,
    parse_property_name,
};
use crate::resource::ResourceKind;

/// Compares a venue's properties. Returns nothing if HubSpot wasn't read or is unreadable, which the plan reports once
/// for all venues.
pub(super) fn compare_properties(
    context: &VenueContext,
    wanted: &[(PropertyField, ContactProperty)],
    portal: &ObservedPortal,
) -> Vec<(ResourceKind, ResourceVerdict)> {
    let Some(live) = portal.as_read() else { return Vec::new() };
    let compare = |(field, property): &(PropertyField, ContactProperty)| {
        let kind = ResourceKind::Property(*field);
        (kind, compare_property(context, kind, property, live))
    };
    wanted.iter().map(compare).collect()
}

fn compare_property(
    context: &VenueContext,
    kind: ResourceKind,
    wanted: &ContactProperty,
    portal: &LivePortal,
) -> ResourceVerdict {
    let Some(live) = portal.properties.get(&wanted.name) else {
        return plan_property_creation(context, kind, wanted, portal);
    };
    let marked = live.owner_venue(context.deployment).is_some();
    let conflict = |owner, mismatch| {
        ResourceVerdict::Conflict(Conflict {
            address: context.resource_address(kind),
            name: wanted.name.clone(),
            owner,
            mismatch,
        })
    };
    if let Some(owner) = naming::marked_owner(&live.description).filter(|_| !marked) {
        return conflict(Some(owner), None);
    }
    if !live.has_type_of(wanted) {
        let (is, must) = (format_type(live), format_type(wanted));
        return conflict(None, Some(format!("is {is} in HubSpot, but the sync needs {must}")));
    }
    // Somebody created this flag, and the manifest chose its name. It is used as it is.
    if parse_property_name(&wanted.name).is_none() && !marked {
        return ResourceVerdict::Unchanged;
    }
    let (attributes, mut operations) = property_differences(wanted, live).into_parts();
    if attributes.is_empty() {
        return ResourceVerdict::Unchanged;
    }
    if live.group_name != PROPERTY_GROUP {
        operations.splice(0..0, create_missing_group(portal).map(Operation::from));
    }
    let reason =
        if marked { "differs from the manifest" } else { "created by hand; deployer will manage it from now on" };
    let change = context.new_change(kind, &wanted.name, Action::Update, reason);
    ResourceVerdict::Change(Change { attributes, operations, ..change })
}

fn plan_property_creation(
    context: &VenueContext,
    kind: ResourceKind,
    wanted: &ContactProperty,
    portal: &LivePortal,
) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("label", wanted.label.as_str());
    attributes.add_new("type", wanted.kind.as_str());
    attributes.add_new("fieldType", wanted.field_type.as_str());
    attributes.add_new("groupName", wanted.group_name.as_str());
    attributes.add_new("description", wanted.description.as_str());
    for option in &wanted.options {
        attributes.add_new(&format!("options.{}", option.value), option.label.as_str());
    }
    let operations =
        create_missing_group(portal).into_iter().chain([HubSpotOperation::CreateProperty { property: wanted.clone() }]);
    context.plan_creation(kind, &wanted.name, attributes, operations.map(Operation::from).collect())
}

/// Creates the property group if it is missing.
fn create_missing_group(portal: &LivePortal) -> Option<HubSpotOperation> {
    let create = || HubSpotOperation::CreatePropertyGroup {
        group: PROPERTY_GROUP.to_owned(),
        label: PROPERTY_GROUP_LABEL.to_owned(),
    };
    (!portal.has_group).then(create)
}

fn property_differences(wanted: &ContactProperty, live: &ContactProperty) -> Differences {
    let mut differences = Differences::default();
    differences.compare_value("label", live.label.as_str(), wanted.label.as_str());
    differences.compare_value("fieldType", live.field_type.as_str(), wanted.field_type.as_str());
    differences.compare_value("groupName", live.group_name.as_str(), wanted.group_name.as_str());
    differences.compare_value("description", live.description.as_str(), wanted.description.as_str());
    for option in &wanted.options {
        let found = live.options.iter().find(|found| found.value == option.value);
        // Staff never see a checkbox's options, only the property's own label.
        if found.is_none() || !wanted.is_tick_box() {
            let path = format!("options.{}", option.value);
            differences.compare_optional(&path, found.map(|found| found.label.as_str()), option.label.as_str());
        }
    }
    for option in &live.options {
        if !wanted.options.iter().any(|wanted| wanted.value == option.value) {
            differences.add_removed(&format!("options.{}", option.value), option.label.as_str());
        }
    }
    // A type is never changed, so a checkbox keeps whichever of the two types it has.
    let property = ContactProperty { kind: live.kind.clone(), ..wanted.clone() };
    differences.fix_with(|| HubSpotOperation::UpdateProperty { property });
    differences
}

fn format_type(property: &ContactProperty) -> String {
    format!("{}/{}", property.kind, property.field_type)
}

/// Reports on the portal as a whole: that it is unreadable, and which shared flags it has.
pub(super) fn report_portal(plan: &mut Plan, index: &PlanIndex<'_>, portal: &ObservedPortal) {
    match portal {
        ObservedPortal::NotAsked => {}
        ObservedPortal::Unreadable(reason) => {
            plan.unreadable.push(UnreadableResource { address: None, reason: reason.clone() })
        }
        ObservedPortal::Read(live) => {
            let legacy = live.legacy.iter().filter(|legacy| index.find_property(&legacy.name).is_empty());
            plan.notes.extend(legacy.map(legacy_flag_note));
        }
    }
}

fn legacy_flag_note(legacy: &LegacyFlag) -> String {
    let LegacyFlag { name, label, contacts } = legacy;
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

/// The properties of venues that are no longer declared. A property that a declared venue uses now isn't one of them.
pub(super) fn undeclared_properties<'l>(
    desired: &Desired,
    index: &PlanIndex<'_>,
    portal: &'l ObservedPortal,
) -> BTreeMap<&'l str, Vec<&'l ContactProperty>> {
    let mut owned = portal.as_read().map(|live| live.owned_properties(&desired.deployment)).unwrap_or_default();
    owned.retain(|venue, _| index.find_venue(venue).is_none());
    for properties in owned.values_mut() {
        properties.retain(|property| index.find_property(&property.name).is_empty());
    }
    owned.retain(|_, properties| !properties.is_empty());
    owned
}

/// Archives the properties of a venue that is no longer declared, if that was requested. Otherwise notes that they
/// stay.
pub(super) fn prune_properties(plan: &mut Plan, desired: &Desired, venue: &str, properties: &[&ContactProperty]) {
    if !desired.archive_properties {
        plan.notes.push(format!(
            "{venue} is not in the manifest. HubSpot keeps its {} contact properties because they hold staff's data; \
             `--archive-properties` archives them",
            properties.len()
        ));
        return;
    }
    let context = VenueContext { deployment: &desired.deployment, venue, is_canary: false };
    let reason = format!("{venue} is not in the manifest; HubSpot keeps archived properties for 90 days");
    for property in properties {
        // Only a flag can have a name that the manifest chose.
        let field = parse_property_name(&property.name).map_or(PropertyField::Flag, |(field, _)| field);
        let change = context.new_change(ResourceKind::Property(field), &property.name, Action::Delete, &reason);
        let operations = vec![HubSpotOperation::ArchiveProperty { property: property.name.clone() }.into()];
        plan.changes.push(Change { operations, ..change });
    }
}
