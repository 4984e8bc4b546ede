//! Times as people write them.

use std::time::Duration;

/// `90s`, `30m`, `12h`, `7d`, `2w`.
pub fn parse(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "give a whole number and a unit: 90s, 30m, 12h, 7d, 2w";
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(WANTED)?;
    let (number, unit) = text.split_at(split);
    let n: u64 = number.parse().map_err(|_| WANTED)?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(WANTED.to_string()),
    };
    n.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "the duration is too long".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "7", "d", "-1s", "1.5h", "7 days", "99999999999999999d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
