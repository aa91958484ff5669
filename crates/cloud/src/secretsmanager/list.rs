//! `ListSecrets` with its filters.

use serde_json::{Value, json};

use super::super::context::epoch_s;
use super::super::{Json, Page};
use super::secrets::{stages, summary};
use super::{ApiError, Call, Secret, invalid_parameter};

/// The maximum page size: `MaxResults`.
const MAX_RESULTS: usize = 100;

pub(super) fn list(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let planned = call.body.flag("IncludePlannedDeletion");
    let filters: Vec<(String, Vec<String>)> = call
        .body
        .list("Filters")
        .iter()
        .map(Json::of)
        .map(|filter| (filter.text("Key").unwrap_or_default().to_owned(), filter.texts("Values")))
        .collect();
    for (key, _) in &filters {
        if !["name", "description", "tag-key", "tag-value", "all"].contains(&key.as_str()) {
            return Err(invalid_parameter(format!("The local cloud does not support filtering secrets by '{key}'.")));
        }
    }
    let secrets = call.state().secrets.values().filter(|secret| planned || secret.deletion.is_none());
    let secrets = secrets.filter(|secret| filters.iter().all(|(key, values)| passes(secret, key, values)));
    let size = call.cx.page_size(call.body.integer("MaxResults"), MAX_RESULTS);
    let page = Page::of(
        secrets,
        |secret| secret.name.clone(),
        call.body.text("NextToken"),
        size,
        || ApiError::bad("InvalidNextTokenException", "The NextToken value is invalid."),
    )?;
    let entries: Vec<Value> = page.items.iter().map(|secret| entry(secret)).collect();
    let mut answer = json!({ "SecretList": entries });
    if let Some(next) = page.next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn entry(secret: &Secret) -> Value {
    let mut members = summary(secret);
    members.insert("SecretVersionsToStages".to_owned(), stages(secret));
    if let Some(deletion) = &secret.deletion {
        members.insert("DeletedDate".to_owned(), json!(epoch_s(deletion.requested)));
    }
    Value::Object(members)
}

/// Whether any of a filter's values matches. Each value is a prefix, and `!` negates it. Case is ignored only for
/// `description` and `all`.
fn passes(secret: &Secret, key: &str, values: &[String]) -> bool {
    let name = || vec![secret.name.clone()];
    let description = || secret.description.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>();
    let keys = || secret.tags.keys().cloned().collect::<Vec<_>>();
    let tag_values = || secret.tags.values().cloned().collect::<Vec<_>>();
    let (texts, without_case) = match key {
        "name" => (name(), false),
        "description" => (description(), true),
        "tag-key" => (keys(), false),
        "tag-value" => (tag_values(), false),
        _ => {
            let all = [name(), description(), keys(), tag_values()].concat();
            (all.iter().map(|text| text.to_lowercase()).collect(), true)
        }
    };
    values.iter().any(|value| {
        let (prefix, wanted) = value.strip_prefix('!').map_or((value.as_str(), true), |rest| (rest, false));
        let prefix = if without_case { prefix.to_lowercase() } else { prefix.to_owned() };
        texts.iter().any(|text| text.starts_with(&prefix)) == wanted
    })
}
