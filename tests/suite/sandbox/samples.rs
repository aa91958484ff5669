//! The contacts in `samples/`.

use std::path::Path;

use deployer_sandbox::contacts_csv;

use super::*;

#[tokio::test]
async fn sample_contacts_match_the_sample_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = deployer_core::manifest::load_manifest(root.join("venues.toml")).expect("the manifest").manifest;
    let portal = SandboxPortal::start().await;
    let mut labels = Vec::new();
    for venue in &manifest.venues {
        let ledger = LedgerProperties::new(&venue.name, &default_flag_property(&venue.name));
        portal.hubspot.define_sync_properties(&ledger, &venue.display_name).expect("they are valid");
        labels.push((format!("Tripleseat Sync - {}", venue.display_name), ledger.flag));
    }
    let file = contacts_csv::read_contacts(&root.join("samples/contacts.csv"), &labels).expect("the contacts are read");
    let ids = portal.hubspot.import_file(&file).expect("they are imported");
    assert!(ids.len() >= 64, "{} contacts", ids.len());
    assert!(file.columns.iter().all(|column| !column.is_flag() || labels.iter().any(|(_, flag)| *flag == column.name)));

    let contacts = portal.hubspot.all_contacts();
    let with = |property: &str, value: &str| {
        contacts.iter().filter(|contact| contact.properties.get(property).is_some_and(|found| found == value)).count()
    };
    let flagged: Vec<usize> = labels.iter().map(|(_, flag)| with(flag, "true")).collect();
    assert_eq!(flagged, [22, 16, 3, 2], "of Venue A, B, C and of the Marina");
    for property in ["phone", "firstname", "lastname"] {
        assert!(
            contacts.iter().any(|contact| !contact.properties.contains_key(property)),
            "no contact lacks {property}"
        );
    }
    let longest = contacts.iter().filter_map(|contact| contact.properties.get("message")).map(String::len).max();
    assert!(longest > Some(5_000), "{longest:?}");
    for email in contacts.iter().filter_map(|contact| contact.properties.get("email")) {
        let domain = email.split_once('@').expect("the listener has an address").1;
        assert!(domain.starts_with("example"), "{email} could belong to somebody");
    }
}
