//! The test contact: an address that reaches nobody, and a name and a message that show everybody that it is a test.

use sync_config::mapping::ContactProperties;

use deployer_core::manifest::Venue;

/// The start of each address.
const LOCAL: &str = "deployer-verify+";
/// The first name.
pub const FIRST_NAME: &str = "Deployer";
/// The text of the lead, where it has one.
const TEXT: &str = "Test by deployer verify, please ignore";
/// A phone number from the range that is reserved for fictional use.
/// <https://nationalnanpa.com/number_resource_info/555_numbers.html>
const PHONE: &str = "+1 202-555-0142";

/// A new, unique address.
pub fn new_test_email(venue: &str, domain: &str) -> String {
    format!("{LOCAL}{}-{:012x}@{domain}", venue.to_lowercase(), fastrand::u64(..1 << 48))
}

/// Whether a verify of this venue created this address, at any domain.
pub fn is_test_email(venue: &str, email: &str) -> bool {
    let rest = email.strip_prefix(LOCAL).and_then(|rest| rest.strip_prefix(&venue.to_lowercase()));
    let random = rest.and_then(|rest| rest.strip_prefix('-')).and_then(|rest| rest.split_once('@'));
    random.is_some_and(|(random, _)| random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The last name.
pub fn last_name(venue: &Venue) -> String {
    format!("Test {}", venue.name)
}

/// The properties of the test contact: its marks, and those properties that a lead of the venue is made from whose
/// names say what they contain.
pub fn contact_properties(venue: &Venue, email: &str) -> ContactProperties {
    let mut properties = ContactProperties::from([
        ("email".to_owned(), email.to_owned()),
        ("firstname".to_owned(), FIRST_NAME.to_owned()),
        ("lastname".to_owned(), last_name(venue)),
        ("phone".to_owned(), PHONE.to_owned()),
    ]);
    for property in venue.mapped_properties() {
        if property.contains("phone") {
            properties.insert(property, PHONE.to_owned());
        } else if property == "message" {
            properties.insert(property, TEXT.to_owned());
        }
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_addresses_of_its_own_venue_only() {
        let address = new_test_email("Venue-a", "example.com");
        assert!(is_test_email("Venue-a", &address), "{address}");
        assert!(is_test_email("Venue-a", &address.replace("example.com", "other.example")));
        assert!(!is_test_email("Venue", &address), "another venue whose name has the same beginning");
        assert!(!is_test_email("Venue-a-b", &address));
        for other in ["deployer-verify+venue-a@example.com", "deployer-verify+venue-a-x@example.com", "jo@example.com"]
        {
            assert!(!is_test_email("Venue-a", other), "{other}");
        }
        assert_ne!(address, new_test_email("Venue-a", "example.com"));
    }
}
