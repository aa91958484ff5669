//! Chats that get the messages of alarms, and the configuration of the function that forwards them and sends the digest.

use crate::digest::DigestConfig;
use serde::{Deserialize, Serialize};

/// Environment variable with [`ForwardConfig`] as JSON. A function that has it works for all venues, instead of syncing one:
/// it forwards the messages of the deployment's topic, and sends the digest.
pub const ENV_FORWARD_CONFIG: &str = "FORWARD_CONFIG";
/// Key of the secret with Slack's webhook, and its name in a manifest.
pub const KEY_SLACK_WEBHOOK: &str = "SLACK_WEBHOOK";
/// Key of the secret with the webhook of a Teams workflow, and its name in a manifest.
pub const KEY_TEAMS_WEBHOOK: &str = "TEAMS_WEBHOOK";

/// What the function of all venues needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardConfig {
    /// The deployment whose messages it forwards.
    pub deployment: String,
    /// Where they go.
    pub chats: Vec<ChatKind>,
    /// Names for people, by the venue's name in the manifest.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub venues: std::collections::BTreeMap<String, String>,
    /// The digest that its rule starts; `None` if it only forwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestConfig>,
}

/// A chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of a workflow in Teams.
    Teams,
}

impl ChatKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Slack, Self::Teams];

    /// The key of its webhook in the secret.
    pub fn secret_key(self) -> &'static str {
        match self {
            Self::Slack => KEY_SLACK_WEBHOOK,
            Self::Teams => KEY_TEAMS_WEBHOOK,
        }
    }

    /// The chat whose webhook has this key.
    pub fn from_secret_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chat| chat.secret_key() == key)
    }

    /// Its name, for people.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Teams => "Teams",
        }
    }

    /// Checks that a text is a webhook of this chat, so that nothing else is ever sent to. The error doesn't repeat it.
    ///
    /// Slack's are below `https://hooks.slack.com/services/` (`hooks.slack-gov.com` for governments); the webhooks of its
    /// workflows, below `/triggers/`, take other messages. Those of Teams' workflows are Power Automate's:
    /// `*.environment.api.powerplatform.com`, or `*.logic.azure.com` for those of Azure Logic Apps. Teams' former connectors
    /// (`*.webhook.office.com`) were retired in May 2026.
    ///
    /// # Errors
    /// What is wrong with it, and where to get one.
    pub fn check_webhook(self, url: &str) -> Result<(), String> {
        let (host, path) = split_url(url).ok_or_else(|| format!("this is not an https URL; {}", self.advice()))?;
        let is_below =
            |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
        let fits = match self {
            Self::Slack => {
                ["hooks.slack.com", "hooks.slack-gov.com"].contains(&host.as_str()) && path.starts_with("/services/")
            }
            Self::Teams => is_below("environment.api.powerplatform.com") || is_below("logic.azure.com"),
        };
        if self == Self::Teams && is_below("webhook.office.com") {
            return Err(format!("connectors of Teams were retired in May 2026; {}", self.advice()));
        }
        if fits { Ok(()) } else { Err(format!("this is not a webhook of {}; {}", self.display_name(), self.advice())) }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Slack => {
                "in Slack, add Incoming Webhooks to an app and copy its URL, https://hooks.slack.com/services/…"
            }
            Self::Teams => {
                "in Teams, add the workflow \"Send webhook alerts to a channel\" and copy its URL, \
                 https://….environment.api.powerplatform.com/…"
            }
        }
    }
}

/// Host and path of an `https` URL without credentials, on its usual port.
fn split_url(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("https://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.strip_suffix(":443").unwrap_or(host);
    let printed = url.chars().all(|sign| sign.is_ascii_graphic() && !"\\\"<>`{}|".contains(sign));
    let named = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (printed && named).then(|| (host.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_webhooks_of_a_chat_are_taken() {
        let teams = "https://default0123.ab.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/x\
                     /triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s";
        let good = [
            (ChatKind::Slack, "https://hooks.slack.com/services/T0/B0/x"),
            (ChatKind::Slack, "https://hooks.slack-gov.com/services/T0/B0/x"),
            (ChatKind::Teams, teams),
            (
                ChatKind::Teams,
                "https://prod-23.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke",
            ),
        ];
        for (chat, url) in good {
            assert_eq!(chat.check_webhook(url), Ok(()), "{url}");
        }
        let bad = [
            (ChatKind::Slack, "http://hooks.slack.com/services/T0/B0/x"),
            (ChatKind::Slack, "https://hooks.slack.com/triggers/T0/B0/x"),
            (ChatKind::Slack, "https://hooks.slack.com.evil.example/services/T0/B0/x"),
            (ChatKind::Slack, "https://hooks.slack.com@evil.example/services/T0/B0/x"),
            (ChatKind::Slack, "https://hooks.slack.com:8443/services/T0/B0/x"),
            (ChatKind::Slack, "https://evil.example/https://hooks.slack.com/services/T0/B0/x"),
            (ChatKind::Slack, "https://evil.example\\@hooks.slack.com/services/T0/B0/x"),
            (ChatKind::Slack, "xoxb-1-token"),
            (ChatKind::Teams, "https://environment.api.powerplatform.com/x"),
            (ChatKind::Teams, "https://evil-environment.api.powerplatform.com/x"),
            (ChatKind::Teams, "https://contoso.webhook.office.com/webhookb2/x"),
            (ChatKind::Teams, "https://logic.azure.com.evil.example/x"),
        ];
        for (chat, url) in bad {
            let error = chat.check_webhook(url).expect_err(url);
            assert!(!error.contains("T0") && !error.contains("xoxb"), "{error}");
        }
    }
}
