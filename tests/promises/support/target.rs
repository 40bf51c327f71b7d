//! What is a test's database? A fresh one on PostgreSQL or SQLite, behind the few questions a test asks of either.

use super::pgbouncer::Pooler;
use super::postgres::{Cluster, Durability};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection, Transaction};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The role that a server asks for its password; anybody else it trusts.
pub(crate) const LOCKED: &str = "locked";

/// A database of its own for one test, with a folder of its own for the test's files.
pub(crate) struct Target {
    pub(crate) url: String,
    /// What the program finds in its environment besides the database's URL.
    pub(crate) environment: Vec<(&'static str, String)>,
    folder: TempDir,
    door: Door,
    pooler: Option<Pooler>,
}

/// A way into a database, for a test and for its tasks.
#[derive(Clone)]
pub(crate) enum Door {
    /// A pool, because the tests that crash the server need new connections afterwards.
    Postgres {
        pool: PgPool,
        cluster: Arc<Cluster>,
    },
    Sqlite {
        pool: SqlitePool,
    },
}

impl Target {
    pub(crate) async fn postgres(version: u32) -> Self {
        Self::on(Cluster::shared(version)).await
    }

    pub(crate) async fn postgres_15() -> Self {
        Self::postgres(15).await
    }

    /// On a server of its own that the test may crash.
    pub(crate) async fn postgres_15_to_crash() -> Self {
        Self::on(Arc::new(Cluster::start(15, Durability::Full))).await
    }

    /// On a server of its own, where nobody else is: for signals that are about the whole server.
    pub(crate) async fn postgres_15_alone() -> Self {
        Self::on(Arc::new(Cluster::start(15, Durability::None))).await
    }

    /// On a server of its own that archives its write-ahead log, which always fails.
    pub(crate) async fn postgres_15_with_failing_archive() -> Self {
        let settings = "archive_mode = on\narchive_command = 'false'\n";
        Self::on(Arc::new(Cluster::start_with(15, Durability::None, settings))).await
    }

    pub(crate) async fn postgres_15_behind_pgbouncer() -> Self {
        Self::postgres_15().await.behind_pgbouncer()
    }

    /// On a server of its own that writes down who connects, and asks [`LOCKED`] for a password.
    pub(crate) async fn postgres_15_with_a_locked_role() -> Self {
        let cluster = Cluster::create(15, Durability::None, "log_connections = on\n");
        cluster.ask_for_the_password_of(LOCKED);
        cluster.start_again();
        Self::on(Arc::new(cluster)).await
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("test.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            // A test's own statement waits for the engine's batch; it is the engine that must never make users wait.
            .busy_timeout(Duration::from_secs(30));
        let pool = SqlitePoolOptions::new().connect_with(options).await.expect("a new SQLite file");
        let url = format!("sqlite:{}", file.display());
        Self { url, environment: Vec::new(), folder, door: Door::Sqlite { pool }, pooler: None }
    }

    /// From now on the program reaches it through a pooler, the test itself directly.
    pub(crate) fn behind_pgbouncer(self) -> Self {
        let pooler = Pooler::before(self.cluster());
        let url = self.url.replace(&shown(self.cluster().socket_folder()), &shown(pooler.socket_folder()));
        Self { url, pooler: Some(pooler), ..self }
    }

    /// Where the program reaches it: the server's socket, or the pooler's.
    pub(crate) fn socket_folder(&self) -> &Path {
        self.pooler.as_ref().map_or_else(|| self.cluster().socket_folder(), Pooler::socket_folder)
    }

    /// The server's own URL, whatever stands before it.
    pub(crate) fn direct_url(&self) -> String {
        match &self.pooler {
            Some(pooler) => self.url.replace(&shown(pooler.socket_folder()), &shown(self.cluster().socket_folder())),
            None => self.url.clone(),
        }
    }

    /// The name of the database on its server.
    pub(crate) fn database(&self) -> &str {
        let path = self.url.split_once('?').map_or("", |(path, _)| path);
        path.rsplit_once('/').expect("a URL of ours").1
    }

    pub(super) async fn on(cluster: Arc<Cluster>) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let admin = PgPool::connect(&cluster.url("postgres")).await.expect("the server answers");
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&admin).await.expect("a database");
        admin.close().await;
        Self::at(cluster, &name).await
    }

