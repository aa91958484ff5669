//! What is fuzzed: each function takes any bytes, as a file or an answer could have them, and must return. The targets of
//! cargo-fuzz (`fuzz/`) and a plain test call the same ones.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use deployer::render::{AuditView, audit_html, audit_markdown, audit_text};
use deployer_core::manifest::{self, ReportStyle};
use deployer_core::plan::SavedPlan;
use deployer_core::scope::Scope;
use deployer_janitor::audit::{Audit, judge_inventory};
use deployer_janitor::decommission::archive::Archive;
use deployer_sandbox::contacts_csv::parse_contacts;
use serde_json::Value;
use sync_config::config::SyncConfig;
use sync_config::mapping::{LeadFields, LeadMapping};
use sync_lambda::destination::tripleseat_answer::{LeadAnswer, read_lead_answer};
use sync_lambda::destination::{SendResult, judge_refusal, list_records};
use sync_lambda::http::VendorResponse;
use sync_lambda::hubspot::{BatchResponse, HubSpotErrorBody, HubSpotFailure, SearchPage};

/// A fuzz target.
pub type FuzzBody = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const BODIES: [(&str, FuzzBody); 7] = [
    ("manifest", read_manifest),
    ("saved_plan", read_saved_plan),
    ("audit", read_audit),
    ("archive", read_archive),
    ("contacts_csv", read_contacts),
    ("hubspot_answer", read_hubspot_answer),
    ("tripleseat_answer", read_tripleseat_answer),
];

/// The most characters of a report of mistakes, and of one of its lines.
const LONGEST_REPORT: usize = 200_000;
const LONGEST_LINE: usize = 2_000;
/// Statuses of answers, and one that nobody sends.
const STATUSES: [u16; 12] = [200, 201, 207, 400, 401, 403, 404, 409, 422, 429, 500, 999];

/// `venues.toml`.
pub fn read_manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match manifest::parse_manifest(&text, "venues.toml") {
        Ok(loaded) => {
            for venue in &loaded.manifest.venues {
                loaded.venue_place(&venue.name).expect("a venue that was read has a place");
            }
            assert_eq!(loaded.redacted_text().len(), text.len());
        }
        Err(errors) => {
            let report = errors.render_report(ReportStyle::PLAIN);
            assert!(report.len() < LONGEST_REPORT, "{} bytes", report.len());
            assert!(report.lines().all(|line| line.chars().count() < LONGEST_LINE));
            assert!(!errors.list_findings().is_empty());
        }
    }
}

/// A file of `deployer plan --out`.
pub fn read_saved_plan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(saved) = SavedPlan::from_text(&text) {
        assert_eq!(saved.to_text(), text);
    }
    // What the checksum protects is parsed as well.
    if let Ok(saved) = serde_json::from_slice::<SavedPlan>(bytes) {
        saved.to_text();
    }
}

/// A file of `deployer audit --out`.
pub fn read_audit(bytes: &[u8]) {
    let Ok(audit) = serde_json::from_slice::<Audit>(bytes) else { return };
    judge_inventory(&audit.inventory);
    audit_text(&audit, &AuditView::default());
    audit_markdown(&audit);
    audit_html(&audit);
}

/// An archive. Its files are parts of one text, each below a line with `==> ` and its path.
pub fn read_archive(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in split_files(bytes) {
        let path = directory.path().join(name);
        if path.parent().is_some_and(|parent| std::fs::create_dir_all(parent).is_ok()) {
            // A name may also be that of a directory.
            let _ = std::fs::write(path, content);
        }
    }
    let scope = Scope::new("123456789012", "us-east-1");
    let _ = Archive::read_manifest_only(directory.path());
    if let Ok(archive) = Archive::open_verified(directory.path(), &scope) {
        for entry in &archive.manifest.entries {
            archive.read_parts(entry).expect("it was verified");
            entry.archived_target();
        }
    }
}

fn split_files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut current: Option<(String, Vec<u8>)> = None;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"==> ") {
            Some(name) => {
                files.extend(current.take().map(end_file));
                let name = String::from_utf8_lossy(name).trim_end().to_owned();
                let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_));
                let fits = !name.is_empty() && name.len() < 200 && !name.contains('\0');
                current = (fits && Path::new(&name).components().all(is_inside)).then(|| (name, Vec::new()));
            }
            None => {
                if let Some((_, content)) = &mut current {
                    content.extend_from_slice(line);
                }
            }
        }
    }
    files.extend(current.map(end_file));
    files
}

/// The line break before the next file isn't part of a zip.
fn end_file((name, mut content): (String, Vec<u8>)) -> (String, Vec<u8>) {
    if name.ends_with(".zip") && content.last() == Some(&b'\n') {
        content.pop();
    }
    (name, content)
}

/// Contacts exported from HubSpot.
pub fn read_contacts(bytes: &[u8]) {
    let labels = [("Company".to_owned(), "company".to_owned())];
    if let Ok(read) = parse_contacts(bytes, "contacts.csv", &labels) {
        assert!(read.contacts.iter().all(|contact| contact.len() <= read.columns.len()));
    }
}

/// An answer of HubSpot's to any request.
pub fn read_hubspot_answer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(page) = serde_json::from_str::<SearchPage>(&text) {
        page.next_page();
    }
    if let Ok(answer) = serde_json::from_str::<BatchResponse>(&text) {
        for contact in answer.results {
            contact.value_since("tripleseat_sync__venue_a", "true");
            contact.into_properties();
        }
        for error in &answer.errors {
            check_hubspot_error(error);
        }
    }
    check_hubspot_error(&HubSpotErrorBody::parse_body(&text));
}

fn check_hubspot_error(body: &HubSpotErrorBody) {
    for status in STATUSES {
        let failure = HubSpotFailure::judge_response(status, body);
        failure.missing_scopes_text();
        failure.data_center_text();
        body.status_text(status);
    }
    body.reason_text();
    body.rejected_values();
    body.is_about_contact("1");
}

/// An answer of Tripleseat's to a lead, or to a list.
pub fn read_tripleseat_answer(bytes: &[u8]) {
    let body = String::from_utf8_lossy(bytes).into_owned();
    if let Ok(json) = serde_json::from_str::<Value>(&body) {
        list_records(&json, "leads", "lead");
    }
    for status in STATUSES {
        let answer = VendorResponse { status, retry_after: None, body: body.clone() };
        if let LeadAnswer::Lead(SendResult::Refused(refusal)) = read_lead_answer(&answer) {
            let (lead, mapping) =
                (LeadFields::new(), LeadMapping::from_config(&SyncConfig::default()).expect("the defaults are valid"));
            refusal.full_text();
            refusal.comparable_text();
            judge_refusal(&refusal, &lead, &mapping);
        }
    }
}
