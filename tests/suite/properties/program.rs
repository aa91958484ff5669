//! The program itself: plan, apply and destroy with a portal as well as a cloud.

use std::process::Output;

use deployer_sandbox::hubspot::PropertyDefinition;

use super::{TOKEN, TestPortal, with_token};
use crate::processes::{APPLY, Site};
use crate::world::{two_venue_manifest, venue_tables};

const PLAN: [&str; 3] = ["plan", "--artifact", "bootstrap"];

/// A cloud and a portal, with a manifest for both.
struct SiteWithPortal {
    site: Site,
    portal: TestPortal,
    _runtime: tokio::runtime::Runtime,
}

impl SiteWithPortal {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
        let portal = runtime.block_on(TestPortal::start());
        let both = Self { site: Site::new(), portal, _runtime: runtime };
        both.write_manifest(&two_venue_manifest("sync"));
        both
    }

    fn write_manifest(&self, text: &str) {
        self.site.write_file("venues.toml", &with_token(text, &self.portal.server.uri));
    }

    fn run_program(&self, args: &[&str]) -> (i32, String) {
        let output = self.site.deployer_command(args).env("ADMIN_TOKEN", TOKEN).output().expect("the program starts");
        printed_text(&output)
    }
}

fn printed_text(output: &Output) -> (i32, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!text.contains(TOKEN), "the token is shown: {text}");
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn creates_properties_and_then_has_nothing_to_do() {
    let both = SiteWithPortal::new();
    let (code, text) = both.run_program(&[&PLAN[..], &["--verbose"]].concat());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("+ flag-property tripleseat_sync__a") && text.contains("24 to create"), "{text}");
    assert!(!text.contains("created by hand"), "{text}");
    assert_eq!((both.portal.take_writes(), both.site.take_write_calls()), (Vec::new(), Vec::new()));
    let (code, text) = both.run_program(&APPLY);
    assert!(code == 0 && text.contains("24 created"), "{text}");
    both.portal.take_writes();
    let (code, text) = both.run_program(&APPLY);
    assert!(code == 0 && text.contains("No changes"), "{text}");
    assert_eq!(both.portal.take_writes(), Vec::<String>::new());
    let (code, text) = both.run_program(&["plan", "--artifact", "bootstrap", "--refresh", "fast"]);
    assert!(code == 0 && text.contains("No changes"), "{text}");
}

#[test]
fn each_plan_reads_the_portal_once() {
    let both = SiteWithPortal::new();
    both.portal.hubspot.forget_requests();
    assert_eq!(both.run_program(&PLAN).0, 0);
    let paths: Vec<String> = both.portal.hubspot.recorded_requests().into_iter().map(|request| request.path).collect();
    // Account, properties, group, and how many more properties the portal may have.
    assert_eq!(paths.len(), 4, "{paths:?}");
}

#[test]
fn leaves_a_denied_portal_alone_and_exits_3() {
    let both = SiteWithPortal::new();
    both.portal.hubspot.add_token(TOKEN, &["crm.objects.contacts.read"]);
    let (code, text) = both.run_program(&PLAN);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("HubSpot's contact properties") && text.contains("403"), "{text}");
    assert!(text.contains("14 to create") && !text.contains("flag-property"), "{text}");
    let (code, text) = both.run_program(&APPLY);
    assert!(code == 3 && text.contains("14 created"), "{text}");
    assert_eq!(both.portal.take_writes(), Vec::<String>::new());
    both.portal.hubspot.revoke_token(TOKEN);
    let (code, text) = both.run_program(&PLAN);
    assert!(code == 3 && text.contains("401"), "{text}");
}

#[test]
fn refuses_a_property_of_another_type() {
    let both = SiteWithPortal::new();
    let text = PropertyDefinition::new("tripleseat_sync__a", "Sync", "string", "text");
    both.portal.hubspot.define_property(text).expect("the definition is valid");
    for (args, code) in [(&PLAN[..], 1), (&APPLY, 1)] {
        let (found, text) = both.run_program(args);
        assert_eq!(found, code, "{text}");
        assert!(
            text.contains("tripleseat_sync__a is string/text in HubSpot, but the sync needs bool/boolean"),
            "{text}"
        );
        assert!(text.contains("rchive it in HubSpot (Settings, Properties)"), "{text}");
    }
    assert_eq!((both.portal.take_writes(), both.site.take_write_calls()), (Vec::new(), Vec::new()));
}

