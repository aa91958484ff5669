//! The states that everything in a snapshot may be in.

use deployer_core::naming::{PERMISSION_SID, TAG_ADOPTED, TAG_DEPLOYMENT, TAG_PINNED, mark_description};
use deployer_core::property::{ContactProperty, LegacyFlag, ObservedPortal};
use deployer_core::resource::{LivePermission, LiveStack, Observed, PermissionStatement, ScheduleTarget, StringMap};
use deployer_core::snapshot::Snapshot;
use proptest::prelude::*;
use proptest::sample::select;

/// How a resource in AWS was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// As it was applied.
    Applied,
    /// Changed by hand.
    Drifted,
    Absent,
    Unreadable,
    PendingDeletion,
    /// It has our name, but no owner.
    Unowned,
    /// It has our name, but belongs to another deployment.
    Foreign,
    /// A secret of another deployment, scheduled for deletion.
    ForeignPending,
    /// A role that was adopted, or a function whose alias is pinned. Otherwise as it was applied.
    Marked,
}

use LiveState::{Absent, Applied, Drifted, Foreign, ForeignPending, Marked, PendingDeletion, Unowned, Unreadable};

/// How the targets of a rule were observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    Applied,
    Absent,
    /// The target invokes something else.
    Drifted,
    /// It has no role to invoke it with, as earlier versions made it.
    WithoutRole,
    /// There is another one.
    Doubled,
}

/// The states of a venue's resources.
#[derive(Debug, Clone)]
pub struct VenueStates {
    role: LiveState,
    secret: LiveState,
    log_group: LiveState,
    function: LiveState,
    alias: LiveState,
    rule: LiveState,
    schedule: LiveState,
    permission: LiveState,
    target: TargetState,
    /// Whether only lists were read.
    listed: bool,
}

/// How a contact property was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyState {
    Applied,
    /// Its label and its group were changed.
    Drifted,
    /// One of its options is missing.
    OptionMissing,
    Absent,
    /// It was created by hand.
    Unmarked,
    /// It belongs to another deployment.
    Foreign,
    /// Its values aren't valid for the sync.
    Mismatched,
}

/// How HubSpot was observed.
#[derive(Debug, Clone)]
pub enum PortalStates {
    NotAsked,
    Unreadable,
    Read {
        /// The states of all properties in turn.
        properties: Vec<PropertyState>,
        has_group: bool,
        /// How many contacts have a shared flag, if there is one and they could be counted.
        legacy: Option<Result<u64, String>>,
    },
}

/// The states of a part of a function or a rule, which has no owner of its own. The more often a state is listed, the
/// more often it is drawn.
const PART_STATES: &[LiveState] = &[Applied, Applied, Applied, Drifted, Absent, Unreadable, PendingDeletion];

const RESOURCE_STATES: &[LiveState] =
    &[Applied, Applied, Applied, Applied, Drifted, Absent, Unreadable, PendingDeletion, Unowned, Foreign, Marked];

const SECRET_STATES: &[LiveState] =
    &[Applied, Applied, Applied, Drifted, Absent, Unreadable, PendingDeletion, Unowned, Foreign, ForeignPending];

const TARGET_STATES: &[TargetState] = &[
    TargetState::Applied,
    TargetState::Applied,
    TargetState::Absent,
    TargetState::Drifted,
    TargetState::WithoutRole,
    TargetState::Doubled,
];

const PROPERTY_STATES: &[PropertyState] = &[
    PropertyState::Applied,
    PropertyState::Applied,
    PropertyState::Drifted,
    PropertyState::OptionMissing,
    PropertyState::Absent,
    PropertyState::Unmarked,
    PropertyState::Foreign,
    PropertyState::Mismatched,
];

pub fn venue_states() -> impl Strategy<Value = VenueStates> {
    let owned = (proptest::array::uniform4(select(RESOURCE_STATES)), select(SECRET_STATES));
    let parts = (select(PART_STATES), select(PART_STATES), select(TARGET_STATES), select(PART_STATES));
    (owned, parts, prop::bool::weighted(0.25)).prop_map(
        |(([role, log_group, function, rule], secret), (alias, permission, target, schedule), listed)| VenueStates {
            role,
            secret,
            log_group,
            function,
            alias,
            rule,
            schedule,
            permission,
            target,
            listed,
        },
    )
}

