//! Which promises are about two contestants side by side? Their runs, the ratio that was promised of, and whether it is
//! there.

use super::Finding;
use super::workbench::{Pair, Workbench};
use crate::contestant::Contestant;
use crate::contestant::job::Manner;
use crate::shape::{INTEGER, SPARSE_INDEXED, Shape, UUID};
use crate::table::{Spread, grouped};
use anyhow::{Result, anyhow, bail};

/// In batches that are as large as theirs.
const ONE_PINNED: Contestant = Contestant::Tidegate(Manner::plain(1));
const ONE: Contestant = Contestant::Tidegate(Manner::as_it_comes(1));
const TWO: Contestant = Contestant::Tidegate(Manner::as_it_comes(2));
const ONE_SWEPT: Contestant = Contestant::Tidegate(Manner::swept(1));
const USUAL: (&Shape, u64) = (&INTEGER, 1);

/// The table of ten million rows is five times the usual one.
const SPARSE: (&Shape, u64) = (&SPARSE_INDEXED, 5);

pub(super) async fn one_worker(bench: &mut Workbench<'_>) -> Result<Finding> {
    faster(bench, ONE, Contestant::BigStatement, 0.97).await
}

pub(super) async fn two_workers(bench: &mut Workbench<'_>) -> Result<Finding> {
    let pairs = bench.pairs(USUAL, TWO, Contestant::BigStatement).await?;
    let halves = bench.pairs(USUAL, Contestant::Halves, Contestant::BigStatement).await?;
    let speed = spread(&pairs, Pair::speed);
    let how = how(&pairs, &INTEGER, bench, TWO, Contestant::BigStatement);
    Ok(Finding::Figure {
        reached: speed.median >= 1.5,
        figure: speed.bracketed(2),
        how: format!("{how}; {}: {}", Contestant::Halves, spread(&halves, Pair::speed).bracketed(2)),
        details: pairs.iter().chain(&halves).map(Pair::json).collect(),
    })
}

pub(super) async fn cte(bench: &mut Workbench<'_>) -> Result<Finding> {
    faster(bench, ONE_PINNED, Contestant::Cte { rows: INTEGER.batch_rows }, 1.4).await
}

/// As both come: pgroll in batches of its own usual size.
pub(super) async fn pgroll(bench: &mut Workbench<'_>) -> Result<Finding> {
    bench.conditions.can.pgroll.as_ref().map_err(|reason| anyhow!("{reason}"))?;
    faster(bench, ONE, Contestant::Pgroll, 2.0).await
}

/// With a `where`, as a walk in the order of the table needs one.
pub(super) async fn uuid(bench: &mut Workbench<'_>) -> Result<Finding> {
    let pairs = bench.pairs((&UUID, 1), ONE_SWEPT, Contestant::BigStatement).await?;
    let wal = spread(&pairs, |pair| pair.ours.wal_bytes as f64 / pair.theirs.wal_bytes as f64);
    let time = spread(&pairs, |pair| 1.0 / pair.speed());
    Ok(Finding::Figure {
        reached: wal.median <= 1.05 && time.median <= 1.1,
        figure: format!("WAL {}, time {}", wal.bracketed(2), time.bracketed(2)),
        how: how(&pairs, &UUID, bench, ONE_SWEPT, Contestant::BigStatement),
        details: pairs.iter().map(Pair::json).collect(),
    })
}

pub(super) async fn sparse(bench: &mut Workbench<'_>) -> Result<Finding> {
    let pairs = bench.pairs(SPARSE, ONE_SWEPT, Contestant::BigStatement).await?;
    let time = spread(&pairs, |pair| 1.0 / pair.speed());
    Ok(Finding::Figure {
        reached: time.median <= 1.2,
        figure: time.bracketed(2),
        how: how(&pairs, SPARSE.0, bench, ONE_SWEPT, Contestant::BigStatement),
        details: pairs.iter().map(Pair::json).collect(),
    })
}

/// The table's size is that of the last run, beside what `vacuum full` makes of it.
pub(super) async fn bloat(bench: &mut Workbench<'_>) -> Result<Finding> {
    if !bench.conditions.can.vacuum {
        bail!("this version does not know the key `vacuum`");
    }
    let vacuumed = Contestant::Tidegate(Manner { vacuum: true, ..Manner::as_it_comes(1) });
    let pairs = bench.pairs(USUAL, vacuumed, ONE).await?;
    let (measured, mut ground) = bench.turn(USUAL, vacuumed).await?;
    let rewritten = ground.sizes_when_rewritten().await?.table_bytes as f64;
    let sizes = pairs.iter().map(|pair| &pair.ours).chain([&measured]);
    let size = Spread::of(sizes.map(|run| run.after.table_bytes as f64 / rewritten));
    let time = spread(&pairs, |pair| 1.0 / pair.speed());
    Ok(Finding::Figure {
        reached: size.median <= 1.1 && time.median <= 1.05,
        figure: format!("table {}, time {}", size.bracketed(2), time.bracketed(2)),
        how: how(&pairs, &INTEGER, bench, vacuumed, ONE),
        details: pairs.iter().map(Pair::json).collect(),
    })
}

async fn faster(bench: &mut Workbench<'_>, ours: Contestant, theirs: Contestant, least: f64) -> Result<Finding> {
    let pairs = bench.pairs(USUAL, ours, theirs).await?;
    let speed = spread(&pairs, Pair::speed);
    Ok(Finding::Figure {
        reached: speed.median >= least,
        figure: speed.bracketed(2),
        how: how(&pairs, &INTEGER, bench, ours, theirs),
        details: pairs.iter().map(Pair::json).collect(),
    })
}

fn spread(pairs: &[Pair], figure: fn(&Pair) -> f64) -> Spread {
    Spread::of(pairs.iter().map(figure))
}

/// Who ran how long on what.
fn how(pairs: &[Pair], shape: &Shape, bench: &Workbench<'_>, ours: Contestant, theirs: Contestant) -> String {
    let (our, their) = (spread(pairs, |pair| pair.ours.seconds), spread(pairs, |pair| pair.theirs.seconds));
    format!(
        "{ours} {} s, {theirs} {} s; {} rows, shape {}, rounds: {}",
        our.bracketed(1),
        their.bracketed(1),
        grouped(bench.rows()),
        shape.name,
        pairs.len()
    )
}
