//! Whose fault a refused lead is. A contact's own fault concerns that contact only. A wrong setting, such as another
//! account's location, gets every contact refused, so it must not be booked on any of them.
//!
//! Neither vendor documents codes for its messages, so this reads their words: which field a message names, whether that
//! field is mapped from a property, and whether this contact has a usable value in it.

use sync_config::mapping::{FieldSource, LeadFields, LeadMapping};
use sync_config::tripleseat::{LEAD_FIELDS, find_lead_field};

/// One message of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalMessage {
    /// The field that the response assigns it to, if it does.
    pub field: Option<String>,
    /// The destination's words.
    pub text: String,
}

/// A response that refuses a lead. It contains no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadRefusal {
    messages: Vec<RefusalMessage>,
    /// Whether the words are Tripleseat's, so that those which can only mean a setting are recognized.
    is_tripleseat: bool,
}

impl LeadRefusal {
    /// A refusal by Tripleseat.
    pub fn from_tripleseat(messages: Vec<RefusalMessage>) -> Self {
        Self { messages, is_tripleseat: true }
    }

    /// A refusal in the words of any platform.
    pub fn from_text(text: String) -> Self {
        Self { messages: vec![RefusalMessage { field: None, text }], is_tripleseat: false }
    }

    /// All messages in one line.
    pub fn full_text(&self) -> String {
        self.messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// What it says about settings, in one line, for logs. If it doesn't name any, it is what several contacts were
    /// refused with, without long numbers, which could be somebody's.
    pub fn setting_text(&self, lead: &LeadFields, mapping: &LeadMapping) -> String {
        let judge = RefusalJudge { lead, mapping, is_tripleseat: self.is_tripleseat };
        let of_setting = |message: &&RefusalMessage| matches!(judge.judge_message(message), RefusalFault::Setting(_));
        let named: Vec<&str> = self.messages.iter().filter(of_setting).map(|message| message.text.as_str()).collect();
        if !named.is_empty() {
            return named.join("; ");
        }
        let is_long = |word: &str| word.chars().filter(char::is_ascii_digit).count() > MAX_DIGITS;
        let text = self.full_text();
        text.split(' ').map(|word| if is_long(word) { "(number)" } else { word }).collect::<Vec<_>>().join(" ")
    }

    /// The text to compare with other refusals. Numbers and ids, which may be the request's own, don't count.
    pub fn comparable_text(&self) -> String {
        let text = self.full_text().to_lowercase();
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words
            .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalFault {
    /// The contact lacks a value, or has one that can't be used.
    Contact,
    /// A setting's: every other contact would be refused too.
    Setting(SettingFault),
    /// The refusal names neither. If it repeats from the first contact on, it is a setting's.
    Unnamed,
}

/// A setting that gets every lead refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingFault {
    /// The location is missing, or isn't the account's.
    Location,
    /// The site isn't the account's.
    Site,
    /// The lead form was deleted, or isn't the account's.
    LeadForm,
    /// A source of leads, `lead_source_id` or `referral_source_id`, isn't the account's.
    Source(&'static str),
    /// The lead form has a captcha.
    Captcha,
    /// The lead form requires consent, which isn't mapped or is a constant.
    Consent,
    /// The public key lacks a permission.
    Permission,
    /// A required field that isn't mapped.
    UnmappedField(String),
    /// A field that is the same for every contact.
    ConstantField(String),
    /// The first contacts were all refused with the same words, which name none of their values.
    SameRefusal,
}

impl SettingFault {
    /// What to change, as a sentence without its period.
    pub fn advice_text(&self, venue: &str) -> String {
        let destination = format!("[venues.{venue}.destination]");
        let fields = format!("[venues.{venue}.fields]");
        match self {
            Self::Location => format!(
                "Set `location_id` in {destination} to a location of this venue's own Tripleseat account (Settings, \
                 Locations)"
            ),
            Self::Site => format!(
                "Take `site_id` in {destination} and the venue's `tripleseat_public_key` from the same Tripleseat \
                 account"
            ),
            Self::LeadForm => format!(
                "Set `lead_form_id` in {destination} to a lead form that exists in this venue's own Tripleseat account"
            ),
            Self::Source(field) => {
                format!("Set `{field}` in {destination} to a source of this venue's own Tripleseat account")
            }
            Self::Captcha => format!(
                "No integration can pass a captcha: turn it off for the lead form in Tripleseat, or set `lead_form_id` \
                 in {destination} to a form without one"
            ),
            Self::Consent => format!(
                "The lead form asks for consent: map `gdpr_consent_granted` in {fields} to the property that records \
                 it, or use a form that doesn't ask"
            ),
            Self::Permission => format!(
                "Check in Tripleseat what this public key may do (Settings, Tripleseat API & Webhooks), and that \
                 `lead_form_id` and `location_id` in {destination} are its own account's"
            ),
            Self::UnmappedField(field) => {
                format!("The destination requires `{field}`: map it in {fields}, or make it optional there")
            }
            Self::ConstantField(field) => {
                format!("`{field}` in {fields} is the same for every contact, and is refused: correct it")
            }
            Self::SameRefusal => format!(
                "The first contacts were all refused with these words, which name nothing that they lack: check \
                 {destination} and {fields}"
            ),
        }
    }
}

/// Judges whose fault the refusal of `lead` is. A setting decides before the contact: correcting the contact alone
/// wouldn't help.
pub fn judge_refusal(refusal: &LeadRefusal, lead: &LeadFields, mapping: &LeadMapping) -> RefusalFault {
    let judge = RefusalJudge { lead, mapping, is_tripleseat: refusal.is_tripleseat };
    let faults: Vec<RefusalFault> = refusal.messages.iter().map(|message| judge.judge_message(message)).collect();
    let setting = faults.iter().find(|fault| matches!(fault, RefusalFault::Setting(_)));
    match setting {
        Some(setting) => setting.clone(),
        None if faults.contains(&RefusalFault::Contact) => RefusalFault::Contact,
        None => RefusalFault::Unnamed,
    }
}

/// Most digits of a number in an error: a status has three, a year four.
const MAX_DIGITS: usize = 4;
const CONSENT: &str = "gdpr_consent_granted";

/// The settings that are sent with every lead, by the field that a message names.
const SETTING_FIELDS: [(&str, SettingFault); 5] = [
    ("location_id", SettingFault::Location),
    ("site_id", SettingFault::Site),
    ("lead_form_id", SettingFault::LeadForm),
    ("lead_source_id", SettingFault::Source("lead_source_id")),
    ("referral_source_id", SettingFault::Source("referral_source_id")),
];

/// What follows a field's name if the field is required and has no value.
const REQUIRED: [&str; 12] = [
    "can't be blank",
    "cannot be blank",
    "can't be empty",
    "cannot be empty",
    "is required",
    "is a required",
    "is missing",
    "must be accepted",
    "must be filled",
    "must be present",
    "must exist",
    "was not provided",
];
/// What only a value can be, whatever its format.
const ABOUT_VALUE: [&str; 5] = ["too long", "too short", "already", "been taken", "unsubscribed"];
const FORBIDDEN: [&str; 6] =
    ["permission", "not authorized", "not permitted", "not allowed", "unauthorized", "access denied"];

struct RefusalJudge<'a> {
    lead: &'a LeadFields,
    mapping: &'a LeadMapping,
    is_tripleseat: bool,
}

impl RefusalJudge<'_> {
    fn judge_message(&self, message: &RefusalMessage) -> RefusalFault {
        let text = message.text.to_lowercase().replace('’', "'");
        let mentions = |any: &[&str]| any.iter().any(|words| text.contains(words));
        let named = match &message.field {
            Some(field) if field != "base" => vec![field.clone()],
            _ => self.named_fields(&text),
        };
        if self.is_tripleseat {
            if mentions(&["captcha"]) {
                return RefusalFault::Setting(SettingFault::Captcha);
            }
            let by_setting = SETTING_FIELDS.iter().find(|(field, _)| named.iter().any(|named| is_same(named, field)));
            if let Some((field, fault)) = by_setting
                && self.mapping.field_source(field) != Some(FieldSource::Properties)
            {
                return RefusalFault::Setting(fault.clone());
            }
            if mentions(&["consent", "gdpr"]) {
                return self.judge_consent();
            }
            if named.is_empty() && mentions(&FORBIDDEN) {
                return RefusalFault::Setting(SettingFault::Permission);
            }
        }
        if named.iter().any(|field| self.is_contacts_fault(field, &text)) || self.quotes_value(&text) {
            return RefusalFault::Contact;
        }
        if !self.is_tripleseat {
            return RefusalFault::Unnamed;
        }
        match named.first() {
            Some(field) => self.judge_setting(field, &text),
            None => self.judge_unknown_label(&text),
        }
    }

    /// Consent is the contact's to give, if a property records it.
    fn judge_consent(&self) -> RefusalFault {
        if self.mapping.field_source(CONSENT) != Some(FieldSource::Properties) {
            let was_sent = self.mapping.field_source(CONSENT).is_none() || self.lead.contains_key(CONSENT);
            return if was_sent { RefusalFault::Setting(SettingFault::Consent) } else { RefusalFault::Unnamed };
        }
        if self.is_contacts_fault(CONSENT, "must be accepted") { RefusalFault::Contact } else { RefusalFault::Unnamed }
    }

    /// The fields whose names are in a text. `phone_number` isn't in one that has `phone_number_extension`.
    fn named_fields(&self, text: &str) -> Vec<String> {
        let words = split_words(text);
        let known = self
            .is_tripleseat
            .then(|| LEAD_FIELDS.iter().map(|field| field.name).chain(SETTING_FIELDS.map(|(name, _)| name)));
        let fields = known.into_iter().flatten().chain(self.mapping.field_names());
        let mut found: Vec<(usize, Vec<String>, String)> = fields
            .filter_map(|field| {
                let label = label_words(field);
                let at = words.windows(label.len().max(1)).position(|window| window == label)?;
                Some((at, label, field.to_owned()))
            })
            .collect();
        let labels: Vec<Vec<String>> = found.iter().map(|(_, label, _)| label.clone()).collect();
        found.retain(|(_, label, _)| {
            !labels
                .iter()
                .any(|longer| longer.len() > label.len() && longer.windows(label.len()).any(|part| part == label))
        });
        found.sort();
        found.dedup_by(|one, other| one.2 == other.2);
        found.into_iter().map(|(_, _, field)| field).collect()
    }

    /// Whether the field is mapped from a property, of which this contact has no usable value.
    fn is_contacts_fault(&self, field: &str, text: &str) -> bool {
        if self.mapping.field_source(field) != Some(FieldSource::Properties) {
            return false;
        }
        let Some(value) = self.lead.get(field) else { return true };
        ABOUT_VALUE.iter().any(|words| text.contains(words)) || !is_well_formed(field, &value.to_text(), text)
    }

    /// Whether a text repeats a value of the contact.
    fn quotes_value(&self, text: &str) -> bool {
        let words = split_words(text);
        let labels: Vec<String> = self.mapping.field_names().flat_map(label_words).collect();
        self.lead.iter().any(|(field, value)| {
            let value = split_words(value.as_text().unwrap_or_default());
            let telling = value.iter().map(String::len).sum::<usize>() >= 4
                && !value.iter().all(|word| labels.contains(word) || COMMON.contains(&word.as_str()));
            telling
                && self.mapping.field_source(field) == Some(FieldSource::Properties)
                && words.windows(value.len()).any(|window| window == value)
        })
    }

    /// A field that the contact has a usable value for, or that has nothing to do with the contact.
    fn judge_setting(&self, field: &str, text: &str) -> RefusalFault {
        match self.mapping.field_source(field) {
            Some(FieldSource::Properties) => RefusalFault::Unnamed,
            // A check's lead has no constants.
            Some(FieldSource::Constant) if !self.lead.contains_key(field) => RefusalFault::Unnamed,
            Some(FieldSource::Constant) => RefusalFault::Setting(SettingFault::ConstantField(field.to_owned())),
            None if is_required(text) => RefusalFault::Setting(SettingFault::UnmappedField(field.to_owned())),
            None => RefusalFault::Unnamed,
        }
    }

    /// A custom field of a lead form has a label that its name doesn't show. If the contact lacks the value of a mapped
    /// custom field, it may be that one.
    fn judge_unknown_label(&self, text: &str) -> RefusalFault {
        let Some(at) = REQUIRED.iter().filter_map(|words| text.find(words)).min() else {
            return RefusalFault::Unnamed;
        };
        let is_custom = |field: &&str| find_lead_field(field).is_none();
        let lacks = |field: &str| {
            self.mapping.field_source(field) == Some(FieldSource::Properties) && !self.lead.contains_key(field)
        };
        let label = text.get(..at).unwrap_or_default().trim();
        if label.is_empty() || self.mapping.field_names().filter(is_custom).any(lacks) {
            return RefusalFault::Unnamed;
        }
        RefusalFault::Setting(SettingFault::UnmappedField(label.to_owned()))
    }
}

/// Words of messages that could also be somebody's entry.
const COMMON: [&str; 8] = ["email", "phone", "text", "invalid", "number", "lead", "required", "unknown"];

/// Whether two names are of the same field: `lead_form` is `lead_form_id`.
fn is_same(one: &str, other: &str) -> bool {
    label_words(one) == label_words(other)
}

/// The words that a message uses for a field: of `/lead/phone_number`, `phone` and `number`; of `location_id`,
/// `location`.
fn label_words(field: &str) -> Vec<String> {
    let name = field.rsplit('/').next().unwrap_or(field);
    let name = name.strip_suffix("_id").unwrap_or(name);
    split_words(&name.to_lowercase())
}

fn split_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn is_required(text: &str) -> bool {
    REQUIRED.iter().any(|words| text.contains(words))
}

/// Whether a value looks like one that `field` accepts. What isn't known about a field is decided in favor of the value.
fn is_well_formed(field: &str, value: &str, text: &str) -> bool {
    let label = label_words(field);
    let has = |word: &str| label.iter().any(|part| part == word);
    let digits = value.chars().filter(char::is_ascii_digit).count();
    if text.contains("accepted") {
        return ["true", "1", "yes", "on"].contains(&value.trim().to_lowercase().as_str());
    }
    if has("email") || has("mail") {
        let (name, domain) = value.trim().rsplit_once('@').unwrap_or_default();
        let is_domain = domain.split('.').count() > 1 && domain.split('.').all(|part| !part.is_empty());
        return !name.is_empty() && is_domain && !value.trim().contains(char::is_whitespace);
    }
    if has("phone") || has("mobile") {
        return (7..=15).contains(&digits) && !value.contains(char::is_alphabetic);
    }
    if has("date") {
        let parts: Vec<Option<u32>> =
            value.trim().split(['-', '/', '.', 'T', ' ']).map(|part| part.parse().ok()).collect();
        return parts.len() >= 3 && parts.iter().take(3).all(Option::is_some);
    }
    if has("count") || text.contains("is not a number") {
        return value.trim().parse::<u32>().is_ok();
    }
    value.contains(char::is_alphanumeric)
}

#[cfg(test)]
mod tests;
