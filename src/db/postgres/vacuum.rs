//! How is a table vacuumed so that nobody waits for it? Outside of any transaction, over a connection of its own; a second
//! one looks after it, because a session at work hears nothing. Knows neither when nor why.
//!
//! No setting stays behind in a pooler's session: those that it needs come with its connection, and where a pooler does
//! not take them it goes without.

use super::connect::PostgresSession;
use super::connector::Connector;
use crate::db::dialect::{Dialect, literal};
use crate::db::failure::Failure;
use crate::db::session::{Session, first_int, first_text};
use crate::db::{GiveUp, VacuumEnd, VacuumOrder};
use crate::job::TableName;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often is looked whether somebody waits for the table: as soon as autovacuum would make way (`deadlock_timeout`).
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a look may take: a server that is busy is no reason to give a vacuum up.
const LOOK_DEADLINE: Duration = Duration::from_secs(15);

/// How long it may take to cancel a vacuum and to hear that it has ended. A run that is stopped has eight seconds for
/// everything.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// A vacuum of a large table takes hours; that the server is gone is told by what looks after it.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Vacuums the tables in turn.
pub(super) async fn vacuum(
    connector: &Connector,
    order: &VacuumOrder,
    mut give_up: GiveUp<'_>,
) -> Result<VacuumEnd, Failure> {
    let mut guard = Guard::new(connector, &order.holder).await?;
    let settings = guard.settings(order.gently).await?;
    let mut session = connector.connect_with(settings).await?;
    session.set_deadline(LONGEST);
    for table in &order.tables {
        let sql = guard.statement(table);
        match guard.look_after(&mut session, &sql, &mut give_up).await? {
            VacuumEnd::Done => {}
            end => return Ok(end),
        }
    }
    Ok(VacuumEnd::Done)
}

/// What looks after a vacuum of ours.
struct Guard<'a> {
    connector: &'a Connector,
    session: PostgresSession,
    /// A comment before the statement, by which its session is known; behind a pooler nothing else tells it.
    mark: String,
}

impl<'a> Guard<'a> {
    async fn new(connector: &'a Connector, holder: &str) -> Result<Self, Failure> {
        let mut session = connector.connect().await?;
        session.set_deadline(LOOK_DEADLINE);
        // Neither the end of the comment, nor what stands for any character.
        let holder = holder.replace(['*', '%', '_', '\\'], "");
        Ok(Self { connector, session, mark: format!("/* tidegate {holder} */ vacuum") })
    }

    /// No timeout of the role's ends it; a server that lost its client does. Gentle is what autovacuum is on this server.
    async fn settings(&mut self, gently: bool) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut settings: Vec<_> = [
            ("statement_timeout", "0"),
            ("client_connection_check_interval", "1000"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        if gently {
            let delay = self.session.script("select current_setting('autovacuum_vacuum_cost_delay')").await?;
            // Below zero it is that of every vacuum, which is in force already.
            let delay = first_text(&delay).filter(|delay| !delay.starts_with('-'));
            settings.extend(delay.map(|delay| ("vacuum_cost_delay", delay)));
        }
        Ok(settings)
    }

    /// It waits for no lock; gives no space back to the system, which would take an exclusive lock; and always cleans the
    /// indexes, because the room in the table is what it is for. One process of the server does it all: batches go on
    /// meanwhile, and so does the application.
    fn statement(&self, table: &TableName) -> String {
        let table = Dialect::Postgres.table(table);
        format!("{} (skip_locked, truncate off, index_cleanup on, parallel 0) {table}", self.mark)
    }

    /// Runs it until it is done, is to be given up, or is in somebody's way.
    async fn look_after(
        &mut self,
        session: &mut PostgresSession,
        sql: &str,
        give_up: &mut GiveUp<'_>,
    ) -> Result<VacuumEnd, Failure> {
        let mut running = pin!(session.script(sql));
        let end = tokio::select! {
            done = &mut running => return done.map(|_| VacuumEnd::Done),
            () = give_up => VacuumEnd::GivenUp,
            waited = self.waited_for() => waited.map(|()| VacuumEnd::MadeWay)?,
        };
        let cancelled = async {
            self.cancel().await?;
            running.await
        };
        // Where that does not arrive, the connection is closed, and the server notices by itself.
        let _ = timeout(LAST_WORDS, cancelled).await;
        Ok(end)
    }

    /// Until anybody waits for a lock that the vacuum has. Behind an `alter table` that waits, everybody does.
    async fn waited_for(&mut self) -> Result<(), Failure> {
        let sql = format!(
            "select count(*) from (select l.pid from pg_catalog.pg_locks as l where not l.granted) as waiting, \
             {ours} as o where waiting.pid <> o.pid and o.pid = any (pg_blocking_pids(waiting.pid))",
            ours = self.ours()
        );
        loop {
            sleep(LOOK_EVERY).await;
            if first_int(&self.session.script(&sql).await?) > 0 {
                return Ok(());
            }
        }
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        if self.session.is_closed() {
            // A look was dropped in the middle.
            self.session = self.connector.connect().await?;
        }
        let sql = format!("select pg_cancel_backend(o.pid) from {} as o", self.ours());
        self.session.script(&sql).await.map(drop)
    }

    /// The session that runs the vacuum.
    fn ours(&self) -> String {
        let mark = literal(&format!("{}%", self.mark));
        format!(
            "(select a.pid from pg_catalog.pg_stat_activity as a \
             where a.query like {mark} and a.state = 'active' and a.usename = current_user)"
        )
    }
}
