//! What may a role do that is not the owner? Every missing privilege is named with its GRANT, those GRANTs are enough,
//! and rows that a policy hides are never left out in silence.

use crate::support::{Counted, Role, Target, add_one, promises};

promises!(on [postgres_15]:
    a_missing_privilege_is_refused_with_its_grant,
    rights_on_columns_are_enough_where_they_are,
    an_expression_that_reads_what_it_may_not_is_refused,
    the_grants_that_are_printed_are_enough,
    rows_that_a_policy_hides_are_not_left_out_in_silence,
);
promises!(on [every_postgres]: a_temporary_table_is_refused);

const COPY: &str = "[table]\nname = \"public.items\"\n[change.copy]\ninto = \"kept.copies\"\n\
                    columns = { id = \"id\", visits = \"applied\" }\non_conflict = \"update\"";
const ARCHIVE: &str = "[table]\nname = \"public.items\"\n[change.delete]\narchive_into = \"kept.archive\"";

/// Each GRANT that is named is given, until nothing is missing; then the job runs.
async fn a_missing_privilege_is_refused_with_its_grant(target: Target) {
    let items = Counted::with_job(&target, 100, &add_one("items", "")).await;
    target
        .execute(
            "create schema kept; create table kept.copies (id integer primary key, visits integer);
             create table kept.archive (id integer, applied integer)",
        )
        .await;
    let database = target.column("select current_database()").await.swap_remove(0);
    let role = Role::new(&target).await;
    let state = [format!("create on database {database}")];
    let set = ["select on \"items\"", "update (\"applied\") on \"items\""];
    let copy = [
        "select on \"public\".\"items\"",
        "update on \"public\".\"items\"",
        "insert (\"id\") on \"kept\".\"copies\"",
        "insert (\"visits\") on \"kept\".\"copies\"",
        "select on \"kept\".\"copies\"",
        "update (\"visits\") on \"kept\".\"copies\"",
    ];
    let archive = ["delete on \"public\".\"items\"", "insert on \"kept\".\"archive\""];
    let says = format!(
        "could not create the state tables: permission denied for database {database}; \
         `tidegate init --print` shows what an administrator can run instead (42501)\n"
    );
    role.tidegate(&target, &["run", &items.job.path]).await.exits(1).says(&says);
    let [copy_job, archive_job] = [target.job("copy", COPY), target.job("archive", ARCHIVE)];
    for (job, grants) in [
        (&items.job, [&set[..], &[state[0].as_str()]].concat()),
        (&copy_job, vec!["usage on schema \"kept\""]),
        (&copy_job, copy[2..].to_vec()),
        (&archive_job, archive.to_vec()),
    ] {
        let needed: Vec<_> = grants.iter().map(|grant| format!("grant {grant} to {}", role.name)).collect();
        let words = |grant: &String| {
            format!("error[privilege-missing]: this role lacks a privilege that the job needs\nhelp: run `{grant}`\n")
        };
        let says: String = needed.iter().map(words).collect();
        assert_eq!(role.tidegate(&target, &["plan", &job.path]).await.exits(1).stderr, says);
        for grant in needed.iter().filter(|grant| !grant.starts_with("grant update on")) {
            target.execute(grant).await;
        }
    }
    for job in [&items.job, &copy_job, &archive_job] {
        role.tidegate(&target, &["plan", &job.path]).await.exits(0);
        role.tidegate(&target, &["run", &job.path]).await.exits(0);
    }
    assert_eq!(target.number("select count(*) from kept.copies where visits = 1").await, 100);
    assert_eq!(target.number("select count(*) from kept.archive where applied = 1").await, 100);
    role.forget(&target).await;
}

/// No right on the table as a whole: the key, what is read and what is written.
async fn rights_on_columns_are_enough_where_they_are(target: Target) {
    let items = Counted::with_job(&target, 1_000, &add_one("items", "")).await;
    target.execute("alter table items add column secret text").await;
    let role = Role::new(&target).await;
    role.may_have_state(&target).await;
    target.execute(&format!("grant select (id, applied), update (applied) on items to {}", role.name)).await;
    role.tidegate(&target, &["plan", &items.job.path]).await.exits(0);
    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    role.forget(&target).await;
}

async fn an_expression_that_reads_what_it_may_not_is_refused(target: Target) {
    let items = Counted::with_job(&target, 100, &add_one("items", "")).await;
    let role = Role::new(&target).await;
    role.may_have_state(&target).await;
    target.execute(&format!("grant select (id), update (applied) on items to {}", role.name)).await;
    let says = "error[privilege-missing]: the database refuses the statement of the change to this role: \
                permission denied for table items (42501)\n\
                help: grant what the expressions of the job read and call: `grant select (…) on … to …`, `grant execute …`\n";
    assert_eq!(role.tidegate(&target, &["plan", &items.job.path]).await.exits(1).stderr, says);
    role.tidegate(&target, &["run", &items.job.path]).await.exits(1).says(says);
    role.forget(&target).await;
}

