-- Which rows and ranges were set aside.
--
-- quarantine: rows that could not be changed, each with its error. A row that was changed by a later try stays here with
-- the time of it.
create table tidegate_quarantine (
    run_id integer not null references tidegate_run,
    key text not null,                   -- as slices keep keys
    pass integer not null,               -- the slice whose walk met it
    slice integer not null,
    code text,                           -- the database's code of the error
    message text not null,               -- in tidegate's words: it repeats no value
    constraint_name text,
    column_name text,
    detail text,                         -- the database's words, which may repeat values; only where the job says so
    tries integer not null default 1,
    at real not null default (unixepoch('subsec')),
    resolved_at real,
    primary key (run_id, key)
) strict;

-- run.rows_quarantined: rows of the quarantine that are not resolved.
alter table tidegate_run add column rows_quarantined integer not null default 0;

-- slice.set_aside: carved out of another slice because somebody kept a lock on its rows; walked last.
alter table tidegate_slice add column set_aside integer not null default 0;

-- run.job_text: the whole file as the last runner had it, so that what is tried again by hand is tried as the run would.
