//! `[alarms]`: what raises an alarm, and who is notified.

use sync_config::alarm_words::cause_meaning;
use sync_config::chat::ChatKind;

use super::Flaw;
use super::SecretRef;
use super::digest_schedule::DigestSchedule;
use super::keys::{ALARMS, AlarmsKeys};
use super::report::ManifestProblem;
use super::shape::ManifestReading;
use super::table::ManifestTable;
use crate::error::ErrorCode;
use crate::role_policy::rules_have_roles;
use crate::scope::Scope;

/// What an alarm watches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmCause {
    /// Runs fail.
    Failing,
    /// No run has succeeded for three intervals, whether or not any began.
    Silent,
    /// A flag has been set for too long.
    OldestFlag,
    /// Contacts came to need review.
    NeedsReview,
    /// Too large a share of the contacts were refused for their data.
    Failed,
    /// Lambda doesn't start runs.
    Throttled,
    /// Leads can't be looked up: an OAuth application is refused, or a consent can't be renewed.
    Lookups,
}

impl AlarmCause {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 7] = [
        Self::Failing,
        Self::Silent,
        Self::OldestFlag,
        Self::NeedsReview,
        Self::Failed,
        Self::Throttled,
        Self::Lookups,
    ];

    /// Its word in a manifest, and the end of its alarm's name.
    pub fn as_word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Silent => "silent",
            Self::OldestFlag => "oldest_flag",
            Self::NeedsReview => "needs_review",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Lookups => "lookups",
        }
    }

    /// The cause with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_word() == word)
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        cause_meaning(self.as_word()).unwrap_or(self.as_word())
    }

    /// Whether it is seen in metrics that the runs write. Lambda's own show the others.
    pub fn needs_metrics(self) -> bool {
        match self {
            Self::Failing | Self::Throttled => false,
            Self::Silent | Self::OldestFlag | Self::NeedsReview | Self::Failed | Self::Lookups => true,
        }
    }
}

/// The `[alarms]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmSettings {
    /// ARN of a topic that exists; `None` for one of the deployment's own.
    pub topic: Option<String>,
    /// Who gets the messages of the deployment's own topic.
    pub emails: Vec<String>,
    /// The webhooks of chats that get the same messages: their keys in the secret, and where their values come from.
    pub webhooks: Vec<(String, SecretRef)>,
    /// When a digest is sent; `None` for none.
    pub digest: Option<DigestSchedule>,
    /// What is watched for.
    pub causes: Vec<AlarmCause>,
    /// How long a flag may be set, in seconds.
    pub oldest_flag_s: u32,
    /// How many contacts of an hour that need review raise an alarm.
    pub needs_review: u32,
    /// Which share of a day's contacts that fail raises an alarm.
    pub failed_percent: u32,
}

impl AlarmSettings {
    /// The chats that get the messages.
    pub fn chats(&self) -> impl Iterator<Item = ChatKind> {
        self.webhooks.iter().filter_map(|(key, _)| ChatKind::from_secret_key(key))
    }

    /// Whether a function works for all venues: it forwards to chats, sends the digest, or both.
    pub fn need_function(&self) -> bool {
        !self.webhooks.is_empty() || self.digest.is_some()
    }
}

/// Reads the table. What is wrong by itself has been reported already.
pub(super) fn read_alarms(
    reading: &mut ManifestReading<'_>,
    table: ManifestTable<'_, '_, AlarmsKeys>,
    region: &str,
) -> AlarmSettings {
    let topic: Option<String> = table.read(&ALARMS.topic);
    let of_topic = topic.as_deref().and_then(|topic| topic.split(':').nth(3)).unwrap_or(region);
    if let (true, Some(span)) = (of_topic != region, table.value_span(&ALARMS.topic)) {
        let message = format!("this topic is in {of_topic}, and the deployment in {region}");
        let help = "an alarm publishes only to topics of its own region: name one there, or remove `topic`";
        reading.push_problem(
            ManifestProblem::new(ErrorCode::AlarmsTopicRegion, span, message, "another region").with_help(help),
        );
    }
    let emails = table.list_texts(&ALARMS.email);
    if let (Some(_), Some(span)) = (&topic, table.value_span(&ALARMS.email)) {
        let message = "`email` subscribes to the deployment's own topic, but `topic` names another";
        let help = "remove `topic`, or subscribe these addresses to that topic where it is managed";
        reading.push_problem(ManifestProblem::new(ErrorCode::AlarmsEmail, span, message, "not used").with_help(help));
    }
    let mut webhooks = Vec::new();
    for (chat, key) in [(ChatKind::Slack, &ALARMS.slack_webhook), (ChatKind::Teams, &ALARMS.teams_webhook)] {
        let Some(reference) = table.read(key) else { continue };
        webhooks.push((chat.secret_key().to_owned(), reference));
        if let (Some(_), Some(span)) = (&topic, table.value_span(key)) {
            let message = "a chat gets the messages of the deployment's own topic, but `topic` names another";
            let help = "remove `topic`, or connect the chat to that topic where it is managed";
            reading
                .push_problem(ManifestProblem::new(ErrorCode::AlarmsEmail, span, message, "not used").with_help(help));
        }
    }
    let words = table.list_texts(&ALARMS.causes);
    let named: Vec<AlarmCause> = words.iter().filter_map(|word| AlarmCause::from_word(word)).collect();
    AlarmSettings {
        topic,
        emails,
        webhooks,
        digest: table.read(&ALARMS.digest),
        causes: if table.has_key(&ALARMS.causes) { named } else { AlarmCause::ALL.to_vec() },
        oldest_flag_s: table.read(&ALARMS.oldest_flag).0,
        needs_review: table.read(&ALARMS.needs_review),
        failed_percent: table.read(&ALARMS.failed_percent),
    }
}

