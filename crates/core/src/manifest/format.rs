//! The shapes that a text in the manifest can have.

use url::Url;

use super::{Flaw, Schedule, SecretRef, parse_duration};
use crate::naming::MAX_PROPERTY_NAME;

/// Lambda's longest `Timeout`, in seconds.
pub(super) const MAX_TIMEOUT_S: u32 = 900;
/// HubSpot's labels; longer ones are cut in its pages.
const MAX_DISPLAY_NAME: usize = 100;

/// A shape of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Anything but nothing.
    Plain,
    /// A name that stands in the names of AWS's resources.
    Name,
    DisplayName,
    Region,
    Account,
    FlagProperty,
    Schedule,
    Timeout,
    SecretRef,
    /// An address that paths are added to.
    BaseUri,
    Url,
    /// An address with `{key}` or `{contact_id}` in it.
    LookupUrl,
    JsonPointer,
    HeaderName,
    /// A domain without anything before or after it.
    Domain,
}

impl Format {
    /// A pattern for the JSON Schema: what an editor can check. [`Format::check`] knows more.
    pub(super) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain | Self::DisplayName => r"\S",
            Self::Name => "^[A-Za-z][A-Za-z0-9_-]*$",
            Self::Region => "^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
            Self::Account => "^[0-9]{12}$",
            Self::FlagProperty => "^[a-z][a-z0-9_]{0,99}$",
            Self::Schedule => r"^(rate\([1-9][0-9]* (minute|hour|day)s?\)|cron\(.+\))$",
            Self::Timeout => "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            Self::SecretRef => "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|cmd:.+|managed)$",
            Self::BaseUri | Self::Url | Self::LookupUrl => "^https?://",
            Self::JsonPointer => "^/",
            Self::Domain => r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
            Self::HeaderName => "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        })
    }

    /// What is wrong with `text`, if anything is.
    pub(super) fn check(self, text: &str) -> Result<(), Flaw> {
        match self {
            Self::Plain if text.trim().is_empty() => Err(Flaw::new("this is empty", "write at least a word")),
            Self::Plain => Ok(()),
            Self::DisplayName => display_name(text),
            Self::Name => name(text),
            Self::Region => region(text),
            Self::Account if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            Self::Account => Err(Flaw::new("an AWS account id has 12 digits", "write it as in \"123456789012\"")),
            Self::FlagProperty => flag_property(text),
            Self::Schedule => Schedule::parse(text).map(drop),
            Self::Timeout => timeout(text),
            Self::SecretRef => SecretRef::parse(text).map(drop),
            Self::BaseUri => base_uri(text),
            Self::Url => url(text).map(drop),
            Self::LookupUrl => lookup_url(text),
            Self::JsonPointer => json_pointer(text),
            Self::HeaderName => header_name(text),
            Self::Domain => domain(text),
        }
    }
}

/// Names stand in those of functions, rules and roles, of which functions are the strictest: letters, digits, - and _.
///
/// # Errors
/// What is wrong with it, and a name like it that fits.
pub fn name(text: &str) -> Result<(), Flaw> {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if text.starts_with(|char: char| char.is_ascii_alphabetic()) && text.chars().all(fits) {
        return Ok(());
    }
    let replaced: String = text.to_lowercase().chars().map(|char| if fits(char) { char } else { '-' }).collect();
    let suggestion = replaced.trim_matches(|char: char| !char.is_ascii_alphabetic() && !char.is_ascii_digit());
    let suggestion = suggestion.trim_start_matches(|char: char| !char.is_ascii_alphabetic());
    let help = "a name begins with a letter and has letters, digits, - and _";
    let help = if suggestion.is_empty() { help.to_owned() } else { format!("{help}, such as {suggestion}") };
    Err(Flaw::new("this name can't be used for AWS's resources", help))
}

fn display_name(text: &str) -> Result<(), Flaw> {
    if text.trim().is_empty() {
        return Err(Flaw::new("this is empty", "write what people call the venue, such as \"Venue A\""));
    }
    if text.chars().any(char::is_control) {
        return Err(Flaw::new("a label is one line of text", "leave out line breaks and tabs"));
    }
    match text.chars().count() {
        0..=MAX_DISPLAY_NAME => Ok(()),
        count => Err(Flaw::new(format!("this has {count} characters"), format!("use {MAX_DISPLAY_NAME} at most"))),
    }
}

