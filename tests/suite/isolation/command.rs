//! `verify --isolation` with and without a cloud.

use std::sync::Arc;

use deployer_aws::Aws;
use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};
use serde_json::{Value, json};

use crate::processes::Site;
use crate::world::{two_venue_manifest, venue_tables};

pub const ISOLATION: [&str; 2] = ["verify", "--isolation"];
const OFFLINE: [&str; 3] = ["verify", "--isolation", "--offline"];

fn applied_site() -> Site {
    let site = Site::new();
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    site.take_write_calls();
    site
}

/// Changes something on the site's cloud outside the deployer.
fn change_outside_deployer<T>(site: &Site, act: impl AsyncFnOnce(Aws) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(act(Aws::for_local("us-east-1", site.cloud.http_client(), None)))
}

pub fn deny_operation(site: &Site, operation: &'static str) {
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || ApiError::new(403, "AccessDeniedException", format!("not authorized to perform {operation}"));
        (call.operation == operation).then(|| InjectedFault::Before(CloudFault::Error(denied())))
    })));
}

#[test]
fn offline_check_uses_the_plan() {
    let site = Site::new();
    // No credentials at all, and no server at the endpoint.
    let mut command = site.deployer_command(&OFFLINE);
    command.env_clear().env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("in none of 2 pairs") && text.contains("4 credentials don't resolve here"), "{text}");
    assert_eq!(site.cloud.recorded_calls(), []);
    let (code, text) = site.run_deployer(&["verify", "--isolation", "a"]);
    assert_eq!(code, 2, "{text}");
    let (code, text) = site.run_deployer(&["verify"]);
    assert_eq!(code, 2, "{text}");
}

/// Loading the manifest runs no programs, so only this check finds that both return the same value.
#[test]
fn values_from_programs_are_compared() {
    let site = Site::new();
    let text = two_venue_manifest("sync").replace("env:KEY_a", "cmd:echo one").replace("env:KEY_b", "cmd:printf one");
    site.write_file("venues.toml", &text);
    let (code, text) = site.run_deployer(&OFFLINE);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("a and b: the same tripleseat_public_key (by value)"), "{text}");
}

#[test]
fn deployed_venues_are_isolated_and_nothing_changes() {
    let site = applied_site();
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in none of 2 pairs"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&[ISOLATION.as_slice(), &["--json"]].concat());
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let pair = lines.iter().find(|line| line["from"] == "a" && line["to"] == "b").expect("the pair");
    let checks = pair["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|check| check["verdict"] == "denied" && check["reason"] != ""), "{pair}");
    let simulated = checks.iter().filter(|check| check["simulated"] == "implicitDeny").count();
    assert_eq!(simulated, checks.len() - 2, "all except the rule's");
    let result = lines.last().expect("a result");
    assert_eq!((&result["type"], &result["isolated"], &result["exit_code"]), (&json!("result"), &json!(2), &json!(0)));
    assert!(!text.contains("token-of-a") && !text.contains("key-of-b"), "no value is shown");
}

#[test]
fn finds_an_attached_policy() {
    for (arn, reached) in [
        ("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", "log group"),
        ("arn:aws:iam::aws:policy/AdministratorAccess", "secret"),
        ("arn:aws:iam::123456789012:policy/extra", "secret"),
    ] {
        let site = applied_site();
        change_outside_deployer(&site, async |aws| {
            let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"arn:aws:secretsmanager:*:*:secret:sync/*"}}"#;
            aws.iam.create_policy().policy_name("extra").policy_document(document).send().await.expect("made");
            aws.iam.attach_role_policy().role_name("sync-a-role").policy_arn(arn).send().await.expect("attached");
        });
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(&format!("a can reach the {reached} of b:")) && text.contains(arn), "{text}");
        assert!(!text.contains("b can reach"), "{text}");
    }
}

