//! What a lock's tags record about its holder, and when the lock counts as abandoned.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::FoundLock;
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_core::resource::StringMap;

/// The longest file of the system that is read, in bytes.
pub(super) const MAX_SYSTEM_FILE: u64 = 64 * 1024;

const TAG_ID: &str = "deployer:lock-id";
const TAG_HOLDER: &str = "deployer:lock-holder";
const TAG_SINCE: &str = "deployer:lock-since";
const TAG_EXPIRES: &str = "deployer:lock-expires";

/// The most that the clocks of two machines may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(300);

/// Who holds a lock, and until when unless it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockLease {
    /// Unique to this holder.
    pub id: String,
    /// User, machine, process and command.
    pub holder: String,
    /// When the lock was acquired, by the holder's clock.
    pub since: Timestamp,
    /// When it expires, by the holder's clock.
    pub expires: Timestamp,
}

impl LockLease {
    pub(super) fn new(purpose: &str, length: Duration) -> Self {
        let now = Timestamp::now();
        let holder = format!("{purpose} by {}@{}, process {}", user_name(), machine_name(), std::process::id());
        Self { id: random_lock_id(), holder, since: now, expires: add_duration(now, length) }
    }

    pub(super) fn to_tags(&self, deployment: &str) -> StringMap {
        StringMap::from([
            (TAG_DEPLOYMENT.to_owned(), deployment.to_owned()),
            (TAG_ID.to_owned(), self.id.clone()),
            (TAG_HOLDER.to_owned(), sanitize_tag_value(&self.holder)),
            (TAG_SINCE.to_owned(), self.since.to_string()),
            (TAG_EXPIRES.to_owned(), self.expires.to_string()),
        ])
    }

    pub(super) fn from_tags<'t>(tags: impl Iterator<Item = (&'t str, &'t str)>) -> Option<Self> {
        let tags: BTreeMap<&str, &str> = tags.collect();
        Some(Self {
            id: (*tags.get(TAG_ID)?).to_owned(),
            holder: (*tags.get(TAG_HOLDER)?).to_owned(),
            since: tags.get(TAG_SINCE)?.parse().ok()?,
            expires: tags.get(TAG_EXPIRES)?.parse().ok()?,
        })
    }
}

impl fmt::Display for LockLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: &Timestamp| time.strftime("%Y-%m-%d %H:%M:%S UTC");
        write!(f, "{}, since {}, expires {} unless renewed", self.holder, seconds(&self.since), seconds(&self.expires))
    }
}

impl LockLease {
    /// Whether it expired so long ago that clock skew can't explain it.
    pub(super) fn expired_long_ago(&self) -> bool {
        Timestamp::now().duration_since(self.expires) > CLOCKS_DIFFER
    }
}

/// When a lease that we hold ends: by the clock that never jumps, and by the one that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaseEnd {
    steady: Instant,
    wall: Timestamp,
}

impl LeaseEnd {
    /// A lease of this length that begins now.
    pub(super) fn after(length: Duration) -> Self {
        Self { steady: Instant::now() + length, wall: add_duration(Timestamp::now(), length) }
    }

    pub(super) fn has_passed(&self) -> bool {
        self.time_left().is_zero()
    }

    pub(super) fn time_left(&self) -> Duration {
        let by_wall = Duration::try_from(self.wall.duration_since(Timestamp::now())).unwrap_or_default();
        self.steady.saturating_duration_since(Instant::now()).min(by_wall)
    }
}

/// Tracks the locks that are waited for.
#[derive(Debug, Default)]
pub(super) struct LockWatch {
    seen: BTreeMap<String, (Timestamp, Instant)>,
    told: Vec<String>,
}

impl LockWatch {
    /// Whether the lease has run out: long ago by the holder's clock, or, whatever the clocks say, while we were
    /// watching.
    pub(super) fn has_run_out(&mut self, found: &FoundLock, lease: &LockLease, length: Duration) -> bool {
        let now = Instant::now();
        let seen = self.seen.entry(found.name.clone()).or_insert((lease.expires, now));
        if seen.0 != lease.expires {
            *seen = (lease.expires, now);
        }
        // What its holder sent before the end of the lease gets time to arrive.
        let while_watching = now.duration_since(seen.1) > length + length / 2;
        while_watching || lease.expired_long_ago()
    }

    /// Whether this is the first wait for this lock.
    pub(super) fn is_first_wait(&mut self, name: &str) -> bool {
        let new = !self.told.iter().any(|told| told == name);
        if new {
            self.told.push(name.to_owned());
        }
        new
    }
}

/// The time `length` after `time`.
pub(super) fn add_duration(time: Timestamp, length: Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    time.saturating_add(length).unwrap_or(Timestamp::MAX)
}

/// 128 bits from the operating system, since two holders on two machines must never have the same id.
fn random_lock_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system seeds its random numbers before it starts programs");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

fn user_name() -> String {
    ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "someone".into())
}

pub(super) fn machine_name() -> String {
    // Where the system tells it in a file, no process is started: until it runs, a child has this process's files open,
    // and with them the lock of the mark.
    let told = bounds::read_regular_text(Path::new("/proc/sys/kernel/hostname"), MAX_SYSTEM_FILE)
        .ok()
        .map(|name| name.trim().to_owned());
    if let Some(name) = told.filter(|name| !name.is_empty()) {
        return name;
    }
    let printed = Command::new("hostname").output().ok().filter(|output| output.status.success());
    let name = printed.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    name.filter(|name| !name.is_empty())
        .or_else(|| {
            bounds::read_regular_text(Path::new("/etc/hostname"), MAX_SYSTEM_FILE)
                .ok()
                .map(|name| name.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown machine".to_owned())
}

/// Replaces what a tag's value may not contain, and cuts it to 256 characters.
fn sanitize_tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@,".contains(c);
    text.chars().map(|c| if allowed(c) && c != ',' { c } else { ' ' }).take(256).collect()
}
