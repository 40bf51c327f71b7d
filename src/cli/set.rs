//! `tidegate set JOB KEY=VALUE …`: how fast is a run to go from now on, and until when? Without values: what can be set, and
//! what it is.

use super::control::{Terms, conflict, lasting, no_run};
use super::exit::{Exit, database_failed, fail};
use super::job_name::job_name;
use super::status::override_source;
use super::target::target;
use super::wording::{print, print_json, say, value};
use super::{Output, Shared};
use crate::db::{Failure, Ledger, NewOverrides, RunRecord, Set, Tries};
use crate::job::{Knob, overridden};
use crate::runner::Runner;
use crate::view::OverrideView;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is set over which job.
#[derive(clap::Args)]
pub(super) struct SetArguments {
    /// A job's name or file
    job: String,
    /// Such as `batch.rows=2000` or `pace.duty=0.5`; `pace.duty=default` takes back what was set. All or nothing
    #[arg(value_name = "KEY=VALUE", value_parser = assignment)]
    values: Vec<(String, Option<String>)>,
    /// Only for this time, such as 1h; then the job file's value comes back
    #[arg(long = "for", value_parser = lasting, value_name = "DURATION", requires = "values")]
    lasts: Option<Duration>,
    #[command(flatten)]
    terms: Terms,
}

/// As many as for a pause: each waits as long as the ledger waits for a lock.
const TRIES: u32 = 6;

/// Sets the values, or lists what can be set.
pub(super) async fn set(shared: &Shared, arguments: &SetArguments) -> Exit {
    let values = match values(&arguments.values) {
        Ok(values) => values,
        Err(words) => return fail(&words, Exit::Usage),
    };
    let (database, job) = match (target(shared), job_name(&arguments.job)) {
        (Ok(database), Ok(job)) => (database, job),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let mut ledger = match database.ledger().await {
        Ok(ledger) => ledger,
        Err(failure) => return database_failed(&failure),
    };
    let answered = match newest_run(&mut ledger, &job).await {
        Err(failure) => Err(failure),
        Ok(None) => return no_run(&job, &database.address()),
        Ok(Some(run)) if values.is_empty() => list(&mut ledger, &run, shared.output).await,
        Ok(Some(run)) => set_over(&mut ledger, &run, &new_overrides(arguments, values), shared.output).await,
    };
    answered.unwrap_or_else(|failure| database_failed(&failure))
}

async fn newest_run(ledger: &mut Ledger, job: &str) -> Result<Option<RunRecord>, Failure> {
    match ledger.is_installed().await? {
        true => ledger.newest_run(job).await,
        false => Ok(None),
    }
}

fn new_overrides(arguments: &SetArguments, values: BTreeMap<String, Option<String>>) -> NewOverrides {
    let Terms { reason, if_version } = &arguments.terms;
    let actor = Runner::this_process().actor;
    NewOverrides { values, actor, reason: reason.clone(), lasts: arguments.lasts, if_version: *if_version }
}

async fn set_over(ledger: &mut Ledger, run: &RunRecord, new: &NewOverrides, output: Output) -> Result<Exit, Failure> {
    let set = set_patiently(ledger, run.id, new).await?;
    let job = &run.job;
    // As it is now: who was refused needs it, and so does who was not.
    let Some(now) = ledger.run(run.id).await? else { return Ok(fail("the run's record is gone", Exit::Failed)) };
    let overrides: Vec<_> = ledger.overrides(run.id).await?.iter().map(OverrideView::of).collect();
    if output == Output::Json {
        print_json(&json!({
            "version": 1, "job": job, "run": run.id, "accepted": matches!(set, Set::Done(_)), "state": now.state,
            "run_version": now.version, "overrides": overrides,
            "problems": if let Set::Wrong(problems) = &set { problems.as_slice() } else { &[] },
        }));
    }
    Ok(match set {
        Set::Conflict(state, version) => fail(&conflict(&format!("change {job}"), state, version), Exit::Failed),
        Set::Over(state) => fail(&format!("cannot change {job}: it is {state}"), Exit::Failed),
        Set::Wrong(problems) => {
            problems.iter().for_each(|problem| say(&format!("error: {problem}")));
            say("nothing was changed");
            Exit::Usage
        }
        Set::Done(_) => {
            if output == Output::Text {
                new.values.keys().for_each(|knob| print(&line(run, knob, &overrides)));
            }
            Exit::Done
        }
    })
}

async fn set_patiently(ledger: &mut Ledger, run: i64, new: &NewOverrides) -> Result<Set, Failure> {
    let mut tries = Tries::of(TRIES);
    loop {
        match ledger.set(run, new).await {
            Err(failure) if tries.go_on(&failure) => {}
            answered => return answered,
        }
    }
}

fn line(run: &RunRecord, knob: &str, overrides: &[OverrideView]) -> String {
    let job = &run.job;
    match overrides.iter().find(|set| set.knob == knob) {
        Some(set) => format!("{job} {knob} is {} {}", set.value, override_source(set)),
        None => {
            let file = overridden(&run.job_text, &[]).map(|file| file.knobs).unwrap_or_default();
            let file = file.into_iter().find(|known| known.name == knob).and_then(|known| known.value);
            format!("{job} {knob} is {} again", value(file.as_deref()))
        }
    }
}

/// Everything that can be set, with what it is and why.
async fn list(ledger: &mut Ledger, run: &RunRecord, output: Output) -> Result<Exit, Failure> {
    let overrides: Vec<_> = ledger.overrides(run.id).await?.iter().map(OverrideView::of).collect();
    let file = match overridden(&run.job_text, &[]) {
        Ok(file) => file,
        Err(_) => return Ok(fail("the job file that this run has is none to this tidegate", Exit::Failed)),
    };
    let rows = file.knobs.iter().map(|knob| (knob, overrides.iter().find(|set| set.knob == knob.name)));
    match output {
        Output::Json => print_json(&json!({
            "version": 1, "job": run.job, "run": run.id, "state": run.state, "run_version": run.version,
            "knobs": rows.map(|(knob, set)| record(knob, set)).collect::<Vec<_>>(),
        })),
        Output::Text => {
            print(&format!("{:<32} {:>10}  SOURCE", "KEY", "VALUE"));
            for (knob, set) in rows {
                let shown = set.map(|set| set.value.as_str()).or(knob.value.as_deref());
                let source = set.map_or_else(|| source(knob).to_owned(), override_source);
                print(&format!("{:<32} {:>10}  {source}", knob.name, value(shown)));
            }
        }
    }
    Ok(Exit::Done)
}

fn record(knob: &Knob, set: Option<&OverrideView>) -> serde_json::Value {
    let shown = set.map(|set| &set.value).or(knob.value.as_ref());
    let source = match set {
        Some(_) => "set",
        None if knob.written => "job-file",
        None => "default",
    };
    json!({ "knob": knob.name, "value": shown, "source": source, "override": set })
}

fn source(knob: &Knob) -> &'static str {
    if knob.written { "job file" } else { "default" }
}

