//! Resource policies: who may call a function, send to a queue or publish to a topic.

use serde_json::Value;

use super::super::EdgeKind;
use super::super::arn::node_id;
use super::collector::Collector;
use deployer_core::arn::Arn;

/// The note of a statement that holds for this account only.
pub(crate) const THIS_ACCOUNT: &str = "this account";

/// Adds an edge for each caller that a policy allows.
///
/// # Errors
/// The policy is not JSON, so who may use the resource is unknown.
pub(super) fn add_permissions(collector: &Collector<'_>, resource: &str, policy: &str) -> Result<(), String> {
    let policy: Value = serde_json::from_str(policy).map_err(|error| format!("the policy is not JSON: {error}"))?;
    for statement in elements(&policy["Statement"]) {
        // Only through the function's URL, which is read itself.
        let by_url = elements(&statement["Action"]).all(|action| action == "lambda:InvokeFunctionUrl");
        if statement["Effect"] == "Deny" || by_url && !statement["Action"].is_null() {
            continue;
        }
        let condition = &statement["Condition"];
        let sources = condition_values(condition, &["aws:SourceArn"]);
        let accounts = condition_values(condition, &["aws:SourceAccount", "aws:SourceOwner", "aws:PrincipalAccount"]);
        let own = !accounts.is_empty() && accounts.iter().all(|account| *account == collector.scope.account);
        let mut principals = principals_of(statement);
        if statement.get("NotPrincipal").is_some() || principals.is_empty() {
            principals = vec!["*".to_owned()];
        }
        for principal in principals {
            for source in &sources {
                let from = caller_node(source);
                collector.add_edge(&from, resource, EdgeKind::Permission, true, Some(principal.clone()));
            }
            if sources.is_empty() {
                let note = own.then(|| THIS_ACCOUNT.to_owned());
                collector.add_edge(&format!("principal:{principal}"), resource, EdgeKind::Permission, true, note);
            }
        }
    }
    Ok(())
}

/// `"*"`, `{"Service": "s3.amazonaws.com"}`, `{"AWS": ["…", "…"]}`.
fn principals_of(statement: &Value) -> Vec<String> {
    let of_kind = |value: &Value| elements(value).filter_map(Value::as_str).map(ToOwned::to_owned).collect::<Vec<_>>();
    match &statement["Principal"] {
        Value::Object(kinds) => kinds.values().flat_map(of_kind).collect(),
        other => of_kind(other),
    }
}

/// The values of conditions such as `{"ArnLike": {"AWS:SourceArn": "…"}}`. The key's case differs between services. A
/// condition that excludes (`StringNotEquals`) restricts nothing to its values.
fn condition_values<'a>(condition: &'a Value, keys: &[&str]) -> Vec<&'a str> {
    let operators = condition.as_object().into_iter().flatten();
    let including = operators.filter(|(operator, _)| !operator.contains("Not") && !operator.ends_with("IfExists"));
    let members = including.filter_map(|(_, members)| members.as_object()).flatten();
    let wanted = members.filter(|(key, _)| keys.iter().any(|wanted| key.eq_ignore_ascii_case(wanted)));
    wanted.flat_map(|(_, value)| elements(value).filter_map(Value::as_str)).collect()
}

/// The elements of an array, or the value itself: policies write a single element either way.
pub(super) fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(several) => several.iter(),
        Value::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// The node of a `SourceArn`. An `execute-api` ARN has an API's id but not its kind; the node is found after all APIs are
/// read.
fn caller_node(source: &str) -> String {
    match Arn::parse_arn(source) {
        Ok(arn) if arn.service == "execute-api" => {
            let id = arn.resource.split('/').next().unwrap_or_default();
            format!("execute-api:{id}")
        }
        _ => node_id(source).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_sources_of_a_condition() {
        let count = |condition: Value| condition_values(&condition, &["aws:SourceArn"]).len();
        assert_eq!(count(serde_json::json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::a" } })), 1);
        assert_eq!(
            count(serde_json::json!({ "ArnLike": { "aws:sourcearn": ["arn:aws:s3:::a", "arn:aws:s3:::b"] } })),
            2
        );
        assert_eq!(count(serde_json::json!({ "StringEquals": { "AWS:SourceAccount": "1" } })), 0);
        assert_eq!(count(serde_json::json!({ "ArnNotLike": { "aws:SourceArn": "arn:aws:s3:::a" } })), 0);
    }

    #[test]
    fn reads_every_principal_of_a_statement() {
        let scope = deployer_core::scope::Scope::new("1", "us-east-1");
        let collector = Collector::new(&scope, false, &|_| {});
        let policy = r#"{"Statement":[
            {"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"AWS:SourceOwner":"1"}}},
            {"Effect":"Allow","Principal":{"Service":["s3.amazonaws.com","ses.amazonaws.com"]}},
            {"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Condition":{"ArnEquals":{"aws:SourceArn":"arn:r"}}},
            {"Effect":"Allow","NotPrincipal":{"AWS":"2"}},
            {"Effect":"Deny","Principal":{"AWS":"3"}}]}"#;
        assert_eq!(add_permissions(&collector, "arn", policy), Ok(()));
        let found: Vec<(String, Option<String>)> =
            collector.gathered().edges.iter().map(|edge| (edge.from.clone(), edge.note.clone())).collect();
        let expected = [
            ("arn:r", Some("events.amazonaws.com")),
            ("principal:*", None),
            ("principal:*", Some(THIS_ACCOUNT)),
            ("principal:s3.amazonaws.com", None),
            ("principal:ses.amazonaws.com", None),
        ];
        assert_eq!(found, expected.map(|(from, note)| (from.to_owned(), note.map(ToOwned::to_owned))));
        assert!(add_permissions(&collector, "arn", "{").is_err_and(|why| why.contains("not JSON")));
    }

    #[test]
    fn maps_source_arns_to_nodes() {
        assert_eq!(caller_node("arn:aws:execute-api:us-east-1:123456789012:abc123/*/POST/x"), "execute-api:abc123");
        assert_eq!(caller_node("arn:aws:s3:::bucket"), "arn:aws:s3:::bucket");
    }
}