pub fn portal_states() -> impl Strategy<Value = PortalStates> {
    let properties = proptest::collection::vec(select(PROPERTY_STATES), 15);
    let contacts = prop_oneof![(0_u64..300).prop_map(Ok), Just(Err("403".to_owned()))];
    let legacy = proptest::option::weighted(0.2, contacts);
    let read = (properties, any::<bool>(), legacy);
    let read = read.prop_map(|(properties, has_group, legacy)| PortalStates::Read { properties, has_group, legacy });
    prop_oneof![1 => Just(PortalStates::NotAsked), 1 => Just(PortalStates::Unreadable), 4 => read]
}

/// What `change_state` needs to know of a kind of resource that has an owner.
struct Changes<T> {
    drift: fn(&mut T),
    /// Sets the owner to this deployment, or to none.
    disown: fn(&mut T, Option<&str>),
    mark: fn(&mut T),
}

fn change_state<T>(observed: &mut Observed<T>, state: LiveState, changes: &Changes<T>) {
    let Observed::Present(mut live) = std::mem::replace(observed, Observed::Absent) else {
        panic!("everything is applied before it is changed")
    };
    match state {
        Applied => {}
        Drifted => (changes.drift)(&mut live),
        Unowned => (changes.disown)(&mut live, None),
        Foreign => (changes.disown)(&mut live, Some("other")),
        Marked => (changes.mark)(&mut live),
        Absent => return,
        Unreadable => {
            *observed = Observed::Unreadable("denied".to_owned());
            return;
        }
        PendingDeletion => {
            *observed = Observed::PendingDeletion(live);
            return;
        }
        ForeignPending => {
            (changes.disown)(&mut live, Some("other"));
            *observed = Observed::PendingDeletion(live);
            return;
        }
    }
    *observed = Observed::Present(live);
}

fn set_owner(tags: &mut StringMap, owner: Option<&str>) {
    match owner {
        Some(owner) => drop(tags.insert(TAG_DEPLOYMENT.to_owned(), owner.to_owned())),
        None => tags.clear(),
    }
}

impl VenueStates {
    /// Whether the lists are enough for this venue: nothing in them may leave the owner in doubt.
    pub fn may_be_listed(&self) -> bool {
        let doubtful = [Unowned, Foreign];
        self.listed && !doubtful.contains(&self.function) && !doubtful.contains(&self.rule)
    }

