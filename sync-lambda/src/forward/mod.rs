//! What belongs to all venues: forwards the messages of the deployment's topic to its chats, and has [`crate::digest`] send the
//! digest when its rule fires. The same executable as the sync: its environment decides which of the two it is.
//!
//! What can't be delivered fails the invocation, so that SNS and Lambda try again. A chat that took a message may get it
//! again then, which is better than none.

mod message;
mod payload;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backon::BackoffBuilder;
use serde_json::{Map, Value, json};
use sync_config::chat::{ChatKind, ENV_FORWARD_CONFIG, ForwardConfig};
use sync_config::config::ENV_SECRET_ARN;

use crate::credentials::CredentialValue;
use crate::digest::{DigestSender, is_of_schedule};
use crate::error::{RunError, Side};
use crate::http::{VendorResponse, send_request};
use crate::report::LogSink;
use crate::retry::{RetryAfterFloor, retry_pauses};
use crate::secret::{EnvironmentReader, SecretStore, parse_secret_object};
use crate::settings::check_url;
use crate::signed::AwsCaller;

use message::{ChatMessage, read_messages};

/// How long one request to a webhook may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a message is sent to a chat, and the pause before the second time.
const TRIES: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever a chat asks for: Lambda tries again a minute later.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// What has to be left of an invocation for another request.
const RESERVE: Duration = Duration::from_secs(2);

/// Forwards messages, and sends the digest.
pub struct Forwarder {
    config: ForwardConfig,
    /// The secret with the webhooks; `None` without a chat.
    secret_arn: Option<String>,
    variables: Arc<EnvironmentReader>,
    log: Arc<LogSink>,
    /// The pause before a message is sent again.
    first_pause: Duration,
}

impl Forwarder {
    /// The forwarder that the environment declares; `None` if the function syncs a venue.
    ///
    /// # Errors
    /// The environment isn't what the deployer writes.
    pub fn from_environment(variables: &Arc<EnvironmentReader>, log: &Arc<LogSink>) -> Option<Result<Self, RunError>> {
        let text = variables(ENV_FORWARD_CONFIG).filter(|text| !text.trim().is_empty())?;
        let wrong = |why: &dyn std::fmt::Display| RunError::Settings(format!("the environment variable {why}"));
        let read = serde_json::from_str::<ForwardConfig>(&text)
            .map_err(|error| wrong(&format_args!("{ENV_FORWARD_CONFIG} is invalid: {error}")));
        let secret_arn = variables(ENV_SECRET_ARN);
        Some(read.and_then(|config| {
            if secret_arn.is_none() && !config.chats.is_empty() {
                return Err(wrong(&format_args!("{ENV_SECRET_ARN} isn't set")));
            }
            let (variables, log) = (Arc::clone(variables), Arc::clone(log));
            Ok(Self { config, secret_arn, variables, log, first_pause: FIRST_PAUSE })
        }))
    }

    /// Sends the messages of an event to each chat, or the digest if the event is the rule's, until `deadline` at the latest.
    ///
    /// # Errors
    /// A chat didn't take a message, and all others were tried; or the digest wasn't sent.
    pub async fn handle_event(&self, event: &Value, deadline: SystemTime) -> Result<Value, RunError> {
        if event.get("dry_run").or(event.get("ping")).and_then(Value::as_bool).unwrap_or(false) {
            return Ok(json!({ "deployment": self.config.deployment, "chats": self.config.chats }));
        }
        if is_of_schedule(event) {
            let none = || {
                RunError::Settings("the function's configuration has no digest; `deployer apply` writes it".to_owned())
            };
            let digest = self.config.digest.as_ref().ok_or_else(none)?;
            let caller = AwsCaller::new(crate::http::build_client()?, Arc::clone(&self.variables));
            let sender = DigestSender { caller, config: &self.config, digest, log: &*self.log };
            return sender.send_digest(event, deadline).await;
        }
        let messages = read_messages(event, &self.config).ok_or_else(|| {
            RunError::Settings(
                "this is an event of neither SNS nor a rule: the function forwards messages of its topic, and sends the digest"
                    .to_owned(),
            )
        })?;
        let client = crate::http::build_client()?;
        let secret = match &self.secret_arn {
            Some(arn) => {
                let store = SecretStore::new(client.clone(), arn, Arc::clone(&self.variables));
                parse_secret_object(&store.read_secret().await?.text)?
            }
            None => Map::new(),
        };
        self.deliver_all(&client, &secret, &messages, deadline).await
    }

