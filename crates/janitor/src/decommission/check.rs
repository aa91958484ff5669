//! Checks the candidates' current state: refuses whatever was changed, used or reached since the audit, and whatever is
//! unreadable.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::archivable::UseWindow;
use super::callers::CallerLists;
use super::kinds;
use super::parts::ResourceParts;
use super::plan::PendingResources;
use super::proof::prove_restore;
use super::select::{
    DecommissionRefusal, DecommissionRequest, DeletionCandidate, DeletionSelection, select_candidates,
};
use super::{DecommissionContext, DecommissionTarget, usage};
use crate::audit::Audit;
use deployer_core::naming::TAG_DEPLOYMENT;

/// How many resources are read at the same time.
pub const AT_ONCE: usize = 8;

/// A candidate in its current state.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCandidate {
    /// The candidate.
    pub candidate: DeletionCandidate,
    /// What AWS returns about it; `None` if it no longer exists.
    pub parts: Option<ResourceParts>,
}

/// What may be deleted besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecommissionTerms {
    /// Log groups, whose events aren't archived.
    pub with_logs: bool,
    /// What couldn't be restored from its archive, or not completely.
    pub accept_loss: bool,
}

/// Selects candidates and checks their current state. A refusal may leave a caller of another candidate behind, so it
/// repeats until there is no new refusal.
///
/// A pending candidate was already judged by its last step. Our own step is a change since the audit, so the checks here
/// would refuse it, and everything that it reaches would stay behind.
pub async fn check_candidates(
    cx: &DecommissionContext<'_>,
    audit: &Audit,
    request: &DecommissionRequest,
    terms: DecommissionTerms,
    pending: &PendingResources,
) -> (Vec<CheckedCandidate>, Vec<DecommissionRefusal>) {
    let since = audit.inventory.taken_at;
    let mut kept = BTreeSet::new();
    let mut refused = Vec::new();
    let mut known: BTreeMap<String, Result<Option<ResourceParts>, String>> = BTreeMap::new();
    let mut facts = None;
    loop {
        let DeletionSelection { candidates, refusals } = select_candidates(audit, request, &kept);
        let unknown: Vec<&DecommissionTarget> = candidates
            .iter()
            .map(|candidate| &candidate.target)
            .filter(|target| !known.contains_key(&target.id))
            .collect();
        known.extend(read_targets(cx, &unknown).await);
        if facts.is_none() && !candidates.is_empty() {
            let targets: Vec<&DecommissionTarget> = candidates.iter().map(|candidate| &candidate.target).collect();
            facts = Some(CandidateFacts::read_facts(cx, &targets, since).await);
        }
        let chosen: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.target.id.as_str()).collect();
        let mut new = Vec::new();
        for candidate in &candidates {
            let Some(facts) = &facts else { break };
            let target = &candidate.target;
            let why = match known.get(&target.id) {
                _ if pending.is_going(&target.id) => None,
                _ if pending.contains(&target.id) => Some("it stays, since it was used or changed".to_owned()),
                Some(Ok(None)) => None,
                Some(Ok(Some(parts))) => facts.find_objection(cx, candidate, parts, since, terms, &chosen).await,
                Some(Err(why)) => Some(format!("could not read it: {why}")),
                None => Some("could not read it".to_owned()),
            };
            new.extend(why.map(|why| refuse_target(target, why)));
        }
        if new.is_empty() {
            let checked = candidates.into_iter().map(|candidate| {
                let parts = known.remove(&candidate.target.id).and_then(Result::ok).flatten();
                CheckedCandidate { candidate, parts }
            });
            refused.extend(refusals);
            return (checked.collect(), refused);
        }
        kept.extend(new.iter().map(|refusal| refusal.id.clone()));
        refused.extend(new);
    }
}

/// A refusal of a target.
pub fn refuse_target(target: &DecommissionTarget, why: String) -> DecommissionRefusal {
    DecommissionRefusal { id: target.id.clone(), what: target.kind_and_name(), why }
}

