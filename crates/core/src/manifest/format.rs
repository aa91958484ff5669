//! The formats that a string in the manifest can have.

use sync_config::address::refuse_host;
use sync_config::mapping::find_timezone;
use url::Url;

use super::digest_schedule::DigestSchedule;
use super::{Flaw, ScheduleExpression, SecretRef, alarms, company, parse_duration};
use crate::naming::MAX_PROPERTY_NAME;

/// Lambda's longest `Timeout`, in seconds.
pub(super) const MAX_TIMEOUT_S: u32 = 900;
/// For HubSpot's labels; longer ones are truncated on its pages.
const MAX_DISPLAY_NAME: usize = 100;
/// The longest value of any key, in bytes: what a mapping can say in one expression.
const MAX_TEXT: usize = 20_000;
/// A contact that became a lead longer ago is a new request for certain.
const MAX_RETICK_WINDOW_S: u32 = 366 * 24 * 3600;

/// A string format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFormat {
    /// Any non-empty text.
    Plain,
    /// A name that becomes part of AWS resource names.
    Name,
    DisplayName,
    Region,
    Account,
    FlagProperty,
    Schedule,
    Timeout,
    SecretRef,
    /// A URL that paths are appended to.
    BaseUri,
    Url,
    /// A URL that contains `{key}` or `{contact_id}`.
    LookupUrl,
    JsonPointer,
    HeaderName,
    /// A bare domain name.
    Domain,
    /// An IANA time zone.
    TimeZone,
    /// A duration of at most a year, or zero.
    RetickWindow,
    /// The ARN of a managed policy.
    PolicyArn,
    /// The ARN of a KMS key.
    KeyArn,
    /// The ARN of an SQS queue or an SNS topic.
    DeadLetterArn,
    SubnetId,
    SecurityGroupId,
    /// The start of an IAM path.
    RolePath,
    /// The ARN of an SNS topic.
    TopicArn,
    Email,
    /// The word of an alarm's cause.
    AlarmCause,
    /// When a digest is sent.
    Digest,
    /// A duration of a minute to a week.
    FlagAge,
}

impl TextFormat {
    /// A pattern for the JSON Schema: the part that an editor can check. [`TextFormat::check`] is stricter.
    pub(super) fn json_pattern(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain | Self::DisplayName => r"\S",
            Self::Name => "^[A-Za-z][A-Za-z0-9_-]*$",
            Self::Region => "^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
            Self::Account => "^[0-9]{12}$",
            Self::FlagProperty => "^[a-z][a-z0-9_]{0,99}$",
            Self::Schedule => r"^(rate\([1-9][0-9]* (minute|hour|day)s?\)|cron\(.+\))$",
            Self::Digest => r"^(daily|weekly|rate\([1-9][0-9]* (minute|hour|day)s?\)|cron\(.+\))$",
            Self::Timeout | Self::RetickWindow | Self::FlagAge => "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            Self::TimeZone => "^(UTC|[A-Za-z_]+/[A-Za-z0-9_+/-]+)$",
            Self::SecretRef => "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|cmd:.+|managed)$",
            Self::BaseUri | Self::Url | Self::LookupUrl => "^https?://",
            Self::JsonPointer => "^/",
            Self::Domain => r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
            Self::PolicyArn => "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$",
            Self::KeyArn => "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$",
            Self::DeadLetterArn => "^arn:aws[a-z-]*:(sqs|sns):[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$",
            Self::SubnetId => "^subnet-[0-9a-f]+$",
            Self::SecurityGroupId => "^sg-[0-9a-f]+$",
            Self::RolePath => r"^/([!-)+->@-~]+/)?$",
            Self::TopicArn => "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$",
            Self::Email => r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
            Self::AlarmCause => "^(failing|silent|oldest_flag|needs_review|failed|throttled|lookups)$",
            Self::HeaderName => "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        })
    }

    /// An example of an entry of a list; empty for other formats.
    pub(super) fn example_id(self) -> &'static str {
        match self {
            Self::SubnetId => "subnet-0123456789abcdef0",
            Self::SecurityGroupId => "sg-0123456789abcdef0",
            Self::Email => "ops@example.com",
            Self::AlarmCause => "silent",
            _ => "",
        }
    }

    /// Checks `text`. The error says what is wrong with it.
    pub(super) fn check_text(self, text: &str) -> Result<(), Flaw> {
        if text.len() > MAX_TEXT {
            let help = format!("no value needs more than {MAX_TEXT}");
            return Err(Flaw::new(format!("this text has {} characters", text.chars().count()), help));
        }
        match self {
            Self::Plain if text.trim().is_empty() => Err(Flaw::new("this is empty", "write at least one word")),
            Self::Plain => Ok(()),
            Self::DisplayName => check_display_name(text),
            Self::Name => check_name(text),
            Self::Region => check_region(text),
            Self::Account if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
            Self::Account => Err(Flaw::new("an AWS account ID has 12 digits", "write it like \"123456789012\"")),
            Self::FlagProperty => check_flag_property(text),
            Self::Schedule => ScheduleExpression::parse_expression(text).map(drop),
            Self::Timeout => check_timeout(text),
            Self::SecretRef => SecretRef::parse_reference(text).map(drop),
            Self::BaseUri => check_base_uri(text),
            Self::Url => parse_url(text).map(drop),
            Self::LookupUrl => check_lookup_url(text),
            Self::JsonPointer => check_json_pointer(text),
            Self::HeaderName => check_header_name(text),
            Self::Domain => check_domain(text),
            Self::TimeZone => check_timezone(text),
            Self::RetickWindow => check_retick_window(text),
            Self::PolicyArn => company::check_policy_arn(text),
            Self::KeyArn => company::check_key_arn(text),
            Self::DeadLetterArn => company::check_dead_letter_arn(text),
            Self::SubnetId => company::check_ec2_id(text, "subnet-"),
            Self::SecurityGroupId => company::check_ec2_id(text, "sg-"),
            Self::RolePath => check_role_path(text),
            Self::TopicArn => alarms::check_topic_arn(text),
            Self::Email => alarms::check_email(text),
            Self::AlarmCause => alarms::check_cause(text),
            Self::Digest => DigestSchedule::parse_digest(text).map(drop),
            Self::FlagAge => alarms::check_flag_age(text),
        }
    }
}

