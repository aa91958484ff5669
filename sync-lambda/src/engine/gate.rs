//! Lets leads through to the destination: one at a time until it is known to judge leads, and again after an answer that
//! doesn't say whether a lead was taken. So an outage or a wrong setting costs one contact, not all that are in flight.

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, MutexGuard};

/// The gate of one run.
#[derive(Debug, Default)]
pub(super) struct SendGate {
    turn: Turn<()>,
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    is_open: bool,
    /// A lead may or may not have been taken since the destination was last known to be up.
    in_doubt: bool,
    /// Consecutive leads that may or may not have been taken.
    unclear_in_a_row: u32,
}

/// Permission to send one lead. While it is narrow, nobody else has one.
#[derive(Debug)]
pub(super) struct GatePass<'a> {
    gate: &'a SendGate,
    turn: Option<MutexGuard<'a, ()>>,
}

impl SendGate {
    /// Waits for a turn, if leads are sent one at a time.
    pub(super) async fn enter(&self) -> GatePass<'_> {
        if self.state.lock().is_open {
            return GatePass { gate: self, turn: None };
        }
        let turn = self.turn.lock().await;
        // It may have opened while this waited: then the others needn't wait for this one.
        let turn = (!self.state.lock().is_open).then_some(turn);
        GatePass { gate: self, turn }
    }

    /// The destination judged a lead, so it is up and several may be sent at once.
    pub(super) fn open(&self) {
        *self.state.lock() = GateState { is_open: true, ..GateState::default() };
    }

    /// A lead may or may not have been taken. Returns how many in a row.
    pub(super) fn close_in_doubt(&self) -> u32 {
        let mut state = self.state.lock();
        (state.is_open, state.in_doubt) = (false, true);
        state.unclear_in_a_row += 1;
        state.unclear_in_a_row
    }

    /// Whether to ask the destination whether it is up before another lead is sent.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.state.lock().in_doubt
    }

    /// The destination is up. The next lead is still sent alone.
    pub(super) fn settle_doubt(&self) {
        self.state.lock().in_doubt = false;
    }
}

impl GatePass<'_> {
    /// Whether the pass still holds: the gate may have closed while its holder waited for something else.
    pub(super) fn is_valid(&self) -> bool {
        self.turn.is_some() || self.gate.state.lock().is_open
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_passes_at_a_time_until_the_destination_judged_a_lead() {
        let gate = SendGate::default();
        let first = gate.enter().await;
        assert!(gate.enter().now_or_never().is_none(), "the first is alone");
        gate.open();
        drop(first);
        let (second, third) = (gate.enter().await, gate.enter().await);
        assert!(second.is_valid() && third.is_valid());
    }

    #[tokio::test]
    async fn an_unclear_answer_revokes_the_passes_of_those_who_still_wait() {
        let gate = SendGate::default();
        gate.open();
        let waiting = gate.enter().await;
        assert_eq!((gate.close_in_doubt(), gate.close_in_doubt()), (1, 2));
        assert!(!waiting.is_valid() && gate.is_in_doubt());
        let alone = gate.enter().await;
        gate.settle_doubt();
        assert!(alone.is_valid() && !gate.is_in_doubt());
        assert!(gate.enter().now_or_never().is_none(), "up, but leads are sent one at a time");
        gate.open();
        assert_eq!(gate.close_in_doubt(), 1, "a clear answer ends the row");
    }
}
