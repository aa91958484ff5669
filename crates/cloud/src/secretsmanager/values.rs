//! A secret's values. Each is a version, found by id or label.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use super::super::context::epoch_s;
use super::secrets::identity_answer;
use super::{ApiError, CURRENT, PREVIOUS, SecretsManagerCall, StoredSecret, StoredSecretVersion, invalid_parameter};

/// Secrets Manager's quota "Secret value size", in bytes.
const MAX_SIZE: usize = 65_536;

/// The value in a request.
pub(super) struct SecretContent {
    /// The request's `ClientRequestToken`, which becomes the version's id.
    pub(super) token: String,
    string: Option<String>,
    binary: Option<String>,
}

impl SecretContent {
    /// Reads the value from the request, if there is one.
    pub(super) fn from_call(call: &SecretsManagerCall<'_, '_>) -> Result<Option<Self>, ApiError> {
        let string = call.body.member_text("SecretString").map(ToOwned::to_owned);
        let binary = call.body.member_text("SecretBinary").map(ToOwned::to_owned);
        let size = match (&string, &binary) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value.",
                ));
            }
            (Some(string), None) => string.len(),
            (None, Some(binary)) => binary.len() / 4 * 3,
        };
        if size > MAX_SIZE {
            return Err(ApiError::validation_error(format!(
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have \
                 length less than or equal to {MAX_SIZE}"
            )));
        }
        let token = call.body.member_text("ClientRequestToken").unwrap_or_default();
        if !(32..=64).contains(&token.len()) {
            return Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."));
        }
        Ok(Some(Self { token: token.to_owned(), string, binary }))
    }

    pub(super) fn equals_version(&self, version: &StoredSecretVersion) -> bool {
        version.string == self.string && version.binary == self.binary
    }

    /// A token can be used again only with the same value.
    pub(super) fn refuse_other(&self, secret: &StoredSecret) -> Result<(), ApiError> {
        match secret.versions.get(&self.token) {
            Some(version) if !self.equals_version(version) => Err(ApiError::bad_request(
                "ResourceExistsException",
                "You can't modify an existing version, you can only create a new version.",
            )),
            _ => Ok(()),
        }
    }
}

/// Stores a value under its token and moves the labels to it. `AWSPREVIOUS` moves to the version that was current.
/// Returns the token.
pub(super) fn store_version(
    secret: &mut StoredSecret,
    content: SecretContent,
    labels: &[String],
    now: Timestamp,
) -> String {
    let current = [CURRENT.to_owned()];
    let labels = if labels.is_empty() { &current } else { labels };
    let SecretContent { token, string, binary } = content;
    if secret.versions.contains_key(&token) {
        return token;
    }
    let replaced = labels.iter().any(|label| label == CURRENT).then(|| {
        let current = secret.versions.iter().find(|(_, version)| version.stages.iter().any(|label| label == CURRENT));
        current.map(|(id, _)| id.clone())
    });
    let replaced = replaced.flatten();
    for version in secret.versions.values_mut() {
        version.stages.retain(|label| !labels.contains(label) && (replaced.is_none() || label != PREVIOUS));
    }
    if let Some(version) = replaced.and_then(|id| secret.versions.get_mut(&id)) {
        version.stages.push(PREVIOUS.to_owned());
    }
    secret.versions.retain(|_, version| !version.stages.is_empty());
    secret.changed = now;
    secret
        .versions
        .insert(token.clone(), StoredSecretVersion { string, binary, stages: labels.to_vec(), created: now });
    token
}

pub(super) fn get_secret_value(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_usable_secret()?;
    let (id, label) = (call.body.member_text("VersionId"), call.body.member_text("VersionStage"));
    let wanted = |(version_id, version): &(&String, &StoredSecretVersion)| match (id, label) {
        (None, None) => version.stages.iter().any(|stage| stage == CURRENT),
        _ => {
            id.is_none_or(|id| *version_id == id)
                && label.is_none_or(|label| version.stages.iter().any(|stage| stage == label))
        }
    };
    let Some((version_id, version)) = secret.versions.iter().find(wanted) else {
        let what =
            id.map_or_else(|| format!("staging label: {}", label.unwrap_or(CURRENT)), |id| format!("VersionId: {id}"));
        return Err(ApiError::bad_request(
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for {what}"),
        ));
    };
    let mut answer = identity_answer(secret, Some(version_id));
    answer["VersionStages"] = json!(version.stages);
    answer["CreatedDate"] = json!(epoch_s(version.created));
    if let Some(string) = &version.string {
        answer["SecretString"] = json!(string);
    }
    if let Some(binary) = &version.binary {
        answer["SecretBinary"] = json!(binary);
    }
    let today = call.cx.now.to_zoned(TimeZone::UTC).start_of_day().map(|day| day.timestamp());
    let today = today.unwrap_or(call.cx.now);
    if secret.accessed != Some(today) {
        let name = secret.name.clone();
        call.secret_mut(&name)?.accessed = Some(today);
    }
    Ok(answer)
}

pub(super) fn put_secret_value(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_usable_secret()?;
    let content = SecretContent::from_call(call)?
        .ok_or_else(|| invalid_parameter("You must provide either SecretString or SecretBinary."))?;
    content.refuse_other(secret)?;
    let name = secret.name.clone();
    let labels = call.body.member_texts("VersionStages");
    let now = call.cx.now;
    let secret = call.secret_mut(&name)?;
    let token = store_version(secret, content, &labels, now);
    let mut answer = identity_answer(secret, Some(&token));
    answer["VersionStages"] = json!(secret.versions.get(&token).map(|version| &version.stages));
    Ok(answer)
}

/// The time `days` days after `time`.
pub(super) fn days_later(time: Timestamp, days: i64) -> Timestamp {
    time.checked_add((days * 24).hours()).unwrap_or(Timestamp::MAX)
}
