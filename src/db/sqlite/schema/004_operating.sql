-- How runs wait for a runner, and what operators changed about them while they ran.
--
-- run.version: counts what was done to a run, its moves and its overrides. Who decides by what they saw names the version
-- they saw.
alter table tidegate_run add column version integer not null default 0;

-- run.submitted: whether a scheduler may take it. run.planned: false until it is taken for the first time; place, bound and
-- slices are of that moment, so that rows which came while it waited are not missed.
alter table tidegate_run add column submitted integer not null default 0;
alter table tidegate_run add column planned integer not null default 1;
alter table tidegate_run add column priority integer not null default 0;  -- the higher is taken first
alter table tidegate_run add column not_before real;                     -- no scheduler takes it earlier

-- run.resume_at: when a pause ends by itself.
alter table tidegate_run add column resume_at real;

-- One run at a time on a table; those that only wait to be planned may be many.
drop index tidegate_run_one_per_table;
create unique index tidegate_run_one_per_table on tidegate_run (table_name)
    where planned and state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');

-- One run at a time of a job: two that are submitted at once are one.
create unique index tidegate_run_one_per_job on tidegate_run (job)
    where state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');

-- override: what an operator set over the job file, such as `batch.rows`.
create table tidegate_override (
    run_id integer not null references tidegate_run,
    knob text not null,
    value text not null,                 -- as TOML writes it
    actor text not null,
    reason text,
    set_at real not null default (unixepoch('subsec')),
    expires_at real,                     -- null: until somebody takes it back
    primary key (run_id, knob)
) strict;

-- event.knob: which one was set; from_state and to_state are then its values.
alter table tidegate_event add column knob text;

-- heartbeat.sharing: whether its run's batches may begin and its limits are shared with the other runs of this database.
alter table tidegate_heartbeat add column sharing integer not null default 0;
