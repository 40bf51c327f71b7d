//! What does the law of sizes promise? Tables, and a server that is simulated.

use super::*;
use proptest::prelude::*;

const MIB: u64 = 1024 * 1024;

fn sizes(start: u32) -> Sizes {
    Sizes { start, least: 1, most: 10_000, scan: 100_000, target_time: Duration::from_millis(500), max_wal: 16 * MIB }
}

fn cost(rows: u32, millis: u64) -> Cost {
    Cost { rows, took: Duration::from_millis(millis), wal_bytes: None }
}

fn with_wal(rows: u32, millis: u64, wal_bytes: u64) -> Cost {
    Cost { wal_bytes: Some(wal_bytes), ..cost(rows, millis) }
}

fn after(start: u32, costs: &[Cost]) -> u32 {
    let mut sizing = Sizing::of_walk(sizes(start));
    costs.iter().for_each(|cost| sizing.note(*cost));
    sizing.rows()
}

#[test]
fn the_next_size_follows_what_the_last_batches_cost() {
    for (what, start, costs, expected) in [
        ("nothing noted", 1000, vec![], 1000),
        ("fast", 1000, vec![cost(1000, 100)], 1500),
        ("free", 1000, vec![cost(1000, 0)], 1500),
        ("fast, and log is what binds", 1000, vec![with_wal(1000, 100, 14 * MIB)], 1142),
        ("twice too slow", 1000, vec![cost(1000, 1000)], 500),
        ("a little too slow", 1000, vec![cost(1000, 540)], 1000),
        ("a little too fast", 1000, vec![cost(1000, 460)], 1000),
        ("the very last rows to the most", 9500, vec![cost(9500, 400)], 10_000),
        ("two workers grow once", 1000, vec![cost(1000, 100), cost(1000, 100)], 1500),
        ("one row grows", 1, vec![cost(1, 100)], 2),
        ("five times too slow is not more than five", 1000, vec![cost(1000, 2500)], 200),
        ("more than five times too slow", 1000, vec![cost(1000, 2501)], 100),
        ("two workers overrun once", 1000, vec![cost(1000, 2501), cost(1000, 2501)], 100),
        ("after an overrun its own cost holds", 1000, vec![cost(1000, 2501), cost(100, 10), cost(150, 10)], 199),
        ("too much log", 1000, vec![with_wal(1000, 100, 20 * MIB)], 800),
        ("a little too much log", 1000, vec![with_wal(1000, 100, 17 * MIB)], 941),
        ("far too much log", 1000, vec![with_wal(1000, 100, 81 * MIB)], 100),
        ("too much log by any measure", 1000, vec![with_wal(1000, 100, 1600 * MIB)], 10),
        ("one row is more than the log may be", 3, vec![with_wal(3, 100, 100 * MIB)], 1),
        ("the last of a slice is slow by the row", 1000, vec![cost(499, 450)], 1000),
        ("an empty range", 1000, vec![cost(0, 5)], 1000),
        ("the last of a slice stalls", 1000, vec![cost(10, 2501)], 100),
        ("the last of a slice has huge rows", 1000, vec![with_wal(10, 100, 20 * MIB)], 8),
    ] {
        assert_eq!(after(start, &costs), expected, "{what}");
    }
}

#[test]
fn one_slow_batch_of_ten_is_an_outlier_and_two_are_not() {
    let usual = [cost(1000, 500); 9];
    assert_eq!(after(1000, &[&usual[..], &[cost(1000, 2000)]].concat()), 1000);
    assert_eq!(after(1000, &[&usual[..], &[cost(1000, 2000); 2]].concat()), 250);
}

#[test]
fn after_an_overrun_its_own_cost_holds_whatever_was_quick_before() {
    let usual = [cost(1000, 400); 9];
    let then = [cost(1000, 3000), cost(100, 10), cost(150, 10), cost(166, 10)];
    assert_eq!(after(1000, &[&usual[..], &then].concat()), 166);
}

#[test]
fn a_size_that_the_server_gave_up_is_learned_anew() {
    let mut sizing = Sizing::of_walk(sizes(1000));
    (0..10).for_each(|_| sizing.note(cost(1000, 500)));
    sizing.shrink(sizing.rows());
    sizing.note(cost(500, 1000));
    assert_eq!(sizing.rows(), 250);
}