    /// A database that is there already.
    pub(super) async fn at(cluster: Arc<Cluster>, name: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = cluster.url(name);
        Self { url, environment: Vec::new(), folder, door: Door::to(cluster, name).await, pooler: None }
    }

    /// From now on the test looks at the database of the same name on that server. The program still has the address it
    /// had.
    pub(super) async fn move_to(&mut self, cluster: Arc<Cluster>) {
        let Door::Postgres { pool, .. } = &self.door else { panic!("SQLite has no server") };
        let name = pool.connect_options().get_database().expect("a database of ours").to_owned();
        self.door = Door::to(cluster, &name).await;
    }

    /// Another database of the same kind, on the same server where there is one.
    pub(crate) async fn another(&self) -> Self {
        match &self.door {
            Door::Postgres { cluster, .. } => Self::on(Arc::clone(cluster)).await,
            Door::Sqlite { .. } => Self::sqlite().await,
        }
    }

    /// Another way into the same database, for a task.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// The server, for tests that are about servers.
    pub(crate) fn cluster(&self) -> &Cluster {
        match &self.door {
            Door::Postgres { cluster, .. } => cluster,
            Door::Sqlite { .. } => panic!("SQLite has no server"),
        }
    }

    /// The pooler, for tests that are about poolers.
    pub(crate) fn pooler(&self) -> &Pooler {
        self.pooler.as_ref().expect("a target behind a pooler")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database as bytes, where it is a file.
    pub(crate) fn file(&self) -> Vec<u8> {
        std::fs::read(self.folder().join("test.db")).unwrap_or_default()
    }

    /// Where the two databases must be told different words.
    pub(crate) fn either<T>(&self, postgres: T, sqlite: T) -> T {
        match self.door {
            Door::Postgres { .. } => postgres,
            Door::Sqlite { .. } => sqlite,
        }
    }

    /// The name of a state table: `slice` is `tidegate.slice` or `tidegate_slice`.
    pub(crate) fn state(&self, table: &str) -> String {
        format!("{}{table}", self.either("tidegate.", "tidegate_"))
    }

    /// Runs statements, one transaction for all on PostgreSQL.
    pub(crate) async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    /// Runs statements that may fail, such as an application's while a server is down.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        self.door.try_execute(sql).await
    }

    /// Takes a lock of PostgreSQL and keeps it.
    pub(crate) async fn lock(&self, sql: &str) -> Lock {
        let Door::Postgres { pool, .. } = &self.door else { panic!("SQLite locks whole files") };
        let mut transaction = pool.begin().await.expect("a transaction");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.expect("the lock");
        Lock(transaction)
    }

    /// Whether nothing more can come of the engine's processes that were stopped or killed: a COMMIT of theirs may still
    /// lie in a socket, and what was only begun is ended by the server.
    pub(crate) async fn is_quiet(&self) -> bool {
        let open = "select count(*) from pg_stat_activity where datname = current_database()
                    and application_name = 'tidegate' and state <> 'idle'";
        match self.door {
            Door::Postgres { .. } => self.number(open).await == 0,
            Door::Sqlite { .. } => true,
        }
    }

    /// Whether somebody keeps every writer out of the file. A reader does too, until it is done: nobody can commit.
    pub(crate) async fn is_locked(&self) -> bool {
        let Door::Sqlite { pool } = &self.door else { panic!("PostgreSQL locks rows and tables") };
        let at_once = pool.connect_options().as_ref().clone().busy_timeout(Duration::ZERO);
        let mut connection = at_once.connect().await.expect("the file opens");
        sqlx::raw_sql("begin exclusive; rollback").execute(&mut connection).await.is_err()
    }