    /// Changes everything that was applied. Adds the names of what isn't ours then, and of what has no owner.
    pub fn change_stack(&self, live: &mut LiveStack, foreign: &mut Vec<String>, adoptable: &mut Vec<String>) {
        let names = [
            (self.role, live.role.as_present().map(|live| live.name.clone())),
            (self.secret, live.secret.as_present().map(|live| live.name.clone())),
            (self.log_group, live.log_group.as_present().map(|live| live.name.clone())),
            (self.function, live.function.as_present().map(|live| live.name.clone())),
            (self.rule, live.rule.as_present().map(|live| live.name.clone())),
        ];
        for (state, name) in names {
            foreign.extend(name.clone().filter(|_| [Unowned, Foreign, ForeignPending].contains(&state)));
            adoptable.extend(name.filter(|_| state == Unowned));
        }
        self.change_targets(live);
        change_state(
            &mut live.role,
            self.role,
            &Changes {
                drift: |role| drop(role.policies.insert("extra".to_owned(), serde_json::json!({}).into())),
                disown: |role, owner| {
                    role.path = "/elsewhere/".to_owned();
                    set_owner(&mut role.tags, owner);
                },
                mark: |role| {
                    role.path = "/elsewhere/".to_owned();
                    role.tags.insert(TAG_ADOPTED.to_owned(), "true".to_owned());
                },
            },
        );
        change_state(
            &mut live.secret,
            self.secret,
            &Changes {
                drift: |secret| secret.description.clear(),
                disown: |secret, owner| set_owner(&mut secret.tags, owner),
                mark: |_| (),
            },
        );
        change_state(
            &mut live.log_group,
            self.log_group,
            &Changes {
                drift: |group| group.retention_days = None,
                disown: |group, owner| set_owner(&mut group.tags, owner),
                mark: |_| (),
            },
        );
        change_state(
            &mut live.function,
            self.function,
            &Changes {
                drift: |function| function.configuration.code_sha256 = "other".to_owned(),
                disown: |function, owner| set_owner(&mut function.tags, owner),
                mark: |function| drop(function.tags.insert(TAG_PINNED.to_owned(), "3".to_owned())),
            },
        );
        change_state(
            &mut live.alias,
            self.alias,
            &Changes {
                drift: |alias| {
                    alias.version = "2".to_owned();
                    alias.configuration.memory_mb = 1024;
                },
                disown: |_, _| (),
                mark: |_| (),
            },
        );
        // A venue has one or the other.
        if matches!(live.rule, Observed::Present(_)) {
            change_state(
                &mut live.rule,
                self.rule,
                &Changes {
                    drift: |rule| rule.enabled = !rule.enabled,
                    disown: |rule, owner| set_owner(&mut rule.tags, owner),
                    mark: |_| (),
                },
            );
        }
        if matches!(live.schedule, Observed::Present(_)) {
            change_state(
                &mut live.schedule,
                self.schedule,
                &Changes { drift: |schedule| schedule.enabled = !schedule.enabled, disown: |_, _| (), mark: |_| () },
            );
        }
        if matches!(live.permission, Observed::Absent) && self.permission != Applied {
            live.permission = Observed::Present(LivePermission { statements: vec![earlier_statement()] });
        }
        if matches!(live.permission, Observed::Present(_)) {
            self.change_permission(live);
        }
        // Lambda deletes the parts of a function together with it.
        if matches!(live.function, Observed::Absent | Observed::PendingDeletion(_)) {
            live.alias = Observed::Absent;
            live.permission = Observed::Absent;
        }
    }

    fn change_permission(&self, live: &mut LiveStack) {
        change_state(
            &mut live.permission,
            self.permission,
            &Changes {
                drift: |permission| permission.statements[0].source_arn = None,
                disown: |_, _| (),
                mark: |_| (),
            },
        );
    }

    fn change_targets(&self, live: &mut LiveStack) {
        let Observed::Present(rule) = &mut live.rule else { return };
        match self.target {
            TargetState::Applied => {}
            TargetState::Absent => rule.targets.clear(),
            TargetState::Drifted => rule.targets[0].arn.push_str("-other"),
            TargetState::WithoutRole => rule.targets[0].role_arn = None,
            TargetState::Doubled => {
                let mut second = rule.targets[0].clone();
                second.id = "second".to_owned();
                rule.targets.push(second);
            }
        }
    }
}

/// A statement that lets a rule invoke the alias, as earlier versions added it.
fn earlier_statement() -> PermissionStatement {
    PermissionStatement {
        statement_id: PERMISSION_SID.to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "events.amazonaws.com".to_owned(),
        source_arn: Some("arn:aws:events:eu-west-1:123456789012:rule/sync-harbour-schedule".to_owned()),
        source_account: Some("123456789012".to_owned()),
    }
}

/// Whether the lists are enough for a venue: it has what starts its runs as it should, and nothing else that does.
pub fn fits_lists(live: &LiveStack, wants_schedule: bool) -> bool {
    let (rule, schedule) = (live.rule.as_present().is_some(), live.schedule.as_present().is_some());
    schedule == wants_schedule && !(rule && wants_schedule)
}

/// How the group of the schedules was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    Applied,
    /// Somebody put a schedule of theirs into it.
    Shared,
    Absent,
    Unreadable,
    Unowned,
    Foreign,
}

pub fn group_states() -> impl Strategy<Value = GroupState> {
    use GroupState::{Absent, Applied, Foreign, Shared, Unowned, Unreadable};
    select(&[Applied, Applied, Applied, Applied, Shared, Absent, Unreadable, Unowned, Foreign][..])
}