#[test]
fn a_server_that_gives_up_halves_the_size_down_to_the_least() {
    let mut sizing = Sizing::of_walk(Sizes { least: 300, ..sizes(1000) });
    sizing.shrink(1000);
    sizing.shrink(1000);
    assert_eq!(sizing.rows(), 500, "two workers were given up at once");
    // A batch of the size before is still on its way, and was quick.
    sizing.note(cost(1000, 10));
    assert_eq!(sizing.rows(), 750);
    sizing.shrink(sizing.rows());
    assert_eq!(sizing.rows(), 375);
    sizing.shrink(sizing.rows());
    assert_eq!(sizing.rows(), 300);
    sizing.shrink(sizing.rows());
    assert_eq!(sizing.rows(), 300, "no fewer than the least");
}

#[test]
fn a_sweep_starts_at_the_most() {
    assert_eq!(Sizing::of_sweep(sizes(1000)).rows(), 10_000);
}

/// The same numbers in each run of a test.
struct Noise(u64);

impl Noise {
    /// Evenly between the two.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * ((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// A server where a batch takes `fixed` and every row `row` seconds, a twentieth more or less.
struct Server {
    fixed: f64,
    row: f64,
    noise: Noise,
}

impl Server {
    fn expected(&self, rows: u32) -> f64 {
        self.fixed + self.row * f64::from(rows)
    }

    /// Batches as large as asked for; the sizes they had.
    fn run(&mut self, sizing: &mut Sizing, batches: usize) -> Vec<u32> {
        let mut rows = Vec::new();
        for _ in 0..batches {
            rows.push(sizing.rows());
            let took = self.expected(sizing.rows()) * self.noise.between(0.95, 1.05);
            sizing.note(Cost { rows: sizing.rows(), took: Duration::from_secs_f64(took), wal_bytes: None });
        }
        rows
    }

    fn assert_settled(&self, rows: &[u32], what: &str) {
        for rows in rows {
            let took = self.expected(*rows) / 0.5;
            assert!((0.85..=1.1).contains(&took), "{what}: {rows} rows take {took} of the target");
        }
        let changes = rows.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= rows.len() / 20, "{what}: {changes} changes in {} batches", rows.len());
    }
}

#[test]
fn a_size_settles_at_the_target_and_stays() {
    for (fixed, row, within) in
        [(0.0, 0.0002, 15), (0.02, 0.0002, 20), (0.1, 0.0001, 20), (0.01, 0.01, 25), (0.2, 0.0005, 40)]
    {
        for (start, seed) in [(1000, 1), (5000, 2), (10_000, 3), (100, 4)] {
            let mut server = Server { fixed, row, noise: Noise(seed) };
            let mut sizing = Sizing::of_walk(sizes(start));
            let rows = server.run(&mut sizing, 300);
            server.assert_settled(&rows[within..], &format!("{fixed} s and {row} s a row from {start} rows"));
        }
    }
}

#[test]
fn a_table_that_becomes_twenty_times_slower_and_fast_again_is_followed() {
    let mut server = Server { fixed: 0.0, row: 0.0001, noise: Noise(5) };
    let mut sizing = Sizing::of_walk(sizes(5000));
    server.run(&mut sizing, 50);
    server.row *= 20.0;
    let rows = server.run(&mut sizing, 100);
    let overruns = rows.iter().filter(|rows| server.expected(**rows) > 2.5).count();
    assert_eq!(overruns, 1, "{rows:?}");
    server.assert_settled(&rows[4..], "slow");
    server.row /= 20.0;
    let rows = server.run(&mut sizing, 100);
    server.assert_settled(&rows[25..], "fast again");
    assert!(rows.windows(2).all(|pair| f64::from(pair[1]) <= f64::from(pair[0]) * 1.5 + 1.0), "{rows:?}");
}

#[test]
fn short_batches_at_the_ends_of_slices_do_not_move_the_size() {
    let mut server = Server { fixed: 0.1, row: 0.0001, noise: Noise(6) };
    let mut sizing = Sizing::of_walk(sizes(5000));
    server.run(&mut sizing, 30);
    let settled = sizing.rows();
    for rows in [1, 3, 50, 400, 10, 1, 700, 80, 2, 9, 30, 500] {
        let took = Duration::from_secs_f64(server.expected(rows));
        sizing.note(Cost { rows, took, wal_bytes: Some(u64::from(rows) * 300) });
    }
    assert_eq!(sizing.rows(), settled);
}

