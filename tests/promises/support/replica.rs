//! Where does a test get a replica, and how does it come to lag? A primary and a streaming standby, each with a data
//! directory of its own; its replay, its receiver or the whole server stops when told. Knows nothing of the program.

use super::postgres::{Cluster, Durability};
use super::target::Target;
use super::until::until;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Row};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// As the primary shows it, and so as reasons name it.
const NAME: &str = "replica1";

/// Checkpoints and autovacuum would write log of their own at times of their own.
const SETTINGS: &str = "wal_level = replica\nmax_wal_senders = 5\nwal_keep_size = '1GB'\nfull_page_writes = off\n\
                        checkpoint_timeout = '1h'\nautovacuum = off\n";

/// A primary with one streaming standby. The target is a database on the primary.
pub(crate) struct Replicated {
    pub(crate) target: Target,
    version: u32,
    standby: Arc<Cluster>,
    /// A pool, because the standby is stopped and started; lazy, for the same reason.
    door: PgPool,
}

impl Replicated {
    pub(crate) async fn postgres_15() -> Self {
        Self::postgres(15).await
    }

    pub(crate) async fn postgres(version: u32) -> Self {
        let primary = Cluster::create(version, Durability::None, SETTINGS);
        let standby = Arc::new(primary.create_standby(version, NAME));
        primary.start_again();
        standby.start_again();
        let target = Target::on(Arc::new(primary)).await;
        let door = door_to(&standby);
        let replicated = Self { target, version, standby, door };
        replicated.streams().await;
        replicated
    }

    /// The standby's address, for `url_env`.
    pub(crate) fn url(&self) -> String {
        self.standby.url("postgres")
    }

    /// The primary stops, and the standby takes its place; the same database there.
    pub(crate) async fn hand_over(&self) -> Target {
        self.target.cluster().stop_fast();
        self.standby.promote();
        Target::at(Arc::clone(&self.standby), self.target.database()).await
    }

    /// The folders of both servers' sockets: the primary's, the standby's.
    pub(crate) fn socket_folders(&self) -> [String; 2] {
        [self.target.cluster(), &self.standby].map(|cluster| cluster.socket_folder().display().to_string())
    }

    /// Waits until the primary sees the standby stream, and the standby has replayed what there is now.
    pub(crate) async fn streams(&self) {
        let streaming = "select count(*) from pg_stat_replication where state = 'streaming'";
        until("the standby streams", async || self.target.number(streaming).await == 1).await;
        let end = self.target.number(CURRENT).await;
        until("the standby has replayed", async || self.replayed().await >= Some(end)).await;
    }

    /// Received log is kept, and not replayed.
    pub(crate) async fn pause_replay(&self) {
        self.on_standby("select pg_wal_replay_pause()").await;
        let state = "select count(*) from (select pg_get_wal_replay_pause_state() as s) as x where s = 'paused'";
        until("replay is paused", async || self.standby_number(state).await == Some(1)).await;
    }

    pub(crate) async fn resume_replay(&self) {
        self.on_standby("select pg_wal_replay_resume()").await;
    }

    /// Every commit is replayed so much later; 0 ends it.
    pub(crate) async fn min_apply_delay(&self, delay: Duration) {
        self.on_standby(&format!("alter system set recovery_min_apply_delay = '{}ms'", delay.as_millis())).await;
        self.on_standby("select pg_reload_conf()").await;
    }

    /// The receiver stands still and its connection stays open, as behind a network that drops packets: for a minute
    /// the primary goes on to show it as `streaming`.
    pub(crate) async fn stop_receiver(&self) -> Frozen {
        let receiver = "select pid from pg_stat_wal_receiver";
        until("the standby has a receiver", async || self.standby_number(receiver).await.is_some()).await;
        Frozen::new(self.standby_number(receiver).await.expect("a receiver"))
    }

    pub(crate) fn stop(&self) {
        self.standby.stop_fast();
    }

    /// Starts the standby again; it streams by itself soon.
    pub(crate) fn start_again(&self) {
        self.standby.start_again();
    }

    /// The standby receives nothing any more: what is committed from now on is lost when it takes over.
    pub(crate) async fn cut_off(&self) {
        self.on_standby("alter system set primary_conninfo = ''").await;
        self.on_standby("select pg_reload_conf()").await;
        let receivers = "select count(*) from pg_stat_wal_receiver";
        until("the standby receives nothing", async || self.standby_number(receivers).await == Some(0)).await;
    }

