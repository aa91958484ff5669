//! `deployer adopt`, tested as a process: tags make unowned resources ours, and nothing else changes.

use deployer_aws::Aws;
use serde_json::Value;

use crate::processes::Site;
use crate::sdk::GeneratedClients as _;

pub const ADOPT: [&str; 5] = ["adopt", "a", "--yes", "--artifact", "bootstrap"];
const APPLY_LARGE: [&str; 6] = ["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "0"];

fn change_cloud(site: &Site, work: impl AsyncFnOnce(Aws)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    runtime.block_on(work(Aws::for_local("us-east-1", site.cloud.http_client(), None)));
    site.take_write_calls();
}

/// Everything of a venue, as if created by hand: without tags, and with the role outside the deployment's path.
pub fn handmade_site() -> Site {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    change_cloud(&site, async |aws| {
        let keys = ["deployer:deployment", "deployer:venue", "deployer:protect"].map(ToOwned::to_owned).to_vec();
        let function = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
        aws.lambda
            .untag_resource()
            .resource(function)
            .set_tag_keys(Some(keys.clone()))
            .send()
            .await
            .expect("it is untagged");
        let rule = "arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule";
        aws.events
            .untag_resource()
            .resource_arn(rule)
            .set_tag_keys(Some(keys.clone()))
            .send()
            .await
            .expect("it is untagged");
        aws.secrets
            .untag_resource()
            .secret_id("sync/a")
            .set_tag_keys(Some(keys.clone()))
            .send()
            .await
            .expect("it is untagged");
        let group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/sync-a";
        aws.sdk()
            .logs
            .untag_resource()
            .resource_arn(group)
            .set_tag_keys(Some(keys))
            .send()
            .await
            .expect("it is untagged");
        aws.iam.delete_role_policy().role_name("sync-a-role").policy_name("sync").send().await.expect("it is deleted");
        aws.iam.delete_role().role_name("sync-a-role").send().await.expect("it is deleted");
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let role = aws.iam.create_role().role_name("sync-a-role").assume_role_policy_document(trust).send().await;
        let arn = role.expect("it is created").role.expect("a role").arn;
        let request = aws.lambda.update_function_configuration().function_name("sync-a").role(arn).memory_size(512);
        request.send().await.expect("it is changed");
    });
    site
}

#[test]
fn tags_handmade_resources_and_leaves_the_rest_to_the_next_apply() {
    let site = handmade_site();
    let (code, text) = site.run_deployer(&["plan", "--artifact", "bootstrap"]);
    assert!(code == 1 && text.contains("deployer adopt a"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());

    let (code, text) = site.run_deployer(&ADOPT);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("deployer will manage it from now on"), "{text}");
    let (_, next) = text.split_once("The next apply would then make these changes").expect("it shows the next changes");
    assert!(next.contains("memory_mb") && next.contains("512 -> 128"), "{next}");
    assert!(next.contains("-/+") && next.contains("IAM can't move a role to another path"), "{next}");
    assert!(text.contains("deployer secret status a --compare"), "{text}");
    let mut calls = site.take_write_calls();
    calls.retain(|call| !call.contains("LogGroup") || call.contains("Tag"));
    calls.sort_unstable();
    let tags_and_version = [
        "events:TagResource",
        "iam:TagRole",
        "lambda:PublishVersion",
        "lambda:TagResource",
        "logs:TagResource",
        "secretsmanager:TagResource",
    ];
    assert_eq!(calls, tags_and_version, "only tags are written, and the code is kept");

    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run_apply();
    assert!(code == 0 && text.contains("No changes"), "{text}");
    let role = site.cloud.with_context(|cx| cx.state.iam.roles["sync-a-role"].path.clone());
    assert_eq!(role.expect("the cloud's state is readable"), "/deployer/sync/us-east-1/");
}

/// What an apply overwrites can be gone back to, and nobody is surprised by the tool that made the resource.
#[test]
fn keeps_the_code_and_says_whose_stack_it_is_and_what_the_secret_lacks() {
    let site = handmade_site();
    change_cloud(&site, async |aws| {
        let function = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
        let request = aws.lambda.tag_resource().resource(function).tags("ManagedBy", "terraform");
        request.send().await.expect("it is tagged");
        let request = aws.secrets.put_secret_value().secret_id("sync/a").secret_string(r#"{"HUBSPOT_TOKEN":"theirs"}"#);
        request.send().await.expect("it is written");
    });
    // AWS lets only CloudFormation set its tags.
    let stack = ("aws:cloudformation:stack-name".to_owned(), "legacy".to_owned());
    let tagged = site.cloud.with_context(|cx| {
        cx.state.iam.roles.get_mut("sync-a-role").map(|role| role.tags.insert(stack.0.clone(), stack.1.clone()))
    });
    assert!(tagged.expect("the cloud's state is readable").is_some());
    let code_of = |qualifier: &'static str| {
        let mut code = None;
        change_cloud(&site, async |aws| {
            let request = aws.lambda.get_function_configuration().function_name("sync-a").qualifier(qualifier);
            code = request.send().await.ok().map(|found| (found.code_sha256, found.memory_size));
        });
        code
    };
    let handmade = code_of("$LATEST").expect("it exists");
    let (code, text) = site.run_deployer(&ADOPT);
    assert_eq!(code, 0, "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the role sync-a-role is in the CloudFormation stack legacy"), "{words}");
    assert!(words.contains("the function sync-a is managed by terraform, according to its tag ManagedBy"), "{words}");
    assert!(words.contains("its current code is kept as a version"), "{words}");
    let missing = "a: tripleseat_public_key is missing in the secret: `deployer secret push a` writes it.";
    assert!(words.contains(missing) && !words.contains("hubspot_token is missing"), "{words}");
    assert!(!text.contains("theirs"), "{text}");
    assert_eq!(code_of("2"), Some(handmade), "the code as it was, with its settings");
}

