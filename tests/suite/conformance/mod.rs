//! Checks that a cloud behaves as AWS does in everything that `deployer` relies on. One suite runs against the embedded
//! cloud (in process and on a socket), moto and ministack, and against a real account with
//! `cargo test -- --ignored conformance::account`. All known differences of a server are in [`known_gaps`].

mod events;
mod http_apis;
mod iam;
mod known_gaps;
mod lambda;
mod logs;
mod metrics;
mod queues;
mod rest_apis;
mod schedules;
mod secrets;
mod signed;
mod state_machines;
mod topics;
mod triggers;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use deployer_aws::{Aws, CallError, FailureKind};

use crate::clouds::TestCloud;

/// The result of a probe: success, or how the cloud differs from AWS.
type ProbeResult = Result<(), String>;

/// A cloud, with names that no other probe uses.
struct ProbePlace {
    aws: Aws,
    account: String,
    number: u64,
}

impl ProbePlace {
    fn resource_name(&self, what: &str) -> String {
        format!("deployer-probe-{}-{}-{what}", std::process::id(), self.number)
    }

    fn role_arn(&self, role: &str) -> String {
        format!("arn:aws:iam::{}:role/deployer/probe/{role}", self.account)
    }
}

/// Defines a test for each probe on each cloud. The attribute depends on the cloud.
macro_rules! probes {
    ($($group:ident: $($probe:ident)*;)*) => {
        probes! { @ in_process InProcess [doc = "embedded"] $($group: $($probe)*;)* }
        probes! { @ over_http OverHttp [doc = "embedded"] $($group: $($probe)*;)* }
        probes! { @ moto Moto [cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")] $($group: $($probe)*;)* }
        probes! { @ ministack Ministack [cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")] $($group: $($probe)*;)* }
        probes! { @ account Account [ignore = "it creates resources in an AWS account"] $($group: $($probe)*;)* }
    };
    (@ $module:ident $target:ident $attribute:tt $($group:ident: $($probe:ident)*;)*) => {
        mod $module {
            $(probes! { @@ $target $attribute $group: $($probe)* })*
        }
    };
    (@@ $target:ident $attribute:tt $group:ident: $($probe:ident)*) => {
        mod $group {
            $(probes! { @@@ $target $attribute $group $probe })*
        }
    };
    (@@@ $target:ident $attribute:tt $group:ident $probe:ident) => {
        #[tokio::test]
        #$attribute
        async fn $probe() {
            let name = concat!(stringify!($group), "::", stringify!($probe));
            crate::conformance::run_probe(crate::clouds::TestCloud::$target, name, crate::conformance::$group::$probe).await;
        }
    };
}

probes! {
    events: keeps_rule_settings
        put_rule_replaces_settings_and_keeps_tags
        keeps_target_retry_policy
        lists_rules_by_target
        lists_default_event_bus
        refuses_to_delete_rule_with_targets
        rejects_invalid_schedules
        pages_rules
        reports_missing_rules_as_not_found;
    http_apis: shows_route_integrations
        throttles_stage
        refuses_to_delete_integration_in_use
        imports_its_own_export
        reports_missing_apis_as_not_found;
    iam: keeps_role_path_tags_and_policy
        rejects_duplicate_role_name
        refuses_to_delete_role_with_policy
        lists_roles_with_policies_and_tags_in_one_call
        simulates_role_with_attached_policies
        simulates_custom_policies
        reports_missing_roles_as_not_found;
    lambda: rejects_missing_role
        keeps_function_settings
        rejects_duplicate_function_name
        updated_code_has_hash_of_its_zip
        publishes_unchanged_function_only_once
        alias_resolves_to_its_version
        get_function_shows_reserved_concurrency
        keeps_async_settings_per_alias
        keeps_permissions_per_alias
        rejects_duplicate_statement_id
        pages_functions
        reports_missing_functions_as_not_found;
    logs: keeps_log_group_tags_and_retention
        rejects_duplicate_log_group_name
        returns_events_in_time_order
        filter_patterns_find_final_lines_of_runs
        reports_missing_log_groups_as_not_found;
    metrics: sums_values_by_period
        returns_empty_result_for_metric_without_data
        keeps_alarm_settings
        reports_missing_alarms_as_not_found;
    queues: keeps_queue_attributes_and_tags
        recreates_queue_only_with_same_attributes
        requires_fifo_suffix_for_fifo_queues_only
        counts_messages_and_keeps_their_order
        requires_existing_dead_letter_queue
        pages_queues
        adds_and_removes_queue_tags
        reports_missing_queues_as_not_found;
    rest_apis: shows_methods_with_integrations
        deployment_creates_its_stage
        throttles_stage
        imports_its_own_export
        refuses_to_delete_api_with_domain
        pages_apis
        adds_and_removes_api_tags
        reports_missing_apis_as_not_found;
    schedules: keeps_schedule_settings
        update_replaces_whole_schedule
        lists_default_schedule_group
        rejects_invalid_schedules
        rejects_unknown_time_zones
        rejects_schedules_in_missing_groups
        a_target_has_a_retry_policy
        keeps_schedule_groups_with_tags
        a_group_is_deleted_with_its_schedules
        reports_missing_schedules_as_not_found;
    secrets: lists_secret_with_tags
        rejects_duplicate_secret_name
        rejects_name_pending_deletion
        lists_secret_pending_deletion_on_request
        restored_secret_keeps_its_value;
    state_machines: keeps_state_machine_settings
        rejects_invalid_definition
        reports_missing_state_machines_as_not_found;
    signed: answers_are_those_of_generated_clients
        errors_are_those_of_generated_clients;
    topics: keeps_topic_attributes_and_tags
        subscribes_queue_only_once
        email_subscription_waits_for_confirmation
        reports_missing_topics_as_not_found;
    triggers: keeps_event_source_mapping_settings
        rejects_duplicate_event_source_mapping
        allows_one_url_per_function
        refuses_invocation_at_zero_concurrency
        reports_missing_triggers_as_not_found;
}

async fn run_probe<F: Future<Output = ProbeResult>>(
    target: TestCloud,
    name: &str,
    probe: impl FnOnce(ProbePlace) -> F,
) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let opened = target.open_account().await;
    let identity = opened.aws.sts.get_caller_identity().send().await.expect("the caller's account is known");
    let account = identity.account().expect("an account").to_owned();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let probed = probe(ProbePlace { aws: opened.aws, account, number }).await;
    match (known_gaps::find_gap(target, name), probed) {
        (None, Ok(())) => {}
        (Some(gap), Err(how)) if how.contains(gap.failure) => {}
        (None, Err(how)) => panic!("{target:?} differs from AWS in {name}: {how}"),
        (Some(gap), Ok(())) => {
            panic!("{target:?} now behaves like AWS in {name}; remove this known gap: {}", gap.behavior)
        }
        (Some(gap), Err(how)) => panic!(
            "{target:?} fails {name} in another way than because of the known gap ({}).\nexpected: …{}…\nfound: {how}",
            gap.behavior, gap.failure
        ),
    }
}

/// Fails the probe.
fn fail_probe<T>(what: impl Into<String>) -> Result<T, String> {
    Err(what.into())
}

fn expect_same<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> ProbeResult {
    if found == expected { Ok(()) } else { fail_probe(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// Checks that the call is refused, and that `deployer` recognizes why.
fn expect_refused<T>(answer: Result<T, CallError>, kind: FailureKind) -> ProbeResult {
    match answer {
        Ok(_) => fail_probe(format!("the call succeeded instead of failing as {kind:?}")),
        Err(error) => expect_same(error.kind, kind, &format!("{} failed with {}", error.operation, error.code)),
    }
}

fn error_text(error: CallError) -> String {
    error.to_string()
}

/// The tags of everything that a probe creates.
const TAGS: [(&str, &str); 2] = [("deployer:deployment", "probe"), ("deployer:venue", "a")];
