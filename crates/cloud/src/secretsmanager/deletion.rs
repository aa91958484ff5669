//! Deletion with a recovery window, and restoring within it.

use serde_json::{Value, json};

use super::super::Context;
use super::super::context::epoch_s;
use super::secrets::named;
use super::values::later;
use super::{ApiError, Call, Deletion, invalid_parameter, invalid_request};

/// The range of `RecoveryWindowInDays` in `DeleteSecret`.
const WINDOW_DAYS: std::ops::RangeInclusive<i64> = 7..=30;
/// The default recovery window.
const DEFAULT_WINDOW_DAYS: i64 = 30;

/// Removes secrets whose recovery window has ended. AWS does this some time later; here it happens at once.
pub(super) fn purge(cx: &mut Context<'_>) {
    let now = cx.now;
    let due = |deletion: &Option<Deletion>| deletion.as_ref().is_some_and(|deletion| deletion.due <= now);
    if cx.regional().secretsmanager.secrets.values().any(|secret| due(&secret.deletion)) {
        cx.regional_mut().secretsmanager.secrets.retain(|_, secret| !due(&secret.deletion));
    }
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let id = call.body.required("SecretId")?;
    let force = call.body.flag("ForceDeleteWithoutRecovery");
    let window = call.body.integer("RecoveryWindowInDays");
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
    if force {
        // Forced deletion of a missing secret is not an error.
        let Some(secret) = call.state().find(id) else {
            return Ok(json!({ "Name": id, "DeletionDate": epoch_s(now) }));
        };
        let (name, mut answer) = (secret.name.clone(), named(secret, None));
        answer["DeletionDate"] = json!(epoch_s(now));
        call.cx.regional_mut().secretsmanager.secrets.remove(&name);
        return Ok(answer);
    }
    let secret = call.any()?;
    if secret.deletion.is_some() {
        return Err(invalid_request("You tried to perform the operation on a secret that's currently marked deleted."));
    }
    let name = secret.name.clone();
    let deletion = Deletion { requested: now, due: later(now, window) };
    let mut answer = named(secret, None);
    answer["DeletionDate"] = json!(epoch_s(deletion.due));
    call.secret_mut(&name)?.deletion = Some(deletion);
    Ok(answer)
}

pub(super) fn restore(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.any()?.name.clone();
    let secret = call.secret_mut(&name)?;
    secret.deletion = None;
    Ok(named(secret, None))
}
