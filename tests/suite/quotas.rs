//! Quotas that a plan would break: said by the plan, and by an apply that then makes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployer::render::{PlanDetail, plan_text};
use deployer_aws::Aws;
use deployer_cloud::events::StoredRule;
use deployer_cloud::quotas::Quota;
use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudContext, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::error::ErrorCode;
use deployer_core::plan::Plan;
use deployer_core::quota::{LimitSource, QuotaKind};

use crate::processes::{APPLY, Site};
use crate::scenarios::new_world;
use crate::world::{World, two_venue_manifest, venue_tables};

const PLAN: [&str; 3] = ["plan", "--artifact", "bootstrap"];

/// Puts rules of others onto the default bus.
pub fn fill_bus(cloud: &EmbeddedCloud, count: usize) {
    let fill = |cx: &mut CloudContext<'_>| {
        for number in 0..count {
            let name = format!("theirs-{number}");
            let rule = StoredRule {
                arn: cx.build_arn("events", &format!("rule/{name}")),
                name: name.clone(),
                description: None,
                schedule: Some("rate(1 day)".to_owned()),
                pattern: None,
                role_arn: None,
                enabled: false,
                tags: BTreeMap::new(),
                targets: BTreeMap::new(),
                others: serde_json::Map::new(),
            };
            cx.region_state_mut().events.rules.insert(name, rule);
        }
    };
    cloud.with_context(fill).expect("the state is writable");
}

fn set_quota(cloud: &EmbeddedCloud, quota: Quota, value: u64) {
    cloud.with_context(|cx| cx.set_quota(quota, Some(value))).expect("the state is writable");
}

fn deny(cloud: &EmbeddedCloud, operation: &'static str) {
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        let denied = || InjectedFault::Before(CloudFault::Error(ApiError::new(403, "AccessDenied", "no")));
        (call.operation == operation).then(denied)
    })));
}

fn exceeded(plan: &Plan) -> Vec<(QuotaKind, LimitSource)> {
    plan.quotas.iter().map(|quota| (quota.quota, quota.limit_source)).collect()
}

/// How often each call was made that reads a quota.
fn quota_reads(cloud: &EmbeddedCloud) -> BTreeMap<String, usize> {
    const READS: [&str; 4] = ["GetServiceQuota", "GetAccountSummary", "GetAccountSettings", "ListRules"];
    let mut reads = BTreeMap::new();
    for call in cloud.recorded_calls().into_iter().filter(|call| READS.contains(&call.operation.as_str())) {
        *reads.entry(call.operation).or_default() += 1;
    }
    reads
}

#[tokio::test]
async fn of_301_venues_the_plan_says_that_they_do_not_fit_and_an_apply_makes_nothing() {
    let (cloud, world) = new_world().await;
    let tables: String = (0..301).map(|venue| venue_tables(&format!("v{venue}"), "")).collect();
    let desired = world.desired_from(&format!("[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n\n{tables}"));
    let plan = world.plan(&desired).await;
    assert_eq!(exceeded(&plan), [(QuotaKind::Rules, LimitSource::Account)]);
    let said = "0 of 300 are used, and 301 more are needed";
    assert!(plan_text(&plan, PlanDetail::Full).contains(said), "{:?}", plan.quotas);
    let refusal = world.try_apply(&desired).await.expect_err("they don't fit");
    assert_eq!(refusal.code, ErrorCode::Quota);
    assert!(refusal.to_string().contains(said), "{refusal}");
    assert_eq!(cloud.recorded_writes(), []);
    // A raised quota is enough.
    set_quota(&cloud, Quota::RulesPerBus, 301);
    assert_eq!(exceeded(&world.plan(&desired).await), []);
}

