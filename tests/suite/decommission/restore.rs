//! A restored resource is the same as the archived one.

use deployer_aws::{Call, Found};
use deployer_janitor::decommission::DecommissionTarget;
use deployer_janitor::decommission::archive::Archive;
use deployer_janitor::decommission::parts::{ResourceParts, find_differences};
use deployer_janitor::decommission::restore::{RestoreAction, RestorePlan, carry_out_restore};
use serde_json::json;

use super::LegacyCloud;

use crate::sdk::GeneratedClients as _;

#[tokio::test]
async fn restores_everything_as_it_was_archived() {
    let legacy = LegacyCloud::new().await;
    let before = legacy.read_all().await;
    assert_eq!(before.len(), legacy.nodes.len());
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    assert_eq!((plan.items.len(), &plan.refusals), (legacy.nodes.len(), &Vec::new()));
    let mut archive = legacy.open_archive();
    let outcome = legacy.carry_out_plan(&plan, &mut archive).await;
    assert_eq!(outcome.failed, None);
    assert_eq!(legacy.read_all().await.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "nothing is left");
    drop(archive);

    let mut archive =
        Archive::open_verified(&legacy.directory.path().join("archive"), &legacy.scope).expect("an archive");
    let plan = RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    assert_eq!((plan.items.len(), plan.refusals.len()), (legacy.nodes.len(), 0), "{:?}", plan.refusals);
    let (outcome, comparisons) = carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!(outcome.failed, None);

    // Check the program's own comparison, then compare all attributes with what was read before the deletion.
    assert_eq!(comparisons.len(), legacy.nodes.len());
    for comparison in &comparisons {
        assert_eq!(comparison.differences, [], "{}", comparison.id);
        assert!(comparison.same > 0, "{}", comparison.id);
    }
    for node in &legacy.nodes {
        let comparison = comparisons.iter().find(|comparison| comparison.id == node.id).expect("it is compared");
        let target = DecommissionTarget::from_node(node).expect("it can be archived");
        let now = DecommissionTarget { id: comparison.now.clone(), ..target };
        let kind = now.kind;
        let now =
            kind.read_parts(&legacy.decommission_context(), &now).await.expect("it is readable").expect("it exists");
        let changed: Vec<String> = differing_paths(&before[&node.id], &now);
        let new = kind.uncompared_attributes();
        let renamed = ["policies.json", "resources.json"];
        let unexpected = changed.iter().filter(|path| {
            !new.iter().any(|pattern| deployer_janitor::decommission::parts::matches_path(pattern, path))
        });
        let unexpected: Vec<_> = unexpected.filter(|path| !renamed.iter().any(|part| path.starts_with(part))).collect();
        assert_eq!(unexpected, Vec::<&String>::new(), "{}", node.id);
    }

    // A second restore has nothing to do.
    let again = RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    assert!(again.items.iter().all(|(_, action)| *action == RestoreAction::Same), "{again:?}");
}

#[tokio::test]
async fn restores_a_function_with_everything_that_calls_it() {
    let legacy = LegacyCloud::new().await;
    let lambda = legacy.aws.lambda.clone();
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let gone = lambda.get_function().function_name("legacy-push").send().await.call("lambda:GetFunction").found();
    assert!(gone.expect("an answer").is_none());
    let plan = RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) = carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!(outcome.failed, None);

    let function = lambda.get_function().function_name("legacy-push").send().await.expect("it exists");
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
    assert_ne!(live.code_sha256(), configuration.code_sha256(), "the alias points to its own version's code");
    let mappings = lambda.list_event_source_mappings().function_name("legacy-push").send().await.expect("a list");
    let mapping = &mappings.event_source_mappings()[0];
    assert_eq!((mapping.batch_size(), mapping.state()), (Some(7), Some("Enabled")));

    // The API has a new id, and the function's policy allows that one to call it.
    let old = legacy.node_id(deployer_janitor::audit::NodeKind::RestApi);
    let api = comparisons.iter().find(|comparison| comparison.id == old).expect("it is compared");
    assert_ne!(api.now, old);
    let policy = lambda.get_policy().function_name("legacy-push").send().await.expect("a policy");
    let policy = policy.policy().unwrap_or_default();
    let id = api.now.rsplit('/').next().expect("an id");
    assert!(policy.contains(&format!(":{id}/*/POST/contacts")), "{policy}");
    assert!(!policy.contains(&legacy.rest_api), "{policy}");
}