/// Changes the group. What is in it is read only if it is ours.
pub fn change_group(state: GroupState, snapshot: &mut Snapshot) {
    let Observed::Present(group) = &mut snapshot.schedule_group else { return };
    let contents = match state {
        GroupState::Applied => return,
        GroupState::Shared => {
            group.others.insert("theirs".to_owned(), "arn:aws:sqs:eu-west-1:123456789012:theirs".to_owned());
            return;
        }
        GroupState::Unowned => {
            set_owner(&mut group.tags, None);
            Observed::Absent
        }
        GroupState::Foreign => {
            set_owner(&mut group.tags, Some("other"));
            Observed::Absent
        }
        GroupState::Absent => {
            snapshot.schedule_group = Observed::Absent;
            Observed::Absent
        }
        GroupState::Unreadable => {
            snapshot.schedule_group = Observed::Unreadable("denied".to_owned());
            Observed::Unreadable("denied".to_owned())
        }
    };
    for live in snapshot.venues.values_mut() {
        live.schedule = contents.clone();
    }
    snapshot.listed.clear();
}

/// Leaves of a venue what lists show. They don't show the owner of a log group.
pub fn keep_listed(live: &mut LiveStack, foreign: &mut Vec<String>, adoptable: &mut Vec<String>) {
    if let Observed::Present(function) = &mut live.function {
        function.tags.clear();
        function.reserved_concurrency = None;
    }
    if let Observed::Present(rule) = &mut live.rule {
        rule.tags.clear();
        rule.targets.clear();
    }
    if let Observed::Present(group) = &mut live.log_group {
        group.tags.clear();
        foreign.retain(|name| *name != group.name);
        adoptable.retain(|name| *name != group.name);
    }
    if let Observed::Present(schedule) = &mut live.schedule {
        (schedule.expression, schedule.timezone, schedule.description) = Default::default();
        schedule.target = ScheduleTarget { arn: schedule.target.arn.clone(), ..ScheduleTarget::default() };
    }
    live.alias = Observed::Unreadable("only lists were read".to_owned());
    live.permission = Observed::Unreadable("only lists were read".to_owned());
}

impl PortalStates {
    /// Changes everything that was applied. Adds the names of the properties that aren't ours then, and of those that the
    /// sync can't use.
    pub fn change_portal(&self, portal: &mut ObservedPortal, foreign: &mut Vec<String>, unusable: &mut Vec<String>) {
        let (states, group, legacy) = match self {
            Self::NotAsked => {
                *portal = ObservedPortal::NotAsked;
                return;
            }
            Self::Unreadable => {
                *portal = ObservedPortal::Unreadable("HubSpot's contact properties: 403".to_owned());
                return;
            }
            Self::Read { properties, has_group, legacy } => (properties, *has_group, legacy),
        };
        let ObservedPortal::Read(live) = portal else { panic!("everything is applied before it is changed") };
        live.has_group = group;
        live.legacy.extend(legacy.clone().map(|contacts| LegacyFlag {
            name: "tripleseat_sync".to_owned(),
            label: "Tripleseat Sync".to_owned(),
            contacts,
        }));
        let mut states = states.iter();
        live.properties.retain(|_, _| states.next().is_none_or(|state| *state != PropertyState::Absent));
        for (property, state) in live.properties.values_mut().zip(self.present_states()) {
            change_property(property, state);
            match state {
                PropertyState::Foreign => foreign.push(property.name.clone()),
                PropertyState::Mismatched => unusable.push(property.name.clone()),
                _ => {}
            }
        }
    }

    /// The states of those properties that exist.
    fn present_states(&self) -> impl Iterator<Item = PropertyState> {
        let all: &[PropertyState] = match self {
            Self::Read { properties, .. } => properties,
            Self::NotAsked | Self::Unreadable => &[],
        };
        all.iter().copied().filter(|state| *state != PropertyState::Absent)
    }
}

fn change_property(property: &mut ContactProperty, state: PropertyState) {
    match state {
        PropertyState::Applied | PropertyState::Absent => {}
        PropertyState::Drifted => {
            property.label.push('!');
            property.group_name = "contactinformation".to_owned();
        }
        PropertyState::OptionMissing => drop(property.options.pop()),
        PropertyState::Unmarked => property.description.clear(),
        PropertyState::Foreign => property.description = mark_description("other", "harbour"),
        PropertyState::Mismatched => {
            property.kind = "number".to_owned();
            property.field_type = "number".to_owned();
        }
    }
}
