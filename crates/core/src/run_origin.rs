//! Who starts a run, as an invocation's client context says it. The function doesn't read it; `deployer dev` shows it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who starts a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOrigin {
    /// The venue's rule.
    Schedule,
    /// The button on the page of `deployer dev`.
    Page,
    /// `deployer invoke`.
    Invoke,
    /// `deployer verify`.
    Verify,
    /// An apply, which tries new code before it is used.
    Apply,
    /// A program that doesn't say.
    #[default]
    Other,
}

/// The member of the client context's `custom` object.
const MEMBER: &str = "deployer";

impl RunOrigin {
    /// The value of Lambda's `ClientContext`: base64 of JSON.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    pub fn client_context(self) -> String {
        STANDARD.encode(json!({ "custom": { MEMBER: self } }).to_string())
    }

    /// Who started the run with this client context.
    pub fn from_client_context(context: Option<&str>) -> Self {
        let decoded = context.and_then(|context| STANDARD.decode(context).ok());
        let context: Option<Value> = decoded.and_then(|json| serde_json::from_slice(&json).ok());
        let named = context.and_then(|mut context| Some(context.get_mut("custom")?.get_mut(MEMBER)?.take()));
        named.and_then(|name| serde_json::from_value(name).ok()).unwrap_or_default()
    }

    /// For people, after "by" or on its own.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Page => "page",
            Self::Invoke => "deployer invoke",
            Self::Verify => "deployer verify",
            Self::Apply => "deployer apply",
            Self::Other => "another program",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        for origin in [RunOrigin::Schedule, RunOrigin::Page, RunOrigin::Invoke, RunOrigin::Verify, RunOrigin::Apply] {
            assert_eq!(RunOrigin::from_client_context(Some(&origin.client_context())), origin);
        }
        let foreign = [json!({ "custom": { "deployer": "moon" } }), json!({ "client": {} }), json!(7)];
        for context in foreign {
            let encoded = STANDARD.encode(context.to_string());
            assert_eq!(RunOrigin::from_client_context(Some(&encoded)), RunOrigin::Other, "{context}");
        }
        assert_eq!(RunOrigin::from_client_context(Some("%%")), RunOrigin::Other);
        assert_eq!(RunOrigin::from_client_context(None), RunOrigin::Other);
    }
}