#[test]
fn notes_a_missing_token() {
    let both = SiteWithPortal::new();
    let (code, text) = both.site.run_deployer(&PLAN);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("left alone") && text.contains("ADMIN_TOKEN isn't set"), "{text}");
    assert!(!text.contains("flag-property"), "{text}");
    let (code, text) = both.site.run_deployer(&[&APPLY[..], &["--archive-properties"]].concat());
    assert!(code == 2 && text.contains("--archive-properties needs HubSpot"), "{text}");
    assert_eq!(both.site.take_write_calls(), Vec::<String>::new());
}

#[test]
fn refuses_a_token_of_another_portal_before_any_write() {
    let both = SiteWithPortal::new();
    let saved = [&PLAN[..], &["--out", "plan.json"]].concat();
    let (code, text) = both.run_program(&saved);
    assert_eq!(code, 0, "{text}");
    let plan = std::fs::read_to_string(both.site.path().join("plan.json")).expect("it exists");
    assert!(plan.contains("CreateProperty") && !plan.contains(TOKEN), "{plan}");
    let text = std::fs::read_to_string(both.site.path().join("venues.toml")).expect("it exists");
    both.site.write_file("venues.toml", &text.replace("portal_id = 111", "portal_id = 222"));
    for args in [&PLAN[..], &APPLY, &["apply", "plan.json", "--artifact", "bootstrap"]] {
        let (code, text) = both.run_program(args);
        assert!(code == 6 && text.contains("is for HubSpot portal 111"), "{text}");
    }
    assert_eq!((both.portal.take_writes(), both.site.take_write_calls()), (Vec::new(), Vec::new()));
}

#[test]
fn a_saved_plan_is_stale_when_a_property_has_changed() {
    let both = SiteWithPortal::new();
    assert_eq!(both.run_program(&APPLY).0, 0);
    let one_less =
        &two_venue_manifest("sync")[..two_venue_manifest("sync").find("[venues.b]").expect("the manifest has b")];
    both.write_manifest(&format!("{one_less}{}", venue_tables("c", "")));
    let save = [&PLAN[..], &["--out", "plan.json", "--archive-properties"]].concat();
    let apply = ["apply", "plan.json", "--artifact", "bootstrap", "--max-delete", "1"];
    let (code, text) = both.run_program(&save);
    assert_eq!(code, 0, "{text}");
    let flag = PropertyDefinition::single_checkbox("tripleseat_sync__a", "Other");
    both.portal.hubspot.define_property(flag).expect("the definition is valid");
    both.portal.take_writes();
    let (code, text) = both.run_program(&apply);
    assert!(code == 5 && text.contains("property tripleseat_sync__a has changed"), "{text}");
    assert_eq!(both.portal.take_writes(), Vec::<String>::new());
    assert_eq!(both.run_program(&save).0, 0);
    let (code, text) = both.run_program(&apply);
    assert_eq!(code, 0, "{text}");
    let archived = both.portal.take_writes().iter().filter(|write| write.starts_with("DELETE ")).count();
    assert_eq!(archived, 5, "the saved plan archives them");
}

