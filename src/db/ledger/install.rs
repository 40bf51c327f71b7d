//! Are the state tables there, and are they ours? Numbered migrations, each file run once.

use super::Ledger;
use super::recorded::{MEND, Recorded};
use crate::db::dialect::Dialect;
use crate::db::failure::Failure;

/// The newest schema this program knows.
pub const SCHEMA_VERSION: i64 = 6;

/// PostgreSQL's codes for what is there already: a schema, a table, and the catalog's own keys.
const EXISTS: &[&str] = &["42P06", "42P07", "23505"];

/// Each fails only when somebody else got on.
const TRIES: u32 = 5;

impl Ledger {
    /// The statements that bring the state tables from `version` to today's.
    pub fn migrations(dialect: Dialect, version: i64) -> Vec<&'static str> {
        let all: &[&'static str] = match dialect {
            Dialect::Postgres => &[
                include_str!("../postgres/schema/001_initial.sql"),
                include_str!("../postgres/schema/002_pace.sql"),
                include_str!("../postgres/schema/003_quarantine.sql"),
                include_str!("../postgres/schema/004_operating.sql"),
                include_str!("../postgres/schema/005_walking.sql"),
                include_str!("../postgres/schema/006_laps.sql"),
            ],
            Dialect::Sqlite => &[
                include_str!("../sqlite/schema/001_initial.sql"),
                include_str!("../sqlite/schema/002_pace.sql"),
                include_str!("../sqlite/schema/003_quarantine.sql"),
                include_str!("../sqlite/schema/004_operating.sql"),
                include_str!("../sqlite/schema/005_walking.sql"),
                include_str!("../sqlite/schema/006_laps.sql"),
            ],
        };
        all.iter().skip(usize::try_from(version).unwrap_or_default()).copied().collect()
    }

    /// Whether there are state tables to read. Writes nothing.
    ///
    /// # Errors
    /// When the database does not answer, or another tidegate made them.
    pub async fn is_installed(&mut self) -> Result<bool, Failure> {
        match self.installed_version().await? {
            None => Ok(false),
            Some(version) if version < SCHEMA_VERSION => Err(Failure::fatal(format!(
                "the state tables are of version {version}, this tidegate reads {SCHEMA_VERSION}: \
                 `tidegate init` brings them up to date, and so does the next `tidegate run`"
            ))),
            Some(_) => Ok(true),
        }
    }

    /// Makes the state tables, or brings them to today's version. Nothing happens where they are.
    ///
    /// # Errors
    /// When a newer tidegate made them, or the role may not create them.
    pub async fn install(&mut self) -> Result<(), Failure> {
        let mut tries = 1;
        while self.installed_version().await? != Some(SCHEMA_VERSION) {
            self.begin().await?;
            let installed = self.migrate().await;
            match self.end(installed, "create the state tables").await {
                // Somebody else made them at the same moment: `if not exists` does not see what is not committed.
                Err(failure) if failure.has_code(EXISTS) && tries < TRIES => tries += 1,
                installed => return installed,
            }
        }
        Ok(())
    }

    async fn installed_version(&mut self) -> Result<Option<i64>, Failure> {
        self.begin_reading().await?;
        let version = self.version().await;
        match self.end(version, "read the version of the state tables").await? {
            Some(version) if version > SCHEMA_VERSION => Err(newer(version)),
            version => Ok(version),
        }
    }

    async fn migrate(&mut self) -> Result<(), Failure> {
        let meta = self.dialect.state_table("meta");
        if self.version().await?.is_some() && self.dialect == Dialect::Postgres {
            // One after the other; the version is read again behind whoever was first.
            self.session.script(&format!("lock table {meta} in share row exclusive mode")).await?;
        }
        let version = self.version().await?.unwrap_or_default();
        for (number, sql) in (version + 1..).zip(Self::migrations(self.dialect, version)) {
            self.session.script(sql).await?;
            self.session.execute(&format!("insert into {meta} (version) values ($1)"), &[number.into()]).await?;
        }
        Ok(())
    }

    async fn version(&mut self) -> Result<Option<i64>, Failure> {
        let exists = match self.dialect {
            Dialect::Postgres => "select count(*) from pg_catalog.pg_class where oid = to_regclass('tidegate.meta')",
            Dialect::Sqlite => "select count(*) from sqlite_schema where type = 'table' and name = 'tidegate_meta'",
        };
        let found = self.session.fetch(exists, &[]).await?;
        if found.first().and_then(|row| row.int_or_null(0)) != Some(1) {
            return Ok(None);
        }
        let meta = self.dialect.state_table("meta");
        let rows = self.session.fetch(&format!("select coalesce(max(version), 0) from {meta}"), &[]).await?;
        let row = rows.first().ok_or_else(|| Failure::fatal("a maximum has one row"))?;
        match Recorded::new(row, meta.clone()).int(0, "version")? {
            // To begin anew would meet the tables that are there.
            version if version < 1 => {
                Err(Failure::fatal(format!("{meta} holds no version of the state tables; {MEND}")))
            }
            version => Ok(Some(version)),
        }
    }
}

/// What to say of state tables that a newer tidegate made.
fn newer(version: i64) -> Failure {
    Failure::fatal(format!(
        "the state tables are of version {version}, this tidegate knows {SCHEMA_VERSION}: use the newer tidegate"
    ))
}
