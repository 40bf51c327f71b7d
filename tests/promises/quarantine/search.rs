//! How much work is it to find a row at fault? At most k · 2 · log2(batch) tries for k rows, by the count of a trigger that
//! no rollback takes back.

use super::poison::{CHECK, Kind, Poisoned, sections, some_of};
use crate::support::{Random, Target, promises};

promises!(on [every_postgres]:
    the_search_for_rows_at_fault_is_short,
);

const ROWS: u64 = 20_000;

/// A sequence does not go back, whatever becomes of the statement that asked it.
const COUNTED: Kind = Kind {
    before: "create sequence if not exists tries",
    after: "create or replace function count_try() returns trigger language plpgsql as
            $$ begin perform nextval('tries'); return null; end $$;
            create trigger count_try before update of applied on items for each statement execute function count_try()",
    ..CHECK
};

async fn the_search_for_rows_at_fault_is_short(target: Target) {
    let mut random = Random::new();
    let halvings = 500_f64.log2();
    let items = Poisoned::new(&target, COUNTED, ROWS, [], &sections(1, 50)).await;
    target.run(&items.job).await;
    // As many statements as there are batches, where no row fails.
    let healthy = target.number("select last_value from tries").await;
    for count in [1, 10, 50] {
        let poison = some_of(&mut random, ROWS, count);
        let items = Poisoned::new(&target, COUNTED, ROWS, poison, &sections(1, 50)).await;
        let before = target.number("select last_value from tries").await;
        target.tidegate(&["run", "--restart", &items.job.path]).await.exits(3);
        items.only_these_are_aside(&items.poison).await;
        let statements = target.number("select last_value from tries").await - before;
        // Setting a row aside is a transaction of its own, without a change.
        let tries = statements - healthy + count as i64;
        println!("{count} rows: {tries} tries, {:.1} for each", tries as f64 / count as f64);
        assert!(tries as f64 <= count as f64 * 2.0 * halvings, "{tries} tries for {count} rows");
    }
}
