//! Where servers are known to differ from AWS. Each entry is checked: when a server closes a gap, the suite says so.

use crate::clouds::Target::{self, Ministack, Moto};

/// Server, probe, and what it does instead.
const GAPS: &[(Target, &str, &str)] = &[
    (Moto, "events::a_schedule_that_is_none_is_refused", "it takes rate(5 minute)"),
    (Moto, "iam::a_role_is_simulated_with_what_is_attached", "it fails at it"),
    (Moto, "iam::policies_are_simulated", "it fails at it"),
    (Moto, "lambda::a_permission_belongs_to_the_alias", "it shows one policy whatever the qualifier"),
    (Moto, "lambda::a_statement_id_is_taken_once", "it takes a statement id twice"),
    (Moto, "lambda::asynchronous_settings_belong_to_the_alias", "it shows one configuration whatever the qualifier"),
    (Moto, "lambda::functions_come_in_pages", "it gives all functions in one page"),
    (Moto, "metrics::what_is_not_there_is_not_found", "it deletes alarms that aren't there"),
    (Moto, "queues::a_fifo_queue_is_named_so", "it makes another queue with the ending"),
    (
        Moto,
        "queues::dead_letters_lead_to_a_queue_that_is_there",
        "it answers that the queue isn't there, where the value of the policy is what is wrong",
    ),
    (Moto, "triggers::a_function_has_one_url", "it doesn't list function URLs"),
    (Moto, "triggers::a_function_without_concurrency_is_not_called", "it calls it"),
    (Moto, "triggers::a_mapping_is_made_once", "it makes it twice"),
    (Moto, "triggers::what_is_not_there_is_not_found", "it answers for mappings that aren't there"),
    (Moto, "http_apis::a_stage_is_throttled", "it fails"),
    (Moto, "http_apis::an_export_is_taken_back", "it exports nothing"),
    (Moto, "http_apis::an_integration_in_use_is_not_deleted", "it deletes it"),
    (Moto, "http_apis::what_is_not_there_is_not_found", "it deletes APIs that aren't there"),
    (Moto, "rest_apis::an_api_with_a_domain_is_not_deleted", "it deletes it"),
    (Moto, "rest_apis::an_export_is_taken_back", "it leaves the integrations out"),
    (Moto, "rest_apis::apis_come_in_pages", "it gives all APIs in one page"),
    (Moto, "rest_apis::tags_are_put_and_taken_away", "it doesn't tag APIs"),
    (Moto, "rest_apis::what_is_not_there_is_not_found", "it fails"),
    (Moto, "schedules::a_schedule_is_changed_as_a_whole", "it has no state where none is given"),
    (Moto, "schedules::a_schedule_that_is_none_is_refused", "it takes any expression"),
    (Moto, "state_machines::a_definition_that_is_none_is_refused", "it takes a start that is no state"),
    (Moto, "topics::a_page_elsewhere_has_to_confirm", "it shows an ARN at once"),
    (
        Moto,
        "logs::a_pattern_finds_the_lines_that_runs_end_with",
        "it gives every line where it doesn't know the pattern",
    ),
    (Moto, "secrets::a_name_in_deletion_is_not_free", "it answers ResourceExistsException"),
    (
        Ministack,
        "events::a_rule_that_is_put_again_is_changed_and_keeps_its_tags",
        "what isn't given again keeps its value, where AWS resets it",
    ),
    (Ministack, "events::a_rule_with_targets_is_not_deleted", "it deletes a rule with its targets"),
    (Ministack, "events::a_schedule_that_is_none_is_refused", "it takes rate(5 minute)"),
    (Ministack, "events::what_is_not_there_is_not_found", "it lists and removes targets of rules that aren't there"),
    (Ministack, "iam::a_role_is_simulated_with_what_is_attached", "it denies everything, whatever the role has"),
    (Ministack, "lambda::a_permission_belongs_to_the_alias", "it shows one policy whatever the qualifier"),
    (Ministack, "lambda::a_role_that_is_not_there_is_refused", "it takes any role"),
    (Ministack, "lambda::what_is_not_there_is_not_found", "it answers an empty policy where there is none"),
    (Ministack, "metrics::an_alarm_keeps_what_it_is_given", "it drops the dimensions"),
    (Ministack, "metrics::what_is_not_there_is_not_found", "it deletes alarms that aren't there"),
    (Ministack, "queues::a_fifo_queue_is_named_so", "it makes another queue with the ending"),
    (
        Ministack,
        "queues::dead_letters_lead_to_a_queue_that_is_there",
        "it doesn't list the queues whose dead letters come to one",
    ),
    (Ministack, "triggers::a_mapping_is_made_once", "it makes it twice"),
    (Ministack, "triggers::what_is_not_there_is_not_found", "it lists URLs of functions that aren't there"),
    (Ministack, "http_apis::an_export_is_taken_back", "it exports nothing"),
    (Ministack, "http_apis::an_integration_in_use_is_not_deleted", "it deletes it"),
    (Ministack, "rest_apis::a_deployment_makes_its_stage", "it deletes deployments that are in use"),
    (Ministack, "rest_apis::an_api_with_a_domain_is_not_deleted", "it deletes it"),
    (Ministack, "rest_apis::an_export_is_taken_back", "it imports no paths"),
    (Ministack, "schedules::a_schedule_that_is_none_is_refused", "it takes any expression"),
    (Ministack, "state_machines::a_definition_that_is_none_is_refused", "it takes a start that is no state"),
    (Ministack, "state_machines::what_is_not_there_is_not_found", "it refuses to delete what isn't there"),
    (Ministack, "topics::a_page_elsewhere_has_to_confirm", "it shows an ARN at once"),
    (
        Ministack,
        "logs::a_pattern_finds_the_lines_that_runs_end_with",
        "it gives every line where it doesn't know the pattern",
    ),
    (Ministack, "secrets::a_name_in_deletion_is_not_free", "it answers ResourceExistsException"),
];

/// What `target` does instead, where it is known to differ in `probe`.
pub fn find(target: Target, probe: &str) -> Option<&'static str> {
    GAPS.iter().find(|(server, name, _)| *server == target && *name == probe).map(|(_, _, what)| *what)
}
