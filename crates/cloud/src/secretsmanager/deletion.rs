//! Deletion with a recovery window, and restoring within it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::CloudContext;
use super::super::context::epoch_s;
use super::secrets::identity_answer;
use super::values::days_later;
use super::{ApiError, SecretDeletion, SecretsManagerCall, StoredSecret, invalid_parameter, invalid_request};

/// The range of `RecoveryWindowInDays` in `DeleteSecret`.
const WINDOW_DAYS: std::ops::RangeInclusive<i64> = 7..=30;
/// The default recovery window.
const DEFAULT_WINDOW_DAYS: i64 = 30;

/// The key of a deletion, in the order of the times.
pub(in super::super) fn deletion_key(due: Timestamp, name: &str) -> String {
    // Times before 1970 don't occur, and all others have as many digits.
    format!("{:020} {name}", due.as_nanosecond())
}

/// Removes secrets whose recovery window has ended. AWS does this some time later; here it happens at once.
pub(super) fn purge_due_secrets(cx: &mut CloudContext<'_>) {
    let now = cx.now;
    // Greater than the keys of everything that is due by now, in which a space follows the time.
    let until = format!("{:020}!", now.as_nanosecond());
    while let Some((key, name)) = cx.region_state().secretsmanager.deletions.first_key_value()
        && *key < until
    {
        let (key, name) = (key.clone(), name.clone());
        let state = &mut cx.region_state_mut().secretsmanager;
        state.deletions.remove(&key);
        let due = |secret: &StoredSecret| secret.deletion.as_ref().is_some_and(|deletion| deletion.due <= now);
        if state.secrets.get(&name).is_some_and(due) {
            state.secrets.remove(&name);
        }
    }
}

pub(super) fn delete_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let id = call.body.required_text("SecretId")?;
    let force = call.body.member_flag("ForceDeleteWithoutRecovery");
    let window = call.body.member_integer("RecoveryWindowInDays");
    if force && window.is_some() {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let window = window.unwrap_or(DEFAULT_WINDOW_DAYS);
    if !WINDOW_DAYS.contains(&window) {
        return Err(invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."));
    }
    let now = call.cx.now;
    if call.secrets_state().find_secret(id).is_some_and(|secret| !secret.replicas.is_empty()) {
        return Err(invalid_request(
            "You can't delete secret that still has replica regions. Remove the replica regions first.",
        ));
    }
    if force {
        // Forced deletion of a missing secret is not an error.
        let Some(secret) = call.secrets_state().find_secret(id) else {
            return Ok(json!({ "Name": id, "DeletionDate": epoch_s(now) }));
        };
        let (name, mut answer) = (secret.name.clone(), identity_answer(secret, None));
        answer["DeletionDate"] = json!(epoch_s(now));
        call.cx.region_state_mut().secretsmanager.secrets.remove(&name);
        return Ok(answer);
    }
    let secret = call.find_any_secret()?;
    if secret.deletion.is_some() {
        return Err(invalid_request("You tried to perform the operation on a secret that's currently marked deleted."));
    }
    let name = secret.name.clone();
    let deletion = SecretDeletion { requested: now, due: days_later(now, window) };
    let mut answer = identity_answer(secret, None);
    answer["DeletionDate"] = json!(epoch_s(deletion.due));
    let key = deletion_key(deletion.due, &name);
    call.secret_mut(&name)?.deletion = Some(deletion);
    call.cx.region_state_mut().secretsmanager.deletions.insert(key, name);
    Ok(answer)
}

pub(super) fn restore_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.find_any_secret()?.name.clone();
    let secret = call.secret_mut(&name)?;
    secret.deletion = None;
    Ok(identity_answer(secret, None))
}
