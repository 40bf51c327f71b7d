//! Is a row that cannot be changed set aside, that row alone, and is every other one changed exactly once? Each kind of
//! error, at any place of the table, up to the job's limit and not one row further.

mod kinds;
mod limits;
mod places;
mod poison;
mod privacy;
mod retries;
mod search;
