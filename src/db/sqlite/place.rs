//! What names the place that a run was planned on?

use crate::db::dialect::literal;
use crate::plan::Work;

/// Names the table and the columns the work depends on; compared in each batch, in its transaction. The file needs no
/// name: the run's record lies in the same one. Nothing that VACUUM renumbers is part of it.
pub(super) fn place_expression(work: &Work) -> String {
    let table = literal(work.table.name.as_str());
    let names: Vec<_> = work.watched_columns().into_iter().map(|name| literal(name.as_str())).collect();
    format!(
        "(select 'main.' || {table} || ': ' || coalesce(group_concat(c.name || ' ' || c.type || \
         iif(c.\"notnull\", ' not null', '') || iif(c.pk, ' key ' || c.pk, ''), ', ' order by c.cid), 'no columns') \
         from pragma_table_xinfo({table}, 'main') as c where c.name in ({names}))",
        names = names.join(", ")
    )
}
