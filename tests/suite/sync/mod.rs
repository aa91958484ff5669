//! The sync against the sandboxes: the outcome of each contact, with and without failures.

mod broken_off;
mod changes;
mod consent;
pub mod deployed;
mod dry_run;
mod echoes;
mod faults;
mod hubspot;
mod large_answers;
mod leases;
mod mapped;
mod platforms;
pub mod portal;
pub mod process;
mod properties;
mod proxy;
mod refused_look_ups;
mod reports;
mod requests;
mod reticked;
mod settings;
mod switched_faults;
mod throughput;
mod troubles;
mod unclear_answers;
mod wrong_settings;

use std::time::Duration;

use deployer_sandbox::SandboxFault;
use serde_json::json;
use sync_config::config::{DestinationConfig, HttpAuth, HttpDestination, OnAmbiguous};

use portal::{KEY, PORTAL_ID, SITE_ID, SyncTestPortal, TOKEN, at_site, status_fault};

const CREATE: &str = "/v1/leads/create";
const SEARCH: &str = "contacts/search";
const UPDATE: &str = "contacts/batch/update";

#[tokio::test]
async fn each_flagged_contact_becomes_one_lead() {
    let portal = SyncTestPortal::new(false).await;
    let flagged = portal.add_contacts(1..4);
    let other = portal.add_contact(9, &[("tripleseat_sync__venue_a", "false")]);
    portal.expect_counts(3, 3, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), flagged);
    for id in &flagged {
        let (flag, status, lead_id, error) = portal.ledger_values(*id);
        assert_eq!((flag, status.as_str(), error.as_str()), (false, "synced", ""));
        assert!(portal.venue_leads().iter().any(|lead| lead.id.to_string() == lead_id), "{lead_id}");
    }
    assert_eq!(portal.ledger_values(other), (false, String::new(), String::new(), String::new()));
    assert_eq!(portal.tripleseat.site_leads(SITE_ID + 1), [], "other accounts receive nothing");

    portal.advance_past_lag();
    portal.expect_counts(0, 0, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 3);
}

#[tokio::test]
async fn does_not_resend_contacts_that_the_lagging_index_still_shows() {
    let portal = SyncTestPortal::new(false).await;
    portal.add_contacts(1..3);
    portal.expect_counts(2, 2, 0, 0, 0).await;
    portal.expect_counts(2, 0, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 2);
}

#[tokio::test]
async fn does_not_send_unticked_contacts_that_the_index_still_shows() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..3);
    portal.hubspot.set_property(ids[0], "tripleseat_sync__venue_a", "false").expect("unticking works");
    portal.hubspot.delete_contact(ids[1]).expect("deleting works");
    portal.expect_counts(2, 0, 0, 0, 0).await;
    assert_eq!(portal.venue_leads(), []);
}

#[tokio::test]
async fn failed_contacts_say_why_and_are_sent_once_corrected() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[("phone", "")]);
    let good = portal.add_contact(2, &[]);
    portal.expect_counts(2, 1, 1, 0, 0).await;
    let (flag, status, lead_id, error) = portal.ledger_values(id);
    assert_eq!((flag, status.as_str(), lead_id.as_str()), (false, "failed", ""));
    assert!(error.contains("Phone number can't be blank"), "{error}");

    portal.hubspot.set_property(id, "phone", "555-0199").expect("correcting works");
    portal.hubspot.set_property(id, "tripleseat_sync__venue_a", "true").expect("ticking again works");
    portal.advance_past_lag();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [id, good]);
    assert_eq!(portal.ledger_values(id).3, "");
}

#[tokio::test]
async fn looks_up_leads_whose_response_was_lost() {
    for fault in [SandboxFault::DropAfter, SandboxFault::Garbage { status: 200, body: "<html>".to_owned() }] {
        let portal = SyncTestPortal::new(true).await;
        let ids = portal.add_contacts(1..3);
        portal.break_tripleseat(CREATE, 1, fault);
        portal.expect_counts(2, 2, 0, 0, 0).await;
        assert_eq!(portal.contacts_of_leads(), ids);
        assert!(portal.ledger_values(ids[0]).2.parse::<u64>().is_ok(), "the lead's id was found");
    }
}

#[tokio::test]
async fn lost_responses_need_review_if_lookups_are_impossible() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[]);
    portal.break_tripleseat(CREATE, 1, SandboxFault::DropAfter);
    portal.expect_counts(1, 0, 0, 1, 0).await;
    let (flag, status, reference, error) = portal.ledger_values(id);
    assert_eq!((flag, status.as_str()), (false, "needs_review"));
    assert!(error.contains(&reference) && reference.starts_with(&format!("HS-{id}-")), "{error}");
    let text = portal.venue_leads()[0].fields["additional_information"].to_string();
    assert!(text.contains(&reference), "the lead contains the reference that staff look for: {text}");

    portal.clear_faults();
    portal.advance_past_lag();
    portal.expect_counts(0, 0, 0, 0, 0).await;
    assert_eq!(portal.venue_leads().len(), 1);
}

