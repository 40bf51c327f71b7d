//! What must an administrator run, once, for a role that may change rows but create nothing?

use super::dialect::Dialect;
use super::ledger::{Ledger, SCHEMA_VERSION};

/// The statements, in order; on PostgreSQL with the role's name as `ROLE`.
pub fn preparation(dialect: Dialect) -> String {
    let tables = Ledger::migrations(dialect, 0).join("\n");
    let meta = dialect.state_table("meta");
    let tables = format!("{tables}\ninsert into {meta} (version) values ({SCHEMA_VERSION});\n");
    match dialect {
        Dialect::Sqlite => tables,
        Dialect::Postgres => tables + GRANTS,
    }
}

/// The GRANTs for the role that runs jobs: what, and on which of our objects. One on each line, or it is none.
pub(super) fn grants() -> impl Iterator<Item = (&'static str, &'static str)> {
    let grants = GRANTS.lines().filter_map(|line| line.strip_prefix("grant ")?.strip_suffix(" to ROLE;"));
    grants.filter_map(|grant| grant.split_once(" on "))
}

const GRANTS: &str = "
-- For the role that runs the jobs; put its name for ROLE.
grant usage on schema tidegate to ROLE;
grant select on tidegate.meta to ROLE;
grant select, insert, update on tidegate.run, tidegate.slice, tidegate.pace to ROLE;
grant select, insert, update on tidegate.time_ledger, tidegate.quarantine to ROLE;
grant select, insert, update, delete on tidegate.heartbeat, tidegate.override to ROLE;
grant select, insert on tidegate.event to ROLE;

-- And per job, as `tidegate plan` says it, for instance:
--   grant select, update (full_name) on public.users to ROLE;
";
