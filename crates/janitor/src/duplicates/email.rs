//! An e-mail address as it is compared, and whether it is one person's.

use icu_normalizer::ComposingNormalizerBorrowed;

/// What people type when an address is required, before the @.
const PLACEHOLDER_NAMES: &[&str] = &[
    "abc",
    "anonymous",
    "asdf",
    "asdfgh",
    "blank",
    "declined",
    "donotreply",
    "dummy",
    "example",
    "fake",
    "foo",
    "na",
    "nada",
    "name",
    "nil",
    "no",
    "nobody",
    "noemail",
    "noemailgiven",
    "noemailprovided",
    "nomail",
    "none",
    "nonegiven",
    "noreply",
    "notavailable",
    "notgiven",
    "notprovided",
    "null",
    "placeholder",
    "refused",
    "sample",
    "someone",
    "tba",
    "tbd",
    "test",
    "tester",
    "testing",
    "unknown",
    "user",
    "void",
    "youremail",
    "yourname",
];
/// The domains of such addresses. The top-level domains of RFC 2606 belong to them too.
const PLACEHOLDER_DOMAINS: &[&str] = &[
    "asdf.com",
    "domain.com",
    "dummy.com",
    "example.com",
    "example.net",
    "example.org",
    "fake.com",
    "na.com",
    "noemail.com",
    "nomail.com",
    "none.com",
    "nowhere.com",
    "null.com",
    "placeholder.com",
    "sample.com",
    "test.com",
    "test.org",
    "unknown.com",
];
/// RFC 2606, section 2, and RFC 6761.
const RESERVED_ENDS: [&str; 5] = [".example", ".invalid", ".test", ".localhost", ".local"];

/// Mailboxes of a role or a department, before the @, in the languages of guests (RFC 2142 has the oldest of them).
const ROLES: &[&str] = &[
    "accommodation",
    "accounting",
    "accounts",
    "accueil",
    "admin",
    "administracion",
    "administration",
    "administrator",
    "admissions",
    "agenda",
    "alumni",
    "ap",
    "assistant",
    "banquet",
    "banqueting",
    "banquets",
    "billing",
    "board",
    "bonjour",
    "booking",
    "bookings",
    "buero",
    "business",
    "careers",
    "catering",
    "church",
    "club",
    "commercial",
    "comms",
    "communications",
    "community",
    "concierge",
    "conference",
    "contabilidade",
    "contact",
    "contacto",
    "contactus",
    "contato",
    "coordinator",
    "corporate",
    "customerservice",
    "desk",
    "development",
    "direccion",
    "director",
    "empfang",
    "enquiries",
    "enquiry",
    "ea",
    "event",
    "eventi",
    "eventos",
    "events",
    "ferie",
    "finance",
    "foundation",
    "frontdesk",
    "fundraising",
    "ga",
    "general",
    "gm",
    "groups",
    "guestservices",
    "gruppen",
    "hallo",
    "hello",
    "help",
    "helpdesk",
    "hi",
    "hola",
    "host",
    "hospitality",
    "hotel",
    "hr",
    "humanresources",
    "info",
    "information",
    "inquiries",
    "inquiry",
    "invoices",
    "jobs",
    "kantoor",
    "kontakt",
    "kontor",
    "leads",
    "mail",
    "mailbox",
    "management",
    "manager",
    "marketing",
    "media",
    "meetings",
    "members",
    "membership",
    "office",
    "officemanager",
    "oficina",
    "operations",
    "ops",
    "orders",
    "parties",
    "partnerships",
    "party",
    "payables",
    "people",
    "planner",
    "planning",
    "post",
    "postmaster",
    "pr",
    "press",
    "privateevents",
    "programs",
    "pta",
    "pto",
    "purchasing",
    "reception",
    "recepcion",
    "recruiting",
    "reservas",
    "reservation",
    "reservations",
    "restaurant",
    "sales",
    "school",
    "secretary",
    "segreteria",
    "sekretariat",
    "service",
    "services",
    "social",
    "staff",
    "studio",
    "support",
    "team",
    "training",
    "travel",
    "ufficio",
    "ventas",
    "verwaltung",
    "veranstaltungen",
    "wedding",
    "weddings",
    "webmaster",
    "welcome",
    "workplace",
    "yearbook",
    "ask",
    "book",
    "celebrate",
    "functions",
    "groupsales",
    "specialevents",
    "vertrieb",
    "zentrale",
];

/// An e-mail address, normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    /// What is compared.
    pub key: String,
    /// What kind of mailbox it is.
    pub kind: MailboxKind,
}

/// Whose mailbox an address seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxKind {
    /// A person's, as far as the address tells.
    Personal,
    /// A role's or a department's.
    Role,
    /// Nobody's.
    Placeholder,
}

