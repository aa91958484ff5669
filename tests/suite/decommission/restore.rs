//! What comes back is what was archived.

use deployer::aws::{Call, Found};
use deployer::decommission::archive::Archive;
use deployer::decommission::parts::{Parts, differences};
use deployer::decommission::restore::{Action, Plan, carry_out};
use deployer::decommission::{Target, kinds as archived};
use serde_json::json;

use super::Legacy;

use crate::sdk::GeneratedClients as _;

#[tokio::test]
async fn everything_that_was_deleted_comes_back_as_it_was() {
    let legacy = Legacy::new().await;
    let before = legacy.read_all().await;
    assert_eq!(before.len(), legacy.nodes.len());
    let plan = legacy.plan(&legacy.audit(), None).await;
    assert_eq!((plan.items.len(), &plan.refusals), (legacy.nodes.len(), &Vec::new()));
    let mut archive = legacy.archive();
    let outcome = legacy.carry_out(&plan, &mut archive).await;
    assert_eq!(outcome.failed, None);
    assert_eq!(legacy.read_all().await.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "nothing is left");
    drop(archive);

    let mut archive = Archive::open(&legacy.directory.path().join("archive"), &legacy.scope).expect("an archive");
    let plan = Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
    assert_eq!((plan.items.len(), plan.refusals.len()), (legacy.nodes.len(), 0), "{:?}", plan.refusals);
    let (outcome, comparisons) = carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
    assert_eq!(outcome.failed, None);

    // By the program's own comparison, and by one of all attributes of what was read before anything was deleted.
    assert_eq!(comparisons.len(), legacy.nodes.len());
    for comparison in &comparisons {
        assert_eq!(comparison.differences, [], "{}", comparison.id);
        assert!(comparison.same > 0, "{}", comparison.id);
    }
    for node in &legacy.nodes {
        let comparison = comparisons.iter().find(|comparison| comparison.id == node.id).expect("it is compared");
        let now = Target { id: comparison.now.clone(), ..Target::of(node) };
        let now = archived::read(&legacy.cx(), &now).await.expect("it is read").expect("it is there");
        let changed: Vec<String> = paths(&before[&node.id], &now);
        let new = archived::new_after_restore(node.kind);
        let renamed = ["policies.json", "resources.json"];
        let unexpected = changed
            .iter()
            .filter(|path| !new.iter().any(|pattern| deployer::decommission::parts::same_path(pattern, path)));
        let unexpected: Vec<_> = unexpected.filter(|path| !renamed.iter().any(|part| path.starts_with(part))).collect();
        assert_eq!(unexpected, Vec::<&String>::new(), "{}", node.id);
    }

    // Restored once more, nothing is done.
    let again = Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
    assert!(again.items.iter().all(|(_, action)| *action == Action::Same), "{again:?}");
}

#[tokio::test]
async fn a_function_comes_back_with_all_that_calls_it() {
    let legacy = Legacy::new().await;
    let lambda = legacy.aws.lambda.clone();
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let gone = lambda.get_function().function_name("legacy-push").send().await.call("lambda:GetFunction").found();
    assert!(gone.expect("an answer").is_none());
    let plan = Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) = carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
    assert_eq!(outcome.failed, None);

    let function = lambda.get_function().function_name("legacy-push").send().await.expect("it is there");
    let configuration = function.configuration().expect("a configuration");
    assert_eq!((configuration.memory_size(), configuration.timeout()), (Some(192), Some(77)));
    let variables = configuration.environment().and_then(|environment| environment.variables()).expect("variables");
    assert_eq!(variables.get("API_KEY").map(String::as_str), Some("s3cret-value"));
    assert_eq!(function.concurrency().and_then(|reserved| reserved.reserved_concurrent_executions()), Some(5));
    assert_eq!(function.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("old"));
    let live = lambda
        .get_function_configuration()
        .function_name("legacy-push")
        .qualifier("live")
        .send()
        .await
        .expect("an alias");
    assert_ne!(live.code_sha256(), configuration.code_sha256(), "the alias leads to its own version's code");
    let mappings = lambda.list_event_source_mappings().function_name("legacy-push").send().await.expect("a list");
    let mapping = &mappings.event_source_mappings()[0];
    assert_eq!((mapping.batch_size(), mapping.state()), (Some(7), Some("Enabled")));

    // The API has another id, and the function's policy lets that one call it.
    let old = legacy.id(deployer::audit::Kind::RestApi);
    let api = comparisons.iter().find(|comparison| comparison.id == old).expect("it is compared");
    assert_ne!(api.now, old);
    let policy = lambda.get_policy().function_name("legacy-push").send().await.expect("a policy");
    let policy = policy.policy().unwrap_or_default();
    let id = api.now.rsplit('/').next().expect("an id");
    assert!(policy.contains(&format!(":{id}/*/POST/contacts")), "{policy}");
    assert!(!policy.contains(&legacy.rest_api), "{policy}");
}

