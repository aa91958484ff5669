//! The forms in which chats take messages.

use serde_json::{Value, json};
use sync_config::chat::ChatKind;

use super::message::{ChatMessage, ChatMood};

/// The body of a request to the chat's webhook.
pub fn chat_payload(chat: ChatKind, message: &ChatMessage) -> Value {
    match chat {
        ChatKind::Slack => slack_payload(message),
        ChatKind::Teams => teams_payload(message),
    }
}

/// Escapes what Slack reads in a text: `&`, `<` and `>` of links and mentions
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>). What marks formatting has no escape, so a space of no
/// width is put before it.
fn escape_mrkdwn(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' | '_' | '~' | '`' => escaped.extend(['\u{200b}', sign]),
            _ => escaped.push(sign),
        }
    }
    escaped
}

/// The same within ``` or `, where only these three are read, and ` ends it.
fn escape_code(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

fn slack_payload(message: &ChatMessage) -> Value {
    let sign = match message.mood {
        ChatMood::Raised => ":red_circle: ",
        ChatMood::Cleared => ":large_green_circle: ",
        ChatMood::News => "",
    };
    let title = escape_mrkdwn(&message.title);
    let mut blocks = vec![section(&format!("{sign}*{title}*"))];
    if !message.text.is_empty() {
        blocks.push(match message.preformatted {
            true => section(&format!("```{}```", escape_code(&message.text))),
            false => section(&escape_mrkdwn(&message.text)),
        });
    }
    let facts: Vec<String> = message
        .facts
        .iter()
        .map(|(name, value)| format!("*{}:* {}", escape_mrkdwn(name), escape_mrkdwn(value)))
        .collect();
    if !facts.is_empty() {
        blocks.push(section(&facts.join("\n")));
    }
    if !message.commands.is_empty() {
        blocks.push(section(&format!("```{}```", escape_code(&message.commands.join("\n")))));
    }
    // The text is what a notification shows.
    json!({ "text": format!("{sign}{title}"), "blocks": blocks, "unfurl_links": false })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

/// Escapes what a `TextBlock` reads as Markdown.
/// <https://learn.microsoft.com/en-us/adaptive-cards/authoring-cards/text-features>
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        if "\\`*_{}[]()#+-.!~<>|".contains(sign) {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

/// An Adaptive Card in the envelope that workflows take. Commands are runs of text, which aren't read as Markdown.
/// <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>
fn teams_payload(message: &ChatMessage) -> Value {
    let color = match message.mood {
        ChatMood::Raised => "Attention",
        ChatMood::Cleared => "Good",
        ChatMood::News => "Default",
    };
    let mut body = vec![json!({
        "type": "TextBlock", "text": escape_markdown(&message.title), "size": "Large", "weight": "Bolder", "wrap": true,
        "color": color,
    })];
    if !message.text.is_empty() {
        match message.preformatted {
            true => body.extend(message.text.lines().map(monospaced)),
            false => body.push(json!({ "type": "TextBlock", "text": escape_markdown(&message.text), "wrap": true })),
        }
    }
    if !message.facts.is_empty() {
        let facts: Vec<Value> = message
            .facts
            .iter()
            .map(|(name, value)| json!({ "title": escape_markdown(name), "value": escape_markdown(value) }))
            .collect();
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    body.extend(message.commands.iter().map(|command| monospaced(command)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

fn monospaced(line: &str) -> Value {
    // An empty run is refused.
    let text = if line.is_empty() { " " } else { line };
    json!({ "type": "RichTextBlock", "spacing": "None", "inlines": [{ "type": "TextRun", "text": text, "fontType": "Monospace", "size": "Small" }] })
}
