//! Moments as people write them: a time, a day, or a duration from now.

use time::OffsetDateTime;
use time::format_description::well_known::{Iso8601, Rfc3339};

/// A moment in the past, in milliseconds since 1970: a duration counts back from now.
pub fn past(text: &str) -> Result<i64, String> {
    parse(text, -1).ok_or_else(|| {
        format!("`{text}` is neither a time (2026-01-31T12:00:00Z), a day (2026-01-31) nor an age (90s, 15m, 2h, 7d)")
    })
}

/// A moment in the future, in milliseconds since 1970: a duration counts from now on.
pub fn future(text: &str) -> Result<i64, String> {
    let moment = parse(text, 1).ok_or_else(|| {
        format!(
            "`{text}` is neither a time (2027-01-31T12:00:00Z), a day (2027-01-31) nor a duration (90s, 15m, 2h, 7d)"
        )
    })?;
    if moment > now() {
        Ok(moment)
    } else {
        Err(format!("`{text}` is not in the future"))
    }
}

/// A moment that is the same whenever it is read, in milliseconds since 1970.
pub fn fixed(text: &str) -> Result<i64, String> {
    absolute(text).ok_or_else(|| {
        format!("`{text}` is neither a time (2027-01-31T12:00:00Z) nor a day (2027-01-31), nor \"never\"")
    })
}

fn absolute(text: &str) -> Option<i64> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(milliseconds(moment));
    }
    let day = time::Date::parse(text, &Iso8601::DATE).ok()?;
    Some(milliseconds(day.midnight().assume_utc()))
}

fn parse(text: &str, direction: i64) -> Option<i64> {
    if let Some(moment) = absolute(text) {
        return Some(moment);
    }
    let unit = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let count: i64 = text[..text.len() - 1].parse().ok()?;
    let duration = count.checked_mul(unit).filter(|duration| *duration >= 0)?;
    now().checked_add(duration * direction)
}

fn milliseconds(moment: OffsetDateTime) -> i64 {
    (moment.unix_timestamp_nanos() / 1_000_000) as i64
}

/// Now.
pub fn now() -> i64 {
    milliseconds(OffsetDateTime::now_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_durations() {
        assert_eq!(past("1970-01-02T00:00:00Z"), Ok(86_400_000));
        assert_eq!(past("1970-01-02"), Ok(86_400_000));
        assert_eq!(future("2999-01-01"), Ok(32_472_144_000_000));
        let (hour, minutes) = (past("1h").unwrap(), past("60m").unwrap());
        assert!((hour - minutes).abs() < 10_000 && hour < now());
        assert!((future("2d").unwrap() - now() - 172_800_000).abs() < 10_000);
        for wrong in [
            "",
            "yesterday",
            "h",
            "-1h",
            "1x",
            "99999999999999999d",
            "2026-13-01",
            "é",
        ] {
            assert!(past(wrong).is_err() && future(wrong).is_err(), "{wrong:?}");
        }
        assert!(future("1970-01-02").unwrap_err().contains("not in the future"));
    }
}
