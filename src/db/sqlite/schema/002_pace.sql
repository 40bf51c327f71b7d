-- What a run's pace is, and where its time goes.
--
-- pace: what the last runner of a run told of its speed, its signals and what held it, as JSON
-- (`pace::PaceReport`). It stays when the runner has gone.
create table tidegate_pace (
    run_id integer primary key references tidegate_run,
    report text not null,
    reported_at real not null
) strict;

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
