//! Which series does the program export? Asked of the program's own text, after a run that met everything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tidegate::event::{Event, Observation, ObservedSignal, Progress};
use tidegate::metrics::{Metrics, Registry};
use tidegate::quantity::Quantity;
use tidegate::run::RunState;

/// One `# TYPE` of the text.
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) labels: BTreeSet<String>,
}

/// By name.
pub(crate) fn every_series() -> BTreeMap<String, Family> {
    let metrics = Metrics::new(&Registry::new()).expect("an empty registry");
    let mut run = metrics.of("fill", "shop");
    run.note(&Event::Started {
        run: 1,
        table: "public.users".into(),
        state: RunState::Running,
        resumed: false,
        estimated_rows: 1,
        rows_quarantined: 0,
        progress: Progress::default(),
    });
    run.note(&Event::Observed(Box::new(observation())));
    read(&metrics.render())
}

fn observation() -> Observation {
    let signal = ObservedSignal {
        signal: "probe".into(),
        seen: Some(Quantity::seconds(0.01)),
        max: Quantity::seconds(0.02),
        age: Some(Duration::ZERO),
        holds: false,
    };
    Observation {
        workers: 1,
        share: 1.0,
        batch_rows: 1,
        rows_per_second: 0.0,
        signals: vec![signal],
        held: Vec::new(),
        time: BTreeMap::new(),
        eta: None,
        window_closes: None,
    }
}

fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            current = name.to_owned();
            families.insert(
                current.clone(),
                Family { kind: String::new(), help: help.to_owned(), labels: BTreeSet::new() },
            );
        }
        let Some(family) = families.get_mut(&current) else { continue };
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            family.kind = kind.to_owned();
        }
        if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let names = labels.split("\",").filter_map(|label| label.split_once('='));
            family.labels.extend(names.map(|(name, _)| name.to_owned()).filter(|name| name != "le"));
        }
    }
    families
}
