//! A secret's values. Each is a version, found by id or label.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use super::super::context::epoch_s;
use super::secrets::named;
use super::{ApiError, CURRENT, Call, PREVIOUS, Secret, Version, invalid_parameter};

/// Secrets Manager's quota "Secret value size", in bytes.
const MAX_SIZE: usize = 65_536;

/// The value in a request.
pub(super) struct Content {
    /// The request's `ClientRequestToken`, which becomes the version's id.
    pub(super) token: String,
    string: Option<String>,
    binary: Option<String>,
}

impl Content {
    /// Reads the value from the request, if there is one.
    pub(super) fn of(call: &Call<'_, '_>) -> Result<Option<Self>, ApiError> {
        let string = call.body.text("SecretString").map(ToOwned::to_owned);
        let binary = call.body.text("SecretBinary").map(ToOwned::to_owned);
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
            return Err(ApiError::validation(format!(
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have \
                 length less than or equal to {MAX_SIZE}"
            )));
        }
        let token = call.body.text("ClientRequestToken").unwrap_or_default();
        if !(32..=64).contains(&token.len()) {
            return Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."));
        }
        Ok(Some(Self { token: token.to_owned(), string, binary }))
    }

    pub(super) fn is(&self, version: &Version) -> bool {
        version.string == self.string && version.binary == self.binary
    }

    /// A token can be used again only with the same value.
    pub(super) fn refuse_other(&self, secret: &Secret) -> Result<(), ApiError> {
        match secret.versions.get(&self.token) {
            Some(version) if !self.is(version) => Err(ApiError::bad(
                "ResourceExistsException",
                "You can't modify an existing version, you can only create a new version.",
            )),
            _ => Ok(()),
        }
    }
}

/// Stores a value under its token and moves the labels to it. `AWSPREVIOUS` moves to the version that was current.
/// Returns the token.
pub(super) fn store(secret: &mut Secret, content: Content, labels: &[String], now: Timestamp) -> String {
    let current = [CURRENT.to_owned()];
    let labels = if labels.is_empty() { &current } else { labels };
    let Content { token, string, binary } = content;
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
    secret.versions.insert(token.clone(), Version { string, binary, stages: labels.to_vec(), created: now });
    token
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.usable()?;
    let (id, label) = (call.body.text("VersionId"), call.body.text("VersionStage"));
    let wanted = |(version_id, version): &(&String, &Version)| match (id, label) {
        (None, None) => version.stages.iter().any(|stage| stage == CURRENT),
        _ => {
            id.is_none_or(|id| *version_id == id)
                && label.is_none_or(|label| version.stages.iter().any(|stage| stage == label))
        }
    };
    let Some((version_id, version)) = secret.versions.iter().find(wanted) else {
        let what =
            id.map_or_else(|| format!("staging label: {}", label.unwrap_or(CURRENT)), |id| format!("VersionId: {id}"));
        return Err(ApiError::bad(
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for {what}"),
        ));
    };
    let mut answer = named(secret, Some(version_id));
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

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.usable()?;
    let content =
        Content::of(call)?.ok_or_else(|| invalid_parameter("You must provide either SecretString or SecretBinary."))?;
    content.refuse_other(secret)?;
    let name = secret.name.clone();
    let labels = call.body.texts("VersionStages");
    let now = call.cx.now;
    let secret = call.secret_mut(&name)?;
    let token = store(secret, content, &labels, now);
    let mut answer = named(secret, Some(&token));
    answer["VersionStages"] = json!(secret.versions.get(&token).map(|version| &version.stages));
    Ok(answer)
}

/// The time `days` days after `time`.
pub(super) fn later(time: Timestamp, days: i64) -> Timestamp {
    time.checked_add((days * 24).hours()).unwrap_or(Timestamp::MAX)
}
