//! What is deployed: the venues' roles with all their policies, the policies of functions and secrets, and the settings
//! of the deployed functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client as Lambda;
use futures_util::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sync_config::config::{ENV_FLAG_PROPERTY, ENV_SECRET_ARN, ENV_SYNC_CONFIG, ENV_TRIPLESEAT_BASE_URI, SyncConfig};

use super::paths::read_function_urls;
use super::schedules::read_schedule_strangers;
use deployer_aws::observe::{DeclaredShared, observe, read_versions};
use deployer_aws::{Aws, Call, CallError, Found};
use deployer_core::forwarder::shared_settings;
use deployer_core::isolation::planned::{CredentialsByVenue, log_group_arn, manifest_holdings, shared_duties};
use deployer_core::isolation::policy::Policy;
use deployer_core::isolation::schedules::scheduled_start;
use deployer_core::isolation::strangers::{find_strangers, statements_of, strangers_of_statement};
use deployer_core::isolation::{
    ComparedCredential, ReadOutcome, ScheduledStart, VenueHoldings, VenueSubject, parse_policies,
};
use deployer_core::manifest::{Manifest, Status, Venue};
use deployer_core::naming::{ALIAS, VenueNames};
use deployer_core::resource::{LiveRole, LiveStack, Observed, StringMap};
use deployer_core::role_policy::schedule_group_arn;
use deployer_core::scope::Scope;

/// How many venues' policies are read concurrently.
const VENUES_AT_ONCE: usize = 8;

/// What was read of the deployed venues.
#[derive(Debug, Default)]
pub struct LiveReading {
    /// The venues.
    pub subjects: Vec<VenueSubject>,
    /// Who outside of the account can use something of a venue, in words.
    pub strangers: Vec<String>,
    /// Why it is unknown whether strangers can use something.
    pub unread: Vec<String>,
    /// Where the check is based on incomplete data.
    pub notes: Vec<String>,
}

/// Reads the deployed venues.
pub async fn read_live_subjects(
    aws: &Aws,
    scope: &Scope,
    manifest: &Manifest,
    credentials: &CredentialsByVenue,
) -> LiveReading {
    let shared = shared_settings(manifest);
    let deployed = manifest.venues.iter().filter(|venue| venue.status != Status::Blocked);
    let deployed: Vec<&Venue> = deployed.chain(&shared).collect();
    let names: Vec<String> = deployed.iter().map(|venue| venue.name.clone()).collect();
    let scheduled = manifest.scheduled_venues().into_iter().map(ToOwned::to_owned).collect();
    let declared = DeclaredShared { topic: false, scheduled };
    let snapshot = observe(aws, scope, &manifest.deployment.role_place(), &names, &declared).await;
    let mut reading = LiveReading::default();
    for (venue, live) in &snapshot.venues {
        let found = find_strangers(live, &scope.account).into_iter();
        reading.strangers.extend(found.map(|stranger| format!("{venue}: {}", stranger.text)));
        let unread = live.unmodeled_answers().into_iter().flat_map(|(_, _, unread)| unread);
        reading.unread.extend(unread.map(|reason| format!("{venue}: {reason}")));
    }
    let read: Vec<(VenueSubject, Vec<String>, VersionPolicies)> = stream::iter(deployed)
        .map(async |venue| {
            let live = snapshot.venues.get(&venue.name).cloned().unwrap_or_default();
            let known = credentials.get(&venue.name).cloned().unwrap_or_default();
            let names = VenueNames::new(&manifest.deployment.name, &venue.name);
            let role_path = manifest.deployment.role_place().role_path();
            let deployment = manifest.deployment.name.clone();
            let reading = LiveVenueReader { aws, scope, venue, names, role_path, deployment };
            let (subject, notes) = reading.read_subject(&live, known).await;
            (subject, notes, reading.read_version_policies(&live).await)
        })
        .buffered(VENUES_AT_ONCE)
        .collect()
        .await;
    for (subject, notes, versions) in read {
        let subject = VenueSubject { shared: shared_duties(manifest, &subject.venue), ..subject };
        reading.subjects.push(subject);
        reading.notes.extend(notes);
        match versions {
            Ok(strangers) => reading.strangers.extend(strangers),
            Err(why) => reading.unread.push(why),
        }
    }
    let (strangers, unread) = read_schedule_strangers(&aws.signed, &snapshot, &reading.subjects).await;
    reading.strangers.extend(strangers);
    reading.unread.extend(unread);
    reading
}