    /// Sends messages to each chat.
    async fn deliver_all(
        &self,
        client: &reqwest::Client,
        secret: &Map<String, Value>,
        messages: &[ChatMessage],
        deadline: SystemTime,
    ) -> Result<Value, RunError> {
        let mut failed = Vec::new();
        let mut sent = 0_u32;
        for chat in &self.config.chats {
            let webhook = secret.get(chat.secret_key()).and_then(Value::as_str).unwrap_or_default();
            // From here on, it is redacted wherever it would appear.
            let webhook = CredentialValue::new(webhook);
            for message in messages {
                let delivered = match check_target(*chat, &webhook) {
                    Ok(()) => {
                        self.deliver(client, *chat, &webhook, &payload::chat_payload(*chat, message), deadline).await
                    }
                    Err(why) => Err(why),
                };
                match delivered {
                    Ok(()) => sent += 1,
                    Err(why) => failed.push(format!("{}: {why}", chat.display_name())),
                }
            }
        }
        failed.dedup();
        (self.log)(&json!({
            "level": if failed.is_empty() { "info" } else { "error" }, "event": "forward",
            "messages": messages.len(), "sent": sent, "failed": failed,
        }));
        match failed.is_empty() {
            true => Ok(json!({ "sent": sent })),
            false => Err(RunError::Unavailable { side: Side::Chat, message: failed.join("; ") }),
        }
    }

    /// Sends one message, again after 429, 5xx and lost connections as long as there is time.
    async fn deliver(
        &self,
        client: &reqwest::Client,
        chat: ChatKind,
        webhook: &CredentialValue,
        body: &Value,
        deadline: SystemTime,
    ) -> Result<(), String> {
        let mut pauses = retry_pauses(self.first_pause, TRIES).build();
        let mut floor = RetryAfterFloor::default();
        loop {
            let request = client.post(webhook.expose()).json(body);
            let (why, retry_after) = match send_request(request, ANSWER_TIMEOUT).await {
                Ok(answer) if answer.status < 300 => return Ok(()),
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    (format!("status {}", answer.status), answer.retry_after)
                }
                Ok(answer) => return Err(refusal_text(chat, &answer)),
                Err(none) => (none.message, None),
            };
            let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
            let pause = pauses.next().map(|pause| floor.raise_pause(pause, retry_after));
            match pause.filter(|pause| *pause <= LONGEST_PAUSE && *pause + RESERVE + ANSWER_TIMEOUT <= left) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(why),
            }
        }
    }
}

/// Checks where a message goes. Servers on this machine are for tests: in Lambda, there is none.
fn check_target(chat: ChatKind, webhook: &CredentialValue) -> Result<(), String> {
    let url = webhook.expose();
    let set = format!("`deployer secret set _all {}` sets it", chat.secret_key().to_lowercase());
    if url.is_empty() {
        return Err(format!("its webhook isn't set; {set}"));
    }
    if url.starts_with("http://127.0.0.1:") && check_url(url).is_ok() {
        return Ok(());
    }
    chat.check_webhook(url).map_err(|why| format!("{why}; {set}"))
}

fn refusal_text(chat: ChatKind, answer: &VendorResponse) -> String {
    let said: String = answer.body.chars().filter(|sign| !sign.is_control()).take(100).collect();
    let set = chat.secret_key().to_lowercase();
    let gone = [401, 403, 404, 410].contains(&answer.status);
    let advice = if gone {
        format!("; if the webhook was removed, `deployer secret set _all {set}` sets another")
    } else {
        String::new()
    };
    format!("it refused the message with status {}: {said}{advice}", answer.status)
}