#[tokio::test]
async fn reads_only_the_quotas_that_a_plan_adds_to() {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let reads_of_plan = async || {
        cloud.forget_calls();
        world.plan(&desired).await;
        quota_reads(&cloud)
    };
    // `ListRules` is one of a plan's own lists, with the deployment's prefix.
    let reads = |reads: &[(&str, usize)]| -> BTreeMap<String, usize> {
        reads.iter().map(|(call, times)| ((*call).to_owned(), *times)).collect()
    };
    let first = [("GetAccountSettings", 1), ("GetAccountSummary", 1), ("ListRules", 2)];
    assert_eq!(reads_of_plan().await, reads(&first), "every account has room for so few rules");
    fill_bus(&cloud, 120);
    let more = [("GetAccountSettings", 1), ("GetAccountSummary", 1), ("GetServiceQuota", 1), ("ListRules", 3)];
    assert_eq!(reads_of_plan().await, reads(&more), "not every region has room for more than 100");
    world.converge(&desired).await;
    assert_eq!(reads_of_plan().await, reads(&[("ListRules", 1)]), "nothing changes");
    cloud.forget_calls();
    world.plan_from_lists(&desired).await;
    assert_eq!(quota_reads(&cloud), reads(&[("ListRules", 1)]));
}

#[tokio::test]
async fn a_limit_that_is_unreadable_is_said_and_refuses_nothing() {
    let (cloud, world) = new_world().await;
    fill_bus(&cloud, 299);
    set_quota(&cloud, Quota::RulesPerBus, 1000);
    deny(&cloud, "GetServiceQuota");
    let desired = world.desired_from(&two_venue_manifest("sync"));
    let plan = world.plan(&desired).await;
    assert_eq!(exceeded(&plan), [(QuotaKind::Rules, LimitSource::Assumed)]);
    assert!(plan_text(&plan, PlanDetail::Full).contains("the account's own could not be read"), "{:?}", plan.quotas);
    world.converge(&desired).await;
}

#[tokio::test]
async fn says_that_code_does_not_fit() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await.without_delays();
    let mut desired = world.desired_from(&two_venue_manifest("sync"));
    desired.code_bytes = Some(1 << 30);
    set_quota(&cloud, Quota::CodeStorage, 3);
    let plan = world.plan(&desired).await;
    assert_eq!(exceeded(&plan), [(QuotaKind::CodeStorage, LimitSource::Account)], "two functions with a version each");
    set_quota(&cloud, Quota::CodeStorage, 4);
    assert_eq!(exceeded(&world.plan(&desired).await), []);
}

#[test]
fn a_saved_plan_and_an_apply_are_refused_and_every_format_says_it_once() {
    let site = Site::new();
    fill_bus(&site.cloud, 299);
    let said = "rules on the default event bus: 299 of 300 are used, and 2 more are needed";
    let command = "aws service-quotas request-service-quota-increase --service-code events --quota-code L-244521F2";
    let (code, text) = site.run_deployer(&[&PLAN[..], &["--out", "plan.json"]].concat());
    assert!(code == 0 && text.matches(said).count() == 1 && text.matches(command).count() == 1, "{text}");
    assert!(text.contains("It can't be applied until the quotas above have room."), "{text}");
    let (_, json) = site.run_deployer(&[&PLAN[..], &["--json"]].concat());
    let line = json.lines().find(|line| line.contains(r#""type":"quota""#)).expect("a line");
    assert!(line.contains(r#""limit_source":"account""#) && line.contains(r#""used":299"#), "{line}");
    for format in ["markdown", "html"] {
        let (_, text) = site.run_deployer(&[&PLAN[..], &["--format", format]].concat());
        assert_eq!(text.matches("299 of 300").count(), 1, "{format}: {text}");
    }
    site.take_write_calls();
    for apply in [&APPLY[..], &["apply", "plan.json", "--artifact", "bootstrap"]] {
        let (code, text) = site.run_deployer(apply);
        assert_eq!(code, 6, "{text}");
        assert!(text.contains("error[quota]") && text.matches(said).count() == 1, "{text}");
        assert_eq!(text.matches(command).count(), 1, "{text}");
        assert_eq!(site.take_write_calls(), Vec::<String>::new(), "{text}");
    }
    set_quota(&site.cloud, Quota::RulesPerBus, 400);
    let (code, text) = site.run_deployer(&["apply", "plan.json", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "the same plan fits now: {text}");
}
