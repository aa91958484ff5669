//! Whether a cloud behaves as AWS does in what `deployer` relies on: one suite for the embedded cloud (in process and on
//! a socket), moto and ministack, and for a real account with `cargo test -- --ignored conformance::account`. Where a
//! server is known to differ stands in [`known_gaps`], and nowhere else.

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

use deployer::aws::{Aws, CallError, FailureKind};

use crate::clouds::Target;

/// What a probe found: nothing wrong, or how the cloud differs.
type Probed = Result<(), String>;

/// A cloud, and names on it that nobody else has.
struct Place {
    aws: Aws,
    account: String,
    number: u64,
}

impl Place {
    fn name(&self, what: &str) -> String {
        format!("deployer-probe-{}-{}-{what}", std::process::id(), self.number)
    }

    fn role_arn(&self, role: &str) -> String {
        format!("arn:aws:iam::{}:role/deployer/probe/{role}", self.account)
    }
}

/// A test for each probe on each cloud, with an attribute by cloud.
macro_rules! probes {
    ($($group:ident: $($probe:ident)*;)*) => {
        probes! { @ in_process InProcess [doc = "embedded"] $($group: $($probe)*;)* }
        probes! { @ over_http OverHttp [doc = "embedded"] $($group: $($probe)*;)* }
        probes! { @ moto Moto [doc = "third-party"] $($group: $($probe)*;)* }
        probes! { @ ministack Ministack [doc = "third-party"] $($group: $($probe)*;)* }
        probes! { @ account Account [ignore = "it makes things in an AWS account"] $($group: $($probe)*;)* }
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
            crate::conformance::check(crate::clouds::Target::$target, name, crate::conformance::$group::$probe).await;
        }
    };
}

probes! {
    events: a_rule_keeps_what_it_is_given
        a_rule_that_is_put_again_is_changed_and_keeps_its_tags
        a_target_keeps_its_retry_policy
        a_target_leads_to_its_rules
        there_is_a_default_bus
        a_rule_with_targets_is_not_deleted
        a_schedule_that_is_none_is_refused
        rules_come_in_pages
        what_is_not_there_is_not_found;
    http_apis: an_api_shows_what_its_routes_lead_to
        a_stage_is_throttled
        an_integration_in_use_is_not_deleted
        an_export_is_taken_back
        what_is_not_there_is_not_found;
    iam: a_role_keeps_path_tags_and_policy
        a_name_is_taken_once
        a_role_with_a_policy_is_not_deleted
        one_call_lists_roles_with_policies_and_tags
        a_role_is_simulated_with_what_is_attached
        policies_are_simulated
        what_is_not_there_is_not_found;
    lambda: a_role_that_is_not_there_is_refused
        a_function_keeps_what_it_is_given
        a_name_is_taken_once
        new_code_has_the_hash_of_its_zip
        an_unchanged_function_is_not_published_again
        an_alias_leads_to_its_version
        reserved_concurrency_is_shown
        asynchronous_settings_belong_to_the_alias
        a_permission_belongs_to_the_alias
        a_statement_id_is_taken_once
        functions_come_in_pages
        what_is_not_there_is_not_found;
    logs: a_group_keeps_tags_and_retention
        a_name_is_taken_once
        events_come_in_the_order_of_time
        a_pattern_finds_the_lines_that_runs_end_with
        what_is_not_there_is_not_found;
    metrics: values_are_summed_by_period
        a_metric_without_data_has_an_empty_result
        an_alarm_keeps_what_it_is_given
        what_is_not_there_is_not_found;
    queues: a_queue_keeps_what_it_is_given
        a_queue_is_made_again_only_as_it_is
        a_fifo_queue_is_named_so
        messages_are_counted_and_come_in_their_order
        dead_letters_lead_to_a_queue_that_is_there
        queues_come_in_pages
        tags_are_put_and_taken_away
        what_is_not_there_is_not_found;
    rest_apis: an_api_shows_its_methods_with_their_integrations
        a_deployment_makes_its_stage
        a_stage_is_throttled
        an_export_is_taken_back
        an_api_with_a_domain_is_not_deleted
        apis_come_in_pages
        tags_are_put_and_taken_away
        what_is_not_there_is_not_found;
    schedules: a_schedule_keeps_what_it_is_given
        a_schedule_is_changed_as_a_whole
        there_is_a_default_group
        a_schedule_that_is_none_is_refused
        what_is_not_there_is_not_found;
    secrets: a_secret_is_listed_with_its_tags
        a_name_is_taken_once
        a_name_in_deletion_is_not_free
        a_secret_in_deletion_is_listed_when_asked_for
        a_restored_secret_has_its_value;
    state_machines: a_machine_keeps_what_it_is_given
        a_definition_that_is_none_is_refused
        what_is_not_there_is_not_found;
    signed: answers_are_those_of_generated_clients
        errors_are_those_of_generated_clients;
    topics: a_topic_keeps_what_it_is_given
        a_queue_is_subscribed_once
        a_page_elsewhere_has_to_confirm
        what_is_not_there_is_not_found;
    triggers: a_mapping_keeps_what_it_is_given
        a_mapping_is_made_once
        a_function_has_one_url
        a_function_without_concurrency_is_not_called
        what_is_not_there_is_not_found;
}

async fn check<F: Future<Output = Probed>>(target: Target, name: &str, probe: impl FnOnce(Place) -> F) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let Some(opened) = target.open().await else { return };
    let identity = opened.aws.sts.get_caller_identity().send().await.expect("it says whose account it is");
    let account = identity.account().expect("an account").to_owned();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let probed = probe(Place { aws: opened.aws, account, number }).await;
    match (known_gaps::find(target, name), probed) {
        (None, Ok(())) | (Some(_), Err(_)) => {}
        (None, Err(how)) => panic!("{target:?} differs from AWS in {name}: {how}"),
        (Some(gap), Ok(())) => panic!("{target:?} behaves as AWS in {name} now; take the gap out: {gap}"),
    }
}

/// Something else than was expected.
fn differs<T>(what: impl Into<String>) -> Result<T, String> {
    Err(what.into())
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> Probed {
    if found == expected { Ok(()) } else { differs(format!("{what}: {found:?} in place of {expected:?}")) }
}

/// The call is refused, and `deployer` understands it so.
fn refused<T>(answer: Result<T, CallError>, kind: FailureKind) -> Probed {
    match answer {
        Ok(_) => differs(format!("it is taken, and not refused as {kind:?}")),
        Err(error) => same(error.kind, kind, &format!("{} is refused with {}", error.operation, error.code)),
    }
}

fn text(error: CallError) -> String {
    error.to_string()
}

/// The tags that everything gets here.
const TAGS: [(&str, &str); 2] = [("deployer:deployment", "probe"), ("deployer:venue", "a")];
