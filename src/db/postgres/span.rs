//! Where does a batch end whose keys are whole numbers with few gaps? So many keys on: its rows are no more than that, because
//! keys are unique, and no row has to be read to find the end. Knows neither when that is worth it nor the transaction.

use crate::db::statement::BatchStatements;
use crate::key::{Key, KeyRange};
use crate::plan::KeyColumn;

/// A range of more keys has gaps, as batches have thousands of rows, and each stripe of keys costs a way through the index.
const FEW: u64 = 250_000;

/// Whether the rows of a lap are found stripe after stripe, where so many keys have room in a range.
pub(super) fn is_gone_over_by_stripes(span: Option<u64>) -> bool {
    span.is_some_and(|keys| keys <= FEW)
}

/// How many keys have room in a range. `None`: the walk does not go by one whole number, or the range is open below.
pub(super) fn span(position: &[KeyColumn], range: &KeyRange) -> Option<u64> {
    let [column] = position else { return None };
    if !column.is_whole_number() {
        return None;
    }
    let through = whole(&range.through)?;
    u64::try_from(through.checked_sub(whole(range.after.as_ref()?)?)?).ok()
}

fn whole(key: &Key) -> Option<i128> {
    let [part] = key.parts() else { return None };
    part.parse().ok()
}

/// The key `rows` (an expression) whole numbers on from the first of these stored keys, as a stored key; nothing where the other is not above
/// it. The sum of two numbers can be too large for their type, which the end then is not.
///
/// It names the table, which locks it as a look-up would: what was proven of its name stays true.
pub(super) fn end(statements: &BatchStatements, cursor: &str, through: &str, rows: &str) -> String {
    let number = |column: &str| format!("({column}::json ->> 0)::numeric");
    let (end, through) = (format!("{} + {rows}", number(cursor)), number(through));
    let table = statements.table();
    format!(
        "select json_build_array(({end})::text)::text where {end} < {through} and not exists (select from {table} where false)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Ident;

    fn key(parts: &[&str]) -> Key {
        Key::new(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    fn span_of(types: &[&str], after: &[&str], through: &[&str]) -> Option<u64> {
        let column = |sql_type: &&str| KeyColumn { name: Ident::new("id").unwrap(), sql_type: (*sql_type).to_owned() };
        let range = KeyRange { after: Some(key(after)), through: key(through) };
        span(&types.iter().map(column).collect::<Vec<_>>(), &range)
    }

    #[test]
    fn only_one_whole_number_has_a_span() {
        for sql_type in ["smallint", "integer", "bigint"] {
            assert_eq!(span_of(&[sql_type], &["-5"], &["7"]), Some(12), "{sql_type}");
        }
        for other in ["text", "numeric", "numeric(20,0)", "uuid", "tid", "sales.number"] {
            assert_eq!(span_of(&[other], &["5"], &["7"]), None, "{other}");
        }
        assert_eq!(span_of(&["bigint", "bigint"], &["1", "2"], &["1", "9"]), None);
        assert_eq!(span_of(&["bigint"], &["-9223372036854775808"], &["9223372036854775807"]), Some(u64::MAX));
        let open_below = KeyRange { after: None, through: key(&["7"]) };
        let id = KeyColumn { name: Ident::new("id").unwrap(), sql_type: "bigint".to_owned() };
        assert_eq!(span(&[id], &open_below), None);
    }
}
