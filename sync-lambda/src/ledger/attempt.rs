//! One attempt to turn a contact into a lead, and the reference by which its lead is found again.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use sync_config::spread::stable_hash;

/// One attempt to turn a contact into a lead. Its reference is part of the lead itself, so that a later lookup finds
/// exactly this lead and not another one of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    contact_id: String,
    /// The start time in milliseconds since 1970, the owner, and a random part.
    key: String,
}

/// Which function began an attempt: a hash of what identifies it. A function's runs never overlap, so an attempt of the
/// same function is one of a run that died, while an attempt of another may still be in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptOwner(u16);

impl AttemptOwner {
    /// The owner with this identity, such as the function's name and the ARN of its secret.
    pub fn from_identity(identity: &str) -> Self {
        let hash = stable_hash(identity).to_be_bytes();
        Self(u16::from_be_bytes([hash[0] ^ hash[2], hash[1] ^ hash[3]]))
    }
}

impl Attempt {
    /// A new, unique attempt of a function without an identity.
    pub fn new(contact_id: &str, now: Timestamp) -> Self {
        Self::for_owner(contact_id, AttemptOwner::default(), now)
    }

    /// A new, unique attempt of `owner`.
    pub fn for_owner(contact_id: &str, owner: AttemptOwner, now: Timestamp) -> Self {
        // Functions that start together must not draw the same number, so it comes from the operating system.
        let random = getrandom::u32().expect("the kernel seeds its random numbers before any function starts");
        let key = format!("{:x}-{:04x}{:04x}", now.as_millisecond(), owner.0, random & 0xffff);
        Self { contact_id: contact_id.to_owned(), key }
    }

    /// Whether `owner` began it.
    pub fn is_owned_by(&self, owner: AttemptOwner) -> bool {
        let tag = self.key.split('-').nth(1).and_then(|tag| tag.get(..4));
        tag == Some(format!("{:04x}", owner.0).as_str())
    }

    /// Whether it may be one of a run in progress: another function began it less than `longest_run` ago, which is the
    /// longest time that a run takes. Clocks that differ a little make it look as if it began in the future.
    pub fn may_be_in_progress(&self, owner: AttemptOwner, longest_run: Duration, now: Timestamp) -> bool {
        let Some(begun) = self.begun_at() else { return false };
        !self.is_owned_by(owner) && now.duration_since(begun).unsigned_abs() < longest_run
    }

    /// The reference in the lead: `HS-<contact>-<key>`.
    pub fn reference_text(&self) -> String {
        format!("HS-{}-{}", self.contact_id, self.key)
    }

    /// The part of the reference that identifies the attempt.
    pub fn attempt_key(&self) -> &str {
        &self.key
    }

    /// The contact's id.
    pub fn contact_id(&self) -> &str {
        &self.contact_id
    }

    /// When the attempt began; `None` if somebody changed the reference.
    pub fn begun_at(&self) -> Option<Timestamp> {
        let milliseconds = i64::from_str_radix(self.key.split('-').next()?, 16).ok()?;
        Timestamp::from_millisecond(milliseconds).ok()
    }

    /// Parses the text of [`Attempt::reference`].
    pub fn parse_reference(reference: &str) -> Option<Self> {
        let (contact_id, key) = reference.trim().strip_prefix("HS-")?.split_once('-')?;
        let attempt = Self { contact_id: contact_id.to_owned(), key: key.to_owned() };
        attempt.begun_at().map(|_| attempt)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_round_trip_and_are_unique() {
        let now = Timestamp::from_millisecond(1_790_000_000_123).expect("in range");
        let attempt = Attempt::new("501", now);
        assert_eq!(Attempt::parse_reference(&attempt.reference_text()).as_ref(), Some(&attempt));
        assert_eq!(attempt.begun_at(), Some(now));
        assert_ne!(attempt, Attempt::new("501", now));
        for text in ["", "HS-", "HS-501", "501", "HS-501-zz"] {
            assert_eq!(Attempt::parse_reference(text), None, "{text}");
        }
    }

    #[test]
    fn only_young_attempts_of_other_owners_may_be_in_progress() {
        let longest = Duration::from_secs(240);
        let now = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let ago = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
        let [ours, theirs] = ["function-a", "function-b"].map(AttemptOwner::from_identity);
        let may_be = |attempt: &Attempt| attempt.may_be_in_progress(ours, longest, now);
        assert!(!may_be(&Attempt::for_owner("1", ours, ago(1))), "our runs never overlap");
        assert!(may_be(&Attempt::for_owner("1", theirs, ago(239))));
        assert!(may_be(&Attempt::for_owner("1", theirs, ago(-2))), "their clock is ahead");
        assert!(!may_be(&Attempt::for_owner("1", theirs, ago(240))), "their run is over");
        let older = Attempt::parse_reference("HS-1-19a0-00000000").expect("a reference of an earlier version");
        assert!(!may_be(&older) && !older.is_owned_by(ours));
    }
}
