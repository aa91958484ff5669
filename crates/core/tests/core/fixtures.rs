//! What the tests of plans, costs and isolation start from. The tests of the program include this file too.

use std::path::Path;

use deployer_core::desired::{Desired, derive_desired};
use deployer_core::isolation::planned::{CredentialsByVenue, planned_subjects};
use deployer_core::isolation::{ComparedCredential, IsolationReport, SimulationResults, VenueSubject, judge_pairs};
use deployer_core::manifest::{self, Manifest};
use deployer_core::naming::PERMISSION_SID;
use deployer_core::property::{ContactProperty, LivePortal, ObservedPortal};
use deployer_core::resource::declared::DeclaredSettings;
use deployer_core::resource::members::{AnswerKind, UnmodeledMember, UnmodeledPart};
use deployer_core::resource::{
    DesiredStack, FunctionState, LiveAlias, LiveFunction, LiveLogGroup, LivePermission, LiveRole, LiveRule,
    LiveSchedule, LiveScheduleGroup, LiveSecret, LiveStack, Observed, PermissionStatement, RuleTrigger,
    SECRET_ARN_PLACEHOLDER, StringMap,
};
use deployer_core::role_owner::OtherRoles;
use deployer_core::scope::Scope;
use deployer_core::snapshot::Snapshot;

/// Two venues, `harbour` active and `mill` paused.
pub const MANIFEST: &str = r#"
[deployment]
name = "sync"
region = "eu-west-1"

[venues.harbour]
display_name = "Harbour"
[venues.harbour.secrets]
hubspot_token = "env:HARBOUR_HUBSPOT_TOKEN"
tripleseat_public_key = "env:HARBOUR_KEY"
[venues.harbour.destination]
kind = "tripleseat"

[venues.mill]
display_name = "Mill"
status = "paused"
[venues.mill.secrets]
hubspot_token = "env:MILL_HUBSPOT_TOKEN"
tripleseat_public_key = "env:MILL_KEY"
[venues.mill.destination]
kind = "tripleseat"
"#;

