//! What another command needs to use a running `dev`: addresses and generated credentials. They are in a file next to
//! the manifest for as long as `dev` runs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_config::config::DestinationConfig;

use super::System;
use deployer_core::manifest::Manifest;

const FILE: &str = "dev.json";

/// A running `dev`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningDev {
    /// The embedded cloud's address.
    pub aws: String,
    /// The only credentials that it accepts.
    pub aws_access_key_id: String,
    pub aws_secret_access_key: String,
    hubspot: String,
    portal_id: u64,
    venues: BTreeMap<String, RunningVenue>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunningVenue {
    tripleseat_base_uri: Option<String>,
    destination: DestinationConfig,
    /// By the secret's key. They are valid for the sandboxes only.
    credentials: BTreeMap<String, String>,
}

/// The file, which is removed when this is dropped.
#[derive(Debug)]
pub struct RunningFile(PathBuf);

impl RunningDev {
    /// Reads what `dev` wrote next to the manifest; `None` if no `dev` is running.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn read_file(directory: &Path) -> io::Result<Option<Self>> {
        let text = private_files::read_private_file(&directory.join(FILE))?;
        Ok(text.map(|text| serde_json::from_slice(&text)).transpose()?)
    }

    /// Points a manifest at the sandboxes. Venues that `dev` doesn't know stay unchanged.
    pub fn point_manifest(&self, manifest: &mut Manifest) {
        manifest.hubspot.base_uri.clone_from(&self.hubspot);
        manifest.hubspot.portal_id = Some(self.portal_id);
        for venue in &mut manifest.venues {
            if let Some(running) = self.venues.get(&venue.name) {
                venue.tripleseat_base_uri.clone_from(&running.tripleseat_base_uri);
                venue.destination.clone_from(&running.destination);
            }
        }
    }

    /// A venue's credentials, by the secret's key.
    pub fn venue_credentials(&self, venue: &str) -> impl Iterator<Item = (&String, &String)> {
        self.venues.get(venue).into_iter().flat_map(|venue| &venue.credentials)
    }
}

impl System {
    /// Writes what other commands need to use this system into a file in `directory`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_running_file(&self, directory: &Path) -> io::Result<RunningFile> {
        self.update_running_file(directory).map(RunningFile)
    }

    /// Writes the file again, after an edit of the manifest. Returns its path.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn update_running_file(&self, directory: &Path) -> io::Result<PathBuf> {
        let manifest = self.current_manifest();
        let venues = manifest.venues.iter().map(|venue| {
            let credentials = Value::Object(self.vendors.venue_credentials(&venue.name));
            let running = RunningVenue {
                tripleseat_base_uri: venue.tripleseat_base_uri.clone(),
                destination: venue.destination.clone(),
                credentials: serde_json::from_value(credentials)?,
            };
            Ok((venue.name.clone(), running))
        });
        let running = RunningDev {
            aws: self.cloud_uri.clone(),
            aws_access_key_id: self.credentials.access_key_id.clone(),
            aws_secret_access_key: self.credentials.secret_access_key.clone(),
            hubspot: self.vendors.hubspot_server.uri.clone(),
            portal_id: self.vendors.portal_id,
            venues: venues.collect::<io::Result<_>>()?,
        };
        private_files::create_state_directory(directory)?;
        let path = directory.join(FILE);
        private_files::replace_private_file(&path, serde_json::to_string(&running)?.as_bytes())?;
        Ok(path)
    }
}

impl Drop for RunningFile {
    fn drop(&mut self) {
        // A file left behind points nowhere, and the command that reads it says so.
        let _ = std::fs::remove_file(&self.0);
    }
}
