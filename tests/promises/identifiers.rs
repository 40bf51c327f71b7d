//! Is a quoted name to the server what it is to us? Whatever a table or a column is called, no name ends its quotes and
//! begins a statement of its own. What parsers make of more names is in `tests/fuzz/identifiers.rs`.

use crate::support::{Random, Target, promises};
use tidegate::db::Dialect;
use tidegate::job::{Ident, TableName};

promises!(on [every_postgres]: a_quoted_name_is_read_by_the_server_as_it_is);

/// The signs that have a meaning in SQL, in quotes or in names, often; others, of one to four bytes, as well.
const SIGNS: &[char] =
    &['"', '\'', '\\', '`', '.', ';', '-', ' ', '\n', '\t', '$', 'a', 'Z', '0', '_', 'é', 'ß', '中', '🦀'];

const NAMES: u64 = 500;

async fn a_quoted_name_is_read_by_the_server_as_it_is(target: Target) {
    let mut random = Random::new();
    for name in (0..NAMES).filter_map(|_| name(&mut random)) {
        let quoted = Dialect::Postgres.table(&TableName { schema: None, name: name.clone() });
        let [name, quoted] = [name.as_str(), &quoted].map(|text| format!("'{}'", text.replace('\'', "''")));
        let read =
            format!("select (parse_ident({quoted}) = array[{name}])::int, quote_ident({name}) in ({name}, {quoted})");
        assert_eq!(target.rows(&read).await, [["1".to_owned(), "t".to_owned()]], "{read}");
    }
}

fn name(random: &mut Random) -> Option<Ident> {
    let sign = |random: &mut Random| SIGNS[random.below(SIGNS.len() as u64) as usize];
    let text: String = (0..=random.below(20)).map(|_| sign(random)).collect();
    Ident::new(&text).ok()
}