pub fn desired_from(manifest: &str) -> Desired {
    let loaded =
        manifest::parse_manifest(manifest, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let scope = Scope::new("123456789012", "eu-west-1");
    derive_desired(&loaded.manifest, &scope, |_| "c29tZSBjb2Rl".to_owned())
}

/// The same in a partition where rules have no roles.
pub fn desired_in_china(manifest: &str) -> Desired {
    let loaded =
        manifest::parse_manifest(manifest, Path::new("venues.toml")).unwrap_or_else(|errors| panic!("{errors}"));
    let scope = Scope::of_region("123456789012", "cn-north-1");
    derive_desired(&loaded.manifest, &scope, |_| "c29tZSBjb2Rl".to_owned())
}

/// The statement in the alias's policy that earlier versions added where rules now have roles.
pub fn earlier_permission(stack: &DesiredStack) -> LivePermission {
    let statement = PermissionStatement {
        statement_id: PERMISSION_SID.to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "events.amazonaws.com".to_owned(),
        source_arn: Some(rule_of(stack).rule.arn.clone()),
        source_account: Some("123456789012".to_owned()),
    };
    LivePermission { statements: vec![statement] }
}

/// What earlier versions left: a permission, and no role of the rule.
pub fn earlier_stack(stack: &DesiredStack) -> LiveStack {
    let mut live = applied_stack(stack);
    live.permission = Observed::Present(earlier_permission(stack));
    let role = expect_present(&mut live.role);
    for policy in role.policies.values_mut().chain([&mut role.trust]) {
        let mut document = policy.to_value();
        document["Statement"].as_array_mut().expect("a list").retain(|statement| {
            statement["Sid"] != "StartOwnRuns" && statement["Principal"]["Service"] != "events.amazonaws.com"
        });
        *policy = document.into();
    }
    expect_present(&mut live.rule).targets[0].role_arn = None;
    live
}

/// The members that AWS's answer has because the manifest declares them.
fn declared_part(stack: &DesiredStack, answer: AnswerKind) -> UnmodeledPart {
    let members = stack.declared_members(answer).into_iter();
    let members = members.map(|it| UnmodeledMember { path: it.path.to_owned(), value: it.value, known: true });
    UnmodeledPart { members: members.collect(), unread: Vec::new() }
}

/// What AWS has after `stack` is applied.
pub fn applied_stack(stack: &DesiredStack) -> LiveStack {
    let secret_arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf");
    let secret = stack.secret.as_ref();
    let arn = secret.map(|secret| secret_arn(&secret.name)).unwrap_or_default();
    let mut configuration = stack.function.configuration.clone();
    for (_, value) in configuration.environment.iter_mut().filter(|(_, value)| *value == SECRET_ARN_PLACEHOLDER) {
        value.clone_from(&arn);
    }
    configuration.declared = DeclaredSettings::default();
    configuration.unmodeled = declared_part(stack, AnswerKind::Configuration).members;
    LiveStack {
        role: Observed::Present(LiveRole {
            name: stack.role.name.clone(),
            path: stack.role.path.clone(),
            trust: stack.role.trust.clone(),
            policies: [("sync".to_owned(), stack.role.policy.clone())].into(),
            attached: Vec::new(),
            tags: stack.role.tags.clone(),
            description: Some(stack.role.description.clone()),
            max_session_s: Some(3600),
            created: None,
            unmodeled: declared_part(stack, AnswerKind::Role),
        }),
        other_roles: OtherRoles::default(),
        secret: secret.map_or(Observed::Absent, |secret| {
            Observed::Present(LiveSecret {
                name: secret.name.clone(),
                arn,
                description: secret.description.clone(),
                tags: secret.tags.clone(),
                unmodeled: declared_part(stack, AnswerKind::Secret),
            })
        }),
        log_group: Observed::Present(LiveLogGroup {
            name: stack.log_group.name.clone(),
            arn: format!("arn:aws:logs:eu-west-1:123456789012:log-group:{}", stack.log_group.name),
            retention_days: Some(stack.log_group.retention_days),
            tags: stack.log_group.tags.clone(),
            unmodeled: declared_part(stack, AnswerKind::LogGroup),
        }),
        function: Observed::Present(LiveFunction {
            name: stack.function.name.clone(),
            configuration: configuration.clone(),
            reserved_concurrency: stack.function.reserved_concurrency,
            tags: stack.function.tags.clone(),
            state: FunctionState::default(),
            role_recreated: false,
            unmodeled: UnmodeledPart::default(),
        }),
        alias: Observed::Present(LiveAlias {
            version: "3".to_owned(),
            configuration,
            maximum_retry_attempts: stack.alias.settings_matter.then_some(stack.alias.maximum_retry_attempts),
            maximum_event_age_s: stack.alias.settings_matter.then_some(stack.alias.maximum_event_age_s),
            unmodeled: UnmodeledPart::default(),
        }),
        rule: stack.trigger.as_rule().map_or(Observed::Absent, |RuleTrigger { rule, target }| {
            Observed::Present(LiveRule {
                name: rule.name.clone(),
                description: rule.description.clone(),
                schedule: rule.schedule.clone(),
                enabled: rule.enabled,
                tags: rule.tags.clone(),
                targets: vec![target.target.clone()],
                unmodeled: UnmodeledPart::default(),
            })
        }),
        schedule: stack
            .trigger
            .as_schedule()
            .map_or(Observed::Absent, |schedule| Observed::Present(LiveSchedule::of_spec(schedule, "sync"))),
        permission: stack.permission.as_ref().map_or(Observed::Absent, |wanted| {
            Observed::Present(LivePermission { statements: vec![PermissionStatement::of_spec(wanted)] })
        }),
    }
}

/// What AWS has after all of `desired` is applied.
pub fn converged_snapshot(desired: &Desired) -> Snapshot {
    let venues =
        desired.venues.iter().filter_map(|venue| Some((venue.venue.clone(), applied_stack(venue.stack.as_ref()?))));
    let group = desired.schedule_group.as_ref().map_or(Observed::Absent, |group| {
        Observed::Present(LiveScheduleGroup {
            name: group.name.clone(),
            arn: group.arn.clone(),
            tags: group.tags.clone(),
            others: StringMap::new(),
        })
    });
    Snapshot { venues: venues.collect(), schedule_group: group, ..Snapshot::default() }
}

/// The rule of a stack that has one.
pub fn rule_of(stack: &DesiredStack) -> &RuleTrigger {
    stack.trigger.as_rule().expect("a rule")
}

/// The same manifest with this `scheduler`.
pub fn with_scheduler(manifest: &str, scheduler: &str) -> String {
    manifest.replacen("region =", &format!("scheduler = \"{scheduler}\"\nregion ="), 1)
}

/// The live stack of `harbour`, for a test to change.
pub fn harbour_stack(snapshot: &mut Snapshot) -> &mut LiveStack {
    snapshot.venues.get_mut("harbour").expect("harbour is declared")
}

pub fn expect_present<T>(observed: &mut Observed<T>) -> &mut T {
    match observed {
        Observed::Present(live) => live,
        _ => panic!("expected an existing resource"),
    }
}

/// Adds a HubSpot token to a manifest.
pub fn with_token(manifest: &str, base_uri: &str) -> String {
    let hubspot =
        format!("[hubspot]\nportal_id = 111\ntoken = \"env:ADMIN_TOKEN\"\nbase_uri = \"{base_uri}\"\n\n[venues.");
    manifest.replacen("[venues.", &hubspot, 1)
}

pub const FLAG: &str = "tripleseat_sync__harbour";

pub const STATUS: &str = "tripleseat_sync_status__harbour";

pub fn desired_state() -> Desired {
    desired_from(&with_token(MANIFEST, "https://api.hubapi.com"))
}

/// HubSpot and AWS after all of `desired` is applied.
pub fn everything_applied(desired: &Desired) -> Snapshot {
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    let properties = stacks.flat_map(|stack| &stack.properties);
    let properties = properties.map(|(_, property)| (property.name.clone(), property.clone())).collect();
    let live = LivePortal { portal_id: 111, has_group: true, properties, legacy: Vec::new() };
    Snapshot { portal: ObservedPortal::Read(live), ..converged_snapshot(desired) }
}

pub fn live_portal(snapshot: &mut Snapshot) -> &mut LivePortal {
    match &mut snapshot.portal {
        ObservedPortal::Read(live) => live,
        _ => panic!("expected a portal that was read"),
    }
}

pub fn property_mut<'s>(snapshot: &'s mut Snapshot, name: &str) -> &'s mut ContactProperty {
    live_portal(snapshot).properties.get_mut(name).expect("it exists")
}