/// The most log of any batch but the first, how many batches wrote too much, and how many more than that by a row.
fn run_large_rows(start: u32, mut row: impl FnMut() -> f64) -> (f64, u32, u32) {
    let (limit, largest) = (16.0 * MIB as f64, 10.0 * MIB as f64);
    let mut sizing = Sizing::of_walk(sizes(start));
    let (mut most, mut over, mut far_over) = (0_f64, 0, 0);
    for batch in 0..300 {
        let rows = sizing.rows();
        let wal: f64 = (0..rows).map(|_| row()).sum();
        sizing.note(with_wal(rows, 50, wal as u64));
        if batch > 0 {
            most = most.max(wal);
            over += u32::from(wal > limit);
            far_over += u32::from(wal > limit + largest);
        }
    }
    (most, over, far_over)
}

#[test]
fn rows_of_megabytes_of_one_size_never_write_more_log_than_they_may() {
    for mib in 1..=10 {
        for start in [1, 3, 16, 5000] {
            let (most, over, _) = run_large_rows(start, || (mib * MIB) as f64);
            assert_eq!(over, 0, "{mib} MiB a row from {start} rows: {most} bytes");
            assert!(most >= 16.0 * MIB as f64 - (mib * MIB) as f64, "{mib} MiB a row from {start} rows: {most} bytes");
        }
    }
}

/// Where no row tells how large the next one is, luck is left: three rows of 10 MiB after thirty of 1 MiB.
#[test]
fn rows_of_one_to_ten_megabytes_stay_under_the_log_they_may_write_and_one_row() {
    let (mut over, mut far_over) = (0, 0);
    for seed in 0..200 {
        let mut noise = Noise(seed * 7919);
        let counts = run_large_rows(3, || noise.between(MIB as f64, 10.0 * MIB as f64));
        over += counts.1;
        far_over += counts.2;
    }
    assert!(over <= 60_000 / 40, "{over} of 60,000 batches wrote too much");
    assert!(far_over <= 6, "{far_over} of 60,000 batches wrote too much by more than a row");
}

#[test]
fn other_sizes_are_those_of_the_next_batch() {
    let sizes = Sizes {
        start: 5000,
        least: 1000,
        most: 10_000,
        scan: 100_000,
        target_time: Duration::from_secs(1),
        max_wal: MIB * 16,
    };
    for (other, rows) in [
        (Sizes { start: 200, least: 100, ..sizes }, 200),
        (Sizes { most: 3000, start: 3000, ..sizes }, 3000),
        (Sizes { most: 3000, ..sizes }, 3000),
        (Sizes { least: 8000, ..sizes }, 8000),
        (Sizes { target_time: Duration::from_millis(1), ..sizes }, 5000),
    ] {
        let mut sizing = Sizing::of_walk(sizes);
        sizing.resize(other);
        assert_eq!(sizing.rows(), rows, "{other:?}");
    }
}

proptest! {
    #[test]
    fn a_size_never_leaves_its_bounds_nor_grows_by_more_than_half(
        bounds: (u32, u32, u32), target in 0..10_000_u64, max_wal: u64,
        steps in prop::collection::vec((any::<bool>(), any::<u32>(), 0..100_000_u64, any::<Option<u64>>()), 0..60),
    ) {
        let mut bounds = [bounds.0.max(1), bounds.1.max(1), bounds.2.max(1)];
        bounds.sort_unstable();
        let [least, start, most] = bounds;
        let mut sizing = Sizing::of_walk(Sizes { start, least, most, target_time: Duration::from_millis(target), max_wal, ..sizes(1) });
        for (gives_up, any_rows, millis, wal_bytes) in steps {
            let before = sizing.rows();
            if gives_up {
                sizing.shrink(sizing.rows());
            } else {
                sizing.note(Cost { wal_bytes, ..cost(any_rows % before.saturating_mul(2).max(2), millis) });
            }
            prop_assert!((least..=most).contains(&sizing.rows()));
            prop_assert!(u64::from(sizing.rows()) <= u64::from(before) + u64::from(before).div_ceil(2));
        }
    }
}
