//! Checks, before a run's first lead, that HubSpot still has the properties that leads are made from, and reads the
//! labels that the mapping needs.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::json;

use super::SyncRun;
use crate::clock;
use crate::error::RunError;
use crate::hubspot::WireProperty;
use sync_config::mapping::PropertyLabels;

/// How long a process relies on what it read. A property that is deleted meanwhile is noticed after that.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// HubSpot's own properties behind the default fields. Nobody can delete them.
const PERMANENT: [&str; 5] = ["company", "email", "firstname", "lastname", "phone"];

/// What a process knows of the portal's properties: the labels that the mapping needs, once all properties are known to
/// exist. What fails the check isn't kept, so that a run after the correction succeeds.
#[derive(Debug, Default)]
pub struct PropertyCache(Mutex<Option<(Timestamp, Arc<PropertyLabels>)>>);

impl PropertyCache {
    fn recent_labels(&self, now: Timestamp) -> Option<Arc<PropertyLabels>> {
        // The wall clock, because the process's own stands still while Lambda freezes it.
        let kept = self.0.lock().clone();
        kept.filter(|(read_at, _)| now.duration_since(*read_at).abs() < LIFETIME).map(|(_, labels)| labels)
    }

    fn keep_labels(&self, labels: &Arc<PropertyLabels>, now: Timestamp) {
        *self.0.lock() = Some((now, Arc::clone(labels)));
    }
}

impl SyncRun<'_> {
    /// The labels that the mapping needs.
    pub(super) fn known_labels(&self) -> &PropertyLabels {
        self.labels.get().map_or(PropertyLabels::NONE, |labels| labels)
    }

    /// Checks that HubSpot has every mapped property, where the token may read that, and reads labels.
    pub(super) async fn check_properties(&self) -> Result<(), RunError> {
        let mapped = self.mapping.mapped_properties();
        if mapped.iter().all(|name| PERMANENT.contains(name)) {
            return Ok(());
        }
        let now = clock::timestamp();
        let labels = match self.properties.recent_labels(now) {
            Some(labels) => labels,
            None => match self.read_labels(mapped.into_iter().collect()).await? {
                Some(labels) => {
                    self.properties.keep_labels(&labels, now);
                    labels
                }
                None => return Ok(()),
            },
        };
        // A run checks once, so there are no labels yet.
        let _ = self.labels.set(labels);
        Ok(())
    }

    /// The labels of the mapped properties, all of which exist; `None` if that can't be found out now.
    async fn read_labels(&self, mapped: Vec<&str>) -> Result<Option<Arc<PropertyLabels>>, RunError> {
        let labeled = self.mapping.labeled_properties();
        let definitions = match self.hubspot.list_properties().await {
            Ok(Some(definitions)) => definitions,
            // Then only staff can find out; asking again in an hour is enough.
            Ok(None) if labeled.is_empty() => return Ok(Some(Arc::default())),
            Ok(None) => {
                return Err(RunError::Settings(format!(
                    "the mapping needs the labels of {}, but HUBSPOT_TOKEN may not read properties; nothing was sent. Add \
                     the scope crm.schemas.contacts.read to the venue's HubSpot token, or remove `label` from its fields",
                    join_names(labeled)
                )));
            }
            Err(error) if labeled.is_empty() => {
                self.log_unchecked(&error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let (mut missing, mut labels) = (Vec::new(), PropertyLabels::default());
        for name in mapped {
            let listed = definitions.iter().find(|property| property.name == name).cloned();
            let found = match listed {
                Some(property) => Some(property),
                // The list leaves out sensitive properties.
                None => match self.hubspot.find_property(name).await {
                    Ok(found) => found,
                    Err(error) if !labeled.contains(name) => {
                        self.log_unchecked(&error);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            match found {
                Some(WireProperty { options, .. }) if labeled.contains(name) => {
                    labels.add_property(name, options.into_iter().map(|option| (option.value, option.label)));
                }
                Some(_) => {}
                None => missing.push(name),
            }
        }
        if missing.is_empty() {
            return Ok(Some(Arc::new(labels)));
        }
        Err(RunError::Settings(format!(
            "leads are made from contact properties that HubSpot doesn't have, or that HUBSPOT_TOKEN may not read: {}; \
             nothing was sent. Correct [venues.{}.fields], or create the property in HubSpot",
            join_names(missing),
            self.settings.venue
        )))
    }

    fn log_unchecked(&self, error: &RunError) {
        (self.log)(&json!({
            "level": "warn", "event": "properties", "venue": self.settings.venue,
            "message": "could not check whether HubSpot has the properties of the mapping", "reason": error.to_string(),
        }));
    }
}

fn join_names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
