//! Imports of contacts from files.

use deployer_core::exit_code::ExitCode;
use deployer_sandbox::contacts_csv::{self, ContactsFile};

use super::*;

fn parse_csv(text: &str) -> Result<ContactsFile, deployer_core::error::Error> {
    contacts_csv::parse_contacts(text.as_bytes(), "contacts.csv", &[])
}

/// The error's first line. Also checks that it is a usage error with a hint.
fn csv_error(bytes: &[u8]) -> String {
    let error = contacts_csv::parse_contacts(bytes, "contacts.csv", &[]).expect_err("it is refused");
    assert_eq!((error.exit_code, error.hints.len()), (ExitCode::Usage, 1), "{error}");
    error.message
}

#[test]
fn maps_labels_to_property_names() {
    let labels = [("Tripleseat Sync - Venue A".to_owned(), "tripleseat_sync__venue_a".to_owned())];
    let text = "\u{feff}Record ID,First Name,E-mail opt in?,Tripleseat Sync - Venue A,Tripleseat Sync - B,\
                email,own__name,2nd\n\
                151,\"Zoë \"\"Z\"\"\",yes,Yes,,zoe@example.com,\"two\nlines\",x\n";
    let file = contacts_csv::parse_contacts(text.as_bytes(), "contacts.csv", &labels).expect("it is read");
    let names: Vec<_> = file.columns.iter().map(|column| column.name.as_str()).collect();
    let wanted = [
        "hs_object_id",
        "firstname",
        "e_mail_opt_in",
        "tripleseat_sync__venue_a",
        "tripleseat_sync_b",
        "email",
        "own__name",
        "property_2nd",
    ];
    assert_eq!(names, wanted);
    let flags: Vec<_> = file.columns.iter().map(|column| column.is_flag()).collect();
    assert_eq!(flags, [false, false, false, true, true, false, false, false]);
    let contact = &file.contacts[0];
    assert_eq!((contact["firstname"].as_str(), contact["own__name"].as_str()), ("Zoë \"Z\"", "two\nlines"));
    assert!(!contact.contains_key("tripleseat_sync_b"), "empty values are left out");
}

#[test]
fn rejects_invalid_files_and_says_where() {
    assert_eq!(csv_error(b""), "contacts.csv: the file is empty");
    assert_eq!(csv_error("\u{feff}".as_bytes()), "contacts.csv: the file is empty");
    assert_eq!(csv_error(b"First Name,Email\n"), "contacts.csv: the file has a header but no contacts");
    assert_eq!(csv_error(b"First Name,Email\nJos\xe9,j@example.com\n"), "contacts.csv:2:4: the file isn't UTF-8 text");
    assert_eq!(csv_error(b"Ana,ana@example.com\n"), "contacts.csv:1: the first line has no known contact column");
    assert_eq!(csv_error(b"First Name,,Email\n"), "contacts.csv:1: column 2 has no name");
    let twice = "contacts.csv:1: column 3 is the property email, and so is column 1";
    assert_eq!(csv_error(b"Email,Phone Number,email\n"), twice);
    let short = "contacts.csv:4: expected 2 columns, found 1 field (they differ from column 2 on)";
    assert_eq!(csv_error(b"First Name,Message\nAna,\"two\nlines\"\nBo\n"), short);
    let long = "contacts.csv:2: expected 2 columns, found 3 fields (they differ from column 3 on)";
    assert_eq!(csv_error(b"First Name,Message\nAna,a,b\n"), long);
    let ids = "contacts.csv:3: the Record ID (column 1) is the same as on line 2";
    assert_eq!(csv_error(b"Record ID,Email\n7,a@example.com\n7,b@example.com\n"), ids);
    let emails = "contacts.csv:4: the Email (column 2) is the same as on line 2";
    assert_eq!(csv_error(b"Record ID,Email\n7,a@example.com\n8,b@example.com\n9,A@Example.com\n"), emails);
}

#[test]
fn names_a_missing_file() {
    let error =
        contacts_csv::read_contacts(std::path::Path::new("no/such.csv"), &[]).expect_err("the file doesn't exist");
    assert_eq!(error.message, "no/such.csv: could not read the contacts");
    assert_eq!((error.causes.len(), error.hints.len()), (1, 1));
}

#[tokio::test]
async fn imports_a_file_into_the_portal() {
    let portal = SandboxPortal::start().await;
    let text = "Record ID,First Name,Email,Lifecycle Stage,Event Date,Create Date,Boat Brand,\
                Tripleseat Sync - Venue A,Tripleseat Sync - New\n\
                151,Ana,Ana@Example.com,Sales Qualified Lead,6/1/2026,2026-01-05 09:12,Nimbus,Yes,TRUE\n\
                ,Bo,no address,lead,2026-06-02,2026-01-06T10:00:00Z,,No,\n";
    let labels = [("Tripleseat Sync - Venue A".to_owned(), portal.ledger.flag.clone())];
    let file = contacts_csv::parse_contacts(text.as_bytes(), "contacts.csv", &labels).expect("it is read");
    assert_eq!(portal.hubspot.import_file(&file), Ok(vec![151, 1_001]));
    let ana = portal.hubspot.find_contact(151).expect("the contact");
    for (property, value) in [
        ("email", "ana@example.com"),
        ("lifecyclestage", "salesqualifiedlead"),
        ("event_date", "2026-06-01"),
        ("createdate", "2026-01-05T09:12:00.000Z"),
        ("boat_brand", "Nimbus"),
        (portal.ledger.flag.as_str(), "true"),
        ("tripleseat_sync_new", "true"),
    ] {
        assert_eq!(ana.properties.get(property).map(String::as_str), Some(value), "{property}");
    }
    assert_eq!(portal.property_value(1_001, &portal.ledger.flag).as_deref(), Some("false"));
    assert_eq!(
        portal.property_value(1_001, "email").as_deref(),
        Some("no address"),
        "a file may contain values that the API refuses"
    );
    for (name, kind, label) in
        [("boat_brand", "text", "Boat Brand"), ("tripleseat_sync_new", "booleancheckbox", "Tripleseat Sync - New")]
    {
        let (_, property) = portal.call_api("GET", &format!("{PROPERTIES}/{name}"), serde_json::Value::Null).await;
        assert_eq!((property["fieldType"].as_str(), property["label"].as_str()), (Some(kind), Some(label)));
    }
}

#[tokio::test]
async fn imports_all_contacts_or_none() {
    let portal = SandboxPortal::start().await;
    portal.add_contact_with(&[("hs_object_id", "7"), ("email", "a@example.com")]);
    let before = portal.hubspot.all_contacts();
    let good = properties_of(&[("firstname", "Bo")]);
    for (bad, why) in [
        (properties_of(&[("hs_object_id", "7")]), "CONFLICT: Record ID 7 is already in use"),
        (properties_of(&[("hs_object_id", "x")]), "VALIDATION_ERROR: Record ID x isn't a number"),
        (properties_of(&[("email", "A@example.com")]), "CONFLICT: Contacts 7 and 9 have the same email"),
        (properties_of(&[("createdate", "long ago")]), "VALIDATION_ERROR: Contact 9: createdate: isn't a date"),
        (
            properties_of(&[("guest_count", "many")]),
            "VALIDATION_ERROR: Contact 9: guest_count: many was not a valid number.",
        ),
    ] {
        let refused = portal.hubspot.add_contacts(vec![good.clone(), bad]).expect_err("it is refused");
        assert_eq!(refused.to_string(), why);
    }
    assert_eq!(portal.hubspot.all_contacts(), before);
    assert!(parse_csv("First Name\nAna\n").is_ok());
}