#[test]
fn shows_the_plan_and_asks_first() {
    let site = handmade_site();
    let (code, text) = site.run_deployer(&["adopt", "a", "--artifact", "bootstrap"]);
    assert!(code == 2 && text.contains("confirmation needed"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
    let (code, text) = site.run_deployer(&["adopt", "a", "--yes", "--json", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("it is valid JSON")).collect();
    assert!(
        lines
            .iter()
            .any(|line| line["type"] == "next" && line["changes"].as_array().is_some_and(|all| !all.is_empty()))
    );
}

#[test]
fn refuses_resources_of_another_deployment() {
    let site = handmade_site();
    change_cloud(&site, async |aws| {
        let rule = "arn:aws:events:us-east-1:123456789012:rule/sync-a-schedule";
        let tag = aws_sdk_eventbridge::types::Tag::builder().key("deployer:deployment").value("another").build();
        aws.events.tag_resource().resource_arn(rule).tags(tag.expect("complete")).send().await.expect("tagged");
    });
    let (code, text) = site.run_deployer(&ADOPT);
    assert!(code == 6 && text.contains("is owned by deployment another"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}

#[test]
fn does_nothing_if_there_is_nothing_to_adopt() {
    let site = Site::new();
    assert_eq!(site.run_apply().0, 0);
    site.take_write_calls();
    let (code, text) = site.run_deployer(&ADOPT);
    assert!(code == 0 && text.contains("there is nothing to adopt"), "{text}");
    let (code, text) = site.run_deployer(&["adopt", "nobody", "--yes", "--artifact", "bootstrap"]);
    assert!(code == 2 && text.contains("declares no venue nobody"), "{text}");
    assert_eq!(site.take_write_calls(), Vec::<String>::new());
}

#[test]
fn deletes_the_old_role_of_an_adopted_venue_that_is_removed() {
    let site = handmade_site();
    assert_eq!(site.run_deployer(&ADOPT).0, 0);
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("the manifest exists");
    let (head, rest) = manifest.split_once("[venues.a]").expect("the manifest declares a");
    site.write_file(
        "venues.toml",
        &format!("{head}[venues.b]{}", rest.split_once("[venues.b]").expect("the manifest declares b").1),
    );
    let (code, text) = site.run_deployer(&APPLY_LARGE);
    assert!(code == 6, "{text}");
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let roles = site.cloud.with_context(|cx| cx.state.iam.roles.keys().cloned().collect::<Vec<_>>());
    assert_eq!(roles.expect("the cloud's state is readable"), ["sync-b-role"]);
}
