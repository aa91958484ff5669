//! What the log may say. A vendor's text may repeat what it was sent: a credential, or what a contact entered. So nothing
//! of a vendor's is logged but through here.
//!
//! Credentials are removed by [`secrets`]. What belongs to a contact is known too: a run has read it
//! ([`ContactWords::remember_contact`]). Whatever of that a text repeats, in whatever case or encoding, is left out word by
//! word, because a vendor may repeat a part of a value, or several in one sentence.

use std::collections::HashSet;
use std::sync::LazyLock;

use parking_lot::RwLock;
use serde_json::Value;

/// What is logged instead of a word of a contact's.
pub const CONTACT_WORD: &str = "(contact)";

/// Shorter words are in every text, and nobody is recognized by them.
const SHORTEST_WORD: usize = 3;
/// The fewest digits of a number that somebody is recognized by, and how many of its last ones are compared: countries and
/// areas are written in many ways.
const NUMBER_DIGITS: usize = 6;
/// A value with more words is a text rather than a name or an address.
const MOST_WORDS_OF_A_NAME: usize = 4;
/// The most words that are remembered: some twenty megabytes. A run that reads more keeps only the vendors' words.
const MOST_WORDS: usize = 300_000;
/// The member of a log line that may have a vendor's words. What has only ours is `message`.
const VENDOR_MEMBER: &str = "reason";

/// Words that vendors' messages consist of. They stay if a contact has them in a text, which consists of such words too,
/// and go if they are a contact's name.
static VENDOR_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| VENDOR_VOCABULARY.split_ascii_whitespace().collect());
const VENDOR_VOCABULARY: &str = "\
    about accept accepted access account across all allowed already and another any api app application are authentication \
    bad base because been before being between blank body both but can cannot character characters check client code contact \
    contacts could create created credential credentials daily date denied deprecated destination did does doesn due duplicate \
    each email empty endpoint enter error event exceeded exist existing exists expected expired failed field fields first for \
    forbidden form format found from gateway granted had has have header high hour hubspot inactive incorrect input integer \
    internal invalid isn its json key last later lead leads least length less limit location long longer malformed many \
    match maximum method minimum missing more must name need needs next not number object one only option options other our \
    parameter parse parsing per permission phone please portal post present properties property provided public rate reached \
    read record reference referral reject rejected request requests required resource response retry scope scopes secondly \
    server service set should site size some source specified status string such sync temporarily temporary than that the \
    their there these they this time timeout token too tripleseat type unable unauthorized unavailable unknown unprocessable \
    unsupported update url use used user valid validation value values was were when where which while will with without \
    write wrong you your";

/// A text without credentials and e-mail addresses.
pub fn redact_text(text: &str) -> String {
    let text = secrets::redact_secrets(text);
    let words = text.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// What the contacts of a run entered, as what must not be logged.
#[derive(Debug, Default)]
pub struct ContactWords {
    known: RwLock<KnownWords>,
}

#[derive(Default)]
struct KnownWords {
    /// In lower case.
    words: HashSet<String>,
    /// The last [`NUMBER_DIGITS`] digits of numbers.
    numbers: HashSet<String>,
    /// Values without a word that is long enough, and those of scripts that don't separate words. In lower case.
    phrases: HashSet<String>,
}

impl std::fmt::Debug for KnownWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownWords({})", self.words.len())
    }
}

impl ContactWords {
    /// Remembers values of a contact for as long as the run lasts.
    pub fn remember_contact<'v>(&self, values: impl IntoIterator<Item = &'v str>) {
        let mut known = self.known.write();
        for value in values {
            known.add_value(value);
        }
    }

    /// A text without credentials, addresses, and what belongs to a contact.
    pub fn redact_text(&self, text: &str) -> String {
        let known = self.known.read();
        let decoded = decode_text(text);
        // A credential may be recognized only as it came, and one that was encoded only as it is.
        let text = redact_text(&secrets::redact_secrets(&decoded));
        known.redact_words(&known.redact_numbers(&known.redact_phrases(text)))
    }

    /// A log line whose vendor's words are redacted. What we say ourselves stays.
    pub fn redact_line(&self, line: &Value) -> Value {
        let mut line = line.clone();
        if let Some(Value::String(text)) = line.get_mut(VENDOR_MEMBER) {
            *text = self.redact_text(text);
        }
        // An `http` destination's id is whatever the manifest points to. A number is one.
        if let Some(Value::String(text)) = line.get_mut("lead_id")
            && !text.bytes().all(|byte| byte.is_ascii_digit())
        {
            *text = self.redact_text(text);
        }
        line
    }
}

