//! What does Ctrl-C mean? The first signal asks the run to stop; the second leaves at once.

use super::wording::say;
use tokio::sync::watch;

/// The code a shell shows for a program that a signal ended: 128 and the signal's number.
const BY_SIGINT: i32 = 130;
const BY_SIGTERM: i32 = 143;

/// Turns true at the first SIGINT or SIGTERM. From this call on neither ends the process by itself.
pub(super) fn stop_asked() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let signals = Signals::listen();
    tokio::spawn(async move {
        let Some(mut signals) = signals else {
            // Without handlers a signal ends the process; the run survives that.
            return std::future::pending().await;
        };
        signals.next().await;
        say("stopping: finishing the batches in hand; a second signal leaves at once");
        let _ = sender.send(true);
        std::process::exit(signals.next().await);
    });
    receiver
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        let terminate = signal(SignalKind::terminate()).ok()?;
        Some(Self { interrupt, terminate })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => BY_SIGINT,
            _ = self.terminate.recv() => BY_SIGTERM,
        }
    }
}