#[test]
fn finds_a_permission_for_another_rule() {
    for qualifier in [Some("live"), None] {
        let site = applied_site();
        change_outside_deployer(&site, async |aws| {
            let rule = "arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule";
            let add = aws.lambda.add_permission().function_name("sync-b").statement_id("other").source_arn(rule);
            let add = add.action("lambda:InvokeFunction").principal("events.amazonaws.com");
            add.set_qualifier(qualifier.map(str::to_owned)).send().await.expect("added");
        });
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("a can reach the function (through its own rule) of b"), "{text}");
    }
}

/// The deployed functions count, not what the manifest says about them.
#[test]
fn finds_a_function_with_another_venues_flag() {
    let site = applied_site();
    change_outside_deployer(&site, async |aws| {
        let found = aws.lambda.get_function_configuration().function_name("sync-b").send().await.expect("there");
        let mut variables = found.environment().and_then(|found| found.variables()).expect("variables").clone();
        variables.insert("HUBSPOT_FLAG_PROPERTY".to_owned(), "tripleseat_sync__a".to_owned());
        let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables)).build();
        let update = aws.lambda.update_function_configuration().function_name("sync-b").environment(environment);
        update.send().await.expect("changed");
        let version = aws.lambda.publish_version().function_name("sync-b").send().await.expect("published");
        let alias = aws.lambda.update_alias().function_name("sync-b").name("live");
        alias.function_version(version.version().expect("a number")).send().await.expect("moved");
    });
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("a and b: the same flag property, tripleseat_sync__a"), "{text}");
}

#[test]
fn stored_values_take_precedence_over_references() {
    let site = applied_site();
    change_outside_deployer(&site, async |aws| {
        let value = json!({ "HUBSPOT_TOKEN": "token-of-b", "TRIPLESEAT_PUBLIC_KEY": "key-of-a" }).to_string();
        aws.secrets.put_secret_value().secret_id("sync/b").secret_string(value).send().await.expect("written");
    });
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the same tripleseat_public_key (by value)") && !text.contains("key-of-a"), "{text}");
    deny_operation(&site, "GetSecretValue");
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the credentials of b were compared only by their references in the manifest"), "{text}");
}

#[test]
fn unreadable_policies_are_reported_and_fail_the_check() {
    let site = applied_site();
    for operation in ["GetPolicy", "GetResourcePolicy"] {
        deny_operation(&site, operation);
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("unknown:") && text.contains("could not read"), "{text}");
    }
    deny_operation(&site, "SimulatePrincipalPolicy");
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the credentials lack iam:SimulatePrincipalPolicy"), "{text}");
}

fn answer_operation(site: &Site, operation: &'static str, body: &str) {
    let body = body.to_owned();
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        (call.operation == operation).then(|| InjectedFault::Before(CloudFault::Answer(body.clone())))
    })));
}

/// An empty policy allows nothing, so it would count as proof that the venues are isolated.
#[test]
fn policies_that_cannot_be_parsed_are_unknown() {
    let site = applied_site();
    let assert_unknown = |operation: &'static str, body: &str, what: &str| {
        answer_operation(&site, operation, body);
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("unknown:") && text.contains(&format!("could not read {what}")), "{text}");
        site.cloud.set_faults(None);
    };
    assert_unknown("GetPolicy", r#"{"Policy":"{not json"}"#, "the policy of a's alias");
    assert_unknown("GetPolicy", "{}", "the policy of a's alias");
    assert_unknown("GetResourcePolicy", r#"{"ResourcePolicy":"{not json"}"#, "the policy of a's secret");
    let attached = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    change_outside_deployer(&site, async |aws| {
        aws.iam.attach_role_policy().role_name("sync-a-role").policy_arn(attached).send().await.expect("attached");
    });
    let version = "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>%7Bnot json</Document>\
                   </PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>";
    assert_unknown("GetPolicyVersion", version, &format!("policy {attached}, attached to a's role"));
}

#[test]
fn settings_that_cannot_be_parsed_are_unknown() {
    let site = applied_site();
    change_outside_deployer(&site, async |aws| {
        let found = aws.lambda.get_function_configuration().function_name("sync-b").send().await.expect("there");
        let mut variables = found.environment().and_then(|found| found.variables()).expect("variables").clone();
        variables.insert("SYNC_CONFIG".to_owned(), "{not json".to_owned());
        let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables)).build();
        let update = aws.lambda.update_function_configuration().function_name("sync-b").environment(environment);
        update.send().await.expect("changed");
        let version = aws.lambda.publish_version().function_name("sync-b").send().await.expect("published");
        let alias = aws.lambda.update_alias().function_name("sync-b").name("live");
        alias.function_version(version.version().expect("a number")).send().await.expect("moved");
    });
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("unknown:") && text.contains("could not read SYNC_CONFIG of b's function"), "{text}");
}

