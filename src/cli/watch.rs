//! `tidegate status --watch`: what runs, seen live. Looks every second and draws anew; without a terminal it writes a frame
//! every ten seconds. Knows no runner: what is shown comes from the state tables, so it is the same on every machine.

use super::Output;
use super::exit::{Exit, database_failed};
use super::status::{in_full, state};
use super::wording::{count, counted, percent, print, seconds_range, time};
use crate::db::{Database, Failure, Ledger};
use crate::engine::Tally;
use crate::event::Progress;
use crate::view::{RunView, RunsView};
use console::{Term, measure_text_width, truncate_str};
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{MissedTickBehavior, interval};

/// How often a terminal is drawn: a pause is seen as it is reached.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a frame is written where there is no terminal.
const FRAME_EVERY: Duration = Duration::from_secs(10);

/// Steps of a run's bar.
const BAR: usize = 20;

/// Shows the runs of all jobs, or of one, until Ctrl-C.
pub(super) async fn watch(database: &dyn Database, job: Option<&str>, output: Output) -> Exit {
    let terminal = Term::stdout();
    let lives = terminal.is_term() && output == Output::Text;
    let mut looks = interval(if lives || output == Output::Json { LOOK_EVERY } else { FRAME_EVERY });
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lookout = Lookout { database, job, ledger: None, over: HashMap::new() };
    let mut screen = Screen { terminal, drawn: 0 };
    let mut last: Option<(Vec<RunView>, SystemTime)> = None;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            // Whoever watches leaves this way; it is no failure.
            _ = tokio::signal::ctrl_c() => return Exit::Done,
        }
        let away = match lookout.look().await {
            Ok(runs) => {
                last = Some((runs, SystemTime::now()));
                None
            }
            Err(failure) if last.is_none() => return database_failed(&failure),
            Err(failure) => Some(failure),
        };
        let Some((runs, at)) = &last else { continue };
        let lines = match (output, job, runs.first()) {
            (Output::Json, ..) if away.is_none() => {
                vec![serde_json::to_string(&RunsView::of(runs.clone())).unwrap_or_default()]
            }
            (Output::Json, ..) => continue,
            (Output::Text, Some(_), Some(shown)) => in_full(shown).lines().map(str::to_owned).collect(),
            (Output::Text, ..) => rows(runs),
        };
        let head = (output == Output::Text).then(|| head(&database.address(), runs, *at, away.as_ref()));
        screen.show(head.into_iter().chain(lines).collect(), lives);
    }
}

/// Reads the runs over one connection that is opened again as often as needed.
struct Lookout<'a> {
    database: &'a dyn Database,
    job: Option<&'a str>,
    ledger: Option<Ledger>,
    /// How far runs came that are over: that does not change.
    over: HashMap<i64, Progress>,
}

impl Lookout<'_> {
    async fn look(&mut self) -> Result<Vec<RunView>, Failure> {
        if self.ledger.as_ref().is_none_or(Ledger::is_closed) {
            self.ledger = None;
            let mut ledger = self.database.ledger().await?;
            if !ledger.is_installed().await? {
                return Ok(Vec::new());
            }
            self.ledger = Some(ledger);
        }
        let Some(ledger) = &mut self.ledger else { return Ok(Vec::new()) };
        let records = match self.job {
            Some(job) => ledger.newest_run(job).await?.into_iter().collect(),
            None => ledger.newest_runs().await?,
        };
        let mut shown = Vec::new();
        for record in records {
            let progress = match self.over.get(&record.id).filter(|_| record.state.is_over()) {
                Some(progress) => *progress,
                None => Tally::new(&ledger.slices(record.id).await?, record.estimated_rows).progress(),
            };
            if record.state.is_over() {
                self.over.insert(record.id, progress);
            }
            let overrides = ledger.overrides(record.id).await?;
            shown.push(RunView::of(&record, progress, &overrides));
        }
        // What may still move comes first.
        shown.sort_by_key(|run| run.state.is_over());
        Ok(shown)
    }
}