#[tokio::test]
async fn refuses_to_restore_over_a_different_resource() {
    let legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let sqs = &legacy.aws.sdk().sqs;
    let fifo = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
    sqs.create_queue().queue_name("contacts.fifo").attributes(fifo, "true").send().await.expect("another queue");
    let plan = RestorePlan::new(&legacy.decommission_context(), &archive, &["contacts.fifo".to_owned()])
        .await
        .expect("a plan");
    assert_eq!(plan.items, []);
    let why = &plan.left[0].why;
    assert!(why.contains("differs from what was archived") && why.contains("RedrivePolicy"), "{why}");
}

#[tokio::test]
async fn restores_only_once_what_was_deleted_twice() {
    let mut legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let plan = RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    let (_, comparisons) = carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
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
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    assert_eq!((plan.items.len(), &plan.refusals), (legacy.nodes.len(), &Vec::new()));
    assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
    let plan = RestorePlan::new(&legacy.decommission_context(), &archive, &[]).await.expect("a plan");
    let (outcome, comparisons) = carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons.len()), (None, legacy.nodes.len()));
    assert!(comparisons.iter().all(|comparison| comparison.differences.is_empty()), "{comparisons:?}");
    let apis = legacy.aws.sdk().apigateway.get_rest_apis().send().await.expect("a list");
    assert_eq!(apis.items().len(), 1);
}

#[tokio::test]
async fn refuses_a_changed_archive() {
    let legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let directory = archive.archive_directory().to_owned();
    let files: Vec<_> = archive
        .manifest
        .entries
        .iter()
        .flat_map(|entry| entry.files.iter().map(|file| directory.join(&entry.directory).join(&file.path)))
        .chain(["manifest.json", "SHA256SUMS", "journal.jsonl"].map(|name| directory.join(name)))
        .collect();
    drop(archive);
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read(&file).expect("it is readable");
        let mut changed = text.clone();
        // Change a character inside of a number or a string, so that the JSON stays valid.
        match changed.iter().rposition(u8::is_ascii_alphanumeric) {
            Some(at) => changed[at] = if changed[at] == b'1' { b'2' } else { b'1' },
            None => changed.push(b' '),
        }
        std::fs::write(&file, changed).expect("written");
        let opened = Archive::open_verified(&directory, &legacy.scope);
        assert!(opened.is_err(), "{}", file.display());
        std::fs::write(&file, text).expect("written");
    }
    Archive::open_verified(&directory, &legacy.scope).expect("it is unchanged again");
}

#[cfg(unix)]
#[tokio::test]
async fn an_archive_is_readable_only_by_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let mut directories = vec![archive.archive_directory().to_owned()];
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
    // `sha256sum` accepts it, too.
    let mut command = std::process::Command::new("sha256sum");
    let checked = command.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(archive.archive_directory()).status();
    assert!(checked.is_ok_and(|status| status.success()));
}

/// The paths of all attributes whose values differ.
fn differing_paths(one: &ResourceParts, other: &ResourceParts) -> Vec<String> {
    find_differences(one, other, &[]).into_iter().map(|difference| difference.path).collect()
}

#[tokio::test]
async fn restores_a_role_whose_policy_needs_escaping() {
    let legacy = LegacyCloud::new().await;
    let iam = &legacy.aws.iam;
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "100%+", "Effect": "Deny", "Action": ["s3:*"], "Resource": "*" }] });
    let put =
        iam.put_role_policy().role_name("legacy-push").policy_name("odd+name").policy_document(document.to_string());
    put.send().await.expect("a policy");
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    legacy.carry_out_plan(&plan, &mut archive).await;
    let plan = RestorePlan::new(
        &legacy.decommission_context(),
        &archive,
        &[legacy.node_id(deployer_janitor::audit::NodeKind::Role)],
    )
    .await
    .expect("a plan");
    let (outcome, comparisons) = carry_out_restore(&legacy.decommission_context(), &plan, &mut archive, &|_| {}).await;
    assert_eq!((outcome.failed, comparisons[0].differences.len()), (None, 0));
    let policy =
        iam.get_role_policy().role_name("legacy-push").policy_name("odd+name").send().await.expect("it exists");
    assert!(policy.policy_document().contains("100%25%2B") || policy.policy_document().contains("100%+"));
}