impl KnownWords {
    fn add_value(&mut self, value: &str) {
        let value = value.trim();
        if value.chars().count() < SHORTEST_WORD {
            return;
        }
        let words: Vec<String> = split_words(value).map(str::to_lowercase).collect();
        let is_name = words.len() <= MOST_WORDS_OF_A_NAME;
        let long_enough = |word: &&String| word.chars().count() >= SHORTEST_WORD;
        let mut kept = 0;
        for word in words.iter().filter(long_enough) {
            kept += 1;
            if self.words.len() < MOST_WORDS && (is_name || !VENDOR_WORDS.contains(word.as_str())) {
                self.words.insert(word.clone());
            }
        }
        if kept == 0 || !value.is_ascii() {
            self.phrases.insert(value.to_lowercase());
        }
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        if digits.len() >= NUMBER_DIGITS {
            self.numbers.insert(digits[digits.len() - NUMBER_DIGITS..].to_owned());
        }
    }

    fn redact_words(&self, text: &str) -> String {
        let mut redacted = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let end = rest[start..].find(|c: char| !c.is_alphanumeric()).map_or(rest.len(), |length| start + length);
            redacted.push_str(&rest[..start]);
            let word = &rest[start..end];
            redacted.push_str(if self.may_be_a_contacts(word) { CONTACT_WORD } else { word });
            rest = &rest[end..];
        }
        redacted + rest
    }

    fn may_be_a_contacts(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        // Once nothing more is remembered, what isn't a vendor's word may be anybody's.
        let is_full = self.words.len() >= MOST_WORDS && word.chars().count() >= SHORTEST_WORD;
        self.words.contains(&lower) || (is_full && !VENDOR_WORDS.contains(lower.as_str()))
    }

    fn redact_numbers(&self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_digit() || " +-().,/:".contains(c);
        let mut redacted = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
            let end = rest[..end].rfind(|c: char| c.is_ascii_digit()).map_or(end, |last| last + 1);
            redacted.push_str(&rest[..start]);
            let number = &rest[start..end];
            let digits: String = number.chars().filter(char::is_ascii_digit).collect();
            let is_known =
                (NUMBER_DIGITS..=digits.len()).any(|last| self.numbers.contains(&digits[last - NUMBER_DIGITS..last]));
            redacted.push_str(if is_known { CONTACT_WORD } else { number });
            rest = &rest[end..];
        }
        redacted + rest
    }

    fn redact_phrases(&self, mut text: String) -> String {
        // Most of a vendor's texts are ASCII, and most phrases aren't: there can be thousands.
        let may_be_in = |text: &str, phrase: &str| !text.is_ascii() || phrase.is_ascii();
        for phrase in &self.phrases {
            if !may_be_in(&text, phrase) {
                continue;
            }
            let mut redacted = String::new();
            let mut rest = text.as_str();
            // What is put in isn't looked at again: a phrase may be a part of it.
            while let Some(at) = find_in_lower_case(rest, phrase) {
                redacted.push_str(&rest[..at.start]);
                redacted.push_str(CONTACT_WORD);
                rest = &rest[at.end..];
            }
            if !redacted.is_empty() {
                text = redacted + rest;
            }
        }
        text
    }
}

/// Where `phrase`, which is in lower case, is in a text in any case.
fn find_in_lower_case(text: &str, phrase: &str) -> Option<std::ops::Range<usize>> {
    text.char_indices().find_map(|(start, _)| {
        let mut wanted = phrase.chars().peekable();
        for (at, character) in text[start..].char_indices() {
            if wanted.peek().is_none() {
                return Some(start..start + at);
            }
            if !character.to_lowercase().all(|lower| wanted.next() == Some(lower)) {
                return None;
            }
        }
        wanted.peek().is_none().then_some(start..text.len())
    })
}