fn region(text: &str) -> Result<(), Flaw> {
    let parts: Vec<&str> = text.split('-').collect();
    let fits = match parts.as_slice() {
        [area, middle @ .., number] => {
            let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            area.len() >= 2 && word(area) && !middle.is_empty() && middle.iter().all(|part| word(part)) && digits
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let help = match text.char_indices().next_back() {
        // An availability zone.
        Some((last, 'a'..='f')) if region(&text[..last]).is_ok() => format!("without its zone it is {}", &text[..last]),
        _ => "write it as in \"us-east-1\"".to_owned(),
    };
    Err(Flaw::new("this doesn't have the shape of an AWS region", help))
}

fn flag_property(text: &str) -> Result<(), Flaw> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.len() > MAX_PROPERTY_NAME {
        let message = format!("this name has {} characters", text.len());
        return Err(Flaw::new(message, format!("HubSpot takes {MAX_PROPERTY_NAME} at most")));
    }
    if text.starts_with(|char: char| char.is_ascii_lowercase()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Flaw::new(
        "this is no internal name of a HubSpot property",
        "it begins with a letter and has lower case letters, digits and _",
    ))
}

fn timeout(text: &str) -> Result<(), Flaw> {
    match parse_duration(text)? {
        0 => Err(Flaw::new("a run needs time", "write a time limit from \"1s\" to \"15m\"")),
        1..=MAX_TIMEOUT_S => Ok(()),
        _ => Err(Flaw::new("Lambda ends every run after 15 minutes", "write a time limit from \"1s\" to \"15m\"")),
    }
}

fn url(text: &str) -> Result<Url, Flaw> {
    const EXAMPLE: &str = "write an address such as \"https://api.example.com\"";
    let url = Url::parse(text).map_err(|error| Flaw::new(format!("this is not an address: {error}"), EXAMPLE))?;
    if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Flaw::new("this address has white space in it", EXAMPLE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Flaw::new(
            "an address holds no user name or password",
            "leave them out, and give the credential as a reference under secrets",
        ));
    }
    if url.fragment().is_some() {
        return Err(Flaw::new("this address has a fragment", "leave out # and what follows"));
    }
    if url.query_pairs().any(|(name, _)| super::redact::is_secret_key(&name) || name == "key") {
        return Err(Flaw::new(
            "this address has what looks like a credential in it",
            "write auth = { kind = \"query\", name = \"…\" } and destination_credential under secrets",
        ));
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_loopback(&host.to_string()) => Ok(url),
        ("http", Some(_)) => {
            Err(Flaw::new("plain http would send credentials and contacts unencrypted", "write https://"))
        }
        _ => Err(Flaw::new("this is not an https address", EXAMPLE)),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn base_uri(text: &str) -> Result<(), Flaw> {
    let url = url(text)?;
    if url.query().is_some() {
        return Err(Flaw::new(
            "a base address has no query",
            "leave out ? and what follows; keys belong under secrets",
        ));
    }
    Ok(())
}

fn lookup_url(text: &str) -> Result<(), Flaw> {
    if !text.contains("{key}") && !text.contains("{contact_id}") {
        return Err(Flaw::new(
            "this look-up would ask the same for every contact",
            "put {key} or {contact_id} where the platform expects the reference",
        ));
    }
    url(&text.replace("{key}", "0").replace("{contact_id}", "0")).map(drop)
}

/// RFC 6901.
pub(super) fn json_pointer(text: &str) -> Result<(), Flaw> {
    if !text.starts_with('/') {
        let help = format!("it begins with a slash: \"/{}\"", text.replace('.', "/"));
        return Err(Flaw::new("this is not a JSON pointer", help));
    }
    let bytes = text.as_bytes();
    let escaped = |at: usize| matches!(bytes.get(at + 1), Some(b'0' | b'1'));
    match text.match_indices('~').find(|(at, _)| !escaped(*at)) {
        Some((at, _)) => {
            Err(Flaw::new("in a JSON pointer ~ begins ~0 (a ~) or ~1 (a /)", "write ~0 for a ~").at(at..at + 1))
        }
        None => Ok(()),
    }
}

/// Labels of letters, digits and hyphens (RFC 1123), two at least.
pub fn domain(text: &str) -> Result<(), Flaw> {
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.contains('.') && text.split('.').all(label) {
        return Ok(());
    }
    let bare = text.rsplit('@').next().unwrap_or_default();
    Err(Flaw::new(
        "this is no domain",
        if bare == text { "write it as in \"example.com\"".to_owned() } else { format!("write {bare}") },
    ))
}

fn header_name(text: &str) -> Result<(), Flaw> {
    // A token, as RFC 9110 (section 5.6.2) defines it.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_token) {
        true => Ok(()),
        false => Err(Flaw::new("this can't be the name of a header or parameter", "write it as in \"X-Api-Key\"")),
    }
}
