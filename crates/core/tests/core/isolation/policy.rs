//! Policy evaluation by IAM's rules.

use deployer_core::isolation::policy::{
    Policy, PolicyDecision, PolicyRequest, RequestPrincipal, RolePolicies, decide_guarded_request, decide_request,
    decide_role_request,
};
use deployer_core::isolation::{Certainty, RequestContext, action_matches, glob_matches, resource_matches};
use proptest::prelude::*;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/deployer/sync/sync-a-role";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sync/a-Xy7Zq2";

fn parsed_policy(statements: Value) -> Policy {
    Policy::parse_document("p", &json!({ "Version": "2012-10-17", "Statement": statements })).expect("a policy")
}

fn decide_for_role(statements: Value, action: &str, resource: &str) -> PolicyDecision {
    let context = RequestContext::from([("aws:sourcearn", None), ("aws:principalarn", Some(ROLE.to_owned()))]);
    let request = PolicyRequest { principal: RequestPrincipal::Role(ROLE), action, resource, context: &context };
    decide_request(&[parsed_policy(statements)], &[], &request)
}

fn allows_secret_read(statement: Value) -> bool {
    decide_for_role(statement, "secretsmanager:GetSecretValue", SECRET).is_allowed()
}

#[test]
fn elements_may_be_single_listed_or_negated() {
    let all = |action: Value, resource: Value| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    assert!(allows_secret_read(all(json!("secretsmanager:GetSecretValue"), json!(SECRET))));
    assert!(
        allows_secret_read(json!([all(json!(["s3:*", "SecretsManager:get*"]), json!(["x", "*"]))])),
        "actions are case-insensitive"
    );
    assert!(
        !allows_secret_read(all(json!("secretsmanager:GetSecretValue"), json!(SECRET.to_uppercase()))),
        "resources are case-sensitive"
    );
    assert!(!allows_secret_read(all(json!("secretsmanager:PutSecretValue"), json!("*"))));
    let turned = |action: &str, resource: &str| {
        allows_secret_read(json!({ "Effect": "Allow", "NotAction": action, "NotResource": resource }))
    };
    assert!(turned("s3:*", "arn:aws:s3:::b"));
    assert!(!turned("secretsmanager:*", "arn:aws:s3:::b") && !turned("s3:*", SECRET));
}

#[test]
fn explicit_deny_wins_and_default_is_deny() {
    let allow = json!({ "Sid": "Open", "Effect": "Allow", "Action": "*", "Resource": "*" });
    let deny = json!({ "Sid": "Closed", "Effect": "Deny", "Action": "secretsmanager:*", "Resource": SECRET });
    assert_eq!(
        decide_for_role(json!([allow, deny]), "secretsmanager:GetSecretValue", SECRET),
        PolicyDecision::DeniedBy("p, statement Closed".to_owned())
    );
    assert_eq!(
        decide_for_role(json!([allow, deny]), "s3:GetObject", "arn:aws:s3:::b/k"),
        PolicyDecision::Allowed("p, statement Open".to_owned())
    );
    assert_eq!(decide_for_role(json!([]), "s3:GetObject", "*"), PolicyDecision::NotAllowed);
}