/// Reads several targets at once. An error is in words.
pub async fn read_targets(
    cx: &DecommissionContext<'_>,
    targets: &[&DecommissionTarget],
) -> Vec<(String, Result<Option<ResourceParts>, String>)> {
    let read = async |target: &DecommissionTarget| {
        let parts = target.kind.read_parts(cx, target).await.map_err(|error| error.to_string());
        (target.id.clone(), parts)
    };
    stream::iter(targets.iter().copied()).map(read).buffer_unordered(AT_ONCE).collect().await
}

/// The facts that are read for all candidates at once.
#[derive(Debug)]
pub struct CandidateFacts {
    callers: Result<CallerLists, String>,
    used: Result<BTreeMap<String, u64>, String>,
}

impl CandidateFacts {
    /// Reads the callers, and the uses since `since`.
    pub async fn read_facts(cx: &DecommissionContext<'_>, targets: &[&DecommissionTarget], since: Timestamp) -> Self {
        let (callers, used) = tokio::join!(CallerLists::read_lists(cx), usage::count_uses_since(cx, targets, since));
        Self {
            callers: callers.map_err(|error| format!("could not read what reaches it: {error}")),
            used: used.map_err(|error| format!("could not read its use since the audit: {error}")),
        }
    }

    /// How often it was used.
    ///
    /// # Errors
    /// The count can't be read; the reason in words.
    pub fn count_uses(&self, id: &str) -> Result<u64, String> {
        self.used.as_ref().map(|used| used.get(id).copied().unwrap_or_default()).map_err(Clone::clone)
    }

    /// Describes what reaches or needs `target` and isn't in `chosen`. A failure to read that counts as a caller.
    pub async fn find_caller(
        &self,
        cx: &DecommissionContext<'_>,
        target: &DecommissionTarget,
        chosen: &BTreeSet<&str>,
    ) -> Option<String> {
        let callers = match &self.callers {
            Ok(callers) => callers,
            Err(why) => return Some(why.clone()),
        };
        match callers.find_caller(cx, target, |id| chosen.contains(id)).await {
            Ok(caller) => caller,
            Err(error) => Some(format!("could not read what reaches it: {error}")),
        }
    }

    async fn find_objection(
        &self,
        cx: &DecommissionContext<'_>,
        candidate: &DeletionCandidate,
        parts: &ResourceParts,
        since: Timestamp,
        terms: DecommissionTerms,
        chosen: &BTreeSet<&str>,
    ) -> Option<String> {
        let target = &candidate.target;
        let owner = kinds::resource_tags(parts).into_iter().find(|(key, _)| key == TAG_DEPLOYMENT);
        if let Some((_, deployment)) = owner {
            return Some(format!("deployment {deployment} owns it now"));
        }
        if let Some(changed) = target.kind.changed_at(parts).filter(|changed| *changed > since) {
            return Some(format!(
                "it was changed on {}, after the audit",
                changed.strftime("%Y-%m-%d at %H:%M:%S UTC")
            ));
        }
        if let Some(why) = target.kind.find_missing_consent(terms) {
            return Some(why.to_owned());
        }
        let window = UseWindow { since, last_used: candidate.last_used.as_deref() };
        if let Some(why) = target.kind.find_objection(target, parts, window) {
            return Some(why);
        }
        match self.count_uses(&target.id) {
            Err(why) => return Some(why),
            Ok(0) => {}
            Ok(count) => return Some(format!("it was used {count} times since the audit")),
        }
        let gaps = prove_restore(target, parts, Timestamp::now()).gaps;
        if !terms.accept_loss && !gaps.is_empty() {
            return Some(format!(
                "it couldn't be restored: {}; pass --accept-loss to delete it anyway",
                gaps.join("; ")
            ));
        }
        self.find_caller(cx, target, chosen).await
    }
}
