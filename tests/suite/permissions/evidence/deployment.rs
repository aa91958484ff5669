//! What a deployment's own commands do.

use std::sync::Arc;

use deployer_aws::Aws;
use deployer_cloud::{ApiError, CloudCall, CloudFault, InjectedFault};
use deployer_core::permissions::PolicyCommand;

use super::{block_on, change_cloud, needs_of, run_all};
use crate::adopt::{ADOPT, handmade_site};
use crate::drift_members::cases::drift_cases;
use crate::drift_members::converged_world;
use crate::permissions::record::NeededPermission;
use crate::processes::Site;
use crate::quotas::fill_bus;
use crate::sdk::GeneratedClients as _;
use crate::versions::{deployed_site, set_memory};
use crate::world::two_venue_manifest;

const APPLY: &[&str] = &["apply", "--yes", "--artifact", "bootstrap", "--max-delete", "9"];
const PLAN: &[&str] = &["plan", "--artifact", "bootstrap"];
const ISOLATION: &[&str] = &["verify", "--isolation"];
const DESTROY: &[&str] = &["destroy", "--yes"];

/// An apply after each thing that somebody can change behind our back.
pub fn undo_drifts() -> Vec<NeededPermission> {
    block_on(async {
        let mut needs = Vec::new();
        for case in drift_cases() {
            let (cloud, world) = converged_world().await;
            let desired = world.desired_from(&two_venue_manifest("sync"));
            (case.change)(&world.aws, &cloud).await;
            cloud.keep_authorizations();
            let plan = world.plan(&desired).await;
            world.execute_plan(&plan).await;
            needs.extend(needs_of(PolicyCommand::Apply, &cloud.take_authorizations()));
        }
        needs
    })
}

/// Creates everything, finds it unchanged, changes it, prunes a part, restores it, and deletes everything.
pub fn live_and_die() -> Vec<NeededPermission> {
    let site = Site::new();
    let whole = two_venue_manifest("sync");
    let changed = whole.replace("status = \"paused\"", "memory_mb = 256\nlog_retention_days = 7");
    let leased = whole.replace("status = \"paused\"", "reserved_concurrency = \"off\"");
    let without_b = &whole[..whole.find("[venues.b]").expect("the manifest declares b")];
    for manifest in [&whole, &whole, &changed, &leased, without_b, &whole] {
        site.write_file("venues.toml", manifest);
        run_all(&site, &[APPLY]);
    }
    site.write_file("bootstrap", "#!/bin/sh\nexit 2\n");
    site.run_apply();
    // A role is ours by its path, even without its tags.
    change_cloud(&site, untag_roles);
    site.write_file("venues.toml", without_b);
    run_all(&site, &[APPLY]);
    change_cloud(&site, untag_roles);
    run_all(&site, &[PLAN, DESTROY]);
    site.take_permissions()
}

async fn untag_roles(aws: Aws) {
    for role in ["sync-a-role", "sync-b-role"] {
        let attach = aws.iam.attach_role_policy().role_name(role);
        // One of them may be gone.
        let _ = attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await;
        let _ = aws.iam.untag_role().role_name(role).tag_keys("deployer:deployment").send().await;
    }
}

/// Declares everything that a company may demand, for a deployment that exists, and nothing again.
pub fn demand_and_withdraw() -> Vec<NeededPermission> {
    let site = Site::new();
    run_all(&site, &[APPLY]);
    change_cloud(&site, async |aws| {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let boundary = aws.iam.create_policy().policy_name("boundary").policy_document(document);
        boundary.send().await.expect("a policy");
        aws.sdk().sqs.create_queue().queue_name("failed").send().await.expect("a queue");
        aws.sdk().sns.create_topic().name("failed").send().await.expect("a topic");
    });
    let plain = two_venue_manifest("sync");
    let strict = plain
        .replace(
            "region = \"us-east-1\"",
            "region = \"us-east-1\"\ntags = { CostCenter = \"4711\" }\n\
             permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"\n\
             kms_key = \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"",
        )
        .replace(
            "display_name = \"Venue a\"",
            "display_name = \"Venue a\"\ndead_letter = \"arn:aws:sqs:us-east-1:123456789012:failed\"",
        )
        .replace(
            "display_name = \"Venue b\"",
            "display_name = \"Venue b\"\ndead_letter = \"arn:aws:sns:us-east-1:123456789012:failed\"",
        );
    site.write_file("venues.toml", &strict);
    run_all(&site, &[APPLY]);
    site.run_deployer(ISOLATION);
    site.write_file("venues.toml", &plain);
    run_all(&site, &[APPLY]);
    site.take_permissions()
}

