//! Asks again for everything that the verdicts stood on, over the same window: the whole account right before the first
//! change, and what reaches and uses a resource right before that one is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::DecommissionContext;
use super::archivable::UseWindow;
use super::check::CandidateFacts;
use super::parts::ResourceParts;
use super::plan::{DecommissionAction, DecommissionItem, DecommissionPlan};
use crate::audit::{
    Audit, AuditInventory, AuditVerdict, EdgeKind, NodeKind, NodeUsage, Options, judge_inventory, read,
};

/// For how long a reading of the whole account counts. A deletion after that is preceded by another one.
pub const READING_COUNTS_FOR: Duration = Duration::from_mins(10);
/// The window without an audit, for what was in quarantine: the default of `deployer audit --days`.
const DAYS: u32 = 90;

/// How the account is read again.
#[derive(Debug, Clone, Copy)]
pub struct AccountRecheck<'a> {
    /// The audit that the plan was made from; `None` if only what was in quarantine is deleted.
    pub audit: Option<&'a Audit>,
    /// Whether calls stay below AWS's quotas.
    pub rate_limited: bool,
    /// For how long a reading of the whole account counts: [`READING_COUNTS_FOR`].
    pub counts_for: Duration,
    /// What the account is taken to be instead of reading it, for servers that lack most services. `None` for AWS.
    pub stand_in: Option<&'a AuditInventory>,
}

/// A reading of the whole account.
#[derive(Debug)]
pub struct AccountReading {
    /// What was read.
    pub inventory: AuditInventory,
    read_at: Instant,
    counts_for: Duration,
}

impl AccountRecheck<'_> {
    /// Reads the whole account, over the audit's window.
    pub async fn read_account(&self, cx: &DecommissionContext<'_>) -> AccountReading {
        let options = Options {
            days: self.audit.map_or(DAYS, |audit| audit.inventory.days),
            venues: Vec::new(),
            all_regions: true,
            rate_limited: self.rate_limited,
        };
        let read_at = Instant::now();
        let mut inventory = match self.stand_in {
            Some(inventory) => inventory.clone(),
            None => read(cx.aws, cx.scope, None, &options, &|_| {}).await,
        };
        if let Some(audit) = self.audit {
            keep_hubspot(&audit.inventory, &mut inventory);
        }
        AccountReading { inventory, read_at, counts_for: self.counts_for }
    }
}

/// Adds what the audit found in HubSpot, which isn't read again here: it can only show a need.
fn keep_hubspot(audited: &AuditInventory, inventory: &mut AuditInventory) {
    let ours = |kind: NodeKind| matches!(kind, NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook);
    let nodes: Vec<_> = audited.nodes.iter().filter(|node| ours(node.kind)).cloned().collect();
    let ids: BTreeSet<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    inventory.edges.extend(audited.edges.iter().filter(|edge| ids.contains(edge.from.as_str())).cloned());
    inventory.nodes.extend(nodes);
}

impl AccountReading {
    /// Whether it is too old to count.
    pub fn is_outdated(&self) -> bool {
        self.read_at.elapsed() >= self.counts_for
    }

    /// When the window begins in which uses count.
    fn window_start(&self) -> Timestamp {
        self.inventory.taken_at - SignedDuration::from_hours(24 * i64::from(self.inventory.days))
    }

    fn usage_of(&self, id: &str) -> Option<&NodeUsage> {
        self.inventory.nodes.iter().find(|node| node.id == id).map(|node| &node.usage)
    }

    /// Asks once more what reaches `item` and how much it was used in the whole window, right before it is changed.
    /// Returns why it must not be.
    pub async fn find_late_need(
        &self,
        cx: &DecommissionContext<'_>,
        plan: &DecommissionPlan,
        item: &DecommissionItem,
        parts: &ResourceParts,
    ) -> Option<String> {
        if !leaves(&item.action) {
            return None;
        }
        let target = &item.target;
        let facts = CandidateFacts::read_facts(cx, &[target], self.window_start()).await;
        let usage = self.usage_of(&target.id);
        // A rule whose targets are gone fires, and nothing uses that.
        if !matches!(usage, Some(NodeUsage::Counted { count: 1.., .. })) {
            match facts.count_uses(&target.id) {
                Err(why) => return Some(why),
                Ok(0) => {}
                Ok(count) => {
                    return Some(format!("it was used {count} times in the last {} days", self.inventory.days));
                }
            }
        }
        // What was in quarantine has been judged by what was recorded when it was disabled.
        if !matches!(item.action, DecommissionAction::DeleteQuiet) {
            let last_used = match usage {
                Some(NodeUsage::Counted { last, .. }) => last.as_deref(),
                _ => None,
            };
            let window = UseWindow { since: self.inventory.taken_at, last_used };
            if let Some(why) = target.kind.find_objection(target, parts, window) {
                return Some(why);
            }
        }
        let mut going = going_ids(plan);
        // What is in quarantine is disabled: it calls nothing that is disabled as well, and both can be released.
        if matches!(item.action, DecommissionAction::Quarantine { .. }) {
            let waiting = plan.items.iter().filter(|item| matches!(item.action, DecommissionAction::Wait { .. }));
            going.extend(waiting.map(|item| item.target.id.as_str()));
        }
        facts.find_caller(cx, target, &going).await
    }
}

