-- What a run's pace is, and where its time goes.
--
-- pace: what the last runner of a run told of its speed, its signals and what held it, as JSON
-- (`pace::PaceReport`). It stays when the runner has gone.
create table tidegate.pace (
    run_id bigint primary key references tidegate.run,
    report text not null,
    reported_at timestamptz not null
) with (fillfactor = 50);                -- rewritten by every heartbeat

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
