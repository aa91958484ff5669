//! What a plan reports besides its changes: access for strangers, and drift that an apply leaves alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Plan, UnreadableResource};
use crate::isolation::strangers::find_strangers;
use crate::resource::members::{AnswerKind, MemberRemedy, UnmodeledMember};
use crate::resource::{DesiredStack, LiveStack, Observed, ResourceAddress, ResourceKind};

/// Something that a plan reports. It is no change, but `plan --detailed-exitcode` exits with 10 for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFinding {
    /// The resource.
    pub address: ResourceAddress,
    /// Its name in AWS.
    pub name: String,
    /// What is reported.
    pub kind: FindingKind,
    /// What was found, in words.
    pub text: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What is reported, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Somebody outside of the account has access.
    Stranger,
    /// AWS refuses to delete it, so it stays.
    DeletionRefused,
    /// It, or its last update, failed.
    Failed,
    /// It differs, and an apply doesn't change it back.
    LeftAlone,
}

impl FindingKind {
    /// The word before its text.
    pub fn display_word(self) -> &'static str {
        match self {
            Self::Stranger => "access for strangers",
            Self::DeletionRefused => "can't be deleted",
            Self::Failed => "failed",
            Self::LeftAlone => "left alone",
        }
    }
}

/// The longest value that is shown.
const MAX_SHOWN: usize = 160;

/// A value as it is shown: short, and on one line.
fn shown_value(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= MAX_SHOWN {
        return text;
    }
    text.chars().take(MAX_SHOWN).chain(['…']).collect()
}

/// Members that this version doesn't know, with the venues that have them.
#[derive(Debug, Default)]
pub(super) struct UnknownMembers(BTreeMap<(ResourceKind, String), Vec<String>>);

impl UnknownMembers {
    /// One note for each member.
    pub(super) fn into_notes(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|((kind, path), venues)| {
            format!(
                "this version of deployer doesn't know the member {path} of a {kind}, so it is neither compared nor \
                 changed ({})",
                venues.join(", ")
            )
        })
    }
}

/// Reports what no attribute of a venue's resources models. Resources that aren't ours are left out.
/// What the manifest declares, or did, is compared instead.
pub(super) fn report_unmodeled(
    plan: &mut Plan,
    unknown: &mut UnknownMembers,
    venue: &str,
    stack: &DesiredStack,
    live: &LiveStack,
) {
    let address = |kind| ResourceAddress { venue: venue.to_owned(), kind };
    let foreign = |plan: &Plan, kind: ResourceKind| {
        let whole = kind.parent_kind().unwrap_or(kind);
        // Those of this venue were added last.
        let conflicts = plan.conflicts.iter().rev().take_while(|conflict| conflict.address.venue == venue);
        conflicts.into_iter().any(|conflict| conflict.address.kind == whole)
    };
    for stranger in find_strangers(live, &plan.scope.account) {
        if foreign(plan, stranger.kind) {
            continue;
        }
        plan.findings.push(PlanFinding {
            address: address(stranger.kind),
            name: stranger.name,
            kind: FindingKind::Stranger,
            text: stranger.text,
            hint: Some(stranger.hint),
        });
    }
    for (answer, members, unread) in live.unmodeled_answers() {
        let kind = answer.resource_kind();
        if foreign(plan, kind) {
            continue;
        }
        for member in members {
            if !member.known {
                unknown.0.entry((kind, member.path.clone())).or_default().push(venue.to_owned());
            } else if !stack.settles_member(answer, member, live)
                && let Some(finding) = report_member(answer, member, address(kind), live)
            {
                plan.findings.push(finding);
            }
        }
        let reasons = unread.iter().map(|reason| (Some(address(kind)), reason.clone()));
        plan.unreadable.extend(reasons.map(|(address, reason)| UnreadableResource { address, reason }));
    }
    if let Some(function) = live.function.as_present().filter(|_| !foreign(plan, ResourceKind::Function))
        && let Some(text) = function.state.failure()
    {
        plan.findings.push(PlanFinding {
            address: address(ResourceKind::Function),
            name: function.name.clone(),
            kind: FindingKind::Failed,
            text,
            hint: Some("an apply updates it again, and publishes no version of it until that succeeds".to_owned()),
        });
    }
}

fn report_member(
    answer: AnswerKind,
    member: &UnmodeledMember,
    address: ResourceAddress,
    live: &LiveStack,
) -> Option<PlanFinding> {
    let row = member.find_row(answer)?;
    let MemberRemedy::Report(hint) = row.remedy else { return None };
    let meaning = if row.meaning.is_empty() { String::new() } else { format!(": {}", row.meaning) };
    let name = live_name(live, address.kind);
    Some(PlanFinding {
        text: format!("{} is {}{meaning}", member.path, shown_value(&member.value)),
        hint: Some(hint.replace("NAME", &name)),
        kind: FindingKind::LeftAlone,
        address,
        name,
    })
}

/// A resource's name in AWS, if it was read.
pub(super) fn live_name(live: &LiveStack, kind: ResourceKind) -> String {
    fn name_of<T>(live: &Observed<T>, name: impl Fn(&T) -> &String) -> String {
        match live {
            Observed::Present(live) | Observed::PendingDeletion(live) => name(live).clone(),
            Observed::Absent | Observed::Unreadable(_) => String::new(),
        }
    }
    match kind {
        ResourceKind::Role => name_of(&live.role, |role| &role.name),
        ResourceKind::Secret => name_of(&live.secret, |secret| &secret.name),
        ResourceKind::LogGroup => name_of(&live.log_group, |group| &group.name),
        ResourceKind::Function | ResourceKind::Alias | ResourceKind::Permission => {
            name_of(&live.function, |function| &function.name)
        }
        ResourceKind::Rule | ResourceKind::Target => name_of(&live.rule, |rule| &rule.name),
        // A live stack has neither properties nor alarms, and there may be several former roles.
        ResourceKind::Property(_) | ResourceKind::FormerRole | ResourceKind::AlarmTopic | ResourceKind::Alarms => {
            String::new()
        }
    }
}

/// Why AWS would refuse to delete a resource, as far as its answers say it.
pub(super) fn find_deletion_refusal(venue: &str, live: &LiveStack, kind: ResourceKind) -> Option<PlanFinding> {
    let blocks = |answer: AnswerKind, path: &str| match answer {
        AnswerKind::Role => path == "InstanceProfileList",
        AnswerKind::Secret => path == "ReplicationStatus",
        AnswerKind::LogGroup => path == "deletionProtectionEnabled",
        AnswerKind::Rule => path == "ManagedBy",
        AnswerKind::Function
        | AnswerKind::Configuration
        | AnswerKind::Alias
        | AnswerKind::Target
        | AnswerKind::Alarm => false,
    };
    let answers = live.unmodeled_answers().into_iter().filter(|(answer, _, _)| answer.resource_kind() == kind);
    let mut members = answers.flat_map(|(answer, members, _)| members.iter().map(move |member| (answer, member)));
    let (answer, member) = members.find(|(answer, member)| blocks(*answer, &member.path))?;
    let address = ResourceAddress { venue: venue.to_owned(), kind };
    let finding = report_member(answer, member, address, live)?;
    let hint = finding.hint.map(|hint| format!("{hint}; then run the same command again"));
    Some(PlanFinding { kind: FindingKind::DeletionRefused, hint, ..finding })
}
