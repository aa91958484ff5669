//! What the new place needs besides the manifest: the secrets' values, and what the manifest only names.
//!
//! Within an account, values go from one secret to the other, since only the former one has what was set by hand and the
//! newest tokens. From one account to another, none does: they come from the manifest's references again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::MoveTask;
use crate::commands::secret::stored::{
    SecretState, change_secret, read_secret, read_secret_state, secret_error, secret_name,
};
use crate::commands::shared::secret_values::{resolve_new_secrets, resolve_venue_credentials};
use deployer_core::arn::Arn;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{SecretValue, Status, Venue};
use deployer_core::plan::{Operation, Plan, SecretsManagerOperation};

impl MoveTask<'_> {
    fn deployed_venues(&self) -> impl Iterator<Item = &Venue> {
        self.to.manifest().venues.iter().filter(|venue| venue.status != Status::Blocked)
    }

    /// Refuses a manifest that names what is in the former place: a boundary, a key, a queue, a network. In an edited one,
    /// they are those of the new place.
    pub(super) fn check_arns(&self) -> Result<()> {
        if self.is_manifest_edited {
            return Ok(());
        }
        let (from, to) = (&self.from.scope, &self.to.scope);
        let mut named = BTreeSet::new();
        for venue in self.deployed_venues() {
            let company = &venue.company;
            let arns = [
                ("permissions_boundary", &company.permissions_boundary),
                ("kms_key", &company.kms_key),
                ("dead_letter", &company.dead_letter),
            ];
            for (key, text) in arns.into_iter().filter_map(|(key, arn)| Some((key, arn.as_ref()?))) {
                let Ok(Arn { region, account, .. }) = Arn::parse_arn(text) else { continue };
                let there = (self.moves_account() && account == from.account)
                    || (from.region != to.region && region == from.region);
                if there {
                    named.insert(format!("`{key}` of {}: {text}", venue.name));
                }
            }
            if company.vpc.is_some() {
                named.insert(format!("`vpc` of {}: its subnets", venue.name));
            }
        }
        if named.is_empty() {
            return Ok(());
        }
        let (there, here) = (self.name_of(&self.from), self.name_of(&self.to));
        let mut keys = vec![format!("`region = \"{}\"`", to.region)];
        if self.moves_account() {
            keys.push(format!("`account = \"{}\"`", to.account));
        }
        let mut error =
            Error::refused(ErrorCode::Move, format!("the manifest names what is in {there}; nothing was changed"));
        error.causes = named.into_iter().collect();
        Err(error.hint(format!(
            "create the same in {here}, set {} and these keys in the manifest, and run `{} --from-region {}`",
            keys.join(", "),
            self.command,
            from.region
        )))
    }

    /// Refuses to begin while a value is missing that the new account's secrets need.
    pub(super) async fn check_references(&self) -> Result<()> {
        let mut missing = Vec::new();
        for venue in self.deployed_venues() {
            let secret = secret_name(&self.to, venue);
            let state = read_secret_state(&self.to, &secret).await.map_err(|error| secret_error(&secret, &error))?;
            // One that exists has what was set in it.
            if matches!(state, SecretState::Ours(_)) {
                continue;
            }
            for (key, _, resolved) in resolve_venue_credentials(&self.to, venue).await? {
                let what = format!("{}: {}", venue.name, key.to_lowercase());
                match resolved {
                    Ok(Some(_)) => {}
                    Ok(None) => {
                        missing.push(format!("{what} is `managed`: only the secret in the former account has it"))
                    }
                    Err(error) => missing.push(format!("{what}: {error}")),
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let here = self.name_of(&self.to);
        let mut error =
            Error::usage(ErrorCode::Move, format!("these credentials have no value for {here}; nothing was changed"));
        error.causes = missing;
        Err(error.hint(
            "values don't go from one account to another: set what is missing, and write a reference (env:NAME, file:PATH, \
             cmd:PROGRAM) instead of `managed` for the move",
        ))
    }

    /// Says whose consent ends with the former account.
    pub(super) fn note_consents(&self) {
        let consented =
            self.deployed_venues().filter(|venue| self.moves_account() && venue.destination.rotates_tokens());
        for venue in consented {
            let text = format!(
                "The tokens of {} stay in {}: run `deployer connect {}` after the move.",
                venue.name,
                self.name_of(&self.from),
                venue.name
            );
            match &self.to.json {
                Some(lines) => lines.print_line("note", json!({ "text": text })),
                None => errln!("{text}"),
            }
        }
    }

    /// The values of the secrets that a plan creates.
    pub(super) async fn find_new_secrets(&self, plan: &Plan) -> Result<BTreeMap<String, SecretValue>> {
        if self.moves_account() {
            return resolve_new_secrets(&self.to, plan).await;
        }
        let mut copied = BTreeMap::new();
        let mut rest = plan.clone();
        for change in &mut rest.changes {
            let mut operations = Vec::new();
            for operation in std::mem::take(&mut change.operations) {
                if let Operation::SecretsManager(SecretsManagerOperation::CreateSecret { secret }) = &operation
                    && let Some(value) = self.read_value_there(&secret.name).await?
                {
                    copied.insert(secret.name.clone(), value);
                } else {
                    operations.push(operation);
                }
            }
            change.operations = operations;
        }
        // The manifest's references are used where there is no secret.
        copied.extend(resolve_new_secrets(&self.to, &rest).await?);
        Ok(copied)
    }

    async fn read_value_there(&self, secret: &str) -> Result<Option<SecretValue>> {
        match read_secret_state(&self.from, secret).await.map_err(|error| secret_error(secret, &error))? {
            SecretState::Ours(_) => {}
            SecretState::Absent | SecretState::PendingDeletion(_) | SecretState::Foreign => return Ok(None),
        }
        let object = read_secret(&self.from, secret).await?;
        let value = SecretValue::new(Value::Object(object).to_string()).map_err(|reason| {
            Error::failed(ErrorCode::AwsCall, format!("could not copy the secret {secret}: {reason}"))
        })?;
        Ok(Some(value))
    }

    /// Secrets that existed here already, such as those restored from an earlier move, get the same values.
    pub(super) async fn update_secrets(&self) -> Result<()> {
        for venue in self.deployed_venues() {
            let secret = secret_name(&self.to, venue);
            if self.moves_account() {
                let resolved = resolve_venue_credentials(&self.to, venue).await?;
                let values: Vec<(String, Value)> = resolved
                    .into_iter()
                    .filter_map(|(key, _, value)| Some((key, Value::from(value.ok()??.expose_value()))))
                    .collect();
                let set = |object: &mut serde_json::Map<String, Value>| {
                    let differs = values.iter().any(|(key, value)| object.get(key) != Some(value));
                    object.extend(values.iter().cloned());
                    differs.then_some(())
                };
                change_secret(&self.to, &secret, set).await?;
                continue;
            }
            let state = read_secret_state(&self.from, &secret).await.map_err(|error| secret_error(&secret, &error))?;
            if !matches!(state, SecretState::Ours(_)) {
                continue;
            }
            let wanted = read_secret(&self.from, &secret).await?;
            change_secret(&self.to, &secret, |object| (*object != wanted).then(|| object.clone_from(&wanted))).await?;
        }
        Ok(())
    }
}
