//! May a worker begin a batch? The one place where workers wait; whatever holds a run closes this gate. Knows the
//! reasons only as what to show.

use crate::event::Reason;
use tokio::sync::watch;

/// What the gate lets through.
#[derive(Clone, Debug, PartialEq)]
pub enum Flow {
    /// Batches may begin.
    Go,
    /// No batch begins until further notice.
    Hold(Vec<Reason>),
    /// No batch begins any more.
    Stop,
}

/// The gate of a run. A batch is in hand from [`Gate::pass`] until its [`InHand`] is dropped.
pub struct Gate {
    state: watch::Sender<State>,
}

struct State {
    flow: Flow,
    in_hand: usize,
}

/// One batch in hand.
pub struct InHand<'a> {
    gate: &'a Gate,
}

impl Gate {
    /// An open gate.
    pub fn open() -> Self {
        Self { state: watch::Sender::new(State { flow: Flow::Go, in_hand: 0 }) }
    }

    /// Waits until a batch may begin, and has it in hand. `None`: none may any more.
    ///
    /// Looking and taking are one step, so that a gate that was closed and found empty stays empty.
    pub async fn pass(&self) -> Option<InHand<'_>> {
        let mut changes = self.state.subscribe();
        loop {
            let mut flow = Flow::Go;
            self.state.send_if_modified(|state| {
                flow = state.flow.clone();
                let passes = flow == Flow::Go;
                state.in_hand += usize::from(passes);
                passes
            });
            match flow {
                Flow::Go => return Some(InHand { gate: self }),
                Flow::Stop => return None,
                // The sender lives in `self`, so waiting cannot fail.
                Flow::Hold(_) => drop(changes.wait_for(|state| !matches!(state.flow, Flow::Hold(_))).await),
            }
        }
    }

    /// Sets the flow. A stopped gate stays stopped.
    pub fn set(&self, flow: Flow) {
        self.state.send_if_modified(|state| {
            let changes = state.flow != Flow::Stop && state.flow != flow;
            if changes {
                state.flow = flow;
            }
            changes
        });
    }

    /// What the gate lets through now.
    pub fn flow(&self) -> Flow {
        self.state.borrow().flow.clone()
    }

    /// Waits until no batch is in hand.
    pub async fn emptied(&self) {
        drop(self.state.subscribe().wait_for(|state| state.in_hand == 0).await);
    }

    /// Waits until the gate is stopped.
    pub async fn stopped(&self) {
        drop(self.state.subscribe().wait_for(|state| state.flow == Flow::Stop).await);
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.gate.state.send_modify(|state| state.in_hand -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn pause() -> Flow {
        Flow::Hold(vec![Reason::OperatorPause { actor: "anna@db1".into(), reason: None }])
    }

    #[test]
    fn a_held_gate_lets_nothing_begin_and_opens_again() {
        let gate = Gate::open();
        gate.set(pause());
        let mut waiting = pin!(gate.pass());
        assert!(poll(waiting.as_mut()).is_pending());
        gate.set(Flow::Go);
        assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Some(_))));
    }

    #[test]
    fn a_closed_gate_is_empty_only_when_the_last_batch_is_out_of_hand() {
        let gate = Gate::open();
        let in_hand = match poll(pin!(gate.pass())) {
            Poll::Ready(Some(in_hand)) => in_hand,
            _ => panic!("an open gate lets a batch begin"),
        };
        gate.set(pause());
        let mut emptied = pin!(gate.emptied());
        assert!(poll(emptied.as_mut()).is_pending());
        drop(in_hand);
        assert!(poll(emptied.as_mut()).is_ready());
    }

    #[test]
    fn a_stopped_gate_stays_stopped() {
        let gate = Gate::open();
        gate.set(Flow::Stop);
        gate.set(Flow::Go);
        assert!(matches!(poll(pin!(gate.pass())), Poll::Ready(None)));
    }
}
