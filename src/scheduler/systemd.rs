//! How is the service manager told? Datagrams to the socket that it names; nothing where it names none. Knows nothing of
//! runs.

use sd_notify::NotifyState;
use std::time::Duration;

/// Half of the time after which a service that is silent is restarted; `None`: it is not watched.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// The scheduler works.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The loop that takes runs goes round.
pub(super) fn alive() {
    if watchdog().is_some() {
        tell(NotifyState::Watchdog);
    }
}

/// What it does, for `systemctl status`.
pub(super) fn status(words: &str) {
    tell(NotifyState::Status(words));
}

/// It takes no more runs and lets those go that it has.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// A service manager that does not listen is no reason to stop.
fn tell(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}