/// Checks a name that becomes part of the names of functions, rules and roles. Functions are the strictest: letters,
/// digits, - and _.
///
/// # Errors
/// What is wrong with it, with a similar name that is valid.
pub fn check_name(text: &str) -> Result<(), Flaw> {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if text.starts_with(|char: char| char.is_ascii_alphabetic()) && text.chars().all(fits) {
        return Ok(());
    }
    let replaced: String = text.to_lowercase().chars().map(|char| if fits(char) { char } else { '-' }).collect();
    let suggestion = replaced.trim_matches(|char: char| !char.is_ascii_alphabetic() && !char.is_ascii_digit());
    let suggestion = suggestion.trim_start_matches(|char: char| !char.is_ascii_alphabetic());
    let help = "a name starts with a letter and has only letters, digits, - and _";
    let help = if suggestion.is_empty() { help.to_owned() } else { format!("{help}, such as {suggestion}") };
    Err(Flaw::new("this name can't be used in AWS resource names", help))
}

/// Checks the start of an IAM path: `/`, or `/…/` with printable ASCII characters in between (IAM's `pathType`). `*` and `?`
/// are left out, because they would match other paths in policies.
fn check_role_path(text: &str) -> Result<(), Flaw> {
    if let Some(wrong) = text.chars().find(|char| !char.is_ascii_graphic() || matches!(char, '*' | '?')) {
        let wrong = if wrong.is_ascii_graphic() { wrong.to_string() } else { wrong.escape_default().to_string() };
        return Err(Flaw::new(
            format!("the path of a role can't contain `{wrong}` here"),
            "use letters, digits and signs such as / - _ . and neither blanks nor wildcards, such as \"/app/deployer/\"",
        ));
    }
    if text.starts_with('/') && text.ends_with('/') {
        return Ok(());
    }
    let help = format!("write \"/{}/\"", text.trim_matches('/'));
    Err(Flaw::new("the path of a role starts and ends with /", help))
}

fn check_display_name(text: &str) -> Result<(), Flaw> {
    if text.trim().is_empty() {
        return Err(Flaw::new("this is empty", "write the name that staff use for the venue, such as \"Venue A\""));
    }
    if text.chars().any(char::is_control) {
        return Err(Flaw::new("a label must be a single line of text", "remove line breaks and tabs"));
    }
    match text.chars().count() {
        0..=MAX_DISPLAY_NAME => Ok(()),
        count => Err(Flaw::new(format!("this name has {count} characters"), format!("use at most {MAX_DISPLAY_NAME}"))),
    }
}

fn check_region(text: &str) -> Result<(), Flaw> {
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
        // The text is an availability zone.
        Some((last, 'a'..='f')) if check_region(&text[..last]).is_ok() => {
            format!("this is an availability zone; write its region, {}", &text[..last])
        }
        _ => "write it like \"us-east-1\"".to_owned(),
    };
    Err(Flaw::new("this is not an AWS region", help))
}

fn check_flag_property(text: &str) -> Result<(), Flaw> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.len() > MAX_PROPERTY_NAME {
        let message = format!("this name has {} characters", text.len());
        return Err(Flaw::new(message, format!("HubSpot allows at most {MAX_PROPERTY_NAME}")));
    }
    if text.starts_with(|char: char| char.is_ascii_lowercase()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Flaw::new(
        "this is not a valid internal name of a HubSpot property",
        "it must start with a letter and have only lowercase letters, digits and _",
    ))
}

fn check_timeout(text: &str) -> Result<(), Flaw> {
    match parse_duration(text)? {
        0 => Err(Flaw::new("the timeout must be greater than zero", "write a timeout from \"1s\" to \"15m\"")),
        1..=MAX_TIMEOUT_S => Ok(()),
        _ => Err(Flaw::new("Lambda stops every run after 15 minutes", "write a timeout from \"1s\" to \"15m\"")),
    }
}

