//! Knows every secret of this process, and removes them from texts before anybody sees them.
//!
//! The types that hold a secret call [`remember_secret`] when they are made, and everything that prints or stores a text
//! calls [`redact_secrets`], or [`shorten_text`] where only the beginning is wanted. So a vendor or a server that repeats
//! what it was sent doesn't make us repeat it: not in an error, a log line, a report, or a contact's property.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

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

/// The secrets of this process.
static KNOWN: RwLock<KnownSecrets> =
    RwLock::new(KnownSecrets { values: BTreeSet::new(), shown: BTreeSet::new(), forms: BTreeMap::new() });

/// The start of a form, as long as the shortest one.
type FormStart = [u8; SHORTEST];

struct KnownSecrets {
    values: BTreeSet<String>,
    /// Kept with secrets, but none.
    shown: BTreeSet<String>,
    /// Every form in which a secret may appear, by its start: a text is looked at once, however many secrets there are.
    forms: BTreeMap<FormStart, BTreeSet<String>>,
}

impl KnownSecrets {
    /// The length of the longest form that `text` begins with.
    fn match_form(&self, text: &str) -> Option<usize> {
        let forms = self.forms.get(form_start(text)?)?;
        forms.iter().filter(|form| text.starts_with(form.as_str())).map(String::len).max()
    }
}

fn form_start(text: &str) -> Option<&FormStart> {
    text.as_bytes().first_chunk()
}

/// Remembers a secret for as long as the process runs.
pub fn remember_secret(value: &str) {
    if value.len() < SHORTEST || KNOWN.read().values.contains(value) {
        return;
    }
    let mut known = KNOWN.write();
    if !known.shown.contains(value) && known.values.insert(value.to_owned()) {
        for form in encoded_forms(value) {
            if let Some(start) = form_start(&form).copied() {
                known.forms.entry(start).or_default().insert(form);
            }
        }
    }
}

/// Lets a value be shown that is kept with secrets but is none, such as an OAuth client's id, which is in the address that
/// a person opens.
pub fn allow_showing(value: &str) {
    let mut known = KNOWN.write();
    known.shown.insert(value.to_owned());
    if known.values.remove(value) {
        for form in encoded_forms(value) {
            if let Some(forms) = form_start(&form).and_then(|start| known.forms.get_mut(start)) {
                forms.remove(&form);
            }
        }
    }
}

/// A text without the secrets of this process: as they are, percent-encoded, in base64 (also inside of Basic
/// authentication) or escaped as in JSON.
pub fn redact_secrets(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read();
    let mut redacted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        match known.match_form(&text[at..]) {
            Some(length) => {
                redacted.push_str(&text[copied..at]);
                redacted.push_str(SHOWN_INSTEAD);
                at += length;
                copied = at;
            }
            None => at += character.len_utf8(),
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[copied..]);
    Cow::Owned(redacted)
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
    fn removes_the_longest_form_and_every_occurrence() {
        remember_secret("prefix-0006");
        remember_secret("prefix-0006-and-more");
        assert_eq!(redact_secrets("é prefix-0006-and-more, prefix-0006 é"), "é (secret), (secret) é");
    }

    #[test]
    fn leaves_other_texts_alone() {
        remember_secret("");
        remember_secret("abcde");
        assert!(matches!(redact_secrets("abcde and nothing else"), Cow::Borrowed(_)));
    }
}
