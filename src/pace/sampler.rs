//! When is a signal read? Each sensor on its own schedule, for as long as somebody hears it. Knows neither what is
//! measured nor what follows from it.

use super::signal::{Reading, Seen, Sensor};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// A sensor without an answer for this long has none. Below the age at which a reading becomes no reading, so that it
/// is said what is wrong before.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Reads a sensor until nobody hears it any more.
pub async fn sample(mut sensor: Box<dyn Sensor>, readings: UnboundedSender<Reading>) {
    loop {
        let at = Instant::now();
        for (signal, seen) in read(sensor.as_mut()).await {
            if readings.send(Reading { signal, at, seen }).is_err() {
                return;
            }
        }
        let rest = sensor.every().saturating_sub(at.elapsed());
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = readings.closed() => return,
        }
    }
}

async fn read(sensor: &mut dyn Sensor) -> Vec<(crate::event::SignalName, Seen)> {
    let why = match tokio::time::timeout(GIVE_UP_AFTER, sensor.read()).await {
        Ok(Ok(seen)) => return seen,
        Ok(Err(why)) => why,
        Err(_) => format!("no answer for {}", humantime::format_duration(GIVE_UP_AFTER)),
    };
    sensor.signals().into_iter().map(|signal| (signal, Seen::Unknown(why.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::signal::STALE_AFTER;
    use super::*;
    use async_trait::async_trait;
    use tokio::sync::mpsc::unbounded_channel;

    const _: () = assert!(GIVE_UP_AFTER.as_secs() < STALE_AFTER.as_secs());

    /// Answers once, fails once, then is silent.
    struct Failing(u32);

    #[async_trait]
    impl Sensor for Failing {
        fn signals(&self) -> Vec<crate::event::SignalName> {
            vec!["a".into(), "b".into()]
        }

        fn every(&self) -> Duration {
            Duration::ZERO
        }

        async fn read(&mut self) -> Result<Vec<(crate::event::SignalName, Seen)>, String> {
            self.0 += 1;
            match self.0 {
                1 => Ok(vec![("a".into(), Seen::Value { value: 1.0, of: None })]),
                2 => Err("gone".to_owned()),
                _ => std::future::pending().await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sensor_that_fails_or_is_silent_makes_all_its_signals_unknown() {
        let (readings, mut heard) = unbounded_channel();
        let sampling = tokio::spawn(sample(Box::new(Failing(0)), readings));
        let mut seen = Vec::new();
        for _ in 0..5 {
            let reading = heard.recv().await.unwrap();
            seen.push((reading.signal.to_string(), reading.seen));
        }
        let unknown = |signal: &str, why: &str| (signal.to_owned(), Seen::Unknown(why.to_owned()));
        assert_eq!(seen[0], ("a".to_owned(), Seen::Value { value: 1.0, of: None }));
        assert_eq!(seen[1..3], [unknown("a", "gone"), unknown("b", "gone")]);
        assert_eq!(seen[3..5], [unknown("a", "no answer for 10s"), unknown("b", "no answer for 10s")]);
        drop(heard);
        sampling.await.unwrap();
    }
}