#[tokio::test]
async fn resends_ambiguous_contacts_if_configured() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.on_ambiguous = OnAmbiguous::Resend;
    let id = portal.add_contact(1, &[]);
    portal.break_tripleseat(CREATE, 1, SandboxFault::DropBefore);
    portal.expect_counts(1, 0, 0, 0, 1).await;
    assert!(portal.ledger_values(id).0, "the flag stays");
    portal.clear_faults();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [id]);
}

#[tokio::test]
async fn next_run_resends_requests_known_to_be_lost() {
    let portal = SyncTestPortal::new(true).await;
    let id = portal.add_contact(1, &[]);
    portal.break_tripleseat(CREATE, 1, SandboxFault::DropBefore);
    portal.expect_counts(1, 0, 0, 0, 1).await;
    assert_eq!((portal.ledger_values(id).0, portal.ledger_values(id).1.as_str()), (true, "sending"));
    portal.clear_faults();
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [id]);
}

#[tokio::test]
async fn server_errors_after_a_lead_was_created_cause_no_duplicate() {
    let portal = SyncTestPortal::new(true).await;
    let id = portal.add_contact(1, &[]);
    portal.break_tripleseat(CREATE, 1, SandboxFault::StatusAfter { status: 500 });
    portal.expect_counts(1, 1, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), [id], "it was looked up at once");
}

#[tokio::test]
async fn flags_stay_while_tripleseat_is_unreachable() {
    let mut portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..13);
    // Nothing listens there, so nothing was received.
    portal.variables.insert("TRIPLESEAT_BASE_URI", "http://127.0.0.1:9".to_owned());
    let answer = portal.run_once().await.expect("the run succeeds");
    assert_eq!((&answer["synced"], &answer["retried"]), (&json!(0), &json!(12)));
    for id in &ids {
        let (flag, status, ..) = portal.ledger_values(*id);
        assert_eq!((flag, status.as_str()), (true, ""));
    }
    portal.variables.clear();
    portal.expect_counts(12, 12, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn waits_when_rate_limited() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..4);
    portal.break_tripleseat(CREATE, 2, status_fault(429, Some("0")));
    portal.expect_counts(3, 3, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn rejected_keys_end_the_run_with_advice() {
    let mut portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(1..4);
    portal.variables.insert("TRIPLESEAT_PUBLIC_KEY", "mistyped-public-key".to_owned());
    let error = portal.run_once().await.expect_err("the key is wrong").to_string();
    assert!(error.contains("TRIPLESEAT_PUBLIC_KEY") && !error.contains("mistyped"), "{error}");
    assert!(portal.tripleseat.recorded_requests().len() <= 2, "the key isn't tried again");
    assert!(ids.iter().all(|id| portal.ledger_values(*id).0), "flags stay");
    portal.variables.clear();
    portal.expect_counts(3, 3, 0, 0, 0).await;
    assert_eq!(portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn rejected_tokens_end_the_run_with_advice() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.add_contacts(1..2);
    portal.variables.insert("HUBSPOT_TOKEN", "pat-mistyped".to_owned());
    let error = portal.run_once().await.expect_err("the token is wrong").to_string();
    assert!(error.contains("HUBSPOT_TOKEN") && error.contains("correlation id"), "{error}");
    portal.variables.clear();
    portal.hubspot.revoke_token(TOKEN);
    portal.hubspot.add_token(TOKEN, &["crm.objects.contacts.write"]);
    let error = portal.run_once().await.expect_err("a scope is missing").to_string();
    assert!(error.contains("crm.objects.contacts.read"), "{error}");
    assert_eq!(portal.venue_leads(), []);
}

#[tokio::test]
async fn wrong_portals_and_sites_stop_the_run_before_any_write() {
    let mut portal = SyncTestPortal::new(true).await;
    let id = portal.add_contact(1, &[]);
    portal.config.portal_id = Some(PORTAL_ID + 1);
    let error = portal.run_once().await.expect_err("another portal").to_string();
    assert!(error.contains("4242") && error.contains("4243"), "{error}");
    portal.config.portal_id = Some(PORTAL_ID);
    portal.config.destination = at_site(SITE_ID + 1);
    let error = portal.run_once().await.expect_err("another site").to_string();
    assert!(error.contains("7001") && error.contains("7002"), "{error}");
    assert_eq!((portal.venue_leads().len(), portal.ledger_values(id).1.as_str()), (0, ""));
    let (hubspot, tripleseat) = (portal.hubspot.recorded_requests(), portal.tripleseat.recorded_requests());
    assert!(hubspot.iter().all(|request| !request.path.contains("update")), "nothing was written");
    assert!(tripleseat.iter().all(|request| !request.path.contains("create")), "nothing was sent");
    portal.config.destination = at_site(SITE_ID);
    portal.expect_counts(1, 1, 0, 0, 0).await;
}

#[tokio::test]
async fn retries_failed_hubspot_requests() {
    let story = async |path: &'static str, fault: SandboxFault| {
        let portal = SyncTestPortal::new(false).await;
        let ids = portal.add_contacts(1..3);
        portal.break_hubspot(path, 1, fault.clone());
        portal.expect_counts(2, 2, 0, 0, 0).await;
        assert_eq!(portal.contacts_of_leads(), ids, "{path} {fault:?}");
    };
    let faults =
        [status_fault(500, None), status_fault(429, Some("0")), SandboxFault::DropBefore, SandboxFault::DropAfter];
    let stories = [SEARCH, "batch/read", UPDATE]
        .into_iter()
        .flat_map(|path| faults.iter().map(move |fault| (path, fault.clone())))
        .map(|(path, fault)| story(path, fault));
    futures_util::future::join_all(stories).await;
}

#[tokio::test]
async fn daily_limits_end_the_run_with_a_clear_error() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[]);
    let body = json!({ "status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY" });
    portal.break_hubspot(SEARCH, 0, SandboxFault::Status { status: 429, body, headers: Vec::new() });
    let error = portal.run_once().await.expect_err("no more requests today").to_string();
    assert!(error.contains("daily limit"), "{error}");
    assert_eq!(portal.hubspot.recorded_requests().len(), 1, "a request over the daily limit isn't retried");
    assert!(portal.ledger_values(id).0);
}

