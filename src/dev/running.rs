//! What another command needs to use a running `dev`: addresses and generated credentials. They are in files next to the
//! manifest for as long as `dev` runs.
//!
//! A `dev` that was killed leaves its files behind. So it holds a lock while it runs, which ends with its process however
//! that ends, and its files are believed only while the lock is held.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_config::config::{DestinationConfig, KEY_HUBSPOT_TOKEN};

use super::System;
use deployer_aws::Aws;
use deployer_core::manifest::{Manifest, SecretRef};

const FILE: &str = "dev.json";
/// Locked while `dev` runs.
const LOCK: &str = "dev.lock";
/// The directory with one file for each credential, to which the manifest's references are pointed.
const CREDENTIALS: &str = "dev-credentials";

/// How often a `dev` tries to get the lock, which commands hold for an instant to see whether it is free.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A running `dev`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunningDev {
    /// The manifest that it runs: two in one directory share their state directory.
    manifest: PathBuf,
    /// Where its credentials are.
    credentials: PathBuf,
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

/// The files of a running `dev`, which are removed when this is dropped, and its lock.
#[derive(Debug)]
pub struct RunningFile {
    directory: PathBuf,
    _lock: File,
}

impl RunningDev {
    /// Reads what the `dev` of the manifest at `manifest` wrote to `directory`; `None` if none is running.
    ///
    /// # Errors
    /// The files can't be read.
    pub fn find(directory: &Path, manifest: &Path) -> io::Result<Option<Self>> {
        let lock = directory.join(LOCK);
        if !lock.try_exists()? {
            return Ok(None);
        }
        match private_files::open_private_file(&lock)?.try_lock_shared() {
            // Nobody holds it, so whatever is there was left behind. The lock is released with the file.
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let Some(text) = private_files::read_private_file(&directory.join(FILE))? else { return Ok(None) };
        let running: Self = serde_json::from_slice(&text)?;
        Ok((running.manifest == manifest.canonicalize()?).then_some(running))
    }

    /// SDK clients that call its cloud.
    pub fn cloud_clients(&self, region: &str) -> Aws {
        Aws::for_local_server(region, &self.aws, &self.aws_access_key_id, &self.aws_secret_access_key)
    }

    /// Points a manifest at the sandboxes, and its references at the credentials that are valid there. Venues that `dev`
    /// doesn't know stay unchanged.
    pub fn point_manifest(&self, manifest: &mut Manifest) {
        manifest.hubspot.base_uri.clone_from(&self.hubspot);
        manifest.hubspot.portal_id = Some(self.portal_id);
        let reference = |venue: &str, key: &str| SecretRef::File(self.credentials.join(credential_file(venue, key)));
        // Any venue's token reads the whole portal.
        let reader = self.venues.iter().find(|(_, running)| running.credentials.contains_key(KEY_HUBSPOT_TOKEN));
        manifest.hubspot.token = reader.map(|(venue, _)| reference(venue, KEY_HUBSPOT_TOKEN));
        if let Some(alarms) = &mut manifest.alarms {
            alarms.webhooks.clear();
            alarms.digest = None;
        }
        for venue in &mut manifest.venues {
            let Some(running) = self.venues.get(&venue.name) else { continue };
            venue.tripleseat_base_uri.clone_from(&running.tripleseat_base_uri);
            venue.destination.clone_from(&running.destination);
            for (key, found) in &mut venue.secrets {
                if running.credentials.contains_key(key) {
                    *found = reference(&venue.name, key);
                }
            }
        }
    }

    /// A venue's credentials, by the secret's key.
    pub fn venue_credentials(&self, venue: &str) -> impl Iterator<Item = (&String, &String)> {
        self.venues.get(venue).into_iter().flat_map(|venue| &venue.credentials)
    }
}

/// The name of a credential's file. Both parts are names that the manifest allows.
fn credential_file(venue: &str, key: &str) -> String {
    format!("{venue}.{}", key.to_lowercase())
}

/// Takes the lock; `None` if another `dev` holds it.
fn take_lock(directory: &Path) -> io::Result<Option<File>> {
    let file = private_files::open_private_file(&directory.join(LOCK))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

impl System {
    /// Writes what other commands need to use this system into files in `directory`, and holds the lock with which they
    /// are believed.
    ///
    /// # Errors
    /// They can't be written, or another `dev` is running there.
    pub fn write_running_file(&self, directory: &Path) -> io::Result<RunningFile> {
        private_files::create_state_directory(directory)?;
        let directory = directory.canonicalize()?;
        let lock = take_lock(&directory)?.ok_or_else(|| io::Error::other("another `deployer dev` is running there"))?;
        // From here on, what an earlier one left behind would be believed.
        remove_files(&directory);
        let files = RunningFile { directory, _lock: lock };
        self.update_running_file(&files.directory)?;
        Ok(files)
    }

    /// Writes the files again. The lock is held already.
    ///
    /// # Errors
    /// They can't be written.
    pub fn update_running_file(&self, directory: &Path) -> io::Result<()> {
        // The references to the credentials hold wherever the other command is started.
        let directory = &directory.canonicalize()?;
        let mut venues = BTreeMap::new();
        let manifest = self.current_manifest();
        for venue in &manifest.venues {
            let credentials = Value::Object(self.vendors.venue_credentials(&venue.name));
            let running = RunningVenue {
                tripleseat_base_uri: venue.tripleseat_base_uri.clone(),
                destination: venue.destination.clone(),
                credentials: serde_json::from_value(credentials)?,
            };
            venues.insert(venue.name.clone(), running);
        }
        let running = RunningDev {
            manifest: manifest.path.canonicalize()?,
            credentials: directory.join(CREDENTIALS),
            aws: self.cloud_uri.clone(),
            aws_access_key_id: self.credentials.access_key_id.clone(),
            aws_secret_access_key: self.credentials.secret_access_key.clone(),
            hubspot: self.vendors.hubspot_server.uri.clone(),
            portal_id: self.vendors.portal_id,
            venues,
        };
        running.write_files(directory)
    }
}

impl RunningDev {
    fn write_files(&self, directory: &Path) -> io::Result<()> {
        private_files::create_private_directory(&self.credentials)?;
        for (venue, running) in &self.venues {
            for (key, value) in &running.credentials {
                let path = self.credentials.join(credential_file(venue, key));
                private_files::replace_private_file(&path, value.as_bytes())?;
            }
        }
        // Last: whoever finds it finds the credentials.
        private_files::replace_private_file(&directory.join(FILE), serde_json::to_string(self)?.as_bytes())
    }
}

/// Removes what a `dev` wrote. What is left behind isn't believed.
fn remove_files(directory: &Path) {
    let _ = std::fs::remove_file(directory.join(FILE));
    let _ = std::fs::remove_dir_all(directory.join(CREDENTIALS));
}

impl Drop for RunningFile {
    fn drop(&mut self) {
        remove_files(&self.directory);
    }
}