#[test]
fn stored_values_that_cannot_be_parsed_are_not_compared() {
    let site = applied_site();
    for (stored, why) in [("token-of-a", "its secret is not a JSON object"), ("\"token-of-a\"", "not a JSON object")] {
        change_outside_deployer(&site, async |aws| {
            aws.secrets.put_secret_value().secret_id("sync/b").secret_string(stored).send().await.expect("written");
        });
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("the credentials of b were compared only by their references in the manifest"), "{text}");
        assert!(text.contains(why) && !text.contains("token-of-a"), "{text}");
    }
}

#[test]
fn undeployed_venue_is_unknown() {
    let site = applied_site();
    site.write_file("venues.toml", &(two_venue_manifest("sync") + &venue_tables("c", "")));
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("c's role is not created yet") && text.contains("--offline"), "{text}");
    let (code, text) = site.run_deployer(&OFFLINE);
    assert_eq!(code, 0, "{text}");
}

/// What another venue can use although no policy of its role says so. Each is planted, and the check names it.
#[test]
fn finds_what_leads_around_the_policies() {
    let plant = async |what: &str, aws: &Aws| match what {
        "the URL" => {
            let url = aws.lambda.create_function_url_config().function_name("sync-b").qualifier("live");
            url.auth_type(aws_sdk_lambda::types::FunctionUrlAuthType::None).send().await.map(drop).expect("a URL");
        }
        "the subscription filter copy of b's log group" => {
            let body = json!({
                "logGroupName": "/aws/lambda/sync-b", "filterName": "copy", "filterPattern": "",
                "destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:sync-a",
            });
            aws.signed.call("logs:PutSubscriptionFilter", body).await.map(drop).expect("a filter");
        }
        "the failure destination of b's alias" => {
            use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
            let failure = OnFailure::builder().destination("arn:aws:lambda:us-east-1:123456789012:function:sync-a");
            let config = DestinationConfig::builder().on_failure(failure.build()).build();
            let put = aws.lambda.put_function_event_invoke_config().function_name("sync-b").qualifier("live");
            put.destination_config(config).send().await.map(drop).expect("a destination");
        }
        "the dead-letter setting of b's rule" => {
            let found = aws.events.list_targets_by_rule().rule("sync-b-schedule").send().await.expect("listed");
            let mut target = found.targets()[0].clone();
            let queue = "arn:aws:sqs:us-east-1:123456789012:dead";
            target.dead_letter_config =
                Some(aws_sdk_eventbridge::types::DeadLetterConfig::builder().arn(queue).build());
            aws.events.put_targets().rule("sync-b-schedule").targets(target).send().await.expect("put");
            let allow = json!({ "Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": queue, "Principal": { "AWS": ROLE_A },
            } });
            let body = json!({ "QueueName": "dead", "Attributes": { "Policy": allow.to_string() } });
            aws.signed.call("sqs:CreateQueue", body).await.map(drop).expect("a queue");
        }
        "the policy of b's secret" => {
            let allow = json!({ "Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
                "Principal": { "AWS": ROLE_A },
            } });
            let put = aws.secrets.put_resource_policy().secret_id("sync/b").resource_policy(allow.to_string());
            put.send().await.map(drop).expect("a policy");
        }
        other => panic!("{other}"),
    };
    for what in [
        "the URL",
        "the subscription filter copy of b's log group",
        "the failure destination of b's alias",
        "the dead-letter setting of b's rule",
        "the policy of b's secret",
    ] {
        let site = applied_site();
        change_outside_deployer(&site, async |aws| plant(what, &aws).await);
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 1, "{what}: {text}");
        let reached = text.lines().find(|line| line.contains("a can reach the ") && line.contains(" of b: "));
        assert!(reached.is_some_and(|line| line.contains(what)), "{what}: {text}");
        assert!(!text.contains("b can reach"), "{text}");
    }
}