impl EmailAddress {
    /// Normalizes an address: without surrounding space, display name, `<>` and `mailto:`, in lowercase, composed by
    /// compatibility. Gmail ignores dots and everything from a `+`
    /// (<https://support.google.com/mail/answer/7436150>); at other providers, those distinguish addresses. `None` if it
    /// is not an address.
    pub fn normalize(text: &str) -> Option<Self> {
        let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text.trim()).to_lowercase();
        let text = text.split_once('<').map_or(text.as_str(), |(_, address)| address).trim_end_matches('>').trim();
        let text = text.strip_prefix("mailto:").unwrap_or(text).trim();
        let (name, domain) = text.rsplit_once('@')?;
        let domain = domain.trim_end_matches('.');
        let fits = !name.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !text.contains(char::is_whitespace)
            && !name.contains('@');
        if !fits {
            return None;
        }
        let (name, domain) = match domain {
            "gmail.com" | "googlemail.com" => (name.split('+').next().unwrap_or(name).replace('.', ""), "gmail.com"),
            _ => (name.to_owned(), domain),
        };
        let kind = mailbox_kind(&name, domain);
        Some(Self { key: format!("{name}@{domain}"), kind })
    }
}

fn mailbox_kind(name: &str, domain: &str) -> MailboxKind {
    let stem = name.split('+').next().unwrap_or(name);
    let letters: String = stem.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let without_digits = letters.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let one_letter = letters.chars().all(|letter| letters.starts_with(letter));
    // Longer ones are people's at some providers.
    let few_digits = without_digits.is_empty() && letters.len() < 6;
    let reserved = RESERVED_ENDS.iter().any(|end| domain.ends_with(end));
    // `mail.example.com` is as nobody's as `example.com`.
    let nowhere = PLACEHOLDER_DOMAINS.iter().any(|known| {
        domain == *known
            || known.starts_with("example.") && domain.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
    });
    if reserved || nowhere || one_letter || few_digits || PLACEHOLDER_NAMES.contains(&without_digits) {
        return MailboxKind::Placeholder;
    }
    let is_role = |word: &str| ROLES.contains(&word);
    let mut words = stem.split(['.', '-', '_']).filter(|word| !word.is_empty());
    // `events.nyc` and `sales2` are roles, `ana.events` is unlikely to be Ana's alone.
    if is_role(without_digits) || words.any(is_role) { MailboxKind::Role } else { MailboxKind::Personal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(text: &str) -> Option<String> {
        EmailAddress::normalize(text).map(|address| address.key)
    }

    #[test]
    fn case_wrapping_and_width_do_not_matter() {
        for text in [
            "ana@silva.family",
            " Ana@Silva.FAMILY ",
            "<ana@silva.family>",
            "mailto:ana@silva.family",
            "Ana Silva <ana@silva.family>",
            "ａｎａ＠ｓｉｌｖａ．ｆａｍｉｌｙ",
            "ana@silva.family.",
        ] {
            assert_eq!(key_of(text).as_deref(), Some("ana@silva.family"), "{text}");
        }
        for text in ["", "ana", "@silva.family", "ana@", "none@none", "ana silva@silva.family", "a@b@c.de"] {
            assert_eq!(key_of(text), None, "{text}");
        }
    }

    #[test]
    fn dots_and_tags_matter_except_at_gmail() {
        assert_eq!(key_of("a.n.a+mill@googlemail.com"), key_of("Ana@gmail.com"));
        assert_ne!(key_of("a.na@silva.family"), key_of("ana@silva.family"));
        assert_ne!(key_of("ana+1@silva.family"), key_of("ana@silva.family"));
    }

    #[test]
    fn tells_whose_mailbox_it_is() {
        let kind = |text: &str| EmailAddress::normalize(text).map(|address| address.kind);
        for text in ["ana@silva.family", "salesa@mill.co", "anab@gmail.com", "1234567@qq.com"] {
            assert_eq!(kind(text), Some(MailboxKind::Personal), "{text}");
        }
        for text in [
            "info@mill.co",
            "Events@mill.co",
            "office-nyc@mill.co",
            "sales2@mill.co",
            "hr@mill.co",
            "i.n.f.o@gmail.com",
        ] {
            assert_eq!(kind(text), Some(MailboxKind::Role), "{text}");
        }
        for text in [
            "noemail@gmail.com",
            "no-email@mill.co",
            "test@mill.co",
            "test12@mill.co",
            "none@none.com",
            "x@x.com",
            "ana@example.com",
            "ana@mail.example.org",
            "ana@mill.invalid",
            "na@na.com",
            "123@456.com",
            "aaa@gmail.com",
        ] {
            assert_eq!(kind(text), Some(MailboxKind::Placeholder), "{text}");
        }
    }
}
