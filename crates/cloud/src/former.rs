//! Reads the state of earlier versions, which was one JSON document that was written anew by each request.

use serde_json::{Value, json};

use super::cloudwatch::{StoredMetric, metric_key};
use super::journal::load_row;
use super::logs::event_key;
use super::secretsmanager::deletion_key;
use super::state::CloudState;

/// The version of the format.
const FORMAT: u64 = 1;

/// The state in a document of an earlier version.
///
/// # Errors
/// It isn't one, said as what follows "not the state of a local cloud".
pub(super) fn read_document(text: &[u8]) -> Result<CloudState, String> {
    let mut document: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let format = document["format"].take();
    if format.as_u64() != Some(FORMAT) {
        return Err(format!("the state has format {format}, but this version reads format {FORMAT} and its own"));
    }
    let number = |document: &Value, name: &str| document[name].as_u64().ok_or_else(|| format!("it has no {name}"));
    let account = document["account"].as_str().ok_or("it has no account")?;
    let mut state = CloudState::new(account, number(&document, "seed")?);
    state.drawn = number(&document, "drawn")?;
    let mut rows = FormerRows { state: &mut state };
    rows.add_part("", "iam", document["iam"].take())?;
    for (region, parts) in into_members(document["regions"].take()) {
        for (part, tables) in into_members(parts) {
            rows.add_part(&region, &part, tables)?;
        }
    }
    Ok(state)
}

struct FormerRows<'s> {
    state: &'s mut CloudState,
}

impl FormerRows<'_> {
    fn add_part(&mut self, region: &str, part: &str, tables: Value) -> Result<(), String> {
        for (table, entries) in into_members(tables) {
            match (part, table.as_str(), entries) {
                ("logs", "groups", groups) => self.add_log_groups(region, groups)?,
                ("secretsmanager", "secrets", secrets) => self.add_secrets(region, secrets)?,
                ("iam", "roles", roles) => self.add_roles(roles)?,
                // What has become tables was lists.
                ("iam", "denied", Value::Array(actions)) => {
                    for action in actions {
                        let action = action.as_str().unwrap_or_default().to_owned();
                        self.add_row(region, part, &table, action, json!(null))?;
                    }
                }
                ("elsewhere", "trail", Value::Array(events)) => {
                    for (number, event) in events.into_iter().enumerate() {
                        self.add_row(region, part, &table, format!("{number:020}"), event)?;
                    }
                }
                ("cloudwatch", "metrics", Value::Array(metrics)) => {
                    for metric in metrics {
                        let known: StoredMetric =
                            serde_json::from_value(metric.clone()).map_err(|error| error.to_string())?;
                        let key = metric_key(&known.namespace, &known.name, &known.dimensions);
                        self.add_row(region, part, &table, key, metric)?;
                    }
                }
                (_, _, entries) => {
                    for (key, entry) in into_members(entries) {
                        self.add_row(region, part, &table, key, entry)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The events of a group are entries of their own now.
    fn add_log_groups(&mut self, region: &str, groups: Value) -> Result<(), String> {
        for (name, mut group) in into_members(groups) {
            let events = group.as_object_mut().and_then(|group| group.remove("events"));
            for event in events.as_ref().and_then(Value::as_array).into_iter().flatten() {
                let key = event_key(&name, event["id"].as_u64().unwrap_or_default());
                self.add_row(region, "logs", "events", key, event.clone())?;
            }
            self.add_row(region, "logs", "groups", name, group)?;
        }
        Ok(())
    }

    /// Deletions are also listed by their time now.
    fn add_secrets(&mut self, region: &str, secrets: Value) -> Result<(), String> {
        for (name, secret) in into_members(secrets) {
            if let Some(due) = secret["deletion"]["due"].as_str().and_then(|due| due.parse().ok()) {
                self.add_row(region, "secretsmanager", "deletions", deletion_key(due, &name), json!(name))?;
            }
            self.add_row(region, "secretsmanager", "secrets", name, secret)?;
        }
        Ok(())
    }

    /// Names are also listed without case now.
    fn add_roles(&mut self, roles: Value) -> Result<(), String> {
        for (name, role) in into_members(roles) {
            self.add_row("", "iam", "names", name.to_ascii_lowercase(), json!(name))?;
            self.add_row("", "iam", "roles", name, role)?;
        }
        Ok(())
    }

    fn add_row(&mut self, region: &str, part: &str, table: &str, key: String, entry: Value) -> Result<(), String> {
        load_row(self.state, vec![json!(region), json!(part), json!(table), json!(key), entry])
    }
}

fn into_members(value: Value) -> impl Iterator<Item = (String, Value)> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
    .into_iter()
    .flatten()
}
