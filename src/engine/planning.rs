//! How does a job become a plan? Asks the database what the plan needs to know, and hands it over; decides nothing.

use crate::db::{Database, Failure};
use crate::job::{Batch, Job};
use crate::key::KeyRange;
use crate::plan::{Plan, Refusal, SampledBatch, lapping, resolve, slice_count, tile, walking};

/// Plans a job on a database. Reads only.
///
/// A plan may hold refusals too: those that only show once its statements meet the database.
///
/// # Errors
/// When the database does not answer.
pub async fn plan(database: &dyn Database, job: &Job) -> Result<Result<Plan, Vec<Refusal>>, Failure> {
    let facts = database.facts(job).await?;
    let resolved = match resolve(job, &facts) {
        Ok(resolved) => resolved,
        Err(refusals) => return Ok(Err(refusals)),
    };
    let table = facts.table.unwrap_or_default();
    let walking = match walking(job, &table, &resolved.work, database.scope_index(&resolved.work).await?) {
        Ok(walking) => walking,
        Err(refusal) => return Ok(Err(vec![refusal])),
    };
    let slices = slice_count(table.estimated_rows, resolved.sizes.start, resolved.workers);
    let survey = database.survey(&resolved.work, resolved.sizes.start, slices, walking.order).await?;
    Ok(lapping(job, &table, &resolved, &walking, &survey.legs)
        .map(|lapping| Plan::new(job.clone(), resolved, table, walking, lapping, survey))
        .map_err(|refusal| vec![refusal]))
}

/// Runs `count` batches spread over the key range, and rolls each back. Fewer where the key range cannot be cut into as
/// many parts.
///
/// # Errors
/// When a batch fails.
pub async fn sample(database: &dyn Database, plan: &Plan, count: usize) -> Result<Vec<SampledBatch>, Failure> {
    // Of the size that a run would begin with.
    let batch = &Batch { rows: plan.sizes.start, ..plan.job.batch.clone() };
    let Some(last) = &plan.survey.last else { return Ok(Vec::new()) };
    let cuts = database.cuts(&plan.work, last, count).await?;
    let mut sampled = Vec::new();
    for KeyRange { after, through } in tile(&cuts, Some(last)).iter().take(count) {
        sampled.push(database.sample(&plan.work, after.as_ref(), through, batch).await?);
    }
    Ok(sampled)
}
