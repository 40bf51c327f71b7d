//! Which statements does a connection keep under a name, parsed once? Those it has said before, where no pooler stands between:
//! the next transaction's server would not know the name, and whoever gets this session next would inherit it. Knows neither
//! what the statements say nor when they are due.

use super::connect::PostgresSession;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::Failure;
use crate::db::session::Session;
use crate::plan::{Action, Work};
use std::collections::VecDeque;
use std::time::Duration;
use uuid::Uuid;

/// A lane says about five texts for each partition and way of looking that it meets: first and later batches open and change in
/// other words. In laps it says twenty, as each lap changes and ends in its own.
const MOST: usize = 32;

/// How often a session is asked for its age: an answer that was long on its way proves nothing.
const ASKED_AT_MOST: u32 = 3;

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// Any value: once. Right for what goes by a unique key or is held to an index whatever its values are.
    Once,
    /// Its own values: each time. A plan made for any range could read the whole table.
    EachTime,
}

impl Planned {
    fn setting(self) -> &'static str {
        match self {
            Self::Once => "set local plan_cache_mode = force_generic_plan",
            Self::EachTime => "set local plan_cache_mode = force_custom_plan",
        }
    }
}

/// The named statements of one connection.
pub(super) struct Prepared {
    /// How names begin. No other client has one like it. `None`: nothing gets a name.
    prefix: Option<String>,
    /// Whether the look for rows in scope may have one.
    keeps_looks: bool,
    /// Whether the change may have one.
    keeps_changes: bool,
    given: u32,
    /// The oldest first.
    kept: VecDeque<Kept>,
}

/// A statement that the server knows by its name.
struct Kept {
    text: String,
    name: String,
}

impl Prepared {
    /// Asks the session whether it is ours alone; in that of a pooler nothing gets a name.
    pub(super) async fn on(session: &mut PostgresSession, work: &Work) -> Result<Self, Failure> {
        let mut prepared =
            Self { prefix: None, keeps_looks: false, keeps_changes: false, given: 0, kept: VecDeque::new() };
        let (begun, connected) = session.opened();
        let question = question(work);
        for _ in 0..ASKED_AT_MOST {
            let answer = session.script(&question).await?;
            let Some(row) = answer.first() else { break };
            let age = Duration::try_from_secs_f64(row.real_or_null(0).unwrap_or_default()).unwrap_or_default();
            if is_ours_alone(age, begun.elapsed(), connected.elapsed()) {
                prepared.prefix = Some(format!("tidegate_{}", Uuid::new_v4().simple()));
                // Planning for own values would plan what it sets off, too: queries of its own, and checks of foreign keys, anew for
                // each row.
                prepared.keeps_looks = work.held_to_index;
                prepared.keeps_changes = work.held_to_index && row.int_or_null(1) == Some(0);
                break;
            }
        }
        Ok(prepared)
    }

    /// Whether the server's session is ours alone.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.prefix.is_some()
    }

    /// Whether the look for rows in scope goes by its name too.
    pub(super) fn keeps_looks(&self) -> bool {
        self.keeps_looks
    }

    /// Whether the change goes by its name too.
    pub(super) fn keeps_changes(&self) -> bool {
        self.keeps_changes
    }

    /// Whether the statement has no name and gets one.
    pub(super) fn wants(&self, text: &str) -> bool {
        self.prefix.is_some() && self.find(text).is_none()
    }

    /// Gives the statement a name, where it gets one and has none. It may have a user's words, so it is sent as one statement
    /// and no more.
    pub(super) async fn prepare(
        &mut self,
        session: &mut PostgresSession,
        types: &[&str],
        text: &str,
    ) -> Result<(), Failure> {
        let Some(prefix) = self.prefix.as_ref().filter(|_| self.wants(text)) else { return Ok(()) };
        let name = format!("{prefix}_{}", self.given);
        self.given += 1;
        if self.kept.len() == MOST
            && let Some(oldest) = self.kept.pop_front()
        {
            session.script(&format!("deallocate {}", oldest.name)).await?;
        }
        session.execute(&format!("prepare {name} ({}) as {text}", types.join(", ")), &[]).await?;
        self.kept.push_back(Kept { text: text.to_owned(), name });
        Ok(())
    }

    /// What runs the statement by its name, with these words of ours for its values. `None`: it has no name.
    pub(super) fn by_name(&self, text: &str, words: &[String], planned: Planned) -> Option<String> {
        let Kept { name, .. } = self.find(text)?;
        // Then as the settings of a batch have it.
        let (planned, words) = (planned.setting(), words.join(", "));
        Some(format!("{planned}; execute {name} ({words}); set local plan_cache_mode = auto"))
    }

    fn find(&self, text: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.text == text)
    }
}

/// How old the server's session is, in seconds, and whether a trigger is on a table that the work writes to; checks of foreign
/// keys are triggers.
fn question(work: &Work) -> String {
    let written = match &work.action {
        Action::Copy { into, .. } => Some(into),
        Action::Delete { archive } => archive.as_ref().map(|archive| &archive.into),
        Action::Set(_) => None,
    };
    let tables: Vec<_> = [&work.table]
        .into_iter()
        .chain(written)
        .map(|table| format!("to_regclass({})", literal(&Dialect::Postgres.table(table))))
        .collect();
    format!(
        "select extract(epoch from clock_timestamp() - a.backend_start)::float8, \
         exists (select from pg_catalog.pg_trigger as t where t.tgrelid in ({})) \
         from pg_stat_get_activity(pg_backend_pid()) as a",
        tables.join(", ")
    )
}

/// Whether a session of that age was made for our connection: the server began it after we had begun to connect, and before we
/// were connected. That of a pooler is older as a rule, and where it was made for our first statement, younger. Nothing
/// else tells: the driver keeps to itself which process the server has named to it.
///
/// Both times are taken when the answer is there, so one that was long on its way looks too young.
fn is_ours_alone(age: Duration, since_begun: Duration, since_connected: Duration) -> bool {
    since_connected <= age && age <= since_begun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_ours_that_began_while_we_connected() {
        let ms = Duration::from_millis;
        for (what, age, since_begun, since_connected, ours) in [
            ("made for us", ms(7), ms(8), ms(5), true),
            ("made for us, and asked much later", ms(90_007), ms(90_008), ms(90_005), true),
            ("a pooler had it already", ms(60_000), ms(8), ms(5), false),
            ("a pooler had it a little earlier", ms(9), ms(8), ms(5), false),
            ("a pooler made it for the question", ms(3), ms(8), ms(5), false),
            ("made for us, but the answer was long on its way", ms(7), ms(108), ms(105), false),
            ("no age was told", ms(0), ms(8), ms(5), false),
        ] {
            assert_eq!(is_ours_alone(age, since_begun, since_connected), ours, "{what}");
        }
    }
}
