//! Who has the lock that a batch waits for? As much as helps to find them, and never what they run: its text holds
//! values.

use crate::quantity::Quantity;
use std::fmt;
use std::time::Duration;

/// A session that keeps a batch waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Its process at the server.
    pub pid: i64,
    /// What it calls itself; `None` where it says nothing or this role may not see it.
    pub application: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// `active`, `idle in transaction`.
    pub state: Option<String>,
    /// How long its transaction lasts.
    pub lasts: Option<Duration>,
    /// It has the whole table, so that a smaller range does not help.
    pub has_table: bool,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasts = self.lasts.map(|lasts| format!("for {}", Quantity::seconds(lasts.as_secs_f64())));
        let told = [
            self.application.clone(),
            self.role.as_ref().map(|role| format!("role {role}")),
            self.state.clone(),
            lasts,
        ];
        let told: Vec<_> = told.into_iter().flatten().collect();
        write!(f, "process {}", self.pid)?;
        if !told.is_empty() {
            write!(f, " ({})", told.join(", "))?;
        }
        f.write_str(if self.has_table { " has the table" } else { " has a row" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_named_as_far_as_it_may_be_seen() {
        let seen = Blocker {
            pid: 4711,
            application: Some("psql".into()),
            role: Some("anna".into()),
            state: Some("idle in transaction".into()),
            lasts: Some(Duration::from_secs(180)),
            has_table: false,
        };
        assert_eq!(seen.to_string(), "process 4711 (psql, role anna, idle in transaction, for 3m) has a row");
        let hidden = Blocker { application: None, role: None, state: None, lasts: None, has_table: true, ..seen };
        assert_eq!(hidden.to_string(), "process 4711 has the table");
    }
}
