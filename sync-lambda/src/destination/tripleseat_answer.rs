//! What Tripleseat's response to a lead means. The body decides before the status: a refusal can come with 200, and a lead
//! that was created is created whatever the status says.

use serde_json::Value;

use super::{LeadRefusal, RefusalMessage, SendResult, id_text, judge_status, response_excerpt};
use crate::http::VendorResponse;

/// The meaning of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeadAnswer {
    /// What happened to the lead.
    Lead(SendResult),
    /// The public key is rejected, with Tripleseat's words.
    KeyRejected(String),
}

/// Reads a response. Its words may contain credentials.
pub fn read_lead_answer(answer: &VendorResponse) -> LeadAnswer {
    // `None` is no JSON, which is neither a lead nor an error.
    let body: Option<Value> = serde_json::from_str(&answer.body).ok();
    let messages = body.as_ref().map(error_messages).unwrap_or_default();
    let words = || messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join("; ");
    let is_success = (200..300).contains(&answer.status);
    if messages.is_empty()
        && let Some(id) = body.as_ref().and_then(|body| accepted_lead_id(body, is_success))
    {
        return LeadAnswer::Lead(SendResult::Accepted(id));
    }
    if messages.iter().any(|message| mentions_public_key(&message.text)) {
        return LeadAnswer::KeyRejected(words());
    }
    let is_page = answer.body.trim_start().starts_with('<');
    let forbids = messages.iter().any(|message| message.text.to_lowercase().contains("permission"));
    match answer.status {
        403 if is_page => return LeadAnswer::Lead(SendResult::Blocked("403 with an HTML page".to_owned())),
        // What the key may not do is a setting of the account: the key itself is right.
        401 | 403 if !forbids => return LeadAnswer::KeyRejected(words()),
        _ => {}
    }
    if answer.status != 429 && is_refusal(answer.status, body.as_ref(), &messages) {
        return LeadAnswer::Lead(SendResult::Refused(LeadRefusal::from_tripleseat(messages)));
    }
    let excerpt = response_excerpt(&answer.body);
    LeadAnswer::Lead(judge_status(answer.status, answer.retry_after, &excerpt).unwrap_or_else(|| {
        let what = if answer.body.trim().is_empty() { "empty body".to_owned() } else { excerpt };
        SendResult::unclear(format!(
            "The destination responded with {}, but with neither a lead nor an error: {what}.",
            answer.status
        ))
    }))
}

/// Whether errors are about the lead. With a status that says so, they are. A server that failed, a missing page or a
/// redirect can have an `error` of its own, such as "Internal Server Error": there, only `errors` by field count.
fn is_refusal(status: u16, body: Option<&Value>, messages: &[RefusalMessage]) -> bool {
    let by_field = body.and_then(|body| body.get("errors")).is_some_and(Value::is_object);
    let reads_body = matches!(status, 200..300 | 400..404 | 406 | 409 | 411..=422);
    !messages.is_empty() && (reads_body || by_field)
}

/// The lead's id, if this is a success; the inner value is `None` if the response has no id. With a status that isn't a
/// success, only what no error has counts.
fn accepted_lead_id(body: &Value, is_success: bool) -> Option<Option<String>> {
    let lead = body.get("lead");
    let ids = [body.get("lead_id"), lead.and_then(|lead| lead.get("id")), body.get("id").filter(|_| is_success)];
    let id = ids.into_iter().flatten().find_map(id_text);
    let success = body.get("success_message").is_some_and(|message| !message.is_null() && message != false);
    (success || id.is_some()).then_some(id)
}

/// The messages in `errors` and `error`: `["…"]`, `{"field": ["…"]}` or `"…"`.
pub(super) fn error_messages(body: &Value) -> Vec<RefusalMessage> {
    let mut messages = Vec::new();
    for errors in [body.get("errors"), body.get("error")].into_iter().flatten() {
        collect_messages(None, errors, &mut messages);
    }
    messages
}

fn collect_messages(field: Option<&str>, errors: &Value, messages: &mut Vec<RefusalMessage>) {
    match errors {
        Value::String(text) if !text.trim().is_empty() => {
            let name = field.unwrap_or_default().replace('_', " ");
            // Some messages already begin with their field's name.
            let is_named = name.is_empty() || text.to_lowercase().starts_with(&name.to_lowercase());
            let text = if is_named { text.clone() } else { format!("{name} {text}") };
            messages.push(RefusalMessage { field: field.map(ToOwned::to_owned), text });
        }
        Value::Array(values) => values.iter().for_each(|value| collect_messages(field, value, messages)),
        Value::Object(fields) => {
            fields.iter().for_each(|(field, texts)| collect_messages(Some(field), texts, messages));
        }
        _ => {}
    }
}