/// A venue's tables, with `more` lines in the first one.
pub fn venue_tables(name: &str, more: &str) -> String {
    format!(
        "[venues.{name}]\ndisplay_name = \"Venue {name}\"\n{more}[venues.{name}.secrets]\n\
         hubspot_token = \"env:TOKEN_{name}\"\ntripleseat_public_key = \"env:KEY_{name}\"\n\
         [venues.{name}.destination]\nkind = \"tripleseat\"\n\n"
    )
}

pub fn planned_venues(venues: &[&str]) -> (Manifest, Desired) {
    let tables: String = venues.iter().map(|name| venue_tables(name, "")).collect();
    let text = format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n{tables}");
    let manifest = manifest::parse_manifest(&text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}")).manifest;
    let scope = Scope::new("123456789012", "us-east-1");
    let desired = derive_desired(&manifest, &scope, |_| String::new());
    (manifest, desired)
}

/// Credentials with these values.
pub fn credentials_with_values(of: &[(&str, &str, u8)]) -> CredentialsByVenue {
    let mut all = CredentialsByVenue::new();
    for (venue, key, value) in of {
        let credential = ComparedCredential { reference: format!("cmd:{venue}"), digest: Some([*value; 32]) };
        all.entry((*venue).to_owned()).or_default().insert((*key).to_owned(), credential);
    }
    all
}

pub fn judge_planned(
    venues: &[&str],
    credentials: &CredentialsByVenue,
    change: impl Fn(&mut [VenueSubject]),
) -> IsolationReport {
    let (manifest, desired) = planned_venues(venues);
    let mut subjects = planned_subjects(&manifest, &desired, credentials);
    change(&mut subjects);
    judge_pairs(&subjects, &SimulationResults::default(), Vec::new())
}
