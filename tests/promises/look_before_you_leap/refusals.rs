//! What can `plan` not allow? One impossible job per refusal, with every word that it must say.

mod changes;
mod keys;
mod tables;

use crate::support::Target;

/// A job that must be refused before anything is written.
pub(super) struct Impossible {
    pub(super) name: &'static str,
    /// `None` where the database knows no such thing, or says it in other words.
    pub(super) postgres: Option<&'static str>,
    pub(super) sqlite: Option<&'static str>,
    pub(super) job: &'static str,
    /// Everything on stderr.
    pub(super) says: &'static str,
}

impl Impossible {
    /// Makes the tables anew; `None` where the database knows no such thing.
    pub(super) async fn set_up(&self, target: &Target) -> Option<&Self> {
        let tables = target.either(self.postgres, self.sqlite)?;
        target.execute(target.either("drop schema public cascade; create schema public", NOTHING_LEFT)).await;
        target.execute(tables).await;
        Some(self)
    }
}

/// Every impossible job.
pub(super) fn impossible() -> impl Iterator<Item = &'static Impossible> {
    [tables::TABLES, keys::KEYS, changes::CHANGES].into_iter().flatten()
}

const NOTHING_LEFT: &str = "drop view if exists seen; drop table if exists narrow; drop table if exists impossible";

const PLAIN: &str = "create table impossible (id integer primary key, touched integer not null default 0)";

const SET_TOUCHED: &str = "[table]\nname = \"impossible\"\n[change.set]\ntouched = \"1\"";
const KEY_ID: &str = "[table]\nname = \"impossible\"\nkey = [\"id\"]\n[change.set]\ntouched = \"1\"";
const SEEN: &str = "[table]\nname = \"seen\"\nkey = [\"id\"]\n[change.set]\ntouched = \"1\"";
