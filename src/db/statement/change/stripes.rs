//! How are the rows of a lap found without reading those of the others? A lap's rows are stripes of neighbouring keys, which
//! the index finds one after the other. Knows neither what becomes of the rows nor any connection.
//!
//! An index's entries say which lap their rows are of, but PostgreSQL asks that of the rows themselves, in the table. Measured
//! with four laps: those of the others cost a twelfth of the time (docs/performance.md).

use crate::db::statement::{BatchStatements, Rows, qualified};
use crate::plan::Order;

/// Of these names no user's column is, so that none in the job's expressions has two meanings.
const STRIPE: &str = "\"tidegate stripe\"";
const FIRST: &str = "\"tidegate first\"";

/// The rows of a lap, by its stripes.
pub(super) struct ByStripes {
    /// The stripes, one row each.
    pub(super) stripes: String,
    /// Which rows lie in the range and in one of them.
    pub(super) rows: String,
}

impl BatchStatements {
    /// These rows by the stripes of their lap. `None`: they are other rows, are told by their places, or the server chooses the
    /// way.
    ///
    /// The stripes must come first and lead to the rows, however wrong the statistics are: the other way round each row of the range
    /// is asked for each stripe. So no condition of a row's own says where the range begins or ends, and rows first would be the
    /// whole table; and what is said of the stripes, though true of all, makes them look like one.
    pub(super) fn by_stripes(&self, rows: Rows) -> Option<ByStripes> {
        let Rows::Stripes { lap, of } = rows else { return None };
        let ([column], Order::Key, true) = (self.position(), self.route().order, self.work().held_to_index) else {
            return None;
        };
        let width = self.route().laps.stripe;
        let key = qualified(column);
        let [after, through] = [1, 2].map(|number| format!("{}::bigint", self.dialect().key_parameter(number, column)));
        // A circuit of stripes has so many keys, the lap's own begins so many after the first.
        let (keys, begins) = (width * of, lap * width);
        let circuit = |number: &str| format!("(({number} >> {bits}) << {bits})", bits = keys.ilog2());
        // The last number of a stripe, unlike the first of the next, is in the range of the key's type.
        let rows = format!(
            "{key} >= greatest({STRIPE}.{FIRST}, {after}) and {key} <= least({STRIPE}.{FIRST} + {last}, {through}) \
             and {key} <> {after}",
            last = width - 1
        );
        Some(ByStripes {
            stripes: format!(
                "(select {FIRST} from generate_series({circuit_of_after} + {begins}, {through}, {keys}) as s({FIRST}) \
                 where {FIRST} & {mask} = {begins} and {circuit_of_first} + {begins} = {FIRST}) as {STRIPE}",
                circuit_of_after = circuit(&after),
                circuit_of_first = circuit(FIRST),
                mask = keys - 1,
            ),
            rows: self.in_scope(rows),
        })
    }
}