/// Each key once: of two values for one, nobody could say which was meant.
fn values(typed: &[(String, Option<String>)]) -> Result<BTreeMap<String, Option<String>>, String> {
    let mut values = BTreeMap::new();
    for (knob, value) in typed {
        if values.insert(knob.clone(), value.clone()).is_some() {
            return Err(format!("{knob} is written twice"));
        }
    }
    Ok(values)
}

fn assignment(text: &str) -> Result<(String, Option<String>), String> {
    match text.split_once('=') {
        Some((knob, value)) if !knob.is_empty() && !value.is_empty() => {
            Ok((knob.to_owned(), (value != "default").then(|| value.to_owned())))
        }
        _ => Err("write a key and a value, such as batch.rows=2000; `KEY=default` takes back what was set".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_value_or_goes_back_to_its_own() {
        let set = |value: Option<&str>| Ok(("pace.duty".to_owned(), value.map(str::to_owned)));
        for (text, expected) in [("pace.duty=0.5", set(Some("0.5"))), ("pace.duty=default", set(None))] {
            assert_eq!(assignment(text), expected);
        }
        for wrong in ["pace.duty", "=1", "pace.duty=", ""] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
        let twice = [("pace.duty".to_owned(), None), ("pace.duty".to_owned(), Some("1".to_owned()))];
        assert_eq!(values(&twice), Err("pace.duty is written twice".to_owned()));
    }
}
