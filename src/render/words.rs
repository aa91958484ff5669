//! The words of a plan that all formats share, without styles.

use deployer_core::plan::{
    Action, AttributeChange, Change, FindingKind, Plan, PlanFinding, PlanSummary, UnreadableResource,
};
use deployer_core::quota::ExceededQuota;

/// How a summary begins when there is nothing to do.
pub(super) const NO_CHANGES: &str = "No changes.";

/// A quota that leaves too little room, with what follows from that.
pub(super) fn quota_text(quota: &ExceededQuota) -> String {
    match quota.refuses_apply() {
        true => format!("{}, so an apply is refused", quota.text),
        false => quota.text.clone(),
    }
}

/// One line for each of a plan's quotas, with what to do.
pub(super) fn quota_lines(plan: &Plan) -> impl Iterator<Item = String> {
    plan.quotas.iter().map(|quota| format!("{} (hint: {})", quota_text(quota), quota.hint))
}

/// The closing line of a plan, in two parts.
pub(super) fn plan_summary(plan: &Plan) -> (&'static str, String) {
    let summary = plan.summarize_changes();
    let PlanSummary { create, update, replace, delete, unchanged } = summary;
    let complete = plan.unreadable.is_empty();
    let refused = !plan.conflicts.is_empty() || !plan.protected.is_empty();
    let changes = create + update + replace + delete;
    if changes == 0 && complete && !refused && !plan.findings.is_empty() {
        let count = plan.findings.len();
        let what = if count == 1 { "1 finding above needs" } else { &format!("{count} findings above need") };
        return ("Plan:", format!("nothing to change; {unchanged} unchanged. {what} your attention."));
    }
    if changes == 0 && complete && !refused {
        return (
            NO_CHANGES,
            match unchanged {
                1 => "The one resource matches the manifest.".to_owned(),
                _ => format!("All {unchanged} resources match the manifest."),
            },
        );
    }
    let replace = if replace > 0 { format!("{replace} to replace, ") } else { String::new() };
    let mut line =
        format!("{create} to create, {update} to change, {replace}{delete} to delete; {unchanged} unchanged.");
    if !complete {
        line.push_str(" The plan is incomplete: not everything could be read.");
    }
    if refused {
        line.push_str(" It can't be applied until the errors above are resolved.");
    } else if plan.quotas.iter().any(ExceededQuota::refuses_apply) {
        line.push_str(" It can't be applied until the quotas above have room.");
    }
    ("Plan:", line)
}

/// The changes, grouped by venue.
pub(super) fn by_venue(plan: &Plan) -> impl Iterator<Item = (&str, &[Change])> {
    let venues = plan.changes.chunk_by(|one, next| one.address.venue == next.address.venue);
    venues.map(|changes| (changes[0].address.venue.as_str(), changes))
}

/// How many changes there are of each action: `2 to create, 1 to change`.
pub(super) fn action_counts(changes: &[Change]) -> String {
    let actions = [Action::Create, Action::Restore, Action::Update, Action::Replace, Action::Delete];
    let counts = actions.into_iter().filter_map(|action| {
        let count = changes.iter().filter(|change| change.action == action).count();
        (count > 0).then(|| format!("{count} to {}", action_verb(action)))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// The sign for what happens to a resource.
pub(super) fn action_sign(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Restore => "+",
        Action::Update => "~",
        Action::Replace => "-/+",
        Action::Delete => "-",
    }
}

/// The verb for what happens to a resource.
pub(super) fn action_verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Restore => "restore",
        Action::Update => "change",
        Action::Replace => "replace",
        Action::Delete => "delete",
    }
}

/// An attribute's values before and after; `None` where it isn't set.
pub(super) fn attribute_values(attribute: &AttributeChange) -> (Option<String>, Option<String>) {
    let after = match (&attribute.after, attribute.known_after_apply) {
        (_, true) => Some("(known after apply)".to_owned()),
        (after, false) => after.as_ref().map(ToString::to_string),
    };
    (attribute.before.as_ref().map(ToString::to_string), after)
}

/// A finding, with the resource that it is about.
pub(super) fn finding_text(finding: &PlanFinding) -> String {
    format!("{} {}: {}", finding.address, finding.name, finding.text)
}

/// The findings as lines of a list: access for strangers, or everything else.
pub(super) fn finding_lines(plan: &Plan, strangers: bool) -> impl Iterator<Item = String> {
    let findings = plan.findings.iter().filter(move |finding| (finding.kind == FindingKind::Stranger) == strangers);
    findings.map(move |finding| {
        let word = if strangers { String::new() } else { format!("{}: ", finding.kind.display_word()) };
        let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        format!("{word}{}{hint}", finding_text(finding))
    })
}

/// Something unreadable, and why.
pub(super) fn unreadable_text(unreadable: &UnreadableResource) -> String {
    let what =
        unreadable.address.as_ref().map_or_else(|| "everything that this read covers".to_owned(), ToString::to_string);
    format!("{what} is left alone: {}", unreadable.reason)
}
