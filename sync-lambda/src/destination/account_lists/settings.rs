//! A venue's ids, compared with what its account lists.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use sync_config::config::TripleseatDestination;

use super::super::id_text;
use super::super::tripleseat::list_records;
use super::{AccountLists, ListReading};

/// Most records of a list that a message names.
const MAX_NAMED: usize = 10;

/// The ids in a venue's settings that the account's lists can confirm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationIds {
    /// `location_id`
    pub location_id: Option<u64>,
    /// `site_id`
    pub site_id: Option<u64>,
    /// `lead_form_id`
    pub lead_form_id: Option<u64>,
    /// `lead_source_id`, of the destination or a constant among the fields.
    pub lead_source_id: Option<u64>,
    /// `referral_source_id`, likewise.
    pub referral_source_id: Option<u64>,
}

impl DestinationIds {
    /// The ids of a venue with this destination and these mapped fields.
    pub fn new(destination: &TripleseatDestination, fields: &BTreeMap<String, String>) -> Self {
        let constant = |field: &str| fields.get(field)?.strip_prefix('=')?.trim().parse().ok();
        let TripleseatDestination { location_id, lead_form_id, site_id, lead_source_id, referral_source_id, oauth: _ } =
            *destination;
        Self {
            location_id,
            site_id,
            lead_form_id,
            lead_source_id: constant("lead_source_id").or(lead_source_id),
            referral_source_id: constant("referral_source_id").or(referral_source_id),
        }
    }

    pub(super) fn needs_sites(&self) -> bool {
        self.site_id.or(self.lead_source_id).or(self.referral_source_id).is_some()
    }
}

/// What the lists say about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingVerdict {
    /// It is the account's.
    Right(String),
    /// It isn't: what is wrong, and what to do.
    Wrong {
        /// What is wrong.
        why: String,
        /// What to do.
        advice: String,
    },
    /// Nobody knows.
    Unknown(String),
}

/// A key of the manifest, and what the lists say about its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSetting {
    /// The setting.
    pub setting: DestinationSetting,
    /// What is known about it.
    pub verdict: SettingVerdict,
}

/// A setting of a venue that the lists can confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationSetting {
    /// `location_id`, also where it isn't set.
    Location,
    /// `site_id`
    Site,
    /// `lead_form_id`
    LeadForm,
    /// `lead_source_id`
    LeadSource,
    /// `referral_source_id`
    ReferralSource,
}

impl DestinationSetting {
    /// What people call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Site => "site",
            Self::LeadForm => "lead form",
            Self::LeadSource => "lead source",
            Self::ReferralSource => "referral source",
        }
    }

    /// Its key in the manifest.
    pub fn key(self) -> &'static str {
        match self {
            Self::Location => "location_id",
            Self::Site => "site_id",
            Self::LeadForm => "lead_form_id",
            Self::LeadSource => "lead_source_id",
            Self::ReferralSource => "referral_source_id",
        }
    }
}

impl AccountLists {
    /// Compares the venue's ids with the lists. The location is always among the results; the others only if they are
    /// set.
    pub fn check_settings(&self, ids: &DestinationIds) -> Vec<CheckedSetting> {
        use DestinationSetting::{LeadForm, LeadSource, Location, ReferralSource, Site};
        let mut checked = vec![(Location, self.check_location(ids))];
        checked.extend(ids.site_id.map(|id| (Site, check_record(Site, id, &self.sites))));
        checked.extend(ids.lead_form_id.map(|id| (LeadForm, check_record(LeadForm, id, &self.lead_forms))));
        let of_sites = [(LeadSource, ids.lead_source_id), (ReferralSource, ids.referral_source_id)];
        checked.extend(of_sites.into_iter().filter_map(|(setting, id)| {
            let id = id?;
            Some((setting, check_record(setting, id, &self.read_sources(setting, ids.site_id))))
        }));
        checked.into_iter().map(|(setting, verdict)| CheckedSetting { setting, verdict }).collect()
    }

