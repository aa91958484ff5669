//! Secret. Its value is written only when it is created, so a value that was rotated elsewhere stays.

use super::{Action, Change, Differences, ResourceVerdict, SecretsManagerOperation, VenueContext, is_owner};
use crate::resource::members::AnswerKind;
use crate::resource::{LiveSecret, Observed, ResourceKind, SecretSpec, StringMap};

/// The key of secrets that have no other (`KmsKeyId` of `UpdateSecret`).
const AWS_KEY: &str = "alias/aws/secretsmanager";

pub(super) fn compare_secret(
    context: &VenueContext,
    secret: &SecretSpec,
    live: &Observed<LiveSecret>,
) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent => plan_secret_creation(context, secret),
        Observed::PendingDeletion(live) => plan_secret_restoration(context, secret, live),
        Observed::Present(live) => {
            context.check_owner(ResourceKind::Secret, &secret.name, &live.tags).unwrap_or_else(|| {
                context.plan_update(ResourceKind::Secret, &secret.name, secret_differences(secret, live))
            })
        }
    }
}

/// Plans the deletion of a secret that is ours and that nothing needs anymore. Deletions come last, so the function doesn't name it
/// by then. It can be restored within the recovery window, like that of a venue that goes.
pub(super) fn plan_removal(
    context: &VenueContext,
    live: &Observed<LiveSecret>,
    recovery_window_days: Option<u32>,
) -> Option<ResourceVerdict> {
    match live {
        Observed::Absent | Observed::PendingDeletion(_) => None,
        Observed::Unreadable(reason) => Some(ResourceVerdict::Unreadable(reason.clone())),
        Observed::Present(live) => is_owner(&live.tags, context.deployment).then(|| {
            let operation = SecretsManagerOperation::DeleteSecret { secret: live.name.clone(), recovery_window_days };
            let reason = "the manifest has no credentials for it";
            let change = context.new_change(ResourceKind::Secret, &live.name, Action::Delete, reason);
            ResourceVerdict::Change(Change { operations: vec![operation.into()], ..change })
        }),
    }
}

fn plan_secret_creation(context: &VenueContext, secret: &SecretSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("description", secret.description.as_str());
    for (key, reference) in &secret.references {
        attributes.add_new(&format!("value.{key}"), format!("(value of {reference})"));
    }
    attributes.compare_declared(&secret.declared_members(), &[]);
    attributes.compare_tags(&StringMap::new(), &secret.tags);
    let operations = vec![SecretsManagerOperation::CreateSecret { secret: secret.clone() }.into()];
    context.plan_creation(ResourceKind::Secret, &secret.name, attributes, operations)
}

fn plan_secret_restoration(context: &VenueContext, secret: &SecretSpec, live: &LiveSecret) -> ResourceVerdict {
    if let Some(conflict) = context.check_owner(ResourceKind::Secret, &secret.name, &live.tags) {
        return conflict;
    }
    let (attributes, updates) = secret_differences(secret, live).into_parts();
    let mut operations = vec![SecretsManagerOperation::RestoreSecret { secret: secret.name.clone() }.into()];
    operations.extend(updates);
    let reason = "scheduled for deletion; restored with its current value";
    let change = context.new_change(ResourceKind::Secret, &secret.name, Action::Restore, reason);
    ResourceVerdict::Change(Change { attributes, operations, ..change })
}

fn secret_differences(secret: &SecretSpec, live: &LiveSecret) -> Differences {
    let mut differences = Differences::default();
    differences.compare_value("description", live.description.as_str(), secret.description.as_str());
    differences.fix_with(|| SecretsManagerOperation::UpdateSecretDescription {
        secret: secret.name.clone(),
        description: secret.description.clone(),
    });
    let (declared, found) = (secret.declared_members(), &live.unmodeled.members);
    differences.compare_declared(&declared, found);
    differences.remove_undeclared(&declared, found, &live.tags);
    let kms_key = secret.kms_key.clone().unwrap_or_else(|| AWS_KEY.to_owned());
    differences.fix_with(|| SecretsManagerOperation::UpdateSecretKey { secret: secret.name.clone(), kms_key });
    let undeclared = differences.remove_tags(&live.tags, &secret.tags);
    differences.fix_with(|| SecretsManagerOperation::UntagSecret { secret: secret.name.clone(), keys: undeclared });
    differences.compare_tags(&live.tags, &secret.tags);
    differences
        .fix_with(|| SecretsManagerOperation::TagSecret { secret: secret.name.clone(), tags: secret.tags.clone() });
    differences.add_unmodeled(AnswerKind::Secret, &live.unmodeled.members);
    differences.fix_with(|| SecretsManagerOperation::DeleteResourcePolicy { secret: secret.name.clone() });
    differences
}
