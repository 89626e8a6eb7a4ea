//! Points in time, in microseconds since 1970. Core is told the time; it never asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time, written as RFC 3339 in UTC with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes microseconds since 1970-01-01T00:00:00Z, and keeps them within the years RFC 3339 can write.
    pub fn from_micros(micros: i64) -> Self {
        const LAST_MICROS: i64 = 253_402_300_799_999_999;
        Self(micros.clamp(0, LAST_MICROS))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self::from_micros(time.as_microsecond()))
    }

    /// Reads the first moment of a period: RFC 3339, or a date, which begins at midnight UTC.
    pub fn parse_from(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| midnight(date(text)?))
    }

    /// Reads the moment a period ends before: RFC 3339, or a date, which belongs to the period to its end.
    pub fn parse_until(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| midnight(date(text)?.tomorrow().ok()?))
    }
}

/// Reads a date and nothing else: a time without an offset is no date.
fn date(text: &str) -> Option<jiff::civil::Date> {
    (text.len() == "2026-07-01".len()).then(|| text.parse().ok())?
}

fn midnight(date: jiff::civil::Date) -> Option<Timestamp> {
    let begin = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(begin.timestamp().as_microsecond()))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_microsecond(self.0).expect("clamped to years that can be written");
        write!(formatter, "{time:.6}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_six_decimals_and_comes_back() {
        let time = Timestamp::from_micros(1_700_000_000_000_001);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000001Z");
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        assert_eq!(Timestamp::from_micros(1_700_000_000_000_000).to_string(), "2023-11-14T22:13:20.000000Z");
    }

    #[test]
    fn a_date_is_a_whole_day() {
        let [begin, end] = ["2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"].map(Timestamp::parse);
        assert_eq!((Timestamp::parse_from("2026-07-01"), Timestamp::parse_until("2026-07-01")), (begin, end));
        let time = "2026-07-01T09:00:00+09:00";
        assert_eq!((Timestamp::parse_from(time), Timestamp::parse_until(time)), (begin, begin));
        for wrong in
            ["", "yesterday", "2026-13-01", "2026-07", "2026-07-01T09:00:00", "1 July", "2026-07-01T09:00:00 09:00"]
        {
            assert_eq!((Timestamp::parse_from(wrong), Timestamp::parse_until(wrong)), (None, None), "{wrong}");
        }
    }
}
