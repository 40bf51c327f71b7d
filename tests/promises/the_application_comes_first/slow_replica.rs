//! A replica keeps up with half of our speed. Does the run find that speed by itself, and keep to it?

use crate::support::{
    Counted, LagWatch, Replicated, Sample, SlowRun, add_one, amount, batches, batches_of, promises, until,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

promises!(with Replicated on [postgres_15]:
    a_run_settles_at_what_a_slow_replica_sustains,
    a_throttled_replay_keeps_its_speed,
);

const MAX: Duration = Duration::from_secs(2);

/// A batch takes a tenth of that; the rest is the unrest of a busy machine.
const ONE_BATCH: Duration = Duration::from_millis(500);

/// A run begins gently and must first find out how fast it may go.
const SETTLES_WITHIN: Duration = Duration::from_secs(15);

async fn a_run_settles_at_what_a_slow_replica_sustains(replicated: Replicated) {
    let target = &replicated.target;
    let measured = Duration::from_secs(amount(10, 60));
    let free = add_one("items", &batches_of(100));
    let items = SlowRun::prepare_with(target, 4_000 * (measured + SETTLES_WITHIN).as_secs(), &free).await;
    let (log_speed, batch_speed) = free_speed(&replicated, &items).await;

    let throttle = replicated.throttle(log_speed / 2.0).await;
    target.job(&items.job.name, &format!("{free}[pace.replication_lag]\nmax = \"2s\"\nreplicas = 1\n"));
    let watch = LagWatch::start(&replicated).await;
    let mut run = SlowRun { runner: target.start(&["run", &items.job.path]), items };
    watch.looks_on_for(SETTLES_WITHIN).await;
    let settled = Instant::now();
    watch.looks_on_for(measured).await;
    assert!(run.runner.is_running(), "the run ended while it was measured: the table is too small");
    drop(throttle);

    let samples = watch.samples();
    let worst = *samples.iter().max_by_key(|sample| sample.lag).expect("samples");
    let at = worst.at - samples[0].at;
    assert!(worst.lag < MAX + ONE_BATCH, "{:?} behind after {at:?}; limit {MAX:?}", worst.lag);
    let samples: Vec<_> = samples.into_iter().filter(|sample| sample.at >= settled).collect();
    makes_progress(&samples);
    let [first, .., last] = samples[..] else { panic!("{} samples", samples.len()) };
    let kept = (last.batches - first.batches) as f64 / (last.at - first.at).as_secs_f64();
    let sustained = batch_speed / 2.0;
    println!("{kept:.1} batches/s of {sustained:.1} that the replica sustains; at most {:?} behind", worst.lag);
    assert!(kept > sustained / 2.0, "{kept:.1} batches/s, where the replica sustains {sustained:.1}");
    run.ends_well(target).await;
}

/// The throttle must hold by itself, or it proves nothing about the run.
async fn a_throttled_replay_keeps_its_speed(replicated: Replicated) {
    let target = &replicated.target;
    target.execute("create table written (id integer, words text)").await;
    let speed = 2_000_000.0;
    let throttle = replicated.throttle(speed).await;
    let (begun, from) = (Instant::now(), replicated.replayed().await.expect("a standby"));
    // Ten megabytes, at once: more than slips through while a busy machine forgets the throttle for a moment.
    target.execute("insert into written select i, repeat('x', 100) from generate_series(1, 80000) i").await;
    let end = target.log_end().await;
    until("it is replayed", async || replicated.replayed().await >= Some(end)).await;
    let seen = (end - from) as f64 / begun.elapsed().as_secs_f64();
    // An upper bound: a machine may be slower than that by itself.
    assert!(seen < speed * 2.0, "{seen:.0} bytes/s instead of {speed:.0}");
    drop(throttle);
}

/// Bytes of log and batches, a second, of a run that nothing limits.
async fn free_speed(replicated: &Replicated, items: &Counted) -> (f64, f64) {
    let target = &replicated.target;
    let mut runner = target.start(&["run", &items.job.path]);
    runner.brings("five batches", async || batches(target).await >= 5).await;
    let (begun, log, done) = (Instant::now(), target.log_end().await, batches(target).await);
    until("the free speed is measured", async || begun.elapsed() > Duration::from_secs(3)).await;
    let seconds = begun.elapsed().as_secs_f64();
    let speed = ((target.log_end().await - log) as f64 / seconds, (batches(target).await - done) as f64 / seconds);
    runner.signal(Signal::TERM);
    runner.end().await.exits(4);
    speed
}

/// Never five seconds without a batch.
fn makes_progress(samples: &[Sample]) {
    let mut last_progress = samples[0];
    for sample in samples {
        if sample.batches > last_progress.batches {
            last_progress = *sample;
        }
        let idle = sample.at - last_progress.at;
        assert!(idle < Duration::from_secs(5), "no batch for {idle:?}, {:?} behind", sample.lag);
    }
}