/// Alarms are made, changed and deleted, and read by every command that reads the deployment.
pub fn watch_with_alarms() -> Vec<NeededPermission> {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    let without = std::fs::read_to_string(site.path().join("venues.toml")).expect("it is there");
    let with = |email: &str| without.replace("[venues.a]", &format!("[alarms]\nemail = [\"{email}\"]\n\n[venues.a]"));
    let tagged = |text: &str| text.replacen("region = ", "tags = { CostCenter = \"4711\" }\nregion = ", 1);
    for (round, manifest) in
        [tagged(&with("ops@example.com")), with("ops@example.com"), with("on-call@example.com")].into_iter().enumerate()
    {
        site.write_file("venues.toml", &manifest);
        run_all(&site, &[APPLY]);
        if round == 1 {
            confirm_subscriptions(&site);
        }
    }
    let readers: &[&[&str]] =
        &[PLAN, ISOLATION, &["rollback", "a", "--yes"], &["rollback", "a", "--unpin", "--yes"], &ADOPT, APPLY];
    run_all(&site, readers);
    // Alarms and a topic that nobody owns are taken over.
    let disown = |cx: &mut deployer_cloud::CloudContext<'_>| {
        let region = cx.region_state_mut();
        region.sns.topics.values_mut().for_each(|topic| topic.tags.clear());
        let of_a = region.cloudwatch.alarms.values_mut().filter(|alarm| alarm.name.starts_with("sync/a"));
        of_a.for_each(|alarm| alarm.tags.clear());
    };
    site.cloud.with_context(disown).expect("the state is writable");
    run_all(&site, &[&ADOPT]);
    for args in [&["doctor"][..], &["status"], &["report", "--format", "markdown"], &["report", "--send"]] {
        site.run_deployer(args);
    }
    // What is read one by one where lists are denied.
    deny(&site, &["GetResources"]);
    run_all(&site, readers);
    site.run_deployer(&["doctor"]);
    run_all(&site, &[DESTROY]);
    site.cloud.set_faults(None);
    run_all(&site, &[APPLY]);
    site.write_file("venues.toml", &without);
    run_all(&site, &[APPLY]);
    site.take_permissions()
}

fn confirm_subscriptions(site: &Site) {
    let confirmed = site.cloud.with_context(|cx| {
        for subscription in cx.region_state_mut().sns.subscriptions.values_mut() {
            subscription.confirmed = true;
        }
    });
    confirmed.expect("the state is writable");
}

/// A venue that was made by hand is adopted, applied and destroyed.
pub fn replace_handmade() -> Vec<NeededPermission> {
    let site = handmade_site();
    let attach = async |aws: Aws| {
        let role = aws.iam.attach_role_policy().role_name("sync-a-role");
        role.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.expect("attached");
        let inline = aws.iam.put_role_policy().role_name("sync-a-role").policy_name("own");
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
        inline.policy_document(document).send().await.expect("put");
    };
    change_cloud(&site, attach);
    run_all(&site, &[&ADOPT, APPLY, DESTROY]);
    let mut needs = site.take_permissions();
    let second = handmade_site();
    change_cloud(&second, attach);
    run_all(&second, &[&ADOPT, DESTROY]);
    needs.extend(second.take_permissions());
    needs
}

/// A venue whose function and role lost their tags is adopted.
pub fn adopt_untagged() -> Vec<NeededPermission> {
    let site = Site::new();
    run_all(&site, &[APPLY]);
    change_cloud(&site, async |aws| {
        let keys = ["deployer:deployment", "deployer:venue"].map(ToOwned::to_owned).to_vec();
        let function = "arn:aws:lambda:us-east-1:123456789012:function:sync-a";
        let untag = aws.lambda.untag_resource().resource(function).set_tag_keys(Some(keys.clone()));
        untag.send().await.expect("it is untagged");
        let untag = aws.iam.untag_role().role_name("sync-a-role").set_tag_keys(Some(keys));
        untag.send().await.expect("it is untagged");
    });
    run_all(&site, &[&ADOPT]);
    site.take_permissions()
}

