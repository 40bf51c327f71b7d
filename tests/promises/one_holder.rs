//! Who may commit a batch? Only who holds the slice, and only on top of what it has read. Asked of the library's own lane,
//! statement by statement, because in a whole run one guard covers for another. Who may take a part of a slice is asked in
//! [`splits`].

mod splits;

use crate::support::{Target, promises, series};
use std::sync::Arc;
use std::time::Duration;
use tidegate::db::{Address, Asked, Class, Database, Lane, Ledger, NewRun, SliceLease, Taken, database};
use tidegate::engine;
use tidegate::job::{self, Job};
use tidegate::pace::Stretch;
use tidegate::plan::{Plan, Route};
use tidegate::run::Intent;
use tidegate::runner::Runner;

promises!(on [every_postgres, sqlite]:
    a_checkpoint_on_top_of_an_older_number_matches_nothing,
    a_checkpoint_with_another_token_matches_nothing,
    a_checkpoint_of_another_holder_matches_nothing,
    a_slice_of_another_token_or_holder_is_not_opened,
    a_slice_of_a_paused_run_is_not_opened,
    taking_a_run_fences_its_slices,
    after_a_rollback_nothing_is_left,
);
promises!(on [every_postgres]:
    what_became_of_a_commit_is_not_told_while_it_is_under_way,
);

const LEASE: Duration = Duration::from_secs(60);

/// A run on `items` that this process holds, and a lane that may walk its one slice.
struct Held {
    database: Arc<dyn Database>,
    ledger: Ledger,
    plan: Plan,
    run: i64,
    lane: Box<dyn Lane>,
    lease: SliceLease,
}

impl Held {
    async fn new(target: &Target) -> Self {
        Self::of(target, 100).await
    }

    async fn of(target: &Target, rows: u64) -> Self {
        target.execute("create table items (id integer primary key, applied integer not null default 0)").await;
        target.execute(&format!("insert into items (id) {}", series(target, rows))).await;
        let database = database(&Address::parse(&target.url).unwrap()).unwrap();
        let job = job();
        let plan = engine::plan(database.as_ref(), &job).await.unwrap().unwrap();
        let mut ledger = database.ledger().await.unwrap();
        ledger.install().await.unwrap();
        let runner = Runner::this_process();
        let run = ledger.create_run(&new_run(&plan, &runner)).await.unwrap();
        ledger.take_run(run, &runner, LEASE).await.unwrap();
        let lane = database.lane(&plan.work, &plan.survey.place, &job.batch, LEASE).await.unwrap();
        let token = ledger.slices(run).await.unwrap()[0].token;
        let lease =
            SliceLease { run, pass: 0, number: 0, route: Route::default(), token, holder: runner.holder.clone() };
        Self { database, ledger, plan, run, lane, lease }
    }

    async fn another_lane(&self) -> Box<dyn Lane> {
        self.database.lane(&self.plan.work, &self.plan.survey.place, &job().batch, LEASE).await.unwrap()
    }

    /// Changes ten rows and leaves the transaction open; whether its checkpoint matched, tried with this lease and number.
    async fn checkpoint_matches(&mut self, lease: &SliceLease, seq_off_by: i64) -> bool {
        let mut batch = self.lane.open(&self.lease, Stretch::of_rows(10)).await.unwrap().expect("our slice");
        let applied = self.lane.apply(&self.lease, &batch).await.unwrap();
        batch.seq += seq_off_by;
        self.lane.checkpoint(lease, &batch, applied).await.unwrap().is_some()
    }
}

fn job() -> Job {
    let text = "version = 1\nname = \"count-visits\"\n[table]\nname = \"items\"\n[change.set]\napplied = \"applied + 1\"\n\
                [batch]\nlock_timeout = \"1s\"\n";
    job::parse(text).unwrap().0
}

fn new_run(plan: &Plan, runner: &Runner) -> NewRun {
    NewRun {
        job: plan.job.name.clone(),
        digest: plan.job.pinned().digest(),
        job_text: plan.job.text.clone(),
        table_name: plan.table.full_name.clone(),
        place: plan.survey.place.clone(),
        extent: plan.extent(),
        swept: false,
        estimated_rows: 100,
        slices: plan.slices.clone(),
        sizes: plan.survey.sizes.clone(),
        actor: runner.actor.clone(),
    }
}

async fn a_checkpoint_on_top_of_an_older_number_matches_nothing(target: Target) {
    let mut held = Held::new(&target).await;
    let lease = held.lease.clone();
    for off_by in [-1, 1] {
        assert!(!held.checkpoint_matches(&lease, off_by).await, "{off_by}");
        held.lane.rollback().await;
    }
    assert!(held.checkpoint_matches(&lease, 0).await);
    held.lane.commit().await.unwrap();
    assert_eq!(target.number("select count(*) from items where applied = 1").await, 10);
}