/// What strangers can do to versions of a function that the alias doesn't point to.
type VersionPolicies = ReadOutcome<Vec<String>>;

pub(super) struct LiveVenueReader<'a> {
    pub(super) aws: &'a Aws,
    scope: &'a Scope,
    pub(super) venue: &'a Venue,
    names: VenueNames,
    role_path: String,
    deployment: String,
}

impl LiveVenueReader<'_> {
    async fn read_subject(
        &self,
        live: &LiveStack,
        known: BTreeMap<String, ComparedCredential>,
    ) -> (VenueSubject, Vec<String>) {
        let (name, scope) = (&self.venue.name, self.scope);
        // Without credentials it needs none, and one that is left counts all the same.
        let secret = match live.secret {
            Observed::Absent | Observed::PendingDeletion(_) if self.venue.secrets.is_empty() => Ok(None),
            _ => self.require_present(&live.secret, "secret").map(Some),
        };
        let secret_arn = secret.clone().map(|secret| secret.map(|secret| secret.arn.clone()));
        let has_secret = matches!(secret_arn, Ok(Some(_)));
        let (boundary, secret_key, deliveries, role, function_policy, secret_policy, stored) = tokio::join!(
            self.read_boundary(self.require_present(&live.role, "role")),
            self.read_secret_key(secret),
            self.read_deliveries(live),
            self.read_role_policies(&live.role),
            self.read_function_policies(self.require_present(&live.function, "function").map(drop)),
            self.read_secret_policy(has_secret),
            self.read_stored_digests(has_secret),
        );
        let mut notes = Vec::new();
        let credentials = match stored {
            Ok(stored) => merge_stored_digests(known, &stored),
            Err(why) => {
                notes.push(format!(
                    "the credentials of {name} were compared only by their references in the manifest: {why}"
                ));
                known
            }
        };
        let role_live = live.role.as_present();
        let subject = VenueSubject {
            role_arn: role_live.map_or_else(
                || scope.role_arn(&self.role_path, &self.names.role),
                |role| scope.role_arn(&role.path, &role.name),
            ),
            role,
            boundary,
            trust: self
                .require_present(&live.role, "role")
                .and_then(|role| parse_policies(&format!("the trust policy of {name}'s role"), &role.trust.to_value())),
            secret_arn,
            secret_policy,
            secret_key,
            log_group_arn: log_group_arn(scope, &self.names.log_group),
            function_arn: scope.regional_arn("lambda", &format!("function:{}", self.names.function)),
            function_policy,
            function_urls: read_function_urls(
                name,
                self.require_present(&live.function, "function").map(|function| &function.unmodeled),
            ),
            deliveries,
            // One that changes over has both. Without a rule it isn't known to need one as long as its schedule is unreadable.
            rule_arn: (live.rule.as_present().is_some() || matches!(live.schedule, Observed::Absent))
                .then(|| scope.regional_arn("events", &format!("rule/{}", self.names.rule))),
            schedule: self.read_start(live),
            account: scope.account.clone(),
            holdings: self
                .require_present(&live.alias, "alias")
                .and_then(|alias| self.deployed_holdings(&alias.configuration.environment, credentials)),
            shared: None,
            venue: name.clone(),
        };
        (subject, notes)
    }

    /// What the venue's schedule starts, if it has one.
    fn read_start(&self, live: &LiveStack) -> ReadOutcome<Option<ScheduledStart>> {
        let group_arn = schedule_group_arn(self.scope, &self.deployment);
        match &live.schedule {
            Observed::Present(schedule) => Ok(Some(scheduled_start(group_arn, &schedule.target))),
            Observed::Absent | Observed::PendingDeletion(_) => Ok(None),
            Observed::Unreadable(why) => Err(format!("could not read {}'s schedule: {why}", self.venue.name)),
        }
    }

    /// The live resource, or why it is unknown.
    pub(super) fn require_present<'l, T>(&self, observed: &'l Observed<T>, what: &str) -> ReadOutcome<&'l T> {
        match observed {
            Observed::Present(live) => Ok(live),
            Observed::Unreadable(why) => Err(format!("could not read {}'s {what}: {why}", self.venue.name)),
            Observed::Absent | Observed::PendingDeletion(_) => Err(format!(
                "{}'s {what} is not created yet: run `deployer apply`, or check what is planned with `--offline`",
                self.venue.name
            )),
        }
    }

    async fn read_role_policies(&self, observed: &Observed<LiveRole>) -> ReadOutcome<Vec<Policy>> {
        let role = self.require_present(observed, "role")?;
        let inline = role.policies.iter().map(|(policy, document)| {
            Policy::parse_document(&format!("policy {policy} of {}'s role", self.venue.name), &document.to_value())
        });
        let mut all = inline.collect::<Result<Vec<_>, _>>()?;
        for arn in &role.attached {
            let what = format!("policy {arn}, attached to {}'s role", self.venue.name);
            all.push(self.read_managed_policy(&what, arn).await?);
        }
        Ok(all)
    }

    pub(super) async fn read_managed_policy(&self, what: &str, arn: &str) -> ReadOutcome<Policy> {
        let text = self.read_policy_document(arn).await.map_err(|error| format!("could not read {what}: {error}"))?;
        // AWS percent-encodes the document (RFC 3986); some emulators don't.
        let decoded = percent_decode_str(&text).decode_utf8_lossy();
        parse_policy(what, &text).or_else(|_| parse_policy(what, &decoded))
    }

    async fn read_policy_document(&self, arn: &str) -> Result<String, CallError> {
        let iam = &self.aws.iam;
        let policy = iam.get_policy().policy_arn(arn).send().await.call("iam:GetPolicy")?;
        let version = policy.policy().and_then(|policy| policy.default_version_id()).unwrap_or("v1");
        let request = iam.get_policy_version().policy_arn(arn).version_id(version);
        let answer = request.send().await.call("iam:GetPolicyVersion")?;
        let document = answer.policy_version.and_then(|version| version.document);
        document.ok_or_else(|| CallError::unexpected("iam:GetPolicyVersion", "the response has no document"))
    }

    /// The strangers in the policies of old versions. A plan reads the policy of the alias's version only.
    async fn read_version_policies(&self, live: &LiveStack) -> VersionPolicies {
        let (Some(alias), function) = (live.alias.as_present(), &self.names.function) else { return Ok(Vec::new()) };
        let whose = &self.venue.name;
        let versions = read_versions(self.aws, function).await;
        let versions = versions.map_err(|error| format!("could not read the versions of {whose}: {error}"))?;
        let mut strangers = Vec::new();
        for version in versions.keys().map(u64::to_string).filter(|version| *version != alias.version) {
            let what = format!("the policy of {function}:{version}");
            let text = get_function_policy(&self.aws.lambda, function, Some(&version)).await;
            let Some(text) = text.map_err(|error| format!("could not read {what}: {error}"))? else { continue };
            let policy: Value =
                serde_json::from_str(&text).map_err(|error| format!("could not read {what}: {error}"))?;
            for statement in statements_of(&policy) {
                let of = format!("{function}:{version}");
                let found = strangers_of_statement(&of, statement, &self.scope.account);
                strangers.extend(found.into_iter().map(|text| format!("{whose}: {text}")));
            }
        }
        Ok(strangers)
    }

    /// The function's policies. Permissions are normally on the alias but could also be on the function itself.
    async fn read_function_policies(&self, there: ReadOutcome<()>) -> ReadOutcome<Vec<Policy>> {
        there?;
        let (alias, function) = tokio::join!(
            get_function_policy(&self.aws.lambda, &self.names.function, Some(ALIAS)),
            get_function_policy(&self.aws.lambda, &self.names.function, None),
        );
        let name = &self.venue.name;
        let mut all = Vec::new();
        for (policy, what) in [(alias, "alias"), (function, "function")] {
            let what = format!("the policy of {name}'s {what}");
            if let Some(text) = policy.map_err(|error| format!("could not read {what}: {error}"))? {
                all.push(parse_policy(&what, &text)?);
            }
        }
        Ok(all)
    }

    async fn read_secret_policy(&self, there: bool) -> ReadOutcome<Vec<Policy>> {
        if !there {
            return Ok(Vec::new());
        }
        let request = self.aws.secrets.get_resource_policy().secret_id(&self.names.secret);
        let answer = request.send().await.call("secretsmanager:GetResourcePolicy");
        let what = format!("the policy of {}'s secret", self.venue.name);
        let answer = answer.map_err(|error| format!("could not read {what}: {error}"))?;
        match answer.resource_policy() {
            None => Ok(Vec::new()),
            Some(text) => Ok(vec![parse_policy(&what, text)?]),
        }
    }

    /// The digests of the stored values.
    async fn read_stored_digests(&self, there: bool) -> ReadOutcome<BTreeMap<String, [u8; 32]>> {
        if !there {
            return Ok(BTreeMap::new());
        }
        let request = self.aws.secrets.get_secret_value().secret_id(&self.names.secret);
        let answer = request.send().await.call("secretsmanager:GetSecretValue").map_err(|error| error.to_string())?;
        let text = answer.secret_string().ok_or("its secret has no text")?;
        // The parser's own error could quote a value.
        let stored: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|_| "its secret is not a JSON object".to_owned())?;
        let digests = stored.iter().filter_map(|(key, value)| Some((key.clone(), digest_value(value.as_str()?))));
        Ok(digests.collect())
    }

    /// The manifest's settings, overridden by those that the deployed function really has.
    fn deployed_holdings(
        &self,
        environment: &StringMap,
        credentials: BTreeMap<String, ComparedCredential>,
    ) -> ReadOutcome<VenueHoldings> {
        let mut all = manifest_holdings(self.venue, credentials);
        let given = |name: &str| environment.get(name).cloned();
        all.flag_property = given(ENV_FLAG_PROPERTY).unwrap_or(all.flag_property);
        all.tripleseat_base_uri = given(ENV_TRIPLESEAT_BASE_URI).or(all.tripleseat_base_uri);
        all.secret_arn = given(ENV_SECRET_ARN);
        if let Some(text) = given(ENV_SYNC_CONFIG) {
            let config: SyncConfig = serde_json::from_str(&text).map_err(|error| {
                format!("could not read {ENV_SYNC_CONFIG} of {}'s function: {error}", self.venue.name)
            })?;
            all.destination = config.destination;
        }
        Ok(all)
    }
}

