//! Which scopes a HubSpot token has: from HubSpot's own list, or, where that isn't answered (as for service keys), from a
//! harmless request for each scope.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use sync_config::config::HUBSPOT_TOKEN_PLACE;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::DoctorFinding;
use super::hubspot::finding_for_failure;
use deployer_hubspot::hubspot::{RequestSize, Retryable};
use deployer_hubspot::{HubSpotClient, VendorError, VendorFailure};

const TOKEN_INFO: &str = "/oauth/v2/private-apps/get/access-token-info";
const CONTACTS_READ: &str = "crm.objects.contacts.read";
const CONTACTS_WRITE: &str = "crm.objects.contacts.write";
const SCHEMAS_READ: &str = "crm.schemas.contacts.read";
const SCHEMAS_WRITE: &str = "crm.schemas.contacts.write";
const AUTOMATION: &str = "automation";

/// A scope, and which command needs it if it is optional.
pub(super) struct TokenScope {
    pub(super) name: &'static str,
    only_for: Option<&'static str>,
}

/// The scopes that a venue's runs need.
pub(super) const OF_VENUES: [TokenScope; 2] =
    [TokenScope { name: CONTACTS_READ, only_for: None }, TokenScope { name: CONTACTS_WRITE, only_for: None }];
/// The scope that a venue's runs need besides, if its mapping turns values into their labels.
pub(super) const FOR_LABELS: TokenScope = TokenScope { name: SCHEMAS_READ, only_for: None };
/// The scopes that the deployer's own `[hubspot] token` needs.
pub(super) const OF_DEPLOYER: [TokenScope; 4] = [
    TokenScope { name: SCHEMAS_READ, only_for: None },
    TokenScope { name: SCHEMAS_WRITE, only_for: None },
    TokenScope {
        name: CONTACTS_READ,
        only_for: Some("`deployer duplicates` needs it, to find out which venue a lead belongs to"),
    },
    TokenScope { name: AUTOMATION, only_for: Some("`deployer audit` needs it, to read workflows") },
];

/// What is known about a token's scopes.
#[derive(Debug)]
pub(super) enum GrantedScopes {
    /// HubSpot lists them.
    Listed(Vec<String>),
    /// HubSpot doesn't list them. By scope, how a request ended that needs it.
    Tried { unlisted: VendorError, tried: BTreeMap<&'static str, Result<(), VendorError>> },
}

impl GrantedScopes {
    /// Finds out which of the scopes `wanted` a token has.
    pub(super) async fn read_scopes(hubspot: &HubSpotClient, token: &str, wanted: &BTreeSet<&'static str>) -> Self {
        let unlisted = match list_scopes(hubspot, token).await {
            Ok(scopes) => return Self::Listed(scopes),
            Err(error) => error,
        };
        let mut tried = BTreeMap::new();
        for scope in wanted {
            tried.insert(*scope, try_scope(hubspot, scope).await);
        }
        Self::Tried { unlisted, tried }
    }

    pub(super) fn check_scope(&self, wanted: &TokenScope) -> DoctorFinding {
        let missing = |evidence: String| match wanted.only_for {
            None => DoctorFinding::failed(evidence)
                .with_advice(format!("add {} to the token's scopes in {HUBSPOT_TOKEN_PLACE}", wanted.name)),
            Some(who) => DoctorFinding::skipped(format!("{evidence}; only {who}")),
        };
        match self {
            Self::Listed(scopes) if scopes.iter().any(|scope| scope == wanted.name) => DoctorFinding::ok("granted"),
            Self::Listed(_) => missing("not granted".to_owned()),
            Self::Tried { unlisted, tried } => match tried.get(wanted.name) {
                Some(Ok(())) => DoctorFinding::ok(format!(
                    "{} works; HubSpot doesn't list the token's scopes ({})",
                    tried_words(wanted.name),
                    unlisted.failure
                )),
                Some(Err(error)) if error.is_denied() => missing(error.to_string()),
                Some(Err(error)) => finding_for_failure(error),
                None => DoctorFinding::unknown(unlisted.to_string())
                    .with_advice(format!("check in {HUBSPOT_TOKEN_PLACE} whether the token has {}", wanted.name)),
            },
        }
    }
}

async fn list_scopes(hubspot: &HubSpotClient, token: &str) -> Result<Vec<String>, VendorError> {
    let info = hubspot
        .request_json(
            Method::POST,
            TOKEN_INFO,
            Some(&json!({ "tokenKey": token })),
            Retryable::Yes,
            RequestSize::Single,
        )
        .await?;
    let scopes = info.get("scopes").and_then(Value::as_array);
    let scopes = scopes.map(|scopes| scopes.iter().filter_map(|scope| scope.as_str().map(ToOwned::to_owned)).collect());
    scopes.ok_or_else(|| VendorError {
        request: format!("POST {TOKEN_INFO}"),
        failure: VendorFailure::Unavailable(200),
        message: "the answer has no scopes".to_owned(),
        correlation_id: String::new(),
    })
}

/// Makes a request that needs only this scope and changes nothing. HubSpot checks scopes before it looks at a body, so an
/// empty batch shows whether writing is allowed: it is rejected for being empty, or accepted and writes nothing.
async fn try_scope(hubspot: &HubSpotClient, scope: &str) -> Result<(), VendorError> {
    let get = async |path: String| hubspot.get_json(&path).await.map(drop);
    let post_nothing = async |path: String| {
        let posted = hubspot
            .request_json(Method::POST, &path, Some(&json!({ "inputs": [] })), Retryable::Yes, RequestSize::Single)
            .await;
        match posted {
            Err(error) if !matches!(error.failure, VendorFailure::Refused(_)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    };
    match scope {
        CONTACTS_READ => get(format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts?limit=1")).await,
        CONTACTS_WRITE => post_nothing(format!("/crm/objects/{HUBSPOT_API_VERSION}/contacts/batch/update")).await,
        SCHEMAS_READ => get(format!("/crm/properties/{HUBSPOT_API_VERSION}/contacts")).await,
        SCHEMAS_WRITE => post_nothing(format!("/crm/properties/{HUBSPOT_API_VERSION}/contacts/batch/create")).await,
        _ => hubspot.find_workflows(1).await.map(drop),
    }
}

/// What [`try_scope`] does for a scope, in words.
fn tried_words(scope: &str) -> &'static str {
    match scope {
        CONTACTS_READ => "reading a contact",
        CONTACTS_WRITE => "updating no contacts",
        SCHEMAS_READ => "reading the properties",
        SCHEMAS_WRITE => "creating no properties",
        _ => "reading the workflows",
    }
}