/// What `init --print` and `plan` tell an administrator to grant lets a role run its job, and nothing else is needed.
async fn the_grants_that_are_printed_are_enough(target: Target) {
    let items = Counted::with_job(&target, 1_000, &add_one("items", "")).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;

    // Each of them is needed, and missed by its name.
    target.execute(&format!("revoke insert on tidegate.event from {}", role.name)).await;
    let grant = format!("run `grant select, insert on tidegate.event to {}`", role.name);
    role.tidegate(&target, &["plan", &items.job.path]).await.exits(1).says(&grant);
    let run = role.tidegate(&target, &["run", &items.job.path]).await.exits(1);
    run.says("error").says(&grant);
    target.execute(&format!("grant insert on tidegate.event to {}", role.name)).await;

    role.tidegate(&target, &["plan", &items.job.path]).await.exits(0);
    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    for command in ["status", "history", "pause"] {
        let ended = role.tidegate(&target, &[command, &items.job.name]).await;
        assert!(!ended.stderr.contains("permission"), "{ended}");
    }
    items.was_applied_exactly_once(&target).await;

    // One that stands on a line with others.
    target.execute(&format!("revoke update on tidegate.slice from {}", role.name)).await;
    let grant =
        format!("run `grant select, insert, update on tidegate.run, tidegate.slice, tidegate.pace to {}`", role.name);
    role.tidegate(&target, &["plan", &items.job.path]).await.exits(1).says(&grant);
    target.execute(&format!("grant update on tidegate.slice to {}", role.name)).await;

    target.execute(&format!("revoke usage on schema tidegate from {}", role.name)).await;
    let says = "could not read the version of the state tables: permission denied for schema tidegate; \
                `tidegate init --print` shows what an administrator can run instead (42501)\n";
    for command in ["run", "status"] {
        role.tidegate(&target, &[command, &items.job.path]).await.exits(1).says(says);
    }
    role.forget(&target).await;
}

/// Refused for whom the policy counts: any role, and the owner where it is forced. Not for the owner otherwise, and not
/// for a role that may pass by.
async fn rows_that_a_policy_hides_are_not_left_out_in_silence(target: Target) {
    let items = Counted::with_job(&target, 1_000, &add_one("items", "")).await;
    let role = Role::new(&target).await;
    role.may_run_on_items(&target).await;
    target
        .execute(
            "alter table items enable row level security;
             create policy some_rows on items using (id % 2 = 0)",
        )
        .await;
    let says = "error[row-security]: row-level security hides rows of items from this role: they would be left out in \
                silence\nhelp: run as a role with BYPASSRLS, or as the table's owner where row-level security is not forced\n";
    let plan = async || role.tidegate(&target, &["plan", &items.job.path]).await;
    assert_eq!(plan().await.exits(1).stderr, says, "a role that the policy counts for");

    target.execute(&format!("alter table items owner to {}", role.name)).await;
    plan().await.exits(0);
    target.execute("alter table items force row level security").await;
    assert_eq!(plan().await.exits(1).stderr, says, "the owner, where it is forced");

    let copy = "[table]\nname = \"sources\"\n[change.copy]\ninto = \"items\"\ncolumns = { id = \"id\" }";
    target
        .execute(&format!("create table sources (id integer primary key); alter table sources owner to {}", role.name))
        .await;
    let copy = target.job("copy", copy);
    assert_eq!(role.tidegate(&target, &["plan", &copy.path]).await.exits(1).stderr, says, "the target of a copy");

    target.execute(&format!("alter role {} bypassrls", role.name)).await;
    role.tidegate(&target, &["run", &items.job.path]).await.exits(0);
    items.was_applied_exactly_once(&target).await;
    role.forget(&target).await;
}

/// Of the test's own session, which stays open.
async fn a_temporary_table_is_refused(target: Target) {
    target.execute("create temporary table hidden (id integer primary key, touched integer)").await;
    let schema = "select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = 'hidden'";
    let schema = target.column(schema).await.swap_remove(0);
    let job = target.job("temporary", &format!("[table]\nname = \"{schema}.hidden\"\n[change.set]\ntouched = \"1\""));
    let says = format!(
        "error[table-temporary]: {schema}.hidden is a temporary table: only the session that made it sees its rows\n\
         help: make it a table that stays\n"
    );
    assert_eq!(target.tidegate(&["plan", &job.path]).await.exits(1).stderr, says);
    target.tidegate(&["run", &job.path]).await.exits(1).says(&says);
}
