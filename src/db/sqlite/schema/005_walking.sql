-- How a table is walked other than by its key, and how large it was before.
--
-- slice.walk: what its keys are: 'key', or 'physical', where they are places of rows in the table's file (ctid).
-- slice.part: the partition it lies in, as the database writes its name; null: the whole table.
-- slice.split_from: the planned slice of its pass whose upper part it is, taken by a worker that had none left; null:
-- planned itself. Together they are as much of the walk as that slice was.
alter table tidegate_slice add column walk text not null default 'key' check (walk in ('key', 'physical'));
alter table tidegate_slice add column part text;
alter table tidegate_slice add column split_from integer;

-- run.ends: where the slices of the walk end, as JSON, where that is not bound_key: one for each part.
alter table tidegate_run add column ends text;

-- run.sizes_before: bytes of the table and of each index before the first batch, as JSON.
alter table tidegate_run add column sizes_before text;