    fn check_location(&self, ids: &DestinationIds) -> SettingVerdict {
        let records = match self.locations.known_records() {
            Ok(records) => records,
            Err(why) => return SettingVerdict::Unknown(why),
        };
        if let Some(id) = ids.location_id {
            let verdict = check_record(DestinationSetting::Location, id, &self.locations);
            let elsewhere = records
                .iter()
                .find(|record| record_id(record) == Some(id))
                .and_then(record_site_id)
                .zip(ids.site_id)
                .filter(|(actual, wanted)| actual != wanted);
            return match elsewhere {
                Some((actual, wanted)) => SettingVerdict::Wrong {
                    why: format!("location {id} belongs to site {actual}, but the manifest says site {wanted}"),
                    advice: "Correct `location_id` or `site_id`".to_owned(),
                },
                None => verdict,
            };
        }
        let at_site = |record: &&Value| match (record_site_id(record), ids.site_id) {
            (Some(actual), Some(wanted)) => actual == wanted,
            _ => true,
        };
        let eligible: Vec<&Value> = records.iter().filter(at_site).collect();
        match (eligible.as_slice(), ids.lead_form_id) {
            ([], _) => SettingVerdict::Unknown("the public key reads no location of the site".to_owned()),
            ([only], _) => SettingVerdict::Right(format!("the account's only one ({})", Named([*only]))),
            (several, None) => SettingVerdict::Wrong {
                why: format!(
                    "the account has several locations ({}), but the manifest names none",
                    Named(several.iter().copied())
                ),
                advice: "Add `location_id` to the venue's destination".to_owned(),
            },
            (several, Some(_)) => SettingVerdict::Unknown(format!(
                "the account has several locations ({}); the lead form may decide between them",
                Named(several.iter().copied())
            )),
        }
    }

    /// The sources that the sites list. A site that lists none says nothing about them.
    fn read_sources(&self, setting: DestinationSetting, site_id: Option<u64>) -> ListReading {
        let sites = match &self.sites {
            ListReading::Read(sites) => sites,
            other => return other.clone(),
        };
        let list = match setting {
            DestinationSetting::LeadSource => "lead_sources",
            _ => "referral_sources",
        };
        let of_venue = |site: &&Value| site_id.is_none() || record_id(site) == site_id;
        let lists: Vec<&Value> = sites.iter().filter(of_venue).filter_map(|site| site.get(list)).collect();
        if lists.is_empty() {
            return ListReading::Refused(format!("the site doesn't list its {}", list.replace('_', " ")));
        }
        let singular = list.trim_end_matches('s');
        ListReading::Read(lists.into_iter().flat_map(|found| list_records(found, list, singular)).collect())
    }
}

fn check_record(setting: DestinationSetting, id: u64, list: &ListReading) -> SettingVerdict {
    let noun = setting.noun();
    match list.known_records() {
        Err(why) => SettingVerdict::Unknown(why),
        Ok(records) => match records.iter().find(|record| record_id(record) == Some(id)) {
            Some(found) => SettingVerdict::Right(format!("{} is the public key's account's", Named([found]))),
            None => SettingVerdict::Wrong {
                why: format!("the public key's account has no {noun} {id}, only {}", Named(records)),
                advice: match setting {
                    DestinationSetting::Site | DestinationSetting::Location => format!(
                        "Correct `{}`, or set the public key of this venue's account with `deployer secret set VENUE \
                         tripleseat_public_key`",
                        setting.key()
                    ),
                    _ => format!("Correct `{}`", setting.key()),
                },
            },
        },
    }
}

fn record_id(record: &Value) -> Option<u64> {
    record.get("id").and_then(id_text)?.parse().ok()
}

fn record_site_id(record: &Value) -> Option<u64> {
    let site = record.get("site_id").or_else(|| record.get("site")?.get("id"))?;
    id_text(site)?.parse().ok()
}

/// Records by id and name, such as `11 (Garden Room), 12`.
struct Named<I>(I);

impl<'v, I: IntoIterator<Item = &'v Value> + Clone> fmt::Display for Named<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, record) in self.0.clone().into_iter().enumerate() {
            if index == MAX_NAMED {
                return f.write_str(", …");
            }
            let id = record_id(record).map_or_else(|| "?".to_owned(), |id| id.to_string());
            f.write_str(if index == 0 { "" } else { ", " })?;
            match record.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
                Some(name) => write!(f, "{id} ({name})")?,
                None => f.write_str(&id)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lists(locations: Value, sites: Value, lead_forms: Value) -> AccountLists {
        let read = |body: Value, plural: &str, singular: &str| match body {
            Value::Null => ListReading::Refused("You don't have permission".to_owned()),
            body => ListReading::Read(list_records(&body, plural, singular)),
        };
        AccountLists {
            locations: read(locations, "locations", "location"),
            sites: read(sites, "sites", "site"),
            lead_forms: read(lead_forms, "lead_forms", "lead_form"),
        }
    }

