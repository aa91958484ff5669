//! Redacts anything in the source that may be a secret before any of it is shown. A report shows whole lines and the
//! lines around them, so the reported value is not the only one at risk.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SecretRef;
use super::format::TextFormat;
use super::key::TableKeys;
use super::keys::{HTTP, SecretsKeys};
use super::report::Span;

/// A key that contains one of these words holds a credential.
const SECRET_WORDS: [&str; 7] = ["token", "secret", "password", "credential", "api_key", "apikey", "public_key"];
/// The most different values that are looked for in the whole text, which takes as long as both are. In a file with more,
/// everything is hidden.
const MOST_VALUES: usize = 2_000;
/// The prefix of HubSpot's access tokens.
const TOKEN_PREFIX: &str = "pat-";

/// The source with every possible secret replaced byte for byte, so that positions stay the same.
pub(super) fn redact_secrets(text: &str, root: &DeTable<'_>, broken: bool) -> String {
    let mut spans = Vec::new();
    let mut values = Vec::new();
    collect_secrets(root, false, &mut spans, &mut values);
    let mut bytes = text.as_bytes().to_vec();
    values.sort_unstable();
    values.dedup();
    if values.len() > MOST_VALUES {
        overwrite_span(&mut bytes, 0..text.len());
        return String::from_utf8(bytes).unwrap_or_default();
    }
    for span in spans {
        overwrite_span(&mut bytes, strip_quotes(text, span));
    }
    // The same value may also occur elsewhere, such as in a comment.
    for value in values.iter().filter(|value| value.len() >= 6) {
        for (at, found) in text.match_indices(value.as_str()) {
            overwrite_span(&mut bytes, at..at + found.len());
        }
    }
    for span in find_tokens(text) {
        overwrite_span(&mut bytes, span);
    }
    // Lines that don't parse, and the second of two duplicate keys, are not in the table.
    if broken {
        for span in find_suspicious_lines(text) {
            overwrite_span(&mut bytes, span);
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn collect_secrets(table: &DeTable<'_>, in_secrets: bool, spans: &mut Vec<Span>, values: &mut Vec<String>) {
    for (name, value) in table {
        let secret = in_secrets || is_secret_key(name.get_ref());
        let query_allowed = [HTTP.url.name(), HTTP.lookup_url.name()].contains(&name.get_ref().as_ref());
        collect_secret_value(value, secret, query_allowed, spans, values);
    }
}

fn collect_secret_value(
    value: &Spanned<DeValue<'_>>,
    secret: bool,
    query_allowed: bool,
    spans: &mut Vec<Span>,
    values: &mut Vec<String>,
) {
    match value.get_ref() {
        DeValue::Table(table) => collect_secrets(table, secret, spans, values),
        DeValue::Array(items) => {
            items.iter().for_each(|item| collect_secret_value(item, secret, query_allowed, spans, values))
        }
        DeValue::String(text) if secret && SecretRef::parse_reference(text).is_err() => {
            spans.push(value.span());
            values.push(text.clone().into_owned());
        }
        DeValue::String(text) if may_contain_credentials(text, query_allowed) => {
            spans.push(value.span());
            values.push(text.clone().into_owned());
        }
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        DeValue::Integer(_) | DeValue::Float(_) if secret => spans.push(value.span()),
        DeValue::Integer(_) | DeValue::Float(_) => {}
    }
}

pub(super) fn is_secret_key(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether a URL has a user name, a password or a query, each of which may be a credential.
fn may_contain_credentials(text: &str, query_allowed: bool) -> bool {
    let doubtful = text.contains('@') || text.contains('?');
    text.contains("://") && doubtful && !(query_allowed && TextFormat::Url.check_text(text).is_ok())
}

/// For lines that may not be valid TOML: whatever follows a key that names a secret, and everything in a table of
/// secrets.
fn find_suspicious_lines(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    let mut in_secrets = false;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let trimmed = content.trim_start();
        if trimmed.starts_with('[') {
            in_secrets = is_secret_key(trimmed);
        } else if !trimmed.starts_with('#') && (in_secrets || is_secret_key(trimmed)) {
            let key = key_length(content);
            let value = content[key..].trim_start_matches(['=', ' ', '\t', ':']).trim_matches(['"', '\'']);
            let value = value.split(['"', '\'', '#']).next().unwrap_or_default();
            if SecretRef::parse_reference(value.trim_end()).is_err() {
                spans.push(start + key..start + content.len());
            }
        }
        start += line.len();
    }
    spans
}

/// The length of a line up to the end of its key, including a `=`; 0 if it doesn't start with a known key.
fn key_length(line: &str) -> usize {
    if let Some(at) = line.find('=') {
        return at + 1;
    }
    let indent = line.len() - line.trim_start().len();
    let word = line[indent..].find([' ', '\t', ':']).unwrap_or(line.len() - indent);
    let known = SecretsKeys::SPEC.find_key(&line[indent..indent + word]).is_some();
    if known { indent + word } else { 0 }
}

fn find_tokens(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices(TOKEN_PREFIX).filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|char| char.is_alphanumeric()) {
            return None;
        }
        let length =
            text[at..].find(|char: char| !char.is_ascii_alphanumeric() && char != '-').unwrap_or(text.len() - at);
        (length > 12).then_some(at..at + length)
    })
}

fn strip_quotes(text: &str, span: Span) -> Span {
    let quoted = text.get(span.clone()).is_some_and(|raw| raw.len() >= 2 && raw.starts_with(['"', '\'']));
    if quoted { span.start + 1..span.end - 1 } else { span }
}

fn overwrite_span(bytes: &mut [u8], span: Span) {
    if let Some(part) = bytes.get_mut(span) {
        part.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b'*');
    }
}