const ROLE_A: &str = "arn:aws:iam::123456789012:role/deployer/sync/us-east-1/sync-a-role";

/// The secret of `b` has a key of the customer's, and KMS answers with these grants.
fn give_key(site: &Site, grants: &'static str) {
    change_outside_deployer(site, async |aws| {
        let update = aws.secrets.update_secret().secret_id("sync/b").kms_key_id("alias/ours");
        update.send().await.map(drop).expect("updated");
        let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}"#;
        let put = aws.iam.put_role_policy().role_name("sync-b-role").policy_name("key").policy_document(own);
        put.send().await.expect("written");
    });
    answer_operation(site, "ListGrants", grants);
}

#[test]
fn finds_a_grant_on_the_key_of_another_secret() {
    let site = applied_site();
    give_key(&site, r#"{"Grants":[],"Truncated":false}"#);
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    const GRANT: &str = r#"{"Grants":[{"GrantId":"g-7","Operations":["Decrypt"],
        "GranteePrincipal":"arn:aws:iam::123456789012:role/deployer/sync/us-east-1/sync-a-role"}],"Truncated":false}"#;
    give_key(&site, GRANT);
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 1, "{text}");
    let path = "a can reach the secret's key of b: kms:Decrypt is allowed by the grant g-7 of the key";
    assert!(text.contains(path), "{text}");
    for operation in ["ListGrants", "GetKeyPolicy", "DescribeKey"] {
        deny_operation(&site, operation);
        let (code, text) = site.run_deployer(&ISOLATION);
        assert_eq!(code, 3, "{operation}: {text}");
        assert!(text.contains("could not read the key alias/ours of b's secret"), "{text}");
    }
}

#[test]
fn boundaries_are_read_and_count() {
    const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/limit";
    let site = applied_site();
    change_outside_deployer(&site, async |aws| {
        let limit = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"*","Resource":"arn:aws:secretsmanager:*:*:secret:sync/a-??????"},
            {"Effect":"Allow","Action":"*","Resource":"arn:aws:logs:*:*:log-group:/aws/lambda/sync-a:*"},
            {"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:*:*:function:sync-a:live"}]}"#;
        aws.iam.create_policy().policy_name("limit").policy_document(limit).send().await.expect("made");
        let put = aws.iam.put_role_permissions_boundary().role_name("sync-a-role").permissions_boundary(BOUNDARY);
        put.send().await.expect("put");
        let all = "arn:aws:iam::aws:policy/AdministratorAccess";
        aws.iam.attach_role_policy().role_name("sync-a-role").policy_arn(all).send().await.expect("attached");
    });
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the permissions boundary of a's role doesn't allow what"), "{text}");
    change_outside_deployer(&site, async |aws| {
        let all = "arn:aws:iam::aws:policy/AdministratorAccess";
        aws.iam.detach_role_policy().role_name("sync-a-role").policy_arn(all).send().await.expect("detached");
    });
    deny_operation(&site, "GetPolicyVersion");
    let (code, text) = site.run_deployer(&ISOLATION);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains(&format!("could not read policy {BOUNDARY}, the permissions boundary of a's role")),
        "{text}"
    );
}