    /// Becomes the writer of the SQLite file, and stays it.
    pub(crate) async fn keep_file(&self) -> FileLock {
        let Door::Sqlite { pool } = &self.door else { panic!("PostgreSQL locks rows and tables") };
        let mut connection = pool.connect_options().as_ref().clone().connect().await.expect("the file opens");
        sqlx::raw_sql("begin immediate").execute(&mut connection).await.expect("the writer's place");
        FileLock(connection)
    }

    /// A connection to the SQLite file as most programs open theirs: they wait for it five seconds at the most.
    pub(crate) async fn patient_for_five_seconds(&self) -> SqliteConnection {
        let Door::Sqlite { pool } = &self.door else { panic!("PostgreSQL has no file") };
        let five_seconds = pool.connect_options().as_ref().clone().busy_timeout(Duration::from_secs(5));
        five_seconds.connect().await.expect("the file opens")
    }

    /// Closes the SQLite file in this process, until the test asks for something of it.
    pub(crate) async fn leave_the_file(&mut self) {
        let Door::Sqlite { pool } = &self.door else { panic!("PostgreSQL has no file") };
        let options = pool.connect_options().as_ref().clone();
        pool.close().await;
        self.door = Door::Sqlite { pool: SqlitePoolOptions::new().connect_lazy_with(options) };
    }

    /// Every row as the text of its columns, as the database writes them; null is `∅`.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.door.try_rows(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// The first column of every row.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    /// The one number a query answers with.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let answer = self.column(sql).await;
        assert_eq!(answer.len(), 1, "one row from {sql}");
        answer[0].parse().unwrap_or_else(|_| panic!("{} is no whole number: {sql}", answer[0]))
    }

    /// The one number a query answers with, or nothing while the tables or the server are not there yet.
    pub(crate) async fn number_if_any(&self, sql: &str) -> Option<i64> {
        self.door.try_rows(sql).await.ok()?.first()?.first()?.parse().ok()
    }
}

impl Door {
    async fn to(cluster: Arc<Cluster>, database: &str) -> Self {
        // Named, so that a test can tell the engine's sessions from its own.
        let options = PgConnectOptions::from_str(&cluster.url(database)).expect("a URL of ours");
        let pool = PgPoolOptions::new().connect_with(options.application_name("test")).await;
        Self::Postgres { pool: pool.expect("the database answers"), cluster }
    }

    /// Runs statements that may fail.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres { pool, .. } => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop),
            Self::Sqlite { pool } => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop),
        }
    }

    /// Every row as the text of its columns; null is `∅`.
    pub(crate) async fn try_rows(&self, sql: &str) -> Result<Vec<Vec<String>>, sqlx::Error> {
        // The plain protocol, because it answers in text whatever the type.
        match self {
            Self::Postgres { pool, .. } => {
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(pool).await?;
                Ok(rows.iter().map(|row| (0..row.len()).map(|i| text(row.try_get_unchecked(i))).collect()).collect())
            }
            Self::Sqlite { pool } => {
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(pool).await?;
                Ok(rows.iter().map(|row| (0..row.len()).map(|i| text(row.try_get_unchecked(i))).collect()).collect())
            }
        }
    }

    /// Whether a new connection is accepted.
    pub(crate) async fn opens(&self) -> bool {
        match self {
            Self::Postgres { pool, .. } => pool.connect_options().connect().await.is_ok(),
            Self::Sqlite { pool } => pool.connect_options().connect().await.is_ok(),
        }
    }
}

/// A lock that a test holds against the engine.
pub(crate) struct Lock(Transaction<'static, Postgres>);

impl Lock {
    pub(crate) async fn release(self) {
        self.0.rollback().await.expect("the end of a transaction");
    }
}

/// A whole SQLite file that a test keeps from the engine.
pub(crate) struct FileLock(SqliteConnection);

impl FileLock {
    pub(crate) async fn release(mut self) {
        sqlx::raw_sql("rollback").execute(&mut self.0).await.expect("the end of a transaction");
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn text(column: Result<Option<String>, sqlx::Error>) -> String {
    column.expect("a column reads as text").unwrap_or_else(|| "∅".to_owned())
}