/// Whether an error is about the key rather than the lead, regardless of the status.
pub(super) fn mentions_public_key(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("public key") || text.contains("public_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_answer(status: u16, body: &str) -> LeadAnswer {
        read_lead_answer(&VendorResponse { status, retry_after: None, body: body.to_owned() })
    }

    fn refused_text(answer: &LeadAnswer) -> Option<String> {
        match answer {
            LeadAnswer::Lead(SendResult::Refused(refusal)) => Some(refusal.full_text()),
            _ => None,
        }
    }

    #[test]
    fn a_lead_that_was_created_is_created_whatever_the_status() {
        let accepted = |id: Option<&str>| LeadAnswer::Lead(SendResult::Accepted(id.map(ToOwned::to_owned)));
        for status in [200, 201, 302, 404, 429, 500, 503] {
            assert_eq!(read_answer(status, r#"{"success_message":"Thanks","lead_id":12}"#), accepted(Some("12")));
            assert_eq!(read_answer(status, r#"{"success_message":"Thanks"}"#), accepted(None), "{status}");
            assert_eq!(read_answer(status, r#"{"lead":{"id":13}}"#), accepted(Some("13")), "{status}");
        }
        assert_eq!(read_answer(200, r#"{"id":14}"#), accepted(Some("14")));
        assert_ne!(read_answer(500, r#"{"id":"of an incident"}"#), accepted(Some("of an incident")));
    }

    #[test]
    fn a_refusal_is_a_refusal_whatever_the_status() {
        let words = "phone number can't be blank; Email address is invalid";
        for status in [200, 400, 404, 422, 500] {
            let body = r#"{"errors":{"phone_number":["can't be blank"],"email_address":["Email address is invalid"]}}"#;
            assert_eq!(refused_text(&read_answer(status, body)).as_deref(), Some(words), "{status}");
        }
        for status in [200, 400, 422] {
            let simple = read_answer(status, r#"{"errors":["Phone number can't be blank"]}"#);
            assert_eq!(refused_text(&simple).as_deref(), Some("Phone number can't be blank"), "{status}");
        }
        let forbidden = read_answer(403, r#"{"error":"You don't have permission to perform this action"}"#);
        assert!(refused_text(&forbidden).is_some_and(|text| text.contains("permission")));
    }

    #[test]
    fn an_answer_that_decides_nothing_is_unclear() {
        let unclear = |status: u16, body: &str| match read_answer(status, body) {
            LeadAnswer::Lead(SendResult::Unclear { elsewhere, .. }) => Some(elsewhere),
            _ => None,
        };
        for body in ["", "{}", "[]", "null", "<html>502</html>", r#"{"success_mess"#, r#"{"success_message":null}"#] {
            assert_eq!(unclear(200, body), Some(None), "{body}");
        }
        let failed = r#"{"status":500,"error":"Internal Server Error"}"#;
        for (status, body) in [(500, ""), (500, failed), (502, "<html>"), (503, ""), (504, r#"{"errors":["oops"]}"#)] {
            assert_eq!(unclear(status, body), Some(None), "{status} {body}");
        }
        for status in [301, 302, 304, 399, 404, 405, 410] {
            assert_eq!(unclear(status, r#"{"error":"Not found"}"#), Some(Some(status)), "{status}");
        }
        let limited = read_answer(429, r#"{"error":"Rate limit exceeded"}"#);
        assert!(matches!(limited, LeadAnswer::Lead(SendResult::NotTaken { rate: true, .. })));
    }

    #[test]
    fn a_firewall_is_not_the_key() {
        for body in ["<html><title>403 Forbidden</title></html>", "\n <!DOCTYPE html>"] {
            assert!(matches!(read_answer(403, body), LeadAnswer::Lead(SendResult::Blocked(_))), "{body}");
        }
        for (status, body) in [(401, "no key"), (401, "<html>"), (403, ""), (403, r#"{"error":"Forbidden"}"#)] {
            assert!(matches!(read_answer(status, body), LeadAnswer::KeyRejected(_)), "{status} {body}");
        }
        for status in [200, 400, 422, 500] {
            let rejected = read_answer(status, r#"{"errors":["Invalid public key"]}"#);
            assert_eq!(rejected, LeadAnswer::KeyRejected("Invalid public key".to_owned()), "{status}");
        }
    }
}
