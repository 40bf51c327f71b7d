-- How runs wait for a runner, and what operators changed about them while they ran.
--
-- run.version: counts what was done to a run, its moves and its overrides. Who decides by what they saw names the version
-- they saw.
alter table tidegate.run add column version bigint not null default 0;

-- run.submitted: whether a scheduler may take it. run.planned: false until it is taken for the first time; place, bound and
-- slices are of that moment, so that rows which came while it waited are not missed.
alter table tidegate.run add column submitted boolean not null default false;
alter table tidegate.run add column planned boolean not null default true;
alter table tidegate.run add column priority integer not null default 0;  -- the higher is taken first
alter table tidegate.run add column not_before timestamptz;              -- no scheduler takes it earlier

-- run.resume_at: when a pause ends by itself.
alter table tidegate.run add column resume_at timestamptz;

-- One run at a time on a table; those that only wait to be planned may be many.
drop index tidegate.run_one_per_table;
create unique index run_one_per_table on tidegate.run (table_name)
    where planned and state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');

-- One run at a time of a job: two that are submitted at once are one.
create unique index run_one_per_job on tidegate.run (job)
    where state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');

-- override: what an operator set over the job file, such as `batch.rows`.
create table tidegate.override (
    run_id bigint not null references tidegate.run,
    knob text not null,
    value text not null,                 -- as TOML writes it
    actor text not null,
    reason text,
    set_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,              -- null: until somebody takes it back
    primary key (run_id, knob)
);

-- event.knob: which one was set; from_state and to_state are then its values.
alter table tidegate.event add column knob text;

-- heartbeat.sharing: whether its run's batches may begin and its limits are shared with the other runs of this database.
alter table tidegate.heartbeat add column sharing boolean not null default false;