#[tokio::test]
async fn syncs_more_contacts_than_a_page_and_a_batch() {
    let mut portal = SyncTestPortal::new(false).await;
    let ids: Vec<u64> = portal.add_contacts(100..325);
    // Such a high rate limit never delays a test.
    let http = HttpDestination { requests_per_second: Some(2000), ..platform_destination() };
    let http = portal.platform.add_account("venue-a", &http, "sesame", &portal.platform_server.uri);
    portal.config.destination = DestinationConfig::Http(http);
    portal.config.fields = [("email".to_owned(), "email".to_owned())].into();
    portal.variables.insert("DESTINATION_CREDENTIAL", "sesame".to_owned());
    portal.expect_counts(225, 225, 0, 0, 0).await;
    let records = portal.platform.venue_records("venue-a");
    let mut of: Vec<&str> = records.iter().filter_map(|record| record.key.as_deref()?.split('-').nth(1)).collect();
    of.sort_unstable();
    of.dedup();
    assert_eq!((records.len(), of.len()), (ids.len(), ids.len()));
}

fn platform_destination() -> HttpDestination {
    HttpDestination {
        url: String::new(),
        auth: Some(HttpAuth::Bearer),
        success_pointer: Some("/ok".to_owned()),
        id_pointer: Some("/data/0/id".to_owned()),
        lookup_url: None,
        lookup_id_pointer: None,
        requests_per_second: None,
    }
}

#[tokio::test]
async fn http_destinations_accept_leads() {
    for auth in [
        HttpAuth::Bearer,
        HttpAuth::Basic,
        HttpAuth::Header { name: "x-api-key".to_owned() },
        HttpAuth::Query { name: "key_of_platform".to_owned() },
    ] {
        let mut portal = SyncTestPortal::new(false).await;
        let id = portal.add_contact(1, &[("boat_brand", "Riva")]);
        let http = HttpDestination {
            auth: Some(auth),
            lookup_url: Some("-".to_owned()),
            lookup_id_pointer: Some("/found/id".to_owned()),
            ..platform_destination()
        };
        let http = portal.platform.add_account("venue-a", &http, "user:sesame", &portal.platform_server.uri);
        portal.config.destination = DestinationConfig::Http(http);
        portal.config.fields =
            [("/lead/name", "{firstname} {lastname}"), ("boat", "boat_brand"), ("source", "=HubSpot")]
                .map(|(field, text)| (field.to_owned(), text.to_owned()))
                .into();
        portal.variables.insert("DESTINATION_CREDENTIAL", "user:sesame".to_owned());
        portal.expect_counts(1, 1, 0, 0, 0).await;
        assert_eq!(portal.ledger_values(id).2, "1");
        let record = portal.platform.venue_records("venue-a").remove(0);
        assert_eq!(
            record.body,
            json!({ "lead": { "name": "Firstname1 Lastname1" }, "boat": "Riva", "source": "HubSpot" })
        );
        portal.variables.insert("DESTINATION_CREDENTIAL", "wrong".to_owned());
        portal.add_contact(2, &[]);
        let error = portal.run_once().await.expect_err("the credential is wrong").to_string();
        assert!(error.contains("DESTINATION_CREDENTIAL"), "{error}");
    }
}