/// Checks that a digest beside a chat can be started: the topic needs the one statement that the function's policy has, so
/// the rule needs a role. `limited` is whether roles have a permissions boundary, which may not let them invoke anything.
pub(super) fn check_digest(
    reading: &mut ManifestReading<'_>,
    table: ManifestTable<'_, '_, AlarmsKeys>,
    settings: &AlarmSettings,
    (region, limited): (&str, bool),
) {
    let no_roles = !rules_have_roles(&Scope::of_region(String::new(), region));
    let Some(span) = table.value_span(&ALARMS.digest).filter(|_| !settings.webhooks.is_empty()) else { return };
    let why = match (no_roles, limited) {
        (false, false) => return,
        (true, _) => "rules have no roles in this partition",
        (false, true) => "a permissions boundary may not let it",
    };
    let message = format!("a digest beside a chat is started by a rule with a role, and {why}");
    let help = "remove `digest`, and run `deployer report --send` in a scheduled job of your CI, or remove the chat";
    reading.push_problem(ManifestProblem::new(ErrorCode::AlarmsDigest, span, message, "not started").with_help(help));
}

/// Checks the ARN of a topic. Alarms can't publish to a FIFO topic.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_topic_arn(text: &str) -> Result<(), Flaw> {
    const EXAMPLE: &str = "write it like \"arn:aws:sns:us-east-1:123456789012:on-call\"";
    let arn = super::company::parse_arn(text, EXAMPLE)?;
    if arn.service != "sns" || arn.resource.is_empty() || arn.resource.contains(':') || arn.region.is_empty() {
        return Err(Flaw::new("this is not the ARN of an SNS topic", EXAMPLE));
    }
    if arn.resource.ends_with(".fifo") {
        return Err(Flaw::new("an alarm can't publish to a FIFO topic", EXAMPLE));
    }
    Ok(())
}

/// Checks the form of an e-mail address. Whether anybody reads it shows when the subscription is confirmed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_email(text: &str) -> Result<(), Flaw> {
    let parts = text.split_once('@').filter(|(name, domain)| !name.is_empty() && domain.contains('.'));
    if parts.is_none() || text.chars().any(|c| c.is_whitespace() || c.is_control()) || text.matches('@').count() != 1 {
        return Err(Flaw::new("this is not an e-mail address", "write it like \"ops@example.com\""));
    }
    Ok(())
}

/// Checks the word of a cause.
///
/// # Errors
/// There is no such cause.
pub(super) fn check_cause(text: &str) -> Result<(), Flaw> {
    if AlarmCause::from_word(text).is_some() {
        return Ok(());
    }
    let words = AlarmCause::ALL.map(AlarmCause::as_word).join(", ");
    Err(Flaw::new("there is no such cause", format!("write one of {words}")))
}

/// Checks for how long a flag may be set.
///
/// # Errors
/// It isn't a duration of a minute to a week.
pub(super) fn check_flag_age(text: &str) -> Result<(), Flaw> {
    const EXAMPLE: &str = "write it like \"30m\", from 1m to 168h";
    match super::parse_duration(text) {
        Ok(seconds) if (60..=7 * 24 * 3600).contains(&seconds) => Ok(()),
        Ok(_) => Err(Flaw::new("a flag's age must be a minute to a week", EXAMPLE)),
        Err(flaw) => Err(flaw),
    }
}
