//! Finds the lead that a Tripleseat account has already for an e-mail address.

use serde_json::Value;

use super::tripleseat::{PAGE, TripleseatClient, list_records};
use super::{LookupResult, id_text};
use crate::error::RunError;

/// Most pages that are read for one address. A server that looks for the address has far fewer matches.
const MAX_PAGES: usize = 10;

impl TripleseatClient {
    pub(super) async fn find_lead_of_email(&self, email: &str) -> Result<LookupResult, RunError> {
        let Some(oauth) = self.oauth_source() else {
            return Ok(LookupResult::Unknown("there are no OAuth credentials to look for leads with".to_owned()));
        };
        let mut newest: Option<u64> = None;
        for page in 1..=MAX_PAGES {
            let number = page.to_string();
            let query = [("query", email), ("page", number.as_str())];
            let body = match self.get_json(oauth, "/v1/leads/search.json", &query).await? {
                Ok(body) => body,
                Err(message) => return Ok(LookupResult::Unknown(message)),
            };
            let leads = list_records(&body, "leads", "lead");
            // The server may ignore the query, or match it anywhere in a lead.
            let found = leads.iter().filter(|lead| has_email(lead, email)).filter_map(|lead| lead.get("id"));
            newest = newest.max(found.filter_map(|id| id_text(id)?.parse().ok()).max());
            let pages = body.get("total_pages").and_then(Value::as_u64);
            if pages.map_or(leads.len() < PAGE, |pages| page as u64 >= pages) {
                return Ok(newest.map_or(LookupResult::NotThere, |id| LookupResult::Found(Some(id.to_string()))));
            }
        }
        Ok(match newest {
            Some(id) => LookupResult::Found(Some(id.to_string())),
            None => LookupResult::Unknown(format!("more than {} leads match", MAX_PAGES * PAGE)),
        })
    }
}

/// Whether a lead has this address, which people write in any case.
fn has_email(lead: &Value, email: &str) -> bool {
    let known = lead.get("email_address").and_then(Value::as_str).unwrap_or_default();
    known.trim().to_lowercase() == email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn compares_whole_addresses_in_any_case() {
        let lead = json!({ "id": 1, "email_address": " Jo@Example.com" });
        assert!(has_email(&lead, "jo@example.com"));
        for other in ["o@example.com", "jo@example.com.au", ""] {
            assert!(!has_email(&lead, other), "{other}");
        }
        assert!(!has_email(&json!({ "id": 1 }), "jo@example.com"));
    }
}
