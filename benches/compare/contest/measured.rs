//! What did one contestant need, and what did it leave behind? One turn: an untouched copy, the change, the figures, the
//! check that nothing was left out.

use super::Found;
use crate::application::{Felt, Lengths, Load, felt, probe};
use crate::arena::Arena;
use crate::contestant::{Circumstances, Contestant, Effort};
use crate::ground::{Ground, Sizes};
use crate::program::{self, Answers};
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What one turn of a contestant needed.
#[derive(Serialize)]
pub(crate) struct Measured {
    /// From the start to the end; pgroll's is that of its backfill.
    pub(crate) seconds: f64,
    /// Everything that the server wrote meanwhile.
    pub(crate) wal_bytes: i64,
    pub(crate) before: Sizes,
    pub(crate) after: Sizes,
    pub(crate) dead_rows: i64,
    /// Of the contestant's process, where it is one of its own.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// What the application felt meanwhile, where there was one.
    pub(crate) felt: Option<Felt>,
}

/// One contestant's turn.
pub(crate) struct Turn<'a> {
    pub(crate) contestant: Contestant,
    pub(crate) around: &'a Circumstances<'a>,
    pub(crate) load: Option<&'a Load>,
    /// Whoever takes longer gives no figures.
    pub(crate) at_most: Duration,
}

impl Turn<'_> {
    /// Measures it on an untouched copy; besides, finds out once what can be found out only on a changed table.
    pub(crate) async fn measure(&self, arena: &mut Arena, found: &mut Found) -> Result<Measured> {
        let mut ground = arena.fresh_ground().await?;
        let measured = self.on(&mut ground, arena).await?;
        if found.rewritten.is_none() && self.contestant == Contestant::BigStatement {
            found.rewritten = Some(ground.sizes_when_rewritten().await?);
        }
        if found.answers.is_none() && matches!(self.contestant, Contestant::Tidegate(_)) {
            found.answers = Some(self.answers(&ground).await?);
        }
        Ok(measured)
    }

    /// Measures it on this copy.
    pub(crate) async fn on(&self, ground: &mut Ground, arena: &Arena) -> Result<Measured> {
        let before = ground.sizes().await?;
        let wal_before = ground.wal().await?;
        let (effort, felt) = match self.load {
            Some(load) => {
                let (url, folder) = (ground.url.clone(), ground.folder.clone());
                let (felt, effort) = felt(&url, &folder, load, self.change(ground)).await?;
                (effort, Some(felt))
            }
            None => (self.change(ground).await?, None),
        };
        let wal_bytes = ground.wal().await? - wal_before;
        let after = ground.sizes().await?;
        // Before the check, which reads the table, and whoever reads a page may tidy it up.
        let dead_rows = ground.dead_rows().await?;
        self.contestant.check(ground, self.around.shape, arena.rows, arena.to_change).await?;
        Ok(Measured {
            seconds: effort.took.as_secs_f64(),
            wal_bytes,
            before,
            after,
            dead_rows,
            peak_memory_bytes: effort.peak_memory,
            felt,
        })
    }

    async fn change(&self, ground: &mut Ground) -> Result<Effort> {
        let change = timeout(self.at_most, self.contestant.change(ground, self.around)).await;
        change.map_err(|_| anyhow!("it did not end within {:?}", self.at_most))?
    }

    async fn answers(&self, ground: &Ground) -> Result<Answers> {
        program::answers(&ground.folder.join("job.toml"), &ground.url).await
    }
}

/// What the application feels when nobody works beside it, and the 95th percentile of the probe meanwhile.
pub(crate) async fn alone(
    arena: &mut Arena,
    load: Option<&Load>,
    lengths: Lengths,
) -> Result<(Option<Felt>, Duration)> {
    let ground = arena.fresh_ground().await?;
    let probe = probe::p95(&ground.url, arena.shape, lengths.idle);
    let Some(load) = load else { return Ok((None, probe.await?)) };
    let (felt, probe_p95) = felt(&ground.url, &ground.folder, load, probe).await?;
    felt.check_the_rate_was_kept()?;
    eprintln!("  idle: p99 {:.2} ms", felt.p99_ms);
    Ok((Some(felt), probe_p95))
}

/// What the application feels beside a loop that keeps one core busy and asks no database anything. Nobody who uses a core spares
/// it more.
pub(crate) async fn beside_a_busy_core(arena: &mut Arena, load: &Load, lengths: Lengths) -> Result<Felt> {
    let ground = arena.fresh_ground().await?;
    let (felt, ()) = felt(&ground.url, &ground.folder, load, keep_a_core_busy(lengths.idle)).await?;
    eprintln!("  beside a busy core: p99 {:.2} ms", felt.p99_ms);
    Ok(felt)
}

async fn keep_a_core_busy(length: Duration) -> Result<()> {
    let busy = move || {
        let begun = Instant::now();
        while begun.elapsed() < length {
            std::hint::spin_loop();
        }
    };
    Ok(tokio::task::spawn_blocking(busy).await?)
}
