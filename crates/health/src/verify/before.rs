//! What comes before the test: checks that the venue is deployed and that the portal is the right one, removes
//! leftovers, and creates the test contact.

use jiff::SignedDuration;
use serde_json::json;

use super::event::{StageFailure, VerifyStage};
use super::function::{self, NotReady};
use super::journal::TestContactEntry;
use super::stages::{VerifyStop, stage_failure};
use super::wait::Waiter;
use super::{Verify, contact};
use deployer_core::error::{Error, ErrorCode};
use deployer_hubspot::{CrmContact, VendorError, VendorFailure};

/// A younger test contact isn't a leftover, because another verify may still be using it.
const LEFT_AFTER: SignedDuration = SignedDuration::from_hours(1);

impl<W: Waiter> Verify<'_, W> {
    pub(super) async fn check_deployed(&self) -> Result<(), VerifyStop> {
        let names = self.resource_names();
        let venue = &self.venue.name;
        let apply = "run `deployer apply`. Nothing was created in HubSpot";
        let deployment = &self.manifest.deployment.name;
        let by_schedule = self.manifest.scheduled_venues().contains(venue.as_str());
        match function::check_ready(self.aws, deployment, &names, by_schedule).await {
            Ok(Ok(())) => {}
            Ok(Err(NotReady::Missing(what))) => {
                return Err(VerifyStop::Refused(
                    Error::refused(ErrorCode::NotDeployed, format!("{venue} isn't deployed: {what}")).hint(apply),
                ));
            }
            Ok(Err(NotReady::Disabled)) => {
                let what = format!("{venue} isn't running: its rule {} is disabled", names.rule);
                return Err(VerifyStop::Refused(Error::refused(ErrorCode::NotDeployed, what).hint(apply)));
            }
            Err(error) => {
                let refused =
                    Error::failed(ErrorCode::AwsCall, format!("could not determine whether {venue} is deployed"))
                        .caused_by(&error);
                return Err(VerifyStop::Refused(match error.hint() {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                }));
            }
        }
        let text = format!("deployed: {} fires on {}", names.rule, self.venue.schedule.expression);
        self.emit_event(VerifyStage::Deployed, text, json!({}));
        Ok(())
    }

    /// The portal is checked before anything is written there.
    pub(super) async fn check_portal(&self) -> Result<(), VerifyStop> {
        let portal = self.hubspot.portal_id().await.map_err(|error| {
            VerifyStop::Refused(
                Error::failed(ErrorCode::HubspotCall, "could not determine which HubSpot portal the token opens")
                    .caused_by(&error),
            )
        })?;
        if let Some(guard) = self.manifest.hubspot.portal_id.filter(|guard| *guard != portal) {
            let what = format!("the token opens HubSpot portal {portal}, but the manifest is for portal {guard}");
            return Err(VerifyStop::Refused(
                Error::refused(ErrorCode::WrongPortal, what)
                    .hint("use a token for the manifest's portal, or correct `portal_id`. Nothing was created"),
            ));
        }
        self.emit_event(
            VerifyStage::HubSpot,
            format!("connected to HubSpot portal {portal}"),
            json!({ "portal_id": portal }),
        );
        Ok(())
    }

    pub(super) async fn remove_leftovers(&mut self) -> Result<(), VerifyStop> {
        let unread = |error: std::io::Error| {
            VerifyStop::Refused(
                Error::failed(ErrorCode::Verify, "could not determine what an earlier verify left behind")
                    .caused_by(&error),
            )
        };
        let unasked = |error: VendorError| {
            VerifyStop::Refused(
                Error::failed(ErrorCode::Verify, "could not remove what an earlier verify left behind")
                    .caused_by(&error),
            )
        };
        let ours = |contact: &CrmContact| contact::is_test_email(&self.venue.name, contact.property_text("email"));
        let mut left = Vec::new();
        if let Some(entry) = self.journal.read_leftover().map_err(unread)? {
            let id = match entry.contact_id {
                Some(id) => Some(id),
                None => self.hubspot.find_id_by_email(&entry.email).await.map_err(unasked)?,
            };
            // The journal could have been edited, so only a test contact is deleted.
            let found = match id {
                Some(id) => self.hubspot.read_contact(&id, &["email"], &[]).await.map_err(unasked)?,
                None => None,
            };
            left.extend(found.filter(ours).map(|contact| contact.id));
        }
        let marks = [("firstname", contact::FIRST_NAME), ("lastname", &contact::last_name(self.venue))];
        let found = self.hubspot.search_contacts(&marks, &["email", "createdate"]).await.map_err(unasked)?;
        let before = self.waiter.current_time().saturating_sub(LEFT_AFTER).unwrap_or_default();
        let old = |contact: &CrmContact| {
            contact.property_text("createdate").parse().is_ok_and(|made: jiff::Timestamp| made < before)
        };
        left.extend(found.into_iter().filter(|contact| ours(contact) && old(contact)).map(|contact| contact.id));
        left.sort_unstable();
        left.dedup();
        for id in left {
            self.hubspot.delete_contact(&id).await.map_err(unasked)?;
            let text = format!("removed test contact {id}, left behind by an earlier verify");
            self.emit_event(VerifyStage::Leftovers, text, json!({ "contact_id": id }));
        }
        self.journal.clear_entry().map_err(unread)
    }

    pub(super) async fn create_test_contact(
        &mut self,
        made: &mut Option<TestContactEntry>,
    ) -> Result<String, VerifyStop> {
        let email = contact::new_test_email(&self.venue.name, &self.options.domain);
        let mut entry = TestContactEntry { email, contact_id: None };
        let unwritten = |error: std::io::Error| {
            VerifyStop::Refused(
                Error::failed(ErrorCode::Verify, "could not record the test contact, so none was created")
                    .caused_by(&error),
            )
        };
        self.journal.write_entry(&entry).map_err(unwritten)?;
        *made = Some(entry.clone());
        let created = self.hubspot.create_contact(&contact::contact_properties(self.venue, &entry.email)).await;
        let id = created.map_err(|error| creation_failure(&error))?;
        entry.contact_id = Some(id.clone());
        *made = Some(entry.clone());
        self.journal.write_entry(&entry).map_err(|error| stage_failure(VerifyStage::Contact, error))?;
        self.emit_event(
            VerifyStage::Contact,
            format!("test contact {id} created, without a flag"),
            json!({ "contact_id": id }),
        );
        Ok(id)
    }

    pub(super) async fn set_flag(&self, id: &str) -> Result<(), VerifyStop> {
        let flag = self.ledger_properties().flag;
        let properties = [(flag.clone(), "true".to_owned())].into();
        self.hubspot.update_contact(id, &properties).await.map_err(|error| {
            stage_failure(VerifyStage::Flag, &error)
                .with_hint(format!("HubSpot needs the property {flag}: see docs/hubspot.md"))
        })?;
        self.emit_event(VerifyStage::Flag, format!("{flag} set"), json!({ "property": flag }));
        Ok(())
    }
}

fn creation_failure(error: &VendorError) -> StageFailure {
    let failure = stage_failure(VerifyStage::Contact, error);
    match error.failure {
        VendorFailure::Denied(_) => failure.with_hint("the token needs the scope crm.objects.contacts.write"),
        VendorFailure::Refused(_) if error.message.to_lowercase().contains("email") => failure.with_hint(
            "HubSpot accepts no address at this domain: pass one of yours with --domain, or set `test_domain`",
        ),
        _ => failure,
    }
}