fn parse_url(text: &str) -> Result<Url, Flaw> {
    const EXAMPLE: &str = "write a URL such as \"https://api.example.com\"";
    let url = Url::parse(text).map_err(|error| Flaw::new(format!("this is not a URL: {error}"), EXAMPLE))?;
    if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Flaw::new("this URL contains white space", EXAMPLE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Flaw::new(
            "a URL must not contain a user name or password",
            "remove them, and put a reference to the credential under secrets",
        ));
    }
    if url.fragment().is_some() {
        return Err(Flaw::new("this URL has a fragment", "remove # and everything after it"));
    }
    if url.query_pairs().any(|(name, _)| super::redact::is_secret_key(&name) || name == "key") {
        return Err(Flaw::new(
            "this URL contains what looks like a credential",
            "use auth = { kind = \"query\", name = \"…\" } and destination_credential under secrets",
        ));
    }
    if let Some(why) = url.host_str().and_then(refuse_host) {
        return Err(Flaw::new(why, "write the address of the platform's API"));
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_loopback(&host.to_string()) => Ok(url),
        ("http", Some(_)) => {
            Err(Flaw::new("plain http would send credentials and contacts unencrypted", "use https://"))
        }
        _ => Err(Flaw::new("this is not an https URL", EXAMPLE)),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn check_base_uri(text: &str) -> Result<(), Flaw> {
    let url = parse_url(text)?;
    if url.query().is_some() {
        return Err(Flaw::new(
            "a base URL can't have a query",
            "remove ? and everything after it; keys belong under secrets",
        ));
    }
    Ok(())
}

fn check_lookup_url(text: &str) -> Result<(), Flaw> {
    if !text.contains("{key}") && !text.contains("{contact_id}") {
        return Err(Flaw::new(
            "this lookup would be the same for every contact",
            "put {key} or {contact_id} where the platform expects the reference",
        ));
    }
    parse_url(&text.replace("{key}", "0").replace("{contact_id}", "0")).map(drop)
}

/// Checks a JSON pointer (RFC 6901).
pub(super) fn check_json_pointer(text: &str) -> Result<(), Flaw> {
    if !text.starts_with('/') {
        let help = format!("it must start with a slash: \"/{}\"", text.replace('.', "/"));
        return Err(Flaw::new("this is not a JSON pointer", help));
    }
    let bytes = text.as_bytes();
    let escaped = |at: usize| matches!(bytes.get(at + 1), Some(b'0' | b'1'));
    match text.match_indices('~').find(|(at, _)| !escaped(*at)) {
        Some((at, _)) => {
            Err(Flaw::new("in a JSON pointer, ~ must be followed by 0 (for a ~) or 1 (for a /)", "write ~0 for a ~")
                .at_span(at..at + 1))
        }
        None => Ok(()),
    }
}

/// Checks a domain: at least two labels of letters, digits and hyphens (RFC 1123).
pub fn check_domain(text: &str) -> Result<(), Flaw> {
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.contains('.') && text.split('.').all(label) {
        return Ok(());
    }
    let bare = text.rsplit('@').next().unwrap_or_default();
    Err(Flaw::new(
        "this is not a domain",
        if bare == text { "write it like \"example.com\"".to_owned() } else { format!("write {bare}") },
    ))
}

/// Checks a time zone. Names without a slash, such as `EST`, are refused even where the database has them: they have
/// no daylight saving time.
fn check_timezone(text: &str) -> Result<(), Flaw> {
    if (text.contains('/') || text == "UTC") && find_timezone(text).is_ok() {
        return Ok(());
    }
    let wanted = text.trim().to_lowercase().replace([' ', '-'], "_");
    // A city is often written without its continent.
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let likeness = |name: &str| {
        strsim::jaro_winkler(&wanted, &name.to_lowercase()).max(strsim::jaro_winkler(&wanted, &city(name)))
    };
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let cities = names.iter().filter(|name| name.contains('/') && !name.starts_with("Etc/"));
    let best = cities.map(|name| (likeness(name), name)).max_by(|one, other| one.0.total_cmp(&other.0));
    let help = match best {
        // Abbreviations such as EST resemble names that have nothing to do with them.
        Some((likeness, name)) if likeness > 0.85 && text.len() > 5 => format!("did you mean \"{name}\"?"),
        _ => "write the IANA name of a city in it, such as \"America/New_York\" or \"Europe/Berlin\"".to_owned(),
    };
    Err(Flaw::new("this is not a time zone of the IANA database", help))
}

fn check_retick_window(text: &str) -> Result<(), Flaw> {
    match parse_duration(text)? {
        0..=MAX_RETICK_WINDOW_S => Ok(()),
        _ => Err(Flaw::new("this window is longer than a year", "write at most \"8784h\"; \"24h\" is the default")),
    }
}

fn check_header_name(text: &str) -> Result<(), Flaw> {
    // A token, as RFC 9110 (section 5.6.2) defines it.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_token) {
        true => Ok(()),
        false => Err(Flaw::new("this is not a valid header or parameter name", "write it like \"X-Api-Key\"")),
    }
}
