//! Does a speed swing? Hears one number a second.

/// Slower swings are weather, faster ones are the law's own.
const PERIOD: usize = 30;

/// Smaller swings, as a part of the mean, are noise.
const AMPLITUDE: f64 = 0.3;

/// How many swings follow each other, each within less than the period after the one before it.
pub fn swings(speeds: &[f64]) -> usize {
    let averages: Vec<f64> = speeds.windows(5).map(|five| five.iter().sum::<f64>() / 5.0).collect();
    let least = AMPLITUDE * averages.iter().sum::<f64>() / averages.len() as f64;
    turns(&averages, least).iter().map(|turns| in_a_row(turns)).max().unwrap_or(0)
}

/// When it turned at the top, and when at the bottom, of a swing of at least that much.
fn turns(values: &[f64], least: f64) -> [Vec<usize>; 2] {
    let (mut tops, mut bottoms) = (Vec::new(), Vec::new());
    let (mut high, mut low, mut rising) = (0, 0, None);
    for now in 0..values.len() {
        high = if values[now] > values[high] { now } else { high };
        low = if values[now] < values[low] { now } else { low };
        if rising != Some(false) && values[now] < values[high] - least {
            tops.push(high);
            (rising, low) = (Some(false), now);
        } else if rising != Some(true) && values[now] > values[low] + least {
            bottoms.push(low);
            (rising, high) = (Some(true), now);
        }
    }
    [tops, bottoms]
}

fn in_a_row(turns: &[usize]) -> usize {
    let (mut most, mut row) = (0, 0);
    for pair in turns.windows(2) {
        row = if pair[1] - pair[0] < PERIOD { row + 1 } else { 0 };
        most = most.max(row);
    }
    most
}

#[test]
fn a_swing_is_seen_and_a_drift_or_noise_is_not() {
    let wave = |period: f64, part: f64| {
        let speeds: Vec<f64> =
            (0..240).map(|s| 1.0 + part * (f64::from(s) * std::f64::consts::TAU / period).sin()).collect();
        swings(&speeds)
    };
    assert!(wave(20.0, 0.3) > 5);
    assert_eq!((wave(40.0, 0.3), wave(20.0, 0.1)), (0, 0));
}
