//! A plan in words, without styles: what every format says the same.

use deployer_core::plan::{Action, AttributeChange, Change, Conflict, Plan, Summary, Unreadable};

/// What a summary begins with where there is nothing to do.
pub(super) const NO_CHANGES: &str = "No changes.";

/// Something that went wrong, and what to do about it.
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: String,
}

/// The closing line of a plan, in two parts.
pub(super) fn summary(plan: &Plan) -> (&'static str, String) {
    let summary = plan.summary();
    let Summary { create, update, replace, delete, unchanged } = summary;
    let complete = plan.unreadable.is_empty();
    let refused = !plan.conflicts.is_empty() || !plan.protected.is_empty();
    let changes = create + update + replace + delete;
    if changes == 0 && complete && !refused {
        return (NO_CHANGES, format!("{unchanged} resources are as the manifest says."));
    }
    let replace = if replace > 0 { format!("{replace} to replace, ") } else { String::new() };
    let mut line =
        format!("{create} to create, {update} to change, {replace}{delete} to delete; {unchanged} stay as they are.");
    if !complete {
        line.push_str(" The plan is incomplete: something couldn't be read.");
    }
    if refused {
        line.push_str(" An apply refuses it until the errors above are resolved.");
    }
    ("Plan:", line)
}

/// The changes of one venue after the other.
pub(super) fn by_venue(plan: &Plan) -> impl Iterator<Item = (&str, &[Change])> {
    let venues = plan.changes.chunk_by(|one, next| one.address.venue == next.address.venue);
    venues.map(|changes| (changes[0].address.venue.as_str(), changes))
}

/// `2 to create, 1 to change`: what there is of it.
pub(super) fn counts(changes: &[Change]) -> String {
    let actions = [Action::Create, Action::Restore, Action::Update, Action::Replace, Action::Delete];
    let counts = actions.into_iter().filter_map(|action| {
        let count = changes.iter().filter(|change| change.action == action).count();
        (count > 0).then(|| format!("{count} to {}", verb(action)))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// What happens to a resource, as a sign.
pub(super) fn sign(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Restore => "+",
        Action::Update => "~",
        Action::Replace => "-/+",
        Action::Delete => "-",
    }
}

/// What happens to a resource, as a word.
pub(super) fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Restore => "restore",
        Action::Update => "change",
        Action::Replace => "replace",
        Action::Delete => "delete",
    }
}

/// What an attribute was and what it will be; none where it isn't there.
pub(super) fn values(attribute: &AttributeChange) -> (Option<String>, Option<String>) {
    let after = match (&attribute.after, attribute.known_after_apply) {
        (_, true) => Some("(known after apply)".to_owned()),
        (after, false) => after.as_ref().map(ToString::to_string),
    };
    (attribute.before.as_ref().map(ToString::to_string), after)
}

/// The errors because of which an apply refuses a plan.
pub(super) fn problems(plan: &Plan) -> impl Iterator<Item = Problem> {
    plan.conflicts.iter().map(|found| conflict(plan, found)).chain(plan.protected.iter().map(|venue| protected(venue)))
}

fn conflict(plan: &Plan, conflict: &Conflict) -> Problem {
    if let Some(mismatch) = &conflict.mismatch {
        return Problem {
            message: format!("{} {} {mismatch}", conflict.address.kind, conflict.name),
            hint: format!(
                "nothing was changed, since its values would be lost. Archive it in HubSpot (Settings, Properties): the \
                 next apply makes it anew. `--target` leaves {} out",
                conflict.address.venue
            ),
        };
    }
    let owner = conflict.owner.as_deref().unwrap_or("nobody that its tags name");
    Problem {
        message: format!(
            "{} {} exists and isn't owned by deployment {} (its owner: {owner})",
            conflict.address.kind, conflict.name, plan.deployment
        ),
        hint: format!(
            "nothing was changed. Rename the venue or the deployment, delete the resource yourself, or take it under \
             management with `deployer adopt {}`",
            conflict.address.venue
        ),
    }
}

fn protected(venue: &str) -> Problem {
    Problem {
        message: format!("{venue} is protected and would be removed"),
        hint: "declare it with `protect = false`, apply that, and remove it then".to_owned(),
    }
}

/// What couldn't be read, and why.
pub(super) fn unreadable(unreadable: &Unreadable) -> String {
    let what = unreadable.address.as_ref().map_or_else(|| "a list".to_owned(), ToString::to_string);
    format!("{what} is left alone: {}", unreadable.reason)
}
