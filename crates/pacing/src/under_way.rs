//! The calls that this process waits for, so that somebody at a terminal can be told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
static CALLS: Mutex<BTreeMap<u64, (String, Instant)>> = Mutex::new(BTreeMap::new());

/// A call that was sent, or is about to be. It counts as ended when this is dropped, however the call ends.
#[derive(Debug)]
pub struct CallUnderWay {
    id: u64,
}

/// How long a call has been waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallWait {
    /// Tells two calls of one name apart.
    pub id: u64,
    /// What was called: `lambda:GetPolicy`, or `POST api.hubapi.com`.
    pub call: String,
    /// Since it began, with all its attempts.
    pub waited: Duration,
}

impl CallUnderWay {
    /// Starts waiting for `call`.
    pub fn begin(call: impl Into<String>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        CALLS.lock().insert(id, (call.into(), Instant::now()));
        Self { id }
    }

    /// The call that began first, of all that haven't ended.
    pub fn find_oldest() -> Option<CallWait> {
        let calls = CALLS.lock();
        let (id, (call, since)) = calls.first_key_value()?;
        Some(CallWait { id: *id, call: call.clone(), waited: since.elapsed() })
    }
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        CALLS.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_call_that_began_first_and_has_not_ended() {
        let oldest = || CallUnderWay::find_oldest().map(|wait| wait.call);
        assert_eq!(oldest(), None);
        let first = CallUnderWay::begin("sts:GetCallerIdentity");
        let second = CallUnderWay::begin("iam:ListRoles");
        assert_eq!(oldest().as_deref(), Some("sts:GetCallerIdentity"));
        drop(first);
        assert_eq!(oldest().as_deref(), Some("iam:ListRoles"));
        drop(second);
        assert_eq!(oldest(), None);
    }
}