    fn full_lists() -> AccountLists {
        lists(
            json!([
                { "location": { "id": 11, "name": "Garden", "site_id": 1 } },
                { "location": { "id": 12, "name": "Hall", "site_id": 1 } },
                { "location": { "id": 21, "site_id": 2 } },
            ]),
            json!([
                { "site": { "id": 1, "lead_sources": [{ "id": 5, "name": "Website" }] } },
                { "site": { "id": 2, "lead_sources": [{ "id": 6 }], "referral_sources": [{ "id": "9" }] } },
            ]),
            json!([{ "lead_form": { "id": 3, "name": "Inquiry" } }]),
        )
    }

    fn verdict(lists: &AccountLists, setting: DestinationSetting, ids: &DestinationIds) -> (&'static str, String) {
        let found = lists.check_settings(ids).into_iter().find(|checked| checked.setting == setting).expect("checked");
        match found.verdict {
            SettingVerdict::Right(text) => ("right", text),
            SettingVerdict::Wrong { why, .. } => ("wrong", why),
            SettingVerdict::Unknown(text) => ("unknown", text),
        }
    }

    #[test]
    fn compares_every_id_with_its_list() {
        use DestinationSetting::{LeadForm, LeadSource, Location, ReferralSource, Site};
        let none = DestinationIds::default();
        let lists = full_lists();
        for (setting, ids, expected, words) in [
            (Location, DestinationIds { location_id: Some(11), ..none.clone() }, "right", "11 (Garden)"),
            (Location, DestinationIds { location_id: Some(99), ..none.clone() }, "wrong", "no location 99, only 11 (G"),
            (
                Location,
                DestinationIds { location_id: Some(21), site_id: Some(1), ..none.clone() },
                "wrong",
                "location 21 belongs to site 2, but the manifest says site 1",
            ),
            (Location, none.clone(), "wrong", "several locations (11 (Garden), 12 (Hall), 21)"),
            (Location, DestinationIds { site_id: Some(2), ..none.clone() }, "right", "the account's only one (21)"),
            (Location, DestinationIds { lead_form_id: Some(3), ..none.clone() }, "unknown", "lead form may decide"),
            (Site, DestinationIds { site_id: Some(1), ..none.clone() }, "right", "1"),
            (Site, DestinationIds { site_id: Some(3), ..none.clone() }, "wrong", "has no site 3, only 1, 2"),
            (LeadForm, DestinationIds { lead_form_id: Some(3), ..none.clone() }, "right", "3 (Inquiry)"),
            (LeadForm, DestinationIds { lead_form_id: Some(4), ..none.clone() }, "wrong", "no lead form 4"),
            (LeadSource, DestinationIds { lead_source_id: Some(6), ..none.clone() }, "right", "6"),
            (
                LeadSource,
                DestinationIds { lead_source_id: Some(6), site_id: Some(1), ..none.clone() },
                "wrong",
                "no lead source 6, only 5 (Website)",
            ),
            (
                ReferralSource,
                DestinationIds { referral_source_id: Some(9), site_id: Some(1), ..none.clone() },
                "unknown",
                "doesn't list its referral sources",
            ),
            (ReferralSource, DestinationIds { referral_source_id: Some(9), ..none.clone() }, "right", "9"),
        ] {
            let (verdict, text) = verdict(&lists, setting, &ids);
            assert_eq!(verdict, expected, "{setting:?} {ids:?}: {text}");
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn concludes_nothing_from_refused_and_empty_lists() {
        let ids = DestinationIds {
            location_id: Some(1),
            site_id: Some(2),
            lead_form_id: Some(3),
            lead_source_id: Some(4),
            referral_source_id: Some(5),
        };
        for nothing in [Value::Null, json!([])] {
            let lists = lists(nothing.clone(), nothing.clone(), nothing);
            let checked = lists.check_settings(&ids);
            assert_eq!(checked.len(), 5);
            assert!(checked.iter().all(|one| matches!(one.verdict, SettingVerdict::Unknown(_))), "{checked:?}");
        }
    }

    #[test]
    fn constants_among_the_fields_are_ids_too() {
        let fields = BTreeMap::from([
            ("lead_source_id".to_owned(), "= 7".to_owned()),
            ("referral_source_id".to_owned(), "hs_source".to_owned()),
        ]);
        let place = TripleseatDestination { lead_source_id: Some(8), ..TripleseatDestination::default() };
        let ids = DestinationIds::new(&place, &fields);
        assert_eq!((ids.lead_source_id, ids.referral_source_id), (Some(7), None));
    }
}
