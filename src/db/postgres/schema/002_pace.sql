-- What a run's pace is, and where its time goes.
--
-- heartbeat.pace: the runner's own report of its speed, its signals and what holds it, as JSON (`pace::PaceReport`).
-- It is of the moment `reported_at`, and goes with the runner.
alter table tidegate.heartbeat add column pace text;
alter table tidegate.heartbeat add column reported_at timestamptz;

-- run.held_seconds: how long runners have held it, all together.
alter table tidegate.run add column held_seconds double precision not null default 0;

-- time_ledger: seconds of a run by what they were spent on, those of all its runners together: their sum is
-- run.held_seconds.
create table tidegate.time_ledger (
    run_id bigint not null references tidegate.run,
    bucket text not null,
    seconds double precision not null,
    primary key (run_id, bucket)
) with (fillfactor = 50);                -- rewritten by every heartbeat
