//! What does a batch ask before it changes anything? One select that locks its slice, proves the place and finds how far the
//! batch goes. Text only: knows neither the transaction nor what is made of the answer.

use super::opened;
use super::span;
use super::spelling::{belongs, place_expression, stored_end};
use crate::db::SliceLease;
use crate::db::dialect::{Dialect, literal};
use crate::db::statement::BatchStatements;
use crate::pace::{Look, Stretch};

/// Where the slice `s` ends, or the circuit of laps that it is in.
const THROUGH: &str = "coalesce(s.circuit_through, s.through_key)";

/// How many words of a batch's own stand in the select.
pub(super) const WORDS: usize = 6;

/// Of which types they are.
pub(super) const TYPES: [&str; WORDS] = ["bigint", "integer", "integer", "bigint", "text", "bigint"];

/// The words: numbers, and a uuid.
pub(super) fn words(lease: &SliceLease, stretch: Stretch, end: End) -> [String; WORDS] {
    let SliceLease { run, pass, number, token, holder, .. } = lease;
    [
        run.to_string(),
        pass.to_string(),
        number.to_string(),
        token.to_string(),
        literal(holder),
        end.counts(stretch).to_string(),
    ]
}

/// Where the range of a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The slice's own end, where the table may be gone.
    Nowhere,
    /// So many rows on, counted from the lowest key on.
    OfFirstRows,
    /// So many rows on from the cursor.
    OfRows,
    /// So many rows on from the cursor that its lap changes.
    OfRowsOfLap,
    /// So many keys on from the cursor.
    OfKeys,
    /// The slice's own end: whatever comes in scope before it is in the range.
    OfSlice,
}

impl End {
    /// `open_below`: the slice has no cursor, so there is nothing to count keys from.
    pub(super) fn of(stretch: Stretch, open_below: bool) -> Self {
        match stretch.look {
            Look::ByIndex => Self::OfSlice,
            _ if open_below => Self::OfFirstRows,
            Look::Span => Self::OfKeys,
            // By places, whose hash has rows of each lap everywhere.
            Look::Count if stretch.laps > 1 => Self::OfRowsOfLap,
            Look::Count | Look::Among(_) => Self::OfRows,
        }
    }

    /// How many rows or keys on. Rows that stand for keys may all be of one lap.
    pub(super) fn counts(self, stretch: Stretch) -> u32 {
        match (self, stretch.look) {
            (Self::OfFirstRows, Look::Span) => stretch.rows,
            _ => stretch.covers(),
        }
    }

    /// Looks it up for the slice `s`; nothing where that is the slice's own.
    fn look_up(self, statements: &BatchStatements, rows: &str) -> String {
        match self {
            Self::Nowhere => "select null::text".to_owned(),
            // The table is named because that locks it.
            Self::OfSlice => format!("select null::text from {} where false", statements.table()),
            Self::OfKeys => span::end(statements, "s.cursor_key", THROUGH, rows),
            Self::OfFirstRows | Self::OfRows | Self::OfRowsOfLap => {
                let cursor = (self != Self::OfFirstRows).then(|| stored_key(statements, "s.cursor_key"));
                let range = statements.between(cursor.as_deref(), &stored_key(statements, THROUGH));
                let laps = statements.route().laps.count;
                let range = match self {
                    Self::OfRowsOfLap => format!("{range} and {}", statements.is_of_lap("s.lap", laps)),
                    _ => range,
                };
                stored_end(statements, &range, rows)
            }
        }
    }
}

/// The select, with these words. Its columns: batches committed; the cursor; the place; the log's position; the server's
/// process; whether the route's partition is one of the table's; the end, null where it is the slice's or its circuit's; that;
/// the cursor once more; the lap; whether its circuit begins here.
///
/// The end of the range is looked up in the output of the locking read, because what stands there is computed anew
/// when the lock had to be waited for; a joined look-up would keep the end that belongs to the old cursor.
pub(super) fn select(statements: &BatchStatements, end: End, words: &[String; WORDS]) -> String {
    let [run, pass, number, token, holder, rows] = words;
    format!(
        "select s.seq, s.cursor_key, {place} as place, {wal}, pg_backend_pid(), {belongs}, {kept}, \
         s.lap, s.lap = 0 and s.cursor_key is not distinct from coalesce(s.circuit_after, s.after_key) from tidegate.slice as s \
         where s.run_id = {run} and s.pass = {pass} and s.slice = {number} \
         and s.token = {token} and s.holder = {holder} and not s.done \
         and exists (select from tidegate.run as r where r.id = s.run_id and r.holder = s.holder \
         and r.state in ('running', 'sweeping')) for no key update of s",
        kept = opened::kept(&format!("({})", end.look_up(statements, rows)), THROUGH, "s.cursor_key"),
        place = place_expression(statements.work()),
        belongs = belongs(statements.work(), statements.route()),
        wal = Dialect::Postgres.wal_position(),
    )
}

/// The parts of a stored key, each cast to its column's type.
fn stored_key(statements: &BatchStatements, column: &str) -> Vec<String> {
    let key = statements.position().iter().enumerate();
    key.map(|(i, part)| format!("({column}::json ->> {i})::{}", part.sql_type)).collect()
}
