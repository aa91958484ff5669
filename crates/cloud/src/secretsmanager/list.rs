//! `ListSecrets` with its filters.

use serde_json::{Value, json};

use super::super::context::epoch_s;
use super::super::{JsonBody, ListPage};
use super::secrets::{summary_members, version_stages};
use super::{ApiError, SecretsManagerCall, StoredSecret, invalid_parameter};

/// The maximum page size: `MaxResults`.
const MAX_RESULTS: usize = 100;

pub(super) fn list_secrets(call: &SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let planned = call.body.member_flag("IncludePlannedDeletion");
    let filters: Vec<(String, Vec<String>)> = call
        .body
        .member_list("Filters")
        .iter()
        .map(JsonBody::from_value)
        .map(|filter| (filter.member_text("Key").unwrap_or_default().to_owned(), filter.member_texts("Values")))
        .collect();
    for (key, _) in &filters {
        if !["name", "description", "tag-key", "tag-value", "all"].contains(&key.as_str()) {
            return Err(invalid_parameter(format!("The local cloud does not support filtering secrets by '{key}'.")));
        }
    }
    let is_wanted = |secret: &&StoredSecret| {
        (planned || secret.deletion.is_none()) && filters.iter().all(|(key, values)| passes_filter(secret, key, values))
    };
    let secrets = &call.secrets_state().secrets;
    let size = call.cx.page_size(call.body.member_integer("MaxResults"), MAX_RESULTS);
    let page = ListPage::from_items_after(
        |after| secrets.iter_after(after).map(|(_, secret)| secret).filter(is_wanted),
        |secret| secret.name.clone(),
        call.body.member_text("NextToken"),
        size,
        || ApiError::bad_request("InvalidNextTokenException", "The NextToken value is invalid."),
    )?;
    let entries: Vec<Value> = page.items.iter().map(|secret| secret_entry(secret)).collect();
    let mut answer = json!({ "SecretList": entries });
    if let Some(next) = page.next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn secret_entry(secret: &StoredSecret) -> Value {
    let mut members = summary_members(secret);
    members.insert("SecretVersionsToStages".to_owned(), version_stages(secret));
    if let Some(deletion) = &secret.deletion {
        members.insert("DeletedDate".to_owned(), json!(epoch_s(deletion.requested)));
    }
    Value::Object(members)
}

/// Whether any of a filter's values matches. Each value is a prefix, and `!` negates it. Case is ignored only for
/// `description` and `all`.
fn passes_filter(secret: &StoredSecret, key: &str, values: &[String]) -> bool {
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
