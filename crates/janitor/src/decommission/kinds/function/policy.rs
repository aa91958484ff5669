//! Converts a statement of a function's policy to a request of `AddPermission`.

use serde_json::{Map, Value, json};

/// The body of `AddPermission` for a statement that Lambda wrote itself. Lambda derives each condition from a parameter
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
///
/// # Errors
/// The name of a condition that no parameter produces.
pub(super) fn permission_request(statement: &Value) -> Result<Value, String> {
    let mut body = Map::new();
    body.insert("StatementId".to_owned(), statement["Sid"].clone());
    body.insert("Action".to_owned(), first_value(&statement["Action"]).clone());
    let principal = &statement["Principal"];
    let principal = match principal.as_object().and_then(|kinds| kinds.values().next()) {
        Some(named) => first_value(named).clone(),
        None => principal.clone(),
    };
    body.insert("Principal".to_owned(), principal);
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            let parameter = match key.to_ascii_lowercase().as_str() {
                "aws:sourcearn" => "SourceArn",
                "aws:sourceaccount" => "SourceAccount",
                "aws:principalorgid" => "PrincipalOrgID",
                "lambda:eventsourcetoken" => "EventSourceToken",
                "lambda:functionurlauthtype" => "FunctionUrlAuthType",
                "lambda:invokedviafunctionurl" => {
                    body.insert(
                        "InvokedViaFunctionUrl".to_owned(),
                        json!(first_value(value).as_str() == Some("true") || value == &json!(true)),
                    );
                    continue;
                }
                _ => return Err(format!("{operator} {key}")),
            };
            body.insert(parameter.to_owned(), first_value(value).clone());
        }
    }
    Ok(Value::Object(body))
}

/// The value, or the first element of a list.
fn first_value(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([value, ..]) => value,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_statements_to_request_parameters() {
        let statement = json!({
            "Sid": "api", "Effect": "Allow", "Principal": { "Service": "apigateway.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:1:function:f",
            "Condition": {
                "ArnLike": { "AWS:SourceArn": "arn:aws:execute-api:us-east-1:1:abc/*" },
                "StringEquals": { "AWS:SourceAccount": "1" },
            },
        });
        let wanted = json!({
            "StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
            "SourceArn": "arn:aws:execute-api:us-east-1:1:abc/*", "SourceAccount": "1",
        });
        assert_eq!(permission_request(&statement), Ok(wanted));
        let everybody = json!({ "Sid": "url", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
            "Condition": { "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } } });
        let body = permission_request(&everybody).expect("a permission");
        assert_eq!((&body["Principal"], &body["FunctionUrlAuthType"]), (&json!("*"), &json!("NONE")));
        let unknown =
            json!({ "Sid": "x", "Principal": "*", "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } });
        assert_eq!(permission_request(&unknown), Err("IpAddress aws:SourceIp".to_owned()));
    }
}
