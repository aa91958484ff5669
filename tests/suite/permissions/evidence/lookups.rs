//! Commands that look leads up, with a consent whose access token has expired.

use std::sync::Arc;

use deployer_cloud::{ApiError, Invocation, InvocationResult, Invoker};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use sync_config::config::{LedgerProperties, default_flag_property};
use sync_lambda::ledger::Attempt;

use super::run_all;
use crate::connect::ConsentSite;
use crate::duplicates::account::DuplicatesSandbox;
use crate::permissions::record::NeededPermission;
use crate::versions::FakeFunctions;

pub fn connect() -> Vec<NeededPermission> {
    let sandbox = ConsentSite::new();
    let (code, text) = sandbox.connect();
    assert_eq!(code, 0, "{text}");
    sandbox.site.take_permissions()
}

/// Functions that fail, as one does whose token was revoked.
#[derive(Debug)]
struct FailingFunctions;

impl Invoker for FailingFunctions {
    fn run_invocation(&self, _: Invocation) -> BoxFuture<'static, Result<InvocationResult, ApiError>> {
        let payload = r#"{"errorMessage":"no token","errorType":"Credential"}"#.into();
        let function_error = Some("Unhandled".to_owned());
        Box::pin(async move { Ok(InvocationResult { payload, function_error, log: String::new() }) })
    }
}

/// They need the function for another token.
pub fn look_up_leads() -> Vec<NeededPermission> {
    let sandbox = DuplicatesSandbox::new();
    let site = &sandbox.site;
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("the manifest");
    let consented = manifest.replacen("site_id = 1\n", "site_id = 1\noauth = \"authorization_code\"\n", 1).replacen(
        "\"env:TOKEN_a\"",
        "\"file:token\"",
        1,
    );
    assert_ne!(consented, manifest);
    // Without the portal's token, the properties stay as the sandbox made them.
    site.write_file("venues.toml", &consented.replacen("token = \"file:token\"\n", "", 1));
    run_all(site, &[&["apply", "--yes", "--artifact", "bootstrap"]]);
    site.write_file("venues.toml", &consented);
    let changed = site.cloud.with_context(|cx| {
        let secret = cx.region_state_mut().secretsmanager.secrets.get_mut("sync/a").expect("it exists");
        for version in secret.versions.values_mut() {
            let mut object: Value = serde_json::from_str(version.string.as_deref().unwrap_or("{}")).expect("JSON");
            object["TRIPLESEAT_ACCESS_TOKEN"] = json!("access");
            object["TRIPLESEAT_REFRESH_TOKEN"] = json!("refresh");
            object["TRIPLESEAT_TOKEN_EXPIRES_AT"] = json!("2020-01-01T00:00:00Z");
            version.string = Some(object.to_string());
        }
    });
    changed.expect("the cloud's state is writable");
    site.cloud.set_invoker(Arc::new(FailingFunctions));
    let ledger = LedgerProperties::new("a", &default_flag_property("a"));
    // The next contact's id is one more.
    let first: u64 = sandbox.create_contact(&[("email", "first@example.com")]);
    let reference = Attempt::new(&(first + 1).to_string(), Timestamp::now()).reference_text();
    let review = [("email", "ana@example.com"), (&ledger.status, "needs_review"), (&ledger.lead_id, &reference)];
    assert_eq!(sandbox.create_contact(&review), first + 1);
    for args in [
        &["doctor", "a"][..],
        &["retry", "a", "--dry-run"],
        &["duplicates", "a", "--out", "out", "--rate", "10"],
        &["verify", "a", "--now"],
    ] {
        site.run_deployer(args);
    }
    // A run that takes no contact.
    site.cloud.set_invoker(Arc::new(FakeFunctions::default()));
    site.run_deployer(&["verify", "a", "--now", "--timeout", "1s"]);
    site.take_permissions()
}
