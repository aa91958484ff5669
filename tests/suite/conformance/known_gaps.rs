//! The known differences of servers from AWS. Each entry is checked: when a server closes a gap, the suite fails and
//! says so.

use crate::clouds::TestCloud::{self, Ministack, Moto};

/// The server, the probe, and what the server does instead.
const GAPS: &[(TestCloud, &str, &str)] = &[
    (Moto, "events::rejects_invalid_schedules", "it accepts rate(5 minute)"),
    (Moto, "iam::simulates_role_with_attached_policies", "the simulation fails"),
    (Moto, "iam::simulates_custom_policies", "the simulation fails"),
    (Moto, "lambda::keeps_permissions_per_alias", "it returns the same policy for every qualifier"),
    (Moto, "lambda::rejects_duplicate_statement_id", "it accepts the same statement id twice"),
    (Moto, "lambda::keeps_async_settings_per_alias", "it returns the same configuration for every qualifier"),
    (Moto, "lambda::pages_functions", "it returns all functions on one page"),
    (Moto, "metrics::reports_missing_alarms_as_not_found", "it accepts the deletion of missing alarms"),
    (Moto, "queues::requires_fifo_suffix_for_fifo_queues_only", "it creates a standard queue with the suffix .fifo"),
    (Moto, "queues::requires_existing_dead_letter_queue", "it reports a missing queue instead of an invalid policy"),
    (Moto, "triggers::allows_one_url_per_function", "it does not list function URLs"),
    (Moto, "triggers::refuses_invocation_at_zero_concurrency", "it runs the function"),
    (Moto, "triggers::rejects_duplicate_event_source_mapping", "it creates a second mapping"),
    (Moto, "triggers::reports_missing_triggers_as_not_found", "it responds for missing mappings"),
    (Moto, "http_apis::throttles_stage", "the call fails"),
    (Moto, "http_apis::imports_its_own_export", "it does not support exports"),
    (Moto, "http_apis::refuses_to_delete_integration_in_use", "it deletes the integration"),
    (Moto, "http_apis::reports_missing_apis_as_not_found", "it accepts the deletion of missing APIs"),
    (Moto, "rest_apis::refuses_to_delete_api_with_domain", "it deletes the API"),
    (Moto, "rest_apis::imports_its_own_export", "it omits the integrations"),
    (Moto, "rest_apis::pages_apis", "it returns all APIs on one page"),
    (Moto, "rest_apis::adds_and_removes_api_tags", "it does not support tags on APIs"),
    (Moto, "rest_apis::reports_missing_apis_as_not_found", "the call fails"),
    (Moto, "schedules::update_replaces_whole_schedule", "it sets no state if none is given"),
    (Moto, "schedules::rejects_invalid_schedules", "it accepts any expression"),
    (Moto, "state_machines::rejects_invalid_definition", "it accepts a StartAt that names no state"),
    (Moto, "topics::email_subscription_waits_for_confirmation", "it returns an ARN at once"),
    (Moto, "logs::filter_patterns_find_final_lines_of_runs", "it returns every line if it does not know the pattern"),
    (Moto, "secrets::rejects_name_pending_deletion", "it returns ResourceExistsException"),
    (Ministack, "events::put_rule_replaces_settings_and_keeps_tags", "it keeps omitted values, while AWS resets them"),
    (Ministack, "events::refuses_to_delete_rule_with_targets", "it deletes a rule with its targets"),
    (Ministack, "events::rejects_invalid_schedules", "it accepts rate(5 minute)"),
    (Ministack, "events::reports_missing_rules_as_not_found", "it lists and removes targets of missing rules"),
    (Ministack, "iam::simulates_role_with_attached_policies", "it denies everything, whatever policies the role has"),
    (Ministack, "lambda::keeps_permissions_per_alias", "it returns the same policy for every qualifier"),
    (Ministack, "lambda::rejects_missing_role", "it accepts any role"),
    (Ministack, "lambda::reports_missing_functions_as_not_found", "it returns an empty policy if there is none"),
    (Ministack, "metrics::keeps_alarm_settings", "it drops the dimensions"),
    (Ministack, "metrics::reports_missing_alarms_as_not_found", "it accepts the deletion of missing alarms"),
    (
        Ministack,
        "queues::requires_fifo_suffix_for_fifo_queues_only",
        "it creates a standard queue with the suffix .fifo",
    ),
    (
        Ministack,
        "queues::requires_existing_dead_letter_queue",
        "it does not list the source queues of a dead-letter queue",
    ),
    (Ministack, "triggers::rejects_duplicate_event_source_mapping", "it creates a second mapping"),
    (Ministack, "triggers::reports_missing_triggers_as_not_found", "it lists URLs of missing functions"),
    (Ministack, "http_apis::imports_its_own_export", "it does not support exports"),
    (Ministack, "http_apis::refuses_to_delete_integration_in_use", "it deletes the integration"),
    (Ministack, "rest_apis::deployment_creates_its_stage", "it deletes deployments in use"),
    (Ministack, "rest_apis::refuses_to_delete_api_with_domain", "it deletes the API"),
    (Ministack, "rest_apis::imports_its_own_export", "it imports no paths"),
    (Ministack, "schedules::rejects_invalid_schedules", "it accepts any expression"),
    (Ministack, "state_machines::rejects_invalid_definition", "it accepts a StartAt that names no state"),
    (
        Ministack,
        "state_machines::reports_missing_state_machines_as_not_found",
        "it refuses to delete a missing state machine",
    ),
    (Ministack, "topics::email_subscription_waits_for_confirmation", "it returns an ARN at once"),
    (
        Ministack,
        "logs::filter_patterns_find_final_lines_of_runs",
        "it returns every line if it does not know the pattern",
    ),
    (Ministack, "secrets::rejects_name_pending_deletion", "it returns ResourceExistsException"),
];

/// What `target` does instead, if it is known to differ in `probe`.
pub fn find_gap(target: TestCloud, probe: &str) -> Option<&'static str> {
    GAPS.iter().find(|(server, name, _)| *server == target && *name == probe).map(|(_, _, what)| *what)
}
