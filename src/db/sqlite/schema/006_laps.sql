-- How often each stretch of a slice is gone over. One stretch after the other makes a circuit; each lap of it changes other rows.
--
-- slice.laps: how many laps a circuit has; 1: every row is changed as the walk comes by.
-- slice.stripe: neighbouring keys that are changed in the same lap, where keys are whole numbers.
-- slice.lap: the lap of the circuit in hand, from 0.
-- slice.circuit_after: where that circuit begins, and where all rows are done; null: where the slice does.
-- slice.circuit_through: where it ends; null in its first lap, which goes on until the circuit is long enough.
alter table tidegate_slice add column laps integer not null default 1 check (laps in (1, 2, 4, 8));
alter table tidegate_slice add column stripe integer not null default 1 check (stripe between 1 and 1024);
alter table tidegate_slice add column lap integer not null default 0 check (lap >= 0);
alter table tidegate_slice add column circuit_after text;
alter table tidegate_slice add column circuit_through text;