/// The words of a text: letters and digits, whatever separates them.
fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A text with what is escaped in it as in JSON, in a URL or in HTML written out.
fn decode_text(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (length, code) = match character {
            '%' => (3, rest.get(1..3).and_then(|hex| u32::from_str_radix(hex, 16).ok())),
            '\\' if rest[1..].starts_with('u') => (6, rest.get(2..6).and_then(|hex| u32::from_str_radix(hex, 16).ok())),
            '&' if rest[1..].starts_with("#x") => html_code(rest, 3, 16),
            '&' if rest[1..].starts_with('#') => html_code(rest, 2, 10),
            _ => (0, None),
        };
        if character == '%'
            && let Some(byte) = code.and_then(|code| u8::try_from(code).ok())
        {
            bytes.push(byte);
            rest = &rest[length..];
            continue;
        }
        decoded.push_str(&String::from_utf8_lossy(&std::mem::take(&mut bytes)));
        match code.and_then(char::from_u32) {
            Some(meant) => {
                decoded.push(meant);
                rest = &rest[length..];
            }
            None => {
                decoded.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    decoded + &String::from_utf8_lossy(&bytes)
}

/// The length of a character reference, and what it stands for.
fn html_code(text: &str, digits: usize, radix: u32) -> (usize, Option<u32>) {
    let end = text.bytes().take(12).position(|byte| byte == b';');
    match end.and_then(|end| Some((end, text.get(digits..end)?))) {
        Some((end, number)) => (end + 1, u32::from_str_radix(number, radix).ok()),
        None => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn words_of(values: &[&str]) -> ContactWords {
        let words = ContactWords::default();
        words.remember_contact(values.iter().copied());
        words
    }

    #[test]
    fn removes_names_numbers_and_addresses_in_every_form() {
        let words =
            words_of(&["Ana María", "O'Brien-Smith", "+1 (555) 010-0200", "ana@example.com", "山田太郎", "a-b"]);
        for (text, rest) in [
            ("ana is not valid", "(contact) is not valid"),
            ("Property values were not valid: ANA MARÍA", "Property values were not valid: (contact)"),
            ("name \"Mar\\u00eda\" is too long", "name \"(contact)\" is too long"),
            ("Mar%C3%ADa", "(contact)"),
            ("O&#39;Brien", "O'(contact)"),
            ("15550100200 is taken", "(contact) is taken"),
            ("call 555.010.0200", "call (contact)"),
            ("for ana@example.com here", "for (address) here"),
            ("「山田太郎は無効です」", "「(contact)は無効です」"),
            ("A-B twice", "(contact) twice"),
        ] {
            assert_eq!(words.redact_text(text), rest);
        }
    }

    /// A contact can have anything as a name, also a part of what is logged instead of it.
    #[test]
    fn a_name_that_is_part_of_the_mark_is_removed_once() {
        let words = words_of(&["(co", "ct)"]);
        let redacted = words.redact_text("the field (company) is blank");
        assert!(redacted.contains("mpany") && redacted.len() < 100, "{redacted}");
    }

    #[test]
    fn leaves_the_vendors_words() {
        let words =
            words_of(&["We would like to have a dinner for the first time, this is not a valid request", "Will"]);
        let text = "401, Authentication credentials not found. This is the first request with a valid token.";
        assert_eq!(words.redact_text(text), text);
        assert_eq!(words.redact_text("a dinner"), "a (contact)");
        assert_eq!(words.redact_text("this will fail"), "this (contact) fail", "it is a name");
    }

    #[test]
    fn only_what_a_vendor_says_in_a_line_is_changed() {
        let words = words_of(&["synced", "venue-a"]);
        let line = json!({ "outcome": "synced", "venue": "venue-a", "reason": "synced venue-a" });
        let redacted = json!({ "outcome": "synced", "venue": "venue-a", "reason": "(contact) (contact)-a" });
        assert_eq!(words.redact_line(&line), redacted);
    }

    /// Whether `value` is in `text` as a word, in any case.
    fn has_as_word(text: &str, value: &str) -> bool {
        let (text, value) = (text.to_lowercase(), value.to_lowercase());
        text.match_indices(&value).any(|(at, found)| {
            let around = [text[..at].chars().next_back(), text[at + found.len()..].chars().next()];
            around.into_iter().flatten().all(|c| !c.is_alphanumeric())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_value_is_left_as_a_word(
            values in prop::collection::vec("[A-Za-z0-9éüßñ@.+' -]{3,24}|\\+?[0-9]{7,13}|\\PC{3,10}", 1..6),
            before in "[a-z ]{0,20}",
            json in any::<bool>(),
        ) {
            let words = words_of(&values.iter().map(String::as_str).collect::<Vec<_>>());
            let said = values.join("\", \"");
            let text = format!("{before} [{{\"message\":\"{said} was not valid\"}}]");
            let text = if json { Value::from(text).to_string() } else { text };
            let logged = words.redact_text(&text);
            for value in values.iter().map(|value| value.trim()) {
                let parts = split_words(value).any(|word| word.chars().count() >= SHORTEST_WORD);
                let is_vendors = split_words(value).count() > MOST_WORDS_OF_A_NAME;
                // Our own mark, and what the vendor said besides, may be the same by chance.
                let by_chance = has_as_word(&format!("{before} message was not valid (contact) (address) (secret)"), value);
                if parts && !is_vendors && !by_chance {
                    prop_assert!(!has_as_word(&logged, value), "{value:?} in {logged:?}");
                }
            }
        }

        #[test]
        fn any_text_can_be_redacted(text in "\\PC{0,60}|[%\\\\u&#;0-9a-fé]{0,40}") {
            words_of(&["abc", "İstanbul", "123456"]).redact_text(&text);
        }
    }
}
