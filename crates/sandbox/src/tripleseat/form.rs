//! The body of a new lead, either JSON or a form with names like `lead[first_name]`.

use serde_json::{Map, Value};

use crate::front::ReceivedRequest;

/// The body as JSON, or an error in Tripleseat's words if it can't be parsed.
pub(super) fn parse_body(request: &ReceivedRequest) -> Result<Map<String, Value>, String> {
    if let Some(fields) = request.form_fields() {
        return Ok(nest_fields(fields));
    }
    // A body without the JSON content type isn't parsed as JSON.
    let is_json = request.header_text("content-type").is_some_and(|given| given.starts_with("application/json"));
    if request.body.is_empty() || !is_json {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err("There was a problem in the JSON you submitted".to_owned()),
    }
}

/// `lead[first_name]` becomes the member `first_name` of `lead`. Deeper nesting isn't used.
fn nest_fields(fields: Vec<(String, String)>) -> Map<String, Value> {
    let mut body = Map::new();
    for (name, value) in fields {
        let inner = name.split_once('[').and_then(|(outer, rest)| Some((outer, rest.strip_suffix(']')?)));
        match inner {
            None => drop(body.insert(name, Value::from(value))),
            Some((outer, inner)) => {
                let members = body.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(members) = members {
                    members.insert(inner.to_owned(), Value::from(value));
                }
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn turns_bracketed_names_into_members() {
        let fields = [("public_key", "k"), ("lead[first_name]", "Ana"), ("lead[last_name]", "Silva"), ("odd[", "x")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let body = json!({ "public_key": "k", "lead": { "first_name": "Ana", "last_name": "Silva" }, "odd[": "x" });
        assert_eq!(Value::Object(nest_fields(fields)), body);
    }
}
