//! What a message of the topic says: an alarm of CloudWatch's, or any other text, such as a digest.

use std::collections::BTreeMap;

use serde_json::Value;
use sync_config::alarm_words::cause_meaning;
use sync_config::chat::ForwardConfig;

/// How long a text in a chat may be, in characters: Slack cuts at 40,000 and a block at 3,000, Teams a card at 28 KB.
const LONGEST: usize = 2800;

/// A message as a chat shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// One line: the venue, and what happened.
    pub title: String,
    /// Whether something needs attention, is over, or neither.
    pub mood: ChatMood,
    /// Why, in sentences.
    pub text: String,
    /// Names and values, such as the causes.
    pub facts: Vec<(String, String)>,
    /// Commands that say more, or mend it.
    pub commands: Vec<String>,
    /// Whether the text is to be shown as it is, in columns.
    pub preformatted: bool,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatMood {
    Raised,
    Cleared,
    News,
}

/// Reads the messages in an event of SNS; `None` if it is something else.
pub fn read_messages(event: &Value, config: &ForwardConfig) -> Option<Vec<ChatMessage>> {
    let records = event.get("Records")?.as_array()?;
    let messages = records.iter().map(|record| {
        let sns = &record["Sns"];
        let text = sns["Message"].as_str()?;
        let alarm = serde_json::from_str::<Value>(text).ok().filter(|alarm| alarm["AlarmName"].is_string());
        Some(match alarm {
            Some(alarm) => alarm_message(&alarm, config),
            None => plain_message(sns["Subject"].as_str().unwrap_or_default(), text, config),
        })
    });
    messages.collect()
}

fn plain_message(subject: &str, text: &str, config: &ForwardConfig) -> ChatMessage {
    ChatMessage {
        title: if subject.is_empty() { config.deployment.clone() } else { shorten(subject, 200) },
        mood: ChatMood::News,
        text: shorten(text.trim_end(), LONGEST),
        facts: Vec::new(),
        commands: Vec::new(),
        preformatted: true,
    }
}

/// The command that helps against a cause, by the end of its alarm's name.
const COMMANDS: [(&str, &str); 7] = [
    ("failing", "deployer logs VENUE --outcome failed"),
    ("silent", "deployer doctor VENUE"),
    ("oldest_flag", "deployer status VENUE"),
    ("needs_review", "deployer retry VENUE"),
    ("failed", "deployer logs VENUE --outcome failed"),
    ("throttled", "deployer doctor VENUE"),
    ("lookups", "deployer doctor VENUE"),
];

/// A message of CloudWatch's. Its alarm is `DEPLOYMENT/VENUE` for a venue, or `DEPLOYMENT/_all/…` for all of them.
fn alarm_message(alarm: &Value, config: &ForwardConfig) -> ChatMessage {
    let text = |member: &str| alarm[member].as_str().unwrap_or_default();
    let name = text("AlarmName");
    let prefix = format!("{}/", config.deployment);
    let venue = name.strip_prefix(&prefix).and_then(|rest| rest.split('/').next()).unwrap_or(name);
    let of_all = venue.starts_with('_');
    let known: &BTreeMap<String, String> = &config.venues;
    let display_name = known.get(venue).map_or(venue, String::as_str);
    let mood = match text("NewStateValue") {
        "ALARM" => ChatMood::Raised,
        "OK" => ChatMood::Cleared,
        _ => ChatMood::News,
    };
    let what = match mood {
        ChatMood::Raised => "needs attention",
        ChatMood::Cleared => "is fine again",
        ChatMood::News => "has no values to judge by",
    };
    let causes = raised_causes(alarm, name);
    let find = |cause: &str| COMMANDS.iter().find(|(word, _)| *word == cause);
    let meanings = causes.iter().map(|cause| cause_meaning(cause).unwrap_or(cause));
    let meanings: Vec<&str> = meanings.collect();
    let mut commands: Vec<String> = Vec::new();
    if mood == ChatMood::Raised && !of_all {
        commands.push(format!("deployer status {venue}"));
        for (_, command) in causes.iter().filter_map(|cause| find(cause)) {
            let command = command.replace("VENUE", venue);
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
    }
    let mut facts = Vec::new();
    if mood == ChatMood::Raised && !of_all && !meanings.is_empty() {
        facts.push(("Cause".to_owned(), meanings.join(", ")));
    }
    facts.push(("State".to_owned(), format!("{} (was {})", text("NewStateValue"), text("OldStateValue"))));
    facts.push(("Deployment".to_owned(), config.deployment.clone()));
    let at = text("StateChangeTime");
    if !at.is_empty() {
        facts.push(("Since".to_owned(), at.get(..16).unwrap_or(at).replace('T', " ") + " UTC"));
    }
    ChatMessage {
        title: if of_all { shared_title(name, mood).to_owned() } else { format!("{display_name} {what}") },
        mood,
        text: match mood {
            ChatMood::Raised if of_all => shorten(text("AlarmDescription"), LONGEST),
            ChatMood::Raised | ChatMood::Cleared | ChatMood::News => String::new(),
        },
        facts,
        commands,
        preformatted: false,
    }
}

/// What an alarm of all venues says.
fn shared_title(name: &str, mood: ChatMood) -> &'static str {
    match (name.rsplit('/').next(), mood) {
        (Some("hubspot"), ChatMood::Raised) => "HubSpot fails at many venues",
        (Some("hubspot"), ChatMood::Cleared) => "HubSpot answers again",
        (Some("chat"), ChatMood::Raised) => "Messages couldn't be delivered to a chat",
        (Some("digest"), ChatMood::Raised) => "A digest couldn't be sent",
        (_, ChatMood::Raised) => "All venues need attention",
        (_, ChatMood::Cleared) => "All venues are fine again",
        (_, ChatMood::News) => "The alarms of all venues have no values to judge by",
    }
}

/// The words of the causes in alarm: of a composite one, its children that are; of another, its own.
fn raised_causes(alarm: &Value, name: &str) -> Vec<String> {
    let own = name.split('/').nth(2).map(ToOwned::to_owned);
    let children = alarm["TriggeringChildren"].as_array().into_iter().flatten();
    let raised = children.filter(|child| child["State"]["Value"] == "ALARM");
    let words = raised.filter_map(|child| Some(child["Arn"].as_str()?.rsplit('/').next()?.to_owned()));
    let mut causes: Vec<String> = own.into_iter().chain(words).collect();
    causes.dedup();
    causes
}

/// At most this many characters, and it says so if something is left out.
fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => {
            let text = text.get(..end).unwrap_or_default();
            let end = text.rfind('\n').filter(|end| *end > longest / 2).unwrap_or(text.len());
            format!("{}\n…", text.get(..end).unwrap_or_default())
        }
    }
}