pub fn roll_back() -> Vec<NeededPermission> {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    set_memory(&site, 512);
    run_all(&site, &[&["rollback", "a", "--yes"], &["rollback", "a", "--unpin", "--yes"]]);
    site.take_permissions()
}

/// The same deployment in another region, while the former one still fires.
pub fn find_rivals() -> Vec<NeededPermission> {
    let site = Site::new();
    run_all(&site, &[APPLY]);
    let edited = two_venue_manifest("sync").replace("us-east-1", "eu-west-1");
    site.write_file("venues.toml", &edited);
    for args in [PLAN, APPLY] {
        let (code, text) = site.run_deployer(args);
        assert_eq!(code, 6, "{text}");
    }
    site.run_deployer(&["status"]);
    site.take_permissions()
}

/// More rules than fit into the bus of every account, so the account's own quota is asked for.
pub fn ask_for_quotas() -> Vec<NeededPermission> {
    let site = Site::new();
    fill_bus(&site.cloud, 120);
    run_all(&site, &[PLAN, APPLY]);
    site.take_permissions()
}

/// What is read one by one where lists are denied or lag.
pub fn read_without_lists() -> Vec<NeededPermission> {
    let (site, _) = deployed_site();
    set_memory(&site, 256);
    let readers: &[&[&str]] =
        &[PLAN, APPLY, ISOLATION, &["rollback", "a", "--yes"], &["rollback", "a", "--unpin", "--yes"], &ADOPT];
    deny(&site, &["GetAccountAuthorizationDetails", "GetResources"]);
    run_all(&site, readers);
    site.run_deployer(&["doctor"]);
    run_all(&site, &[DESTROY]);
    let mut needs = site.take_permissions();
    let late = Site::new();
    late.cloud.hold_back(&["ListSecrets", "ListFunctions", "ListRules", "DescribeLogGroups"]).expect("the state");
    run_all(&late, &[APPLY]);
    run_all(&late, &[PLAN, APPLY, ISOLATION, &ADOPT]);
    for args in [&["doctor"][..], &["rollback", "a", "--yes"], DESTROY] {
        late.run_deployer(args);
    }
    needs.extend(late.take_permissions());
    needs
}

fn deny(site: &Site, operations: &'static [&'static str]) {
    site.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || CloudFault::Error(ApiError::new(403, "AccessDenied", "it may not be read"));
        operations.contains(&call.operation.as_str()).then(|| InjectedFault::Before(denied()))
    })));
}

/// The session of a role, as STS describes it.
const SESSION: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
     <GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/deploy/ana</Arn><UserId>AROA:ana</UserId>\
     <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// The commands that change little or nothing, beside a lock that somebody left behind.
pub fn look_around() -> Vec<NeededPermission> {
    let (site, _) = deployed_site();
    change_cloud(&site, async |aws| {
        let attach = aws.iam.attach_role_policy().role_name("sync-a-role");
        let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
        attach.policy_arn(policy).send().await.expect("attached");
        let group = aws.sdk().logs.create_log_group().log_group_name("/deployer/sync/lock/1");
        group.send().await.expect("created");
    });
    for args in [
        PLAN,
        &["status"],
        &["report"],
        &["logs", "a"],
        &["invoke", "a"],
        &["secret", "status", "--compare"],
        &["doctor"],
    ] {
        site.run_deployer(args);
    }
    site.run_deployer(ISOLATION);
    let push = site.deployer_command(&["secret", "push", "--yes"]).env("TOKEN_a", "rotated").output();
    assert!(push.expect("it starts").status.success());
    run_all(&site, &[&["unlock", "--yes"]]);
    site.cloud.set_faults(Some(Arc::new(|call: &CloudCall| {
        (call.service == "sts").then(|| InjectedFault::Before(CloudFault::Answer(SESSION.to_owned())))
    })));
    site.run_deployer(&["doctor", "--only", "aws"]);
    site.cloud.set_faults(None);
    site.write_file("venues.toml", &two_venue_manifest("sync").replace("env:KEY_a", "managed"));
    site.run_deployer(&["doctor"]);
    site.take_permissions()
}
