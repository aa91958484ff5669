//! Secret. Its value is written only when it is created, so a value that was rotated elsewhere stays.

use super::{Action, Change, Context, Differences, Operation, Verdict};
use crate::resource::{Kind, LiveSecret, Map, Observed, SecretSpec};

pub(super) fn compare(context: &Context, secret: &SecretSpec, live: &Observed<LiveSecret>) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent => create(context, secret),
        Observed::PendingDeletion(live) => restore(context, secret, live),
        Observed::Present(live) => context
            .check_owner(Kind::Secret, &secret.name, &live.tags)
            .unwrap_or_else(|| context.update(Kind::Secret, &secret.name, differences(secret, live))),
    }
}

fn create(context: &Context, secret: &SecretSpec) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("description", secret.description.as_str());
    for (key, reference) in &secret.references {
        attributes.set(&format!("value.{key}"), format!("(value of {reference})"));
    }
    attributes.tags(&Map::new(), &secret.tags);
    let operations = vec![Operation::CreateSecret { secret: secret.clone() }];
    context.create(Kind::Secret, &secret.name, attributes, operations)
}

fn restore(context: &Context, secret: &SecretSpec, live: &LiveSecret) -> Verdict {
    if let Some(conflict) = context.check_owner(Kind::Secret, &secret.name, &live.tags) {
        return conflict;
    }
    let (attributes, updates) = differences(secret, live).into_parts();
    let mut operations = vec![Operation::RestoreSecret { secret: secret.name.clone() }];
    operations.extend(updates);
    let reason = "scheduled for deletion; restored with its current value";
    let change = context.change(Kind::Secret, &secret.name, Action::Restore, reason);
    Verdict::Change(Change { attributes, operations, ..change })
}

fn differences(secret: &SecretSpec, live: &LiveSecret) -> Differences {
    let mut differences = Differences::default();
    differences.differ("description", live.description.as_str(), secret.description.as_str());
    differences.put_right_by(|| Operation::UpdateSecretDescription {
        secret: secret.name.clone(),
        description: secret.description.clone(),
    });
    differences.tags(&live.tags, &secret.tags);
    differences.put_right_by(|| Operation::TagSecret { secret: secret.name.clone(), tags: secret.tags.clone() });
    differences
}