fn head(address: &str, runs: &[RunView], at: SystemTime, away: Option<&Failure>) -> String {
    let moving = runs.iter().filter(|run| run.state.lets_batches_begin()).count();
    let seen = time(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    match away {
        None => format!("{address}, {} ({moving} running), {seen}", counted(runs.len() as u64, "run")),
        Some(failure) => format!("NO ANSWER since {seen}: {failure}"),
    }
}

/// Two lines for a run that is not over, one for one that is.
fn rows(runs: &[RunView]) -> Vec<String> {
    if runs.is_empty() {
        return vec!["no runs yet".to_owned()];
    }
    runs.iter().flat_map(row).collect()
}

fn row(run: &RunView) -> Vec<String> {
    let mut numbers = vec![format!("{} rows", count(run.rows_changed))];
    // The rate of a run that is held is that of before.
    let walks = run.state.lets_batches_begin() && run.held.is_empty();
    if let Some(pace) = run.speed.as_ref().filter(|_| walks) {
        numbers.push(format!("{} rows/s", count(pace.rows_per_second as u64)));
    }
    if let Some([low, high]) = run.eta_seconds {
        numbers.push(format!("ETA {}", seconds_range(low, high)));
    }
    if run.rows_quarantined > 0 {
        numbers.push(format!("{} set aside", count(run.rows_quarantined.unsigned_abs())));
    }
    let done = run.progress.map_or_else(|| "-".to_owned(), percent);
    let mut lines =
        vec![format!("{:<26} {} {done:>7}  {}", run.job, bar(run.progress.unwrap_or_default()), numbers.join("  "))];
    if !run.state.is_over() || run.rows_quarantined > 0 {
        let by = run.actor.as_ref().filter(|_| !run.state.lets_batches_begin());
        let by = by.map(|actor| format!(" by {actor}")).unwrap_or_default();
        let why =
            run.reason.as_ref().filter(|_| !by.is_empty()).map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(format!("  {}{by}{why}", state(run)));
    } else if let Some(line) = lines.first_mut() {
        line.push_str(&format!("  {}", run.state));
    }
    lines
}

/// `[=====>    ]`, full only when all is done.
fn bar(share: f64) -> String {
    let done = ((share * BAR as f64) as usize).min(BAR);
    let head = if done < BAR { ">" } else { "" };
    let rest = BAR - done - head.len();
    format!("[{}{head}{}]", "=".repeat(done), " ".repeat(rest))
}

/// Where frames are shown, the next over the last.
struct Screen {
    terminal: Term,
    drawn: usize,
}

impl Screen {
    fn show(&mut self, lines: Vec<String>, lives: bool) {
        if !lives {
            print(&lines.join("\n"));
            return;
        }
        let (height, width) = self.terminal.size();
        let lines = fitting(lines, height.into(), width.into());
        // A terminal that went away is seen with the next signal.
        let _ = self.terminal.move_cursor_up(self.drawn);
        let _ = self.terminal.clear_to_end_of_screen();
        let _ = self.terminal.write_line(&lines.join("\n"));
        self.drawn = lines.len();
    }
}

/// As many lines as there is room for, none longer than the terminal is wide: a line that wraps would be drawn over only
/// in part.
fn fitting(lines: Vec<String>, height: usize, width: usize) -> Vec<String> {
    let room = height.saturating_sub(2).max(1);
    let more = lines.len().saturating_sub(room);
    let mut fitting: Vec<_> = lines.into_iter().take(room).map(|line| cut(&line, width)).collect();
    if more > 0 {
        fitting.push(cut(&format!("… {} more", counted(more as u64, "line")), width));
    }
    fitting
}

fn cut(line: &str, width: usize) -> String {
    match measure_text_width(line) {
        fits if fits <= width => line.to_owned(),
        _ => truncate_str(line, width, "…").into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        assert_eq!(bar(0.0), format!("[>{}]", " ".repeat(19)));
        assert_eq!(bar(0.9999), format!("[{}>]", "=".repeat(19)));
        assert_eq!(bar(1.0), format!("[{}]", "=".repeat(20)));
    }

    #[test]
    fn a_frame_never_takes_more_room_than_there_is() {
        let lines: Vec<_> = (0..30).map(|number| format!("{number:>100}")).collect();
        let shown = fitting(lines, 24, 80);
        assert_eq!((shown.len(), shown.last().map(String::as_str)), (23, Some("… 8 lines more")));
        assert!(shown.iter().all(|line| measure_text_width(line) <= 80), "{shown:?}");
        assert_eq!(fitting(vec!["a".to_owned()], 24, 80), ["a"]);
    }
}