async fn a_checkpoint_with_another_token_matches_nothing(target: Target) {
    let mut held = Held::new(&target).await;
    let other = SliceLease { token: held.lease.token + 1, ..held.lease.clone() };
    assert!(!held.checkpoint_matches(&other, 0).await);
}

/// After a failover two holders may have the same token.
async fn a_checkpoint_of_another_holder_matches_nothing(target: Target) {
    let mut held = Held::new(&target).await;
    let other = SliceLease { holder: uuid::Uuid::new_v4().to_string(), ..held.lease.clone() };
    assert!(!held.checkpoint_matches(&other, 0).await);
}

async fn a_slice_of_another_token_or_holder_is_not_opened(target: Target) {
    let mut held = Held::new(&target).await;
    let token = SliceLease { token: held.lease.token + 1, ..held.lease.clone() };
    let holder = SliceLease { holder: uuid::Uuid::new_v4().to_string(), ..held.lease.clone() };
    for other in [token, holder] {
        assert_eq!(held.lane.open(&other, Stretch::of_rows(10)).await.unwrap(), None, "{other:?}");
        held.lane.rollback().await;
    }
    assert!(held.lane.open(&held.lease, Stretch::of_rows(10)).await.unwrap().is_some());
}

async fn a_slice_of_a_paused_run_is_not_opened(target: Target) {
    let mut held = Held::new(&target).await;
    held.ledger.ask(held.run, Intent::Pause, &Asked::by("anna", None)).await.unwrap();
    assert_eq!(held.lane.open(&held.lease, Stretch::of_rows(10)).await.unwrap(), None);
}

/// The lease is out, but a batch of the holder is in hand: it is waited for, and what comes later of that holder matches
/// nothing. On SQLite nobody else can write meanwhile.
async fn taking_a_run_fences_its_slices(target: Target) {
    let mut held = Held::new(&target).await;
    let in_hand = held.lane.open(&held.lease, Stretch::of_rows(10)).await.unwrap().expect("our slice");
    let applied = held.lane.apply(&held.lease, &in_hand).await.unwrap();
    let successor = Runner { holder: uuid::Uuid::new_v4().to_string(), ..Runner::this_process() };
    if target.either(true, false) {
        target.execute("update tidegate.heartbeat set boot_id = 'elsewhere', expires_at = clock_timestamp()").await;
        let taken = held.ledger.take_run(held.run, &successor, LEASE).await;
        assert_eq!(taken.expect_err("a batch is in hand").class, Class::Locked);
    }
    held.lane.rollback().await;
    let over = target.either("clock_timestamp()", "unixepoch('subsec')");
    target
        .execute(&format!("update {} set boot_id = 'elsewhere', expires_at = {over}", target.state("heartbeat")))
        .await;
    let taken = held.ledger.take_run(held.run, &successor, LEASE).await.unwrap();
    assert!(matches!(taken, Taken::Yes(_)), "{taken:?}");
    assert_eq!(held.lane.open(&held.lease, Stretch::of_rows(10)).await.unwrap(), None, "the lease of before");
    held.lane.rollback().await;
    let mut late = held.another_lane().await;
    late.open(
        &SliceLease { token: held.lease.token + 1, holder: successor.holder, ..held.lease.clone() },
        Stretch::of_rows(10),
    )
    .await
    .unwrap()
    .expect("the successor's slice");
    assert!(late.checkpoint(&held.lease, &in_hand, applied).await.unwrap().is_none(), "the lease of before");
}

/// Whatever was begun is over, and the same connection may begin anew.
async fn after_a_rollback_nothing_is_left(target: Target) {
    let mut held = Held::new(&target).await;
    let lease = held.lease.clone();
    assert!(held.checkpoint_matches(&lease, 0).await);
    held.lane.rollback().await;
    assert_eq!(target.number("select count(*) from items where applied = 1").await, 0);
    let again = held.lane.open(&lease, Stretch::of_rows(10)).await.unwrap().expect("our slice");
    assert_eq!((again.seq, again.range.after), (0, None));
}

/// Its commit may still come, so the old number would be a lie: the reading waits, and gives up without an answer.
async fn what_became_of_a_commit_is_not_told_while_it_is_under_way(target: Target) {
    let mut held = Held::new(&target).await;
    let lease = held.lease.clone();
    let mut second = held.another_lane().await;
    assert_eq!(second.committed_seq(&lease).await.unwrap(), Some(0));
    assert!(held.checkpoint_matches(&lease, 0).await);
    let told = second.committed_seq(&lease).await;
    assert_eq!(told.expect_err("not known yet").class, Class::Locked);
    held.lane.commit().await.unwrap();
    assert_eq!(second.committed_seq(&lease).await.unwrap(), Some(1));
    assert_eq!(held.ledger.slices(held.run).await.unwrap()[0].rows_changed, 10);
}
