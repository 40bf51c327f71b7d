-- What a run's pace is, and where its time goes.
--
-- heartbeat.pace: the runner's own report of its speed, its signals and what holds it, as JSON (`pace::PaceReport`).
-- It is of the moment `reported_at`, and goes with the runner.
alter table tidegate_heartbeat add column pace text;
alter table tidegate_heartbeat add column reported_at real;

-- run.held_seconds: how long runners have held it, all together.
alter table tidegate_run add column held_seconds real not null default 0;

-- time_ledger: seconds of a run by what they were spent on, those of all its runners together: their sum is
-- run.held_seconds.
create table tidegate_time_ledger (
    run_id integer not null references tidegate_run,
    bucket text not null,
    seconds real not null,
    primary key (run_id, bucket)
) strict;