#[tokio::test]
async fn dry_runs_report_actions_and_change_nothing() {
    let portal = SyncTestPortal::new(false).await;
    let id = portal.add_contact(1, &[]);
    let answer = portal.run_with(&json!({ "dry_run": true }), Duration::from_secs(60)).await.expect("the run succeeds");
    assert_eq!(
        answer["would"],
        json!([{
            "contact_id": id.to_string(), "action": "send",
            "fields": ["email_address", "email_opt_in", "first_name", "last_name", "phone_number"],
        }])
    );
    // The public key is tested by reading the account's locations. What no read tells is asked with an artificial lead
    // that is only validated.
    let tried: Vec<String> = portal.tripleseat.recorded_requests().into_iter().map(|request| request.path).collect();
    assert_eq!(tried, ["/v1/locations.json", "/v1/leads/create.js"]);
    assert_eq!(portal.venue_leads().len(), 0);
    let writes = portal.hubspot.recorded_requests().into_iter().filter(|request| request.path.contains("update"));
    assert_eq!(writes.count(), 0);
}

#[tokio::test]
async fn short_runs_take_few_contacts_and_end_in_time() {
    let portal = SyncTestPortal::new(false).await;
    let ids = portal.add_contacts(100..160);
    let answer = portal.run_with(&json!({}), Duration::from_secs(2)).await.expect("the run succeeds");
    let synced = answer["synced"].as_u64().expect("it is a number");
    assert!((1..60).contains(&synced), "{answer}");
    let run = portal.logged.lock().expect("no panic").last().cloned().expect("a run line");
    assert_eq!(run["Backlog"], 60 - synced, "the backlog counts the remaining contacts");
    for id in &ids {
        let (flag, status, ..) = portal.ledger_values(*id);
        assert!(matches!((flag, status.as_str()), (true, "") | (false, "synced")), "{flag} {status}");
    }
    portal.advance_past_lag();
    portal.run_once().await.expect("the next run syncs the rest");
    assert_eq!(portal.contacts_of_leads(), ids);
}

#[tokio::test]
async fn logs_contain_no_personal_data_or_credentials() {
    let portal = SyncTestPortal::new(true).await;
    portal.add_contacts(1..3);
    portal.add_contact(3, &[("phone", "")]);
    portal.add_contact(4, &[("email", "guest4-at-example.com")]);
    portal.break_tripleseat(CREATE, 2, SandboxFault::DropBefore);
    portal.run_once().await.expect("the run succeeds");
    let lines = portal.logged.lock().expect("no panic").clone();
    assert_eq!(lines.iter().filter(|line| line["event"] == "contact").count(), 4);
    let run = lines.last().expect("a run line");
    assert_eq!(
        (&run["event"], &run["_aws"]["CloudWatchMetrics"][0]["Namespace"]),
        (&json!("run"), &json!("Deployer/Sync"))
    );
    let text = lines.iter().map(ToString::to_string).collect::<String>();
    for personal in ["Firstname", "Lastname", "guest", "example.com", "555-01", TOKEN, KEY, "secret-of-7001"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}

#[tokio::test]
async fn leads_have_the_mapped_fields() {
    let mut portal = SyncTestPortal::new(false).await;
    portal.config.fields = [("additional_information", "{message}"), ("referral_source_other", "=HubSpot")]
        .map(|(field, text)| (field.to_owned(), text.to_owned()))
        .into();
    let message = format!("🎉 مرحبا\n{}", "long ".repeat(2000));
    portal.add_contact(1, &[("email", "jo+1@example.com"), ("phone", "00155501"), ("message", &message)]);
    portal.expect_counts(1, 1, 0, 0, 0).await;
    let lead = portal.venue_leads().remove(0);
    assert_eq!(lead.fields["email_address"], "jo+1@example.com");
    assert_eq!(lead.fields["phone_number"], "00155501");
    assert_eq!(lead.fields["referral_source_other"], "HubSpot");
    let text = lead.fields["additional_information"].as_str().expect("it is text");
    assert!(text.starts_with(message.trim_end()), "{}", &text[..40]);
}
