//! Knows every secret of this process, and removes them from texts before anybody sees them.
//!
//! The types that hold a secret call [`remember_secret`] when they are made, and everything that prints or stores a text
//! calls [`redact_secrets`], or [`shorten_text`] where only the beginning is wanted. So a vendor or a server that repeats
//! what it was sent doesn't make us repeat it: not in an error, a log line, a report, or a contact's property.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is shown instead of a secret.
pub const SHOWN_INSTEAD: &str = "(secret)";

/// Shorter values aren't removed: they are no credentials, and words of every text would be removed with them.
const SHORTEST: usize = 6;
/// Shorter values aren't looked for in other encodings, where the rest of a text could look like them.
const SHORTEST_ENCODED: usize = 8;

/// The characters that `encodeURIComponent` and most clients leave as they are.
const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secrets in every form in which they may appear, the longest first.
static KNOWN: RwLock<KnownSecrets> =
    RwLock::new(KnownSecrets { values: BTreeSet::new(), shown: BTreeSet::new(), forms: Vec::new() });

struct KnownSecrets {
    values: BTreeSet<String>,
    /// Kept with secrets, but none.
    shown: BTreeSet<String>,
    forms: Vec<String>,
}

/// Remembers a secret for as long as the process runs.
pub fn remember_secret(value: &str) {
    if value.len() < SHORTEST || KNOWN.read().values.contains(value) {
        return;
    }
    let mut known = KNOWN.write();
    if !known.shown.contains(value) && known.values.insert(value.to_owned()) {
        let new = encoded_forms(value).into_iter().filter(|form| !known.forms.contains(form)).collect::<Vec<_>>();
        known.forms.extend(new);
        known.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }
}

/// Lets a value be shown that is kept with secrets but is none, such as an OAuth client's id, which is in the address that
/// a person opens.
pub fn allow_showing(value: &str) {
    let mut known = KNOWN.write();
    known.shown.insert(value.to_owned());
    if known.values.remove(value) {
        let own = encoded_forms(value);
        known.forms.retain(|form| !own.contains(form));
    }
}

/// A text without the secrets of this process: as they are, percent-encoded, in base64 (also inside of Basic
/// authentication) or escaped as in JSON.
pub fn redact_secrets(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read();
    let mut redacted = Cow::Borrowed(text);
    for form in &known.forms {
        if redacted.contains(form.as_str()) {
            redacted = Cow::Owned(redacted.replace(form.as_str(), SHOWN_INSTEAD));
        }
    }
    redacted
}

/// The first characters of a text. Secrets are removed first: of one that straddles the end, nobody would recognize the
/// part before it.
pub fn shorten_text(text: &str, characters: usize) -> String {
    redact_secrets(text).chars().take(characters).collect()
}

fn encoded_forms(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    let escaped = json_escaped(value);
    forms.insert(json_escaped(&escaped));
    forms.insert(escaped);
    if value.len() >= SHORTEST_ENCODED {
        for set in [NON_ALPHANUMERIC, UNRESERVED_KEPT] {
            let encoded = utf8_percent_encode(value, set).to_string();
            // A form has a plus for each blank.
            forms.insert(encoded.replace("%20", "+"));
            forms.insert(encoded.to_lowercase());
            forms.insert(encoded);
        }
        for before in 0..3 {
            forms.extend(base64_forms(value, before));
        }
    }
    forms
}

/// A text as it stands inside a JSON string.
fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The part of the base64 of anything that contains `value` that depends on `value` alone, where it begins `before` bytes
/// after a group of three. The characters at both ends also depend on what surrounds it.
fn base64_forms(value: &str, before: usize) -> impl Iterator<Item = String> {
    let bytes = [&[0_u8; 2][..before], value.as_bytes()].concat();
    // Each character has six bits: those that begin in `before` are another text's too, and so is an incomplete last one.
    let first = (before * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
        .into_iter()
        .map(move |encoded| encoded[first..whole].to_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn removes_every_form() {
        let secret = "pat-na1-\"quoted\" and spaced/0001";
        remember_secret(secret);
        let json = serde_json::Value::from(secret).to_string();
        for text in [
            secret.to_owned(),
            json.clone(),
            serde_json::Value::from(json).to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(secret, UNRESERVED_KEPT).to_string(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string().replace("%20", "+"),
        ] {
            let redacted = redact_secrets(&text).into_owned();
            assert!(redacted.contains(SHOWN_INSTEAD) && !redacted.contains("0001"), "{text}: {redacted}");
        }
    }

    #[test]
    fn removes_base64_wherever_the_secret_begins() {
        let secret = "key-of-the-venue-0002";
        remember_secret(secret);
        for user in ["", "u", "us", "use", "user"] {
            let header = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
            let redacted = redact_secrets(&header).into_owned();
            assert!(redacted.contains(SHOWN_INSTEAD), "{header}: {redacted}");
            // At most one character at each end depends on the secret's first and last bits.
            assert!(redacted.len() <= "Basic ".len() + 8 + SHOWN_INSTEAD.len() + 4, "{redacted}");
        }
    }

    #[test]
    fn a_secret_at_the_cut_is_removed_first() {
        remember_secret("key-that-straddles-0003");
        let text = format!("{} key-that-straddles-0003 and more", "x".repeat(290));
        let short = shorten_text(&text, 300);
        assert_eq!(short.chars().count(), 300);
        assert!(!short.contains("key-that"), "{short}");
    }

    #[test]
    fn shows_what_is_no_secret() {
        remember_secret("client-id-0004");
        allow_showing("client-id-0004");
        remember_secret("client-id-0004");
        assert_eq!(redact_secrets("client_id=client-id-0004"), "client_id=client-id-0004");
    }

    #[test]
    fn leaves_other_texts_alone() {
        remember_secret("");
        remember_secret("abcde");
        assert!(matches!(redact_secrets("abcde and nothing else"), Cow::Borrowed(_)));
    }
}