#[test]
fn destroy_keeps_properties_unless_asked_to_archive_them() {
    let both = SiteWithPortal::new();
    assert_eq!(both.run_program(&APPLY).0, 0);
    both.portal.hubspot.forget_requests();
    let (code, text) = both.run_program(&["destroy", "--yes"]);
    assert!(code == 0 && text.contains("the contact properties in HubSpot are kept"), "{text}");
    assert_eq!(both.portal.hubspot.recorded_requests().len(), 0, "HubSpot isn't called");
    let (code, text) = both.run_program(&["destroy", "--yes", "--archive-properties", "--target", "a"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(both.portal.take_writes().len(), 5, "{text}");
    let (code, text) = both.run_program(&["destroy", "--yes", "--archive-properties"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(both.portal.take_writes().len(), 5, "{text}");
}

#[test]
fn a_plan_reports_a_shared_flag() {
    let both = SiteWithPortal::new();
    let flag = PropertyDefinition::single_checkbox("old_flag", "Tripleseat Sync");
    both.portal.hubspot.define_property(flag).expect("the definition is valid");
    let flagged = || [("old_flag".to_owned(), "true".to_owned())].into();
    both.portal.hubspot.add_contacts(vec![flagged(), flagged()]).expect("contacts");
    let (code, text) = both.run_program(&PLAN);
    assert!(code == 0 && text.contains("2 contacts still have it ticked"), "{text}");
    assert!(text.contains("deployer migrate-flag --from old_flag --to VENUE"), "{text}");
}

#[test]
fn a_copy_in_another_account_and_one_under_another_name_are_refused() {
    let both = SiteWithPortal::new();
    let (code, text) = both.run_program(&APPLY);
    assert_eq!(code, 0, "{text}");
    let elsewhere = Site::in_account("999999999999");
    let plan_there = |manifest: &str| {
        elsewhere.write_file("venues.toml", &with_token(manifest, &both.portal.server.uri));
        let output = elsewhere.deployer_command(&PLAN).env("ADMIN_TOKEN", TOKEN).output().expect("the program starts");
        printed_text(&output)
    };
    let (code, text) = plan_there(&two_venue_manifest("sync"));
    assert_eq!(code, 6, "{text}");
    assert!(
        text.contains("deployment sync in account 123456789012, us-east-1 already does the work of a, b"),
        "{text}"
    );
    // The way through that the refusal names: the next apply writes its own place into the mark.
    let accepted = two_venue_manifest("sync").replacen("region =", "may_share_with = \"sync@us-east-1\"\nregion =", 1);
    let (code, text) = plan_there(&accepted);
    assert!(code == 0 && text.contains("account 999999999999, region us-east-1"), "{text}");
    let (code, text) = plan_there(&two_venue_manifest("bookings"));
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("belongs to deployment sync, venue a"), "{text}");
}

#[test]
fn a_renamed_venues_flags_are_moved_with_the_command_that_the_plan_names() {
    let both = SiteWithPortal::new();
    let (code, text) = both.run_program(&APPLY);
    assert_eq!(code, 0, "{text}");
    let renamed = two_venue_manifest("sync").replace("[venues.a", "[venues.pier");
    both.write_manifest(&renamed);
    let (code, text) = both.run_program(&PLAN);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("pier has the same display name as a, which is no longer declared"), "{text}");
    assert!(text.contains("migrate-flag --from tripleseat_sync__a --to pier"), "{text}");
    let (code, text) = both.run_program(&APPLY);
    assert_eq!(code, 0, "{text}");
    let flagged = [("tripleseat_sync__a".to_owned(), "true".to_owned())].into_iter().collect();
    let ids = both.portal.hubspot.add_contacts(vec![flagged]).expect("a contact");
    let (code, text) = both.run_program(&["migrate-flag", "--from", "tripleseat_sync__a", "--to", "pier", "--yes"]);
    assert!(code == 0 && text.contains("moved 1 contact"), "{text}");
    let moved = both.portal.hubspot.find_contact(ids[0]).expect("it exists");
    assert_eq!(moved.properties.get("tripleseat_sync__pier").map(String::as_str), Some("true"));
}

/// The marks in HubSpot are the only thing that both accounts see.
#[test]
fn a_move_to_another_account_takes_the_marks_along() {
    let both = SiteWithPortal::new();
    both.site.add_account("new", "999999999999");
    let run = |args: &[&str]| {
        let mut command = both.site.deployer_command(args);
        command.env("ADMIN_TOKEN", TOKEN).env("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        printed_text(&command.output().expect("the program starts"))
    };
    let (code, text) = run(&APPLY);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["move", "--to-profile", "new", "--yes", "--artifact", "bootstrap"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["plan", "--artifact", "bootstrap", "--profile", "new"]);
    assert!(code == 0 && text.contains("No changes"), "{text}");
    // A copy in the former account is refused, since the marks name the new one.
    both.write_manifest(&two_venue_manifest("sync"));
    let (code, text) = run(&PLAN);
    assert!(code == 6 && text.contains("in account 999999999999, us-east-1"), "{text}");
    assert!(text.contains("deployer move --to-profile NAME"), "{text}");
}