#[test]
fn all_conditions_must_hold() {
    let on = |condition: Value| {
        allows_secret_read(json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }))
    };
    assert!(on(json!({ "ArnLike": { "aws:PrincipalArn": ["x", "arn:aws:iam::*:role/deployer/*"] } })));
    assert!(!on(json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:user/*" } })));
    assert!(!on(json!({ "StringEquals": { "AWS:SourceArn": "x" } })), "the request has no such key");
    assert!(on(json!({ "StringEqualsIfExists": { "aws:SourceArn": "x" } })));
    assert!(on(json!({ "StringNotEquals": { "aws:SourceArn": "x" } })), "a missing key is not equal either");
    assert!(on(json!({ "Null": { "aws:SourceArn": "true", "aws:PrincipalArn": "false" } })));
    assert!(!on(json!({ "Null": { "aws:SourceArn": true, "aws:PrincipalArn": true } })));
    assert!(!on(json!({
        "StringLike": { "aws:PrincipalArn": "*" }, "StringNotLike": { "aws:PrincipalArn": "*sync-a*" },
    })));
}

fn decide_within(own: Value, boundary: Value) -> PolicyDecision {
    let context = RequestContext::from([("aws:principalarn", Some(ROLE.to_owned()))]);
    let principal = RequestPrincipal::Role(ROLE);
    let action = "secretsmanager:GetSecretValue";
    let request = PolicyRequest { principal, action, resource: SECRET, context: &context };
    let (own, boundary) = ([parsed_policy(own)], parsed_policy(boundary));
    decide_role_request(RolePolicies { own: &own, boundary: Some(&boundary) }, &[], &request)
}

#[test]
fn boundary_limits_and_allows_nothing_by_itself() {
    let allow = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    let all = || allow("*");
    assert!(decide_within(all(), allow("secretsmanager:*")).is_allowed());
    assert_eq!(decide_within(json!([]), all()), PolicyDecision::NotAllowed);
    let outside = PolicyDecision::OutsideBoundary("p, statement 1".to_owned());
    assert_eq!(decide_within(all(), allow("logs:*")), outside);
    let denied = json!([all(), { "Effect": "Deny", "Action": "secretsmanager:*", "Resource": "*" }]);
    assert_eq!(decide_within(all(), denied), PolicyDecision::DeniedBy("p, statement 2".to_owned()));
    // A boundary that may or may not allow it is no proof of a limit.
    let mut unknown = all();
    unknown["Condition"] = json!({ "StringEquals": { "aws:PrincipalTag/team": "x" } });
    let decision = PolicyDecision::Allowed("p, statement 1, if its condition holds".to_owned());
    assert_eq!(decide_within(all(), unknown), decision);
}

/// A key's policy must allow it too, unlike a secret's.
#[test]
fn boundary_limits_what_a_resource_leaves_to_the_account() {
    let context = RequestContext::new();
    let principal = RequestPrincipal::Role(ROLE);
    let request = PolicyRequest { principal, action: "kms:Decrypt", resource: "k", context: &context };
    let decide = |boundary: &str, named: Value| {
        let allow = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
        let (own, boundary) = ([parsed_policy(allow("kms:*"))], parsed_policy(allow(boundary)));
        let mut of_key = allow("kms:*");
        of_key["Principal"] = json!({ "AWS": named });
        let role = RolePolicies { own: &own, boundary: Some(&boundary) };
        decide_guarded_request(role, &[parsed_policy(of_key)], &request)
    };
    let root = || json!("arn:aws:iam::123456789012:root");
    assert!(decide("*", root()).is_allowed());
    assert!(matches!(decide("logs:*", root()), PolicyDecision::OutsideBoundary(_)));
    assert_eq!(decide("*", json!("arn:aws:iam::999999999999:root")), PolicyDecision::NotAllowed);
    // IAM limits some of what a policy gives to the role itself; it counts as allowed.
    assert!(decide("logs:*", json!(ROLE)).is_allowed());
}

/// If something is unknown, an allow is assumed to apply and a deny is assumed not to.
#[test]
fn unknowns_are_treated_conservatively() {
    let open = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    for (key, value) in [
        ("Condition", json!({ "StringEquals": { "aws:PrincipalTag/team": "x" } })),
        ("Condition", json!({ "NumericLessThan": { "aws:PrincipalArn": "3" } })),
        ("Condition", json!({ "ForAllValues:StringEquals": { "aws:PrincipalArn": "x" } })),
        ("Condition", json!({ "StringEquals": { "aws:PrincipalArn": "${aws:userid}" } })),
        ("Resource", json!("arn:aws:secretsmanager:*:*:secret:sync/${aws:PrincipalTag/venue}-*")),
        ("Resource", json!("arn:aws:secretsmanager:*")),
    ] {
        let with = |effect: &str| {
            let mut statement = open.clone();
            statement["Effect"] = json!(effect);
            statement[key] = value.clone();
            statement
        };
        assert!(allows_secret_read(with("Allow")), "{value}");
        assert!(allows_secret_read(json!([open, with("Deny")])), "{value}");
    }
}

#[test]
fn resource_policies_may_allow_too() {
    let context = RequestContext::new();
    let request = PolicyRequest {
        principal: RequestPrincipal::Role(ROLE),
        action: "lambda:InvokeFunction",
        resource: "f",
        context: &context,
    };
    let by = |principal: Value| {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "lambda:*", "Resource": "*" });
        decide_request(&[], &[parsed_policy(statement)], &request).is_allowed()
    };
    for principal in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["x", ROLE] })] {
        assert!(by(principal.clone()), "{principal}");
    }
    for principal in [
        json!({ "Service": "lambda.amazonaws.com" }),
        json!({ "AWS": "arn:aws:iam::123456789012:role/other" }),
        // Naming the account includes only roles whose own policies allow it.
        json!({ "AWS": "123456789012" }),
        json!({ "AWS": "arn:aws:iam::123456789012:root" }),
    ] {
        assert!(!by(principal.clone()), "{principal}");
    }
}

#[test]
fn trust_policy_decides_who_may_assume_a_role() {
    let context = RequestContext::new();
    let request = PolicyRequest {
        principal: RequestPrincipal::Role(ROLE),
        action: "sts:AssumeRole",
        resource: "r",
        context: &context,
    };
    let trusts = |own: Value, principal: Value| {
        let trust = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
        let own = [parsed_policy(own)];
        let role = RolePolicies::without_boundary(&own);
        decide_guarded_request(role, &[parsed_policy(trust)], &request).is_allowed()
    };
    let may = json!({ "Effect": "Allow", "Action": "sts:*", "Resource": "*" });
    let root = json!({ "AWS": "arn:aws:iam::123456789012:root" });
    assert!(trusts(json!([]), json!({ "AWS": ROLE })));
    assert!(!trusts(json!([]), root.clone()));
    assert!(trusts(may.clone(), root));
    assert!(
        !trusts(may.clone(), json!({ "Service": "lambda.amazonaws.com" })),
        "the caller's own policies alone are not enough"
    );
    let denied = json!([{ "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" }]);
    assert!(!trusts(denied, json!({ "AWS": ROLE })));
}

#[test]
fn invalid_policy_is_an_error_and_not_an_empty_policy() {
    for document in [
        json!("text"),
        json!({}),
        json!({ "Statement": [{ "Effect": "Perhaps", "Action": "*", "Resource": "*" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Resource": "*" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": 7, "Resource": "*" }] }),
    ] {
        assert!(Policy::parse_document("p", &document).is_err(), "{document}");
    }
}

#[test]
fn stars_do_not_cross_arn_parts() {
    assert_eq!(
        resource_matches(
            "arn:aws:logs:*:*:log-group:/aws/lambda/a:*",
            "arn:aws:logs:r:1:log-group:/aws/lambda/a:log-stream:x"
        ),
        Certainty::Yes
    );
    assert_eq!(resource_matches("arn:aws:*:secret:x", "arn:aws:secretsmanager:r:1:secret:x"), Certainty::Maybe);
    assert_eq!(resource_matches("arn:aws:logs:r:1:log-group:a:*", "arn:aws:logs:r:1:log-group:ab:x"), Certainty::No);
    // Exactly the six characters that Secrets Manager adds.
    let own = "arn:aws:secretsmanager:r:1:secret:sync/a-??????";
    assert_eq!(resource_matches(own, "arn:aws:secretsmanager:r:1:secret:sync/a-Xy7Zq2"), Certainty::Yes);
    assert_eq!(resource_matches(own, "arn:aws:secretsmanager:r:1:secret:sync/a-longer-Xy7Zq2"), Certainty::No);
}

/// The definition of `*` and `?`, slow but obviously correct.
fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            matches_by_definition(rest, text) || (!text.is_empty() && matches_by_definition(pattern, &text[1..]))
        }
        (['?', rest @ ..], [_, text @ ..]) => matches_by_definition(rest, text),
        ([letter, rest @ ..], [other, text @ ..]) => letter == other && matches_by_definition(rest, text),
        _ => false,
    }
}

fn arbitrary_statement() -> impl Strategy<Value = Value> {
    let patterns = ["*", "s:*", "s:Get?", "s:Gets", "t:Put"].map(str::to_owned);
    let resources = ["*", "arn:a:s:r:1:x", "arn:a:s:r:1:*", "arn:a:*", "arn:a:s:r:1:${v}"].map(str::to_owned);
    let conditions = [
        json!({}),
        json!({ "Null": { "aws:sourcearn": "true" } }),
        json!({ "StringEquals": { "aws:sourcearn": "x" } }),
        json!({ "Unknown": { "k": "v" } }),
    ];
    let select = |values: &[String]| proptest::sample::select(values.to_vec());
    (
        any::<bool>(),
        any::<(bool, bool)>(),
        select(&patterns),
        select(&resources),
        proptest::sample::select(conditions.to_vec()),
    )
        .prop_map(|(allow, (not_action, not_resource), action, resource, condition)| {
            let effect = if allow { "Allow" } else { "Deny" };
            let mut statement = json!({ "Effect": effect, "Condition": condition });
            statement[if not_action { "NotAction" } else { "Action" }] = json!(action);
            statement[if not_resource { "NotResource" } else { "Resource" }] = json!(resource);
            statement
        })
}

proptest! {
    #[test]
    fn glob_matches_its_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(glob_matches(&pattern, &text), matches_by_definition(&chars(&pattern), &chars(&text)));
        prop_assert_eq!(action_matches(&pattern.to_uppercase(), &text), glob_matches(&pattern, &text));
    }

    /// Adding a deny never allows anything, and adding an allow never denies anything.
    #[test]
    fn adding_statements_is_monotonic(
        statements in proptest::collection::vec(arbitrary_statement(), 0..5), more in arbitrary_statement(),
        action in proptest::sample::select(vec!["s:Gets", "t:Put", "u:X"]),
        resource in proptest::sample::select(vec!["arn:a:s:r:1:x", "arn:a:s:r:1:y", "b"]),
    ) {
        let before = decide_for_role(json!(statements), action, resource).is_allowed();
        let mut with = statements.clone();
        with.push(more.clone());
        let after = decide_for_role(json!(with), action, resource).is_allowed();
        if more["Effect"] == "Deny" {
            prop_assert!(before || !after, "{more} allows {action} on {resource}");
        } else {
            prop_assert!(!before || after, "{more} denies {action} on {resource}");
        }
        let mut turned = with.clone();
        turned.reverse();
        prop_assert_eq!(decide_for_role(json!(turned), action, resource).is_allowed(), after, "the order makes no difference");
    }

    /// A boundary never allows more, and one that allows everything changes nothing.
    #[test]
    fn boundaries_only_limit(
        statements in proptest::collection::vec(arbitrary_statement(), 0..5),
        limits in proptest::collection::vec(arbitrary_statement(), 0..5),
        more in arbitrary_statement(),
        action in proptest::sample::select(vec!["s:Gets", "t:Put", "u:X"]),
        resource in proptest::sample::select(vec!["arn:a:s:r:1:x", "arn:a:s:r:1:y", "b"]),
    ) {
        let context = RequestContext::new();
        let request = PolicyRequest { principal: RequestPrincipal::Role(ROLE), action, resource, context: &context };
        let own = [parsed_policy(json!(statements))];
        let within = |limits: &Value| {
            let boundary = parsed_policy(limits.clone());
            decide_role_request(RolePolicies { own: &own, boundary: Some(&boundary) }, &[], &request).is_allowed()
        };
        let free = decide_request(&own, &[], &request).is_allowed();
        let all = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]);
        prop_assert_eq!(within(&all), free);
        let limited = within(&json!(limits));
        prop_assert!(free || !limited, "{limits:?} allows {action} on {resource}");
        let mut narrower = limits.clone();
        narrower.push(more.clone());
        if more["Effect"] == "Deny" {
            prop_assert!(limited || !within(&json!(narrower)), "{more} allows {action} on {resource}");
        } else {
            prop_assert!(!limited || within(&json!(narrower)), "{more} denies {action} on {resource}");
        }
    }
}
