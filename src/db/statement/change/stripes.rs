//! How are the rows of a lap found without reading those of the others? A lap's rows are stripes of neighbouring keys, which
//! the index finds one after the other. Knows neither what becomes of the rows nor any connection.
//!
//! An index's entries say which lap their rows are of, but PostgreSQL asks that of the rows themselves, in the table. Measured
//! with four laps: an eighth of the time (docs/performance.md).

use crate::db::statement::{BatchStatements, Rows, qualified};
use crate::plan::Order;

/// Of these names no user's column is, so that none in the job's expressions has two meanings.
const STRIPE: &str = "\"tidegate stripe\"";
const FIRST: &str = "\"tidegate stripe\".\"tidegate first\"";

/// The rows of a lap, by its stripes.
pub(super) struct ByStripes {
    /// The stripes, one row each.
    pub(super) stripes: String,
    /// Which rows lie in the range and in one of them.
    pub(super) rows: String,
}

impl BatchStatements {
    /// These rows by the stripes of their lap. `None`: they are other rows, are told by their places, or the server chooses the
    /// way, which could be one that asks each row for each stripe.
    pub(super) fn by_stripes(&self, rows: Rows) -> Option<ByStripes> {
        let Rows::Stripes { lap, of } = rows else { return None };
        let ([column], Order::Key, true) = (self.position(), self.route().order, self.work().held_to_index) else {
            return None;
        };
        let width = self.route().laps.stripe;
        let [after, through] = [1, 2].map(|number| format!("{}::bigint", self.dialect().key_parameter(number, column)));
        // From the circuit's stripe of the first lap on that the range begins in. The last number of a stripe is one of its
        // keys, so none is too large.
        let bits = (width * of).ilog2();
        let begin = format!("(({after} >> {bits}) << {bits}) + {}", lap * width);
        let key = qualified(column);
        let range =
            format!("{} and {key} >= {FIRST} and {key} <= {FIRST} + {}", self.range_condition(false), width - 1);
        Some(ByStripes {
            stripes: format!("generate_series({begin}, {through}, {}) as {STRIPE}(\"tidegate first\")", width * of),
            rows: self.in_scope(range),
        })
    }
}
