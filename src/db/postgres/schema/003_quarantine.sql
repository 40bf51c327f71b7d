-- Which rows and ranges were set aside.
--
-- quarantine: rows that could not be changed, each with its error. A row that was changed by a later try stays here with
-- the time of it.
create table tidegate.quarantine (
    run_id bigint not null references tidegate.run,
    key text not null,                   -- as slices keep keys
    pass integer not null,               -- the slice whose walk met it
    slice integer not null,
    code text,                           -- the database's code of the error
    message text not null,               -- in tidegate's words: it repeats no value
    constraint_name text,
    column_name text,
    detail text,                         -- the server's own words, which repeat values; only where the job says so
    tries integer not null default 1,
    at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz,
    primary key (run_id, key)
);

-- run.rows_quarantined: rows of the quarantine that are not resolved. Counted here so that two workers who each set the
-- last allowed row aside meet on one row.
alter table tidegate.run add column rows_quarantined bigint not null default 0;

-- slice.set_aside: carved out of another slice because somebody kept a lock on its rows; walked last.
alter table tidegate.slice add column set_aside boolean not null default false;

-- run.job_text: the whole file as the last runner had it, so that what is tried again by hand is tried as the run would.
