-- The state of tidegate's runs. It lives in the database whose rows are changed, because only there can a batch and
-- its checkpoint commit together. The columns are those of the PostgreSQL schema; times are seconds since 1970.
--
-- meta: which of these numbered files were run; a newer number than the program knows is refused.
create table tidegate_meta (
    version integer primary key,
    applied_at real not null default (unixepoch('subsec'))
) strict;

-- run: one execution of a job, kept for good. The newest of a job is the one that commands speak of.
create table tidegate_run (
    id integer primary key autoincrement,
    job text not null,
    digest text not null,                -- of what the job does, not of how fast
    job_text text not null,              -- the whole file, as it was
    table_name text not null,
    place text not null,                 -- table and columns; compared in every batch
    state text not null,
    bound_key text,                      -- frozen upper bound; null: the table was empty
    swept integer not null,              -- whether a sweep proves the end
    estimated_rows integer not null,
    holder text,                         -- the runner that has it
    token integer not null default 0,    -- counts the takings
    retries integer not null default 0,
    actor text,                          -- who made the last move, and why
    reason text,
    failure text,
    created_at real not null default (unixepoch('subsec')),
    moved_at real not null default (unixepoch('subsec')),
    ended_at real
) strict;
create index tidegate_run_job on tidegate_run (job, id);
-- One run at a time on a table: two would share neither a cursor nor a pace.
create unique index tidegate_run_one_per_table on tidegate_run (table_name)
    where state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');

-- slice: a part of the key space with its own cursor. Pass 0 is the walk, later passes are sweeps. Keys are JSON
-- arrays of texts that carry their storage class ('i:7', 't:abc'), because 10 and '10' are two keys here.
create table tidegate_slice (
    run_id integer not null references tidegate_run,
    pass integer not null,
    slice integer not null,
    after_key text,                      -- exclusive; null is open below
    through_key text not null,           -- inclusive
    cursor_key text,                     -- all rows up to here are done; null: none is
    seq integer not null default 0,      -- counts committed batches
    rows_changed integer not null default 0,
    rows_scanned integer not null default 0,
    rows_still_in_scope integer not null default 0,
    done integer not null default 0,
    token integer not null default 0,
    holder text,
    primary key (run_id, pass, slice)
) strict;

-- heartbeat: until when a runner's lease lasts.
create table tidegate_heartbeat (
    holder text primary key,
    run_id integer not null references tidegate_run,
    host text not null,
    boot_id text not null,
    pid integer not null,
    pid_started integer not null,
    actor text not null,
    since real not null default (unixepoch('subsec')),
    expires_at real not null,
    eta_low_seconds real,         -- when the run may end, as its runner sees it
    eta_high_seconds real
) strict;

-- event: what happened to a run, written in the transaction that made it so.
create table tidegate_event (
    id integer primary key autoincrement,
    run_id integer not null references tidegate_run,
    at real not null default (unixepoch('subsec')),
    kind text not null,
    actor text not null,
    reason text,
    from_state text,
    to_state text,
    detail text
) strict;
create index tidegate_event_run on tidegate_event (run_id, id);