    /// The primary crashes and the standby takes over; the target is on it from now on. There is no standby until
    /// [`Replicated::with_new_standby`] makes one.
    pub(crate) async fn fail_over(self) -> Promoted {
        let Self { mut target, version, standby, door } = self;
        target.cluster().stop_immediate();
        door.close().await;
        standby.promote();
        target.move_to(standby).await;
        Promoted { target, version }
    }

    /// From now on replays at most so many bytes a second, until the answer is dropped.
    pub(crate) async fn throttle(&self, bytes_per_second: f64) -> Throttle {
        let startup = "select pid from pg_stat_activity where backend_type = 'startup'";
        let startup = self.standby_number(startup).await.expect("a standby that replays");
        let door = self.door.clone();
        Throttle(tokio::spawn(replay_slowly(door, startup, bytes_per_second)))
    }

    /// How far the standby has replayed, in bytes since the beginning of all log; nothing while it does not answer.
    pub(crate) async fn replayed(&self) -> Option<i64> {
        number(&self.door, REPLAYED).await
    }

    /// Another handle on the standby, for a task.
    pub(super) fn door(&self) -> PgPool {
        self.door.clone()
    }

    async fn on_standby(&self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.door).await;
        done.unwrap_or_else(|error| panic!("on the standby: {error}\n{sql}"));
    }

    async fn standby_number(&self, sql: &str) -> Option<i64> {
        number(&self.door, sql).await
    }
}

/// A standby that has become the primary.
pub(crate) struct Promoted {
    pub(crate) target: Target,
    version: u32,
}

impl Promoted {
    /// Takes the server down for a moment, and gives it a standby of its own.
    pub(crate) async fn with_new_standby(self) -> Replicated {
        let Self { target, version } = self;
        let primary = target.cluster();
        primary.stop_fast();
        let standby = Arc::new(primary.create_standby(version, NAME));
        primary.start_again();
        standby.start_again();
        let door = door_to(&standby);
        let replicated = Replicated { target, version, standby, door };
        replicated.streams().await;
        replicated
    }
}

fn door_to(standby: &Cluster) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_lazy(&standby.url("postgres")).expect("a URL of ours")
}

/// Where the primary's log ends, in bytes.
pub(super) const CURRENT: &str = "select (pg_current_wal_lsn() - '0/0')::bigint";
pub(super) const REPLAYED: &str = "select (pg_last_wal_replay_lsn() - '0/0')::bigint";

pub(super) async fn number(door: &PgPool, sql: &str) -> Option<i64> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(door).await.ok()??;
    row.try_get_unchecked::<Option<String>, _>(0).ok()??.parse().ok()
}

/// A process of a server that stands still until this is dropped.
pub(crate) struct Frozen(Pid);

impl Frozen {
    fn new(pid: i64) -> Self {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::STOP).expect("a server of ours");
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may be gone, with its server.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// A replay that is kept slow. Dropping it lets the replay go at its own speed.
pub(crate) struct Throttle(JoinHandle<()>);

impl Drop for Throttle {
    fn drop(&mut self) {
        // The process goes on with the task's own `Frozen`, which is dropped with it.
        self.0.abort();
    }
}

/// Lets the replay run for a moment, looks how far it came, and stops it for as long as that should have taken. A fixed
/// share of the time would not do: replay is several times faster than the writing, by a factor nobody knows.
async fn replay_slowly(door: PgPool, startup: i64, bytes_per_second: f64) {
    let (mut began, mut from) = (Instant::now(), None);
    loop {
        // Only asked while it runs: stopped within a lock, it would keep the answer waiting for ever.
        let Some(replayed) = number(&door, REPLAYED).await else { return };
        let allowed = (replayed - *from.get_or_insert(replayed)) as f64 / bytes_per_second;
        let elapsed = began.elapsed().as_secs_f64();
        if allowed > elapsed {
            let _frozen = Frozen::new(startup);
            tokio::time::sleep(Duration::from_secs_f64(allowed - elapsed)).await;
        } else if elapsed > allowed + 0.1 {
            // It had nothing to replay; what was saved then is not spent later.
            (began, from) = (Instant::now(), Some(replayed));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
