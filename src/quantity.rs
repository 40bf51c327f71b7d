//! How is a measured number written? A value with its unit, the same on the screen, in the log and in a reason. Knows
//! nothing of what was measured.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Nothing but itself: sessions, files, whatever a query of the user's returns.
    Number,
}

/// A number with its unit: `4.2s`, `20ms`, `64MiB`, `12`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quantity {
    /// How much, in the unit.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

impl Quantity {
    /// So many seconds.
    pub fn seconds(value: f64) -> Self {
        Self { value, unit: Unit::Seconds }
    }

    /// So many bytes.
    pub fn bytes(value: f64) -> Self {
        Self { value, unit: Unit::Bytes }
    }

    /// So many bytes per second.
    pub fn bytes_per_second(value: f64) -> Self {
        Self { value, unit: Unit::BytesPerSecond }
    }

    /// A plain number.
    pub fn number(value: f64) -> Self {
        Self { value, unit: Unit::Number }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Seconds => f.write_str(&seconds(self.value)),
            Unit::Bytes => f.write_str(&bytes(self.value)),
            Unit::BytesPerSecond => write!(f, "{}/s", bytes(self.value)),
            Unit::Number => f.write_str(&short(self.value)),
        }
    }
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 0.9995 => format!("{}ms", short(value * 1000.0)),
        value if value < 60.0 => format!("{}s", short(value)),
        value => {
            let whole = value.round() as u64;
            let (hours, minutes, seconds) = (whole / 3600, whole % 3600 / 60, whole % 60);
            let parts = [(hours, "h"), (minutes, "m"), (seconds, "s")];
            let shown: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
            shown.join(" ")
        }
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len() - 1).find(|unit| value < 1024_f64.powi(*unit as i32 + 1)).unwrap_or(UNITS.len() - 1);
    format!("{}{}", short(value / 1024_f64.powi(unit as i32)), UNITS[unit])
}

/// One decimal below ten, none above, none that is zero.
fn short(value: f64) -> String {
    let shown = if value.abs() < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_reads_as_in_a_job_file() {
        for (quantity, shown) in [
            (Quantity::seconds(4.2), "4.2s"),
            (Quantity::seconds(2.0), "2s"),
            (Quantity::seconds(0.02), "20ms"),
            (Quantity::seconds(0.0041), "4.1ms"),
            (Quantity::seconds(0.9999), "1s"),
            (Quantity::seconds(0.0), "0ms"),
            (Quantity::seconds(42.4), "42s"),
            (Quantity::seconds(60.0), "1m"),
            (Quantity::seconds(5400.0), "1h 30m"),
            (Quantity::bytes(67_108_864.0), "64MiB"),
            (Quantity::bytes(1536.0), "1.5KiB"),
            (Quantity::bytes_per_second(52_428_800.0), "50MiB/s"),
            (Quantity::number(12.0), "12"),
            (Quantity::number(0.25), "0.2"),
        ] {
            assert_eq!(quantity.to_string(), shown);
        }
    }
}