/// A policy in a response. One that can't be parsed is unreadable: it isn't empty.
pub(super) fn parse_policy(what: &str, text: &str) -> ReadOutcome<Policy> {
    let document = serde_json::from_str(text).map_err(|error| format!("could not read {what}: {error}"))?;
    Policy::parse_document(what, &document)
}

async fn get_function_policy(
    lambda: &Lambda,
    name: &str,
    qualifier: Option<&str>,
) -> Result<Option<String>, CallError> {
    let request = lambda.get_policy().function_name(name).set_qualifier(qualifier.map(ToOwned::to_owned));
    let Some(answer) = request.send().await.call("lambda:GetPolicy").found()? else { return Ok(None) };
    let missing = || CallError::unexpected("lambda:GetPolicy", "the response has no policy");
    answer.policy.map(Some).ok_or_else(missing)
}

/// The credentials with the stored values' digests, which take precedence over the references.
fn merge_stored_digests(
    mut known: BTreeMap<String, ComparedCredential>,
    stored: &BTreeMap<String, [u8; 32]>,
) -> BTreeMap<String, ComparedCredential> {
    for (key, digest) in stored {
        let credential = known
            .entry(key.clone())
            .or_insert_with(|| ComparedCredential { reference: "managed".to_owned(), digest: None });
        credential.digest = Some(*digest);
    }
    known
}

/// The digest by which two values are compared.
pub fn digest_value(value: &str) -> [u8; 32] {
    Sha256::digest(value).into()
}