/// Why a plan must not be carried out, one sentence each, according to a new reading of the account. `audit` is what the
/// plan was made from; without one, only what was in quarantine is deleted.
///
/// Anything that names a resource now and didn't, any use and any polling in the whole window for which the audit found
/// none, and any read that worked for the audit and fails now. What is deleted because of its verdict must get that
/// verdict again, from the new reading alone.
pub fn find_new_needs(plan: &DecommissionPlan, audit: Option<&Audit>, now: &AuditInventory) -> Vec<String> {
    let chosen = going_ids(plan);
    let known = audit.map(|audit| &audit.inventory);
    let verdicts: BTreeMap<String, _> =
        judge_inventory(now).into_iter().map(|finding| (finding.id.clone(), finding)).collect();
    let mut found = Vec::new();
    for item in plan.items.iter().filter(|item| leaves(&item.action)) {
        let (id, what) = (item.target.id.as_str(), item.target.kind_and_name());
        let before = found.len();
        for edge in now.edges.iter().filter(|edge| edge.to == id && edge.enabled && calls(edge.kind)) {
            let before = known.is_some_and(|known| known.edges.contains(edge));
            let there = now.nodes.iter().find(|node| node.id == edge.from);
            if let Some(caller) = there.filter(|_| !before && !chosen.contains(edge.from.as_str())) {
                found.push(format!("{what}: {} names it now", caller.name));
            }
        }
        let unused = known.and_then(|known| known.nodes.iter().find(|node| node.id == id));
        let unused = unused.is_some_and(|node| matches!(node.usage, NodeUsage::Counted { count: 0, .. }));
        let current = now.nodes.iter().find(|node| node.id == id);
        if let (true, Some(NodeUsage::Counted { what: uses, count: count @ 1.., .. })) =
            (unused, current.map(|node| &node.usage))
        {
            found.push(format!("{what}: {count} {uses} in {} days, and the audit found none", now.days));
        }
        if let (true, Some(day)) = (unused, current.and_then(|node| node.attributes.get("polled"))) {
            let before = known.is_some_and(|known| {
                known.nodes.iter().any(|node| node.id == id && node.attributes.contains_key("polled"))
            });
            if !before {
                found.push(format!("{what}: something polls it, the last time on {day}"));
            }
        }
        // Our own changes make what is in quarantine look new. A resource that no list shows gets no verdict, and is asked
        // for by name right before its deletion.
        let judged = !matches!(item.action, DecommissionAction::DeleteQuiet);
        if let Some(finding) = verdicts.get(id).filter(|_| judged && found.len() == before)
            && !matches!(finding.verdict, AuditVerdict::Stale | AuditVerdict::Orphaned)
        {
            let why = finding.evidence.first().map(String::as_str).unwrap_or("no evidence");
            found.push(format!("{what}: it is {} now: {why}", finding.verdict.display_name()));
        }
    }
    let Some(known) = known else { return found };
    let failed = |inventory: &AuditInventory| -> BTreeSet<String> {
        inventory.unread.iter().map(|unread| unread.call.clone()).collect()
    };
    let failed_before = failed(known);
    let more = failed(now).into_iter().filter(|call| known.calls.contains_key(call) && !failed_before.contains(call));
    found.extend(more.map(|call| format!("{call} could be read for the audit, and can't be read now")));
    found
}

/// Whether a plan takes anything out of use that has to be asked for again.
pub fn takes_out_of_use(plan: &DecommissionPlan) -> bool {
    plan.items.iter().any(|item| leaves(&item.action))
}

/// Whether an action takes a resource out of use that was in the state of the audit, or in quarantine.
fn leaves(action: &DecommissionAction) -> bool {
    matches!(
        action,
        DecommissionAction::Delete | DecommissionAction::DeleteQuiet | DecommissionAction::Quarantine { .. }
    )
}

/// What the plan takes out of use: nobody is left behind by it.
fn going_ids(plan: &DecommissionPlan) -> BTreeSet<&str> {
    let going = plan
        .items
        .iter()
        .filter(|item| !matches!(item.action, DecommissionAction::Wait { .. } | DecommissionAction::Release { .. }));
    going.map(|item| item.target.id.as_str()).collect()
}

/// The kinds of edges that the checks of single resources don't read.
fn calls(kind: EdgeKind) -> bool {
    matches!(kind, EdgeKind::Configuration | EdgeKind::Integration | EdgeKind::Task)
}
