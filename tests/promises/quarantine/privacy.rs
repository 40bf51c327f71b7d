//! Does a value of a row that fails show anywhere? Not on a screen, not in the state tables, unless the job keeps the
//! database's own words, and then in the quarantine alone.

use super::poison::{CHECK, Kind, Poisoned, sections};
use crate::support::{Finished, Target, promises};

promises!(on [every_postgres, sqlite]:
    values_of_a_row_at_fault_are_shown_nowhere,
    values_are_kept_in_the_quarantine_alone_where_the_job_says_so,
);

const CANARY: &str = "c4nary-of-a-row";

/// Each says the value in another part of its error: message, detail, hint, a trigger's own words.
fn telling(target: &Target) -> Vec<Kind> {
    let words = "amount integer not null default 0, wanted text not null default '1'";
    let plain =
        Kind { columns: words, set: "amount = \"wanted::integer\"", poison: "wanted = 'c4nary-of-a-row'", ..CHECK };
    let raised = Kind { set: "", mend: "wanted = '1'", ..plain };
    let trigger = |raise: &'static str| Kind { after: raise, ..raised };
    target.either(
        vec![
            Kind { name: "cast", mend: "wanted = '1'", ..plain },
            Kind {
                name: "failing-row",
                columns: "amount integer not null default 0 check (amount >= 0), wanted integer default 1, words text",
                set: "amount = \"wanted\"",
                poison: "wanted = -1, words = 'c4nary-of-a-row'",
                mend: "wanted = 1, words = null",
                ..plain
            },
            Kind {
                name: "trigger",
                ..trigger(
                    "create or replace function tell() returns trigger language plpgsql as
                     $$ begin if new.wanted <> '1' then raise exception 'not %', new.wanted
                     using detail = new.wanted, hint = new.wanted; end if; return new; end $$;
                     create trigger tell before update of applied on items for each row execute function tell()",
                )
            },
        ],
        vec![Kind {
            name: "trigger",
            ..trigger(
                "create trigger tell before update of applied on items when new.wanted <> '1'
                 begin select raise(abort, 'not c4nary-of-a-row'); end",
            )
        }],
    )
}

async fn values_of_a_row_at_fault_are_shown_nowhere(target: Target) {
    for kind in telling(&target) {
        // Set aside, and over the limit: the failure is then the run's.
        for limit in [2, 1] {
            let items = Poisoned::new(&target, kind, 600, [50, 599], &sections(1, limit)).await;
            let run = target.tidegate(&["run", "--restart", &items.job.path]).await;
            assert_eq!(run.status.code(), Some(if limit == 2 { 3 } else { 1 }), "{run}");
            shows_no_value(&run);
            for shown in everything_said(&items, &["--detail"]).await {
                shows_no_value(&shown);
            }
            is_kept_in(&target, &[]).await;
        }
    }
}

async fn values_are_kept_in_the_quarantine_alone_where_the_job_says_so(target: Target) {
    for kind in telling(&target) {
        let keeps = format!("{}quarantine_detail = true\n", sections(1, 2));
        let items = Poisoned::new(&target, kind, 600, [50, 599], &keeps).await;
        shows_no_value(&target.tidegate(&["run", &items.job.path]).await.exits(3));
        for shown in everything_said(&items, &[]).await {
            shows_no_value(&shown);
        }
        is_kept_in(&target, &["quarantine"]).await;
        for output in ["text", "json"] {
            let arguments = ["quarantine", "list", &items.job.name, "--detail", "--output", output];
            let asked = target.tidegate(&arguments).await.exits(0);
            assert!(asked.stdout.contains(CANARY), "asked for: {asked}");
        }
        items.mend([50, 599]).await;
        target.tidegate(&["quarantine", "retry", &items.job.name]).await.exits(0);
        target.execute(&format!("delete from {}", target.state("quarantine"))).await;
    }
}

/// Every command that reads, in both forms, and a retry that fails.
async fn everything_said(items: &Poisoned<'_>, list_options: &[&str]) -> Vec<Finished> {
    let name = items.job.name.as_str();
    let list = [&["quarantine", "list", name], list_options].concat();
    let mut said = Vec::new();
    for output in ["text", "json"] {
        for command in [
            &["status", name][..],
            &["status"],
            &["why", name],
            &["history", name],
            &list,
            &["quarantine", "retry", name],
        ] {
            said.push(items.target.tidegate(&[command, &["--output", output]].concat()).await);
        }
    }
    said
}

fn shows_no_value(shown: &Finished) {
    assert!(!shown.to_string().contains(CANARY), "{shown}");
}

/// Every state table there is, also those that come later.
async fn is_kept_in(target: &Target, expected: &[&str]) {
    let tables = target.either(
        "select tablename from pg_tables where schemaname = 'tidegate'",
        "select substr(name, 10) from sqlite_schema where type = 'table' and name like 'tidegate_%'",
    );
    let mut kept = Vec::new();
    for table in target.column(tables).await {
        let rows = target.rows(&format!("select * from {}", target.state(&table))).await;
        if rows.iter().flatten().any(|value| value.contains(CANARY)) {
            kept.push(table);
        }
    }
    assert_eq!(kept, expected);
}
