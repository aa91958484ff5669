//! Rate limits, counted over a rolling window.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::clock::add_clamped;

/// At most `requests` in any `window`.
#[derive(Debug, Clone, Copy)]
pub(super) struct SandboxRateLimit {
    pub(super) requests: usize,
    pub(super) window: SignedDuration,
}

/// The requests that were allowed within the past window. Refused requests don't count.
#[derive(Debug, Default)]
pub(super) struct RequestWindow {
    taken: VecDeque<Timestamp>,
}

impl RequestWindow {
    /// Allows a request and returns how many more are left; `None` refuses it.
    pub(super) fn take_request(&mut self, limit: SandboxRateLimit, now: Timestamp) -> Option<usize> {
        let since = add_clamped(now, -limit.window);
        while self.taken.front().is_some_and(|taken| *taken <= since) {
            self.taken.pop_front();
        }
        if self.taken.len() >= limit.requests {
            return None;
        }
        self.taken.push_back(now);
        Some(limit.requests - self.taken.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls() {
        let limit = SandboxRateLimit { requests: 2, window: SignedDuration::from_secs(10) };
        let mut window = RequestWindow::default();
        let at = |seconds| add_clamped(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(seconds));
        assert_eq!(window.take_request(limit, at(0)), Some(1));
        assert_eq!(window.take_request(limit, at(9)), Some(0));
        assert_eq!(window.take_request(limit, at(9)), None);
        assert_eq!(window.take_request(limit, at(10)), Some(0), "the first is ten seconds old");
        assert_eq!(window.take_request(limit, at(18)), None, "refused requests don't count, allowed ones do");
        assert_eq!(window.take_request(limit, at(19)), Some(0));
    }
}