#[tokio::test]
async fn what_is_restored_is_not_what_another_one_made_meanwhile() {
    let legacy = Legacy::new().await;
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let sqs = &legacy.aws.sdk().sqs;
    let fifo = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
    sqs.create_queue().queue_name("contacts.fifo").attributes(fifo, "true").send().await.expect("another queue");
    let plan = Plan::new(&legacy.cx(), &archive, &["contacts.fifo".to_owned()]).await.expect("a plan");
    assert_eq!(plan.items, []);
    let why = &plan.refusals[0].why;
    assert!(why.contains("isn't what was archived") && why.contains("RedrivePolicy"), "{why}");
}

#[tokio::test]
async fn what_was_restored_and_deleted_again_comes_back_once() {
    let mut legacy = Legacy::new().await;
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let plan = Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
    let (_, comparisons) = carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
    for comparison in &comparisons {
        for node in legacy.nodes.iter_mut().filter(|node| node.id == comparison.id) {
            node.id.clone_from(&comparison.now);
        }
        for edge in &mut legacy.edges {
            for end in [&mut edge.from, &mut edge.to] {
                if *end == comparison.id {
                    end.clone_from(&comparison.now);
                }
            }
        }
    }
    let plan = legacy.plan(&legacy.audit(), None).await;
    assert_eq!((plan.items.len(), &plan.refusals), (legacy.nodes.len(), &Vec::new()));
    assert_eq!(legacy.carry_out(&plan, &mut archive).await.failed, None);
    let plan = Plan::new(&legacy.cx(), &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) = carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()));
    assert!(comparisons.iter().all(|comparison| comparison.differences.is_empty()), "{comparisons:?}");
    let apis = legacy.aws.sdk().apigateway.get_rest_apis().send().await.expect("a list");
    assert_eq!(apis.items().len(), 1);
}

#[tokio::test]
async fn an_archive_that_was_changed_is_refused() {
    let legacy = Legacy::new().await;
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let directory = archive.directory().to_owned();
    let files: Vec<_> = archive
        .manifest
        .entries
        .iter()
        .flat_map(|entry| entry.files.iter().map(|file| directory.join(&entry.directory).join(&file.path)))
        .chain([directory.join("manifest.json"), directory.join("SHA256SUMS")])
        .collect();
    drop(archive);
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read(&file).expect("it is read");
        let mut changed = text.clone();
        // In the middle of a number or a text: JSON stays JSON.
        match changed.iter().rposition(u8::is_ascii_alphanumeric) {
            Some(at) => changed[at] = if changed[at] == b'1' { b'2' } else { b'1' },
            None => changed.push(b' '),
        }
        std::fs::write(&file, changed).expect("written");
        let opened = Archive::open(&directory, &legacy.scope);
        assert!(opened.is_err(), "{}", file.display());
        std::fs::write(&file, text).expect("written");
    }
    Archive::open(&directory, &legacy.scope).expect("it is as it was");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_an_archive() {
    use std::os::unix::fs::PermissionsExt;
    let legacy = Legacy::new().await;
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let mut directories = vec![archive.directory().to_owned()];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        assert_eq!(directory.metadata().expect("metadata").permissions().mode() & 0o077, 0, "{}", directory.display());
        for entry in std::fs::read_dir(&directory).expect("a list") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("lock") {
                assert_eq!(path.metadata().expect("metadata").permissions().mode() & 0o077, 0, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 30);
    // As people check it.
    let mut command = std::process::Command::new("sha256sum");
    let checked = command.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(archive.directory()).status();
    assert!(checked.is_ok_and(|status| status.success()));
}

/// Paths whose values differ, of all attributes.
fn paths(one: &Parts, other: &Parts) -> Vec<String> {
    differences(one, other, &[]).into_iter().map(|difference| difference.path).collect()
}

#[tokio::test]
async fn a_role_with_an_odd_policy_comes_back() {
    let legacy = Legacy::new().await;
    let iam = &legacy.aws.iam;
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "100%+", "Effect": "Deny", "Action": ["s3:*"], "Resource": "*" }] });
    let put =
        iam.put_role_policy().role_name("legacy-push").policy_name("odd+name").policy_document(document.to_string());
    put.send().await.expect("a policy");
    let plan = legacy.plan(&legacy.audit(), None).await;
    let mut archive = legacy.archive();
    legacy.carry_out(&plan, &mut archive).await;
    let plan = Plan::new(&legacy.cx(), &archive, &[legacy.id(deployer::audit::Kind::Role)]).await.expect("a plan");
    let (outcome, comparisons) = carry_out(&legacy.cx(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons[0].differences.len()), (None, 0));
    let policy =
        iam.get_role_policy().role_name("legacy-push").policy_name("odd+name").send().await.expect("it is there");
    assert!(policy.policy_document().contains("100%25%2B") || policy.policy_document().contains("100%+"));
}
