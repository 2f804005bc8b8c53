//! When a maintenance window begins and ends, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use super::section::choice;
use super::setting::Scalar;

/// One end of a window: a time of every day, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowEdge {
    /// Minutes since midnight, UTC.
    Daily(u32),
    /// Once.
    Once(SystemTime),
}

choice! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Mon = "mon",
        /// Tuesday.
        Tue = "tue",
        /// Wednesday.
        Wed = "wed",
        /// Thursday.
        Thu = "thu",
        /// Friday.
        Fri = "fri",
        /// Saturday.
        Sat = "sat",
        /// Sunday.
        Sun = "sun",
    }
}

impl Weekday {
    /// The day of the week `days` after 1970-01-01, which was a Thursday.
    pub fn of_unix_day(days: u64) -> Weekday {
        const FROM_THURSDAY: [Weekday; 7] = [
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
        ];
        FROM_THURSDAY[(days % 7) as usize]
    }
}

impl Scalar for WindowEdge {
    const QUOTED: bool = true;

    fn kind() -> String {
        "a time of day in UTC as \"02:00\", or a moment as \"2026-12-01T22:00:00Z\"".to_owned()
    }

    fn parse(text: &str) -> Result<WindowEdge, String> {
        let text = text.trim();
        if let Some((hours, minutes)) = text
            .split_once(':')
            .filter(|(hours, _)| hours.chars().count() <= 2)
        {
            return time_of_day(hours, minutes).ok_or_else(|| "is not a time of day".to_owned());
        }
        let moment =
            humantime::parse_rfc3339(text).map_err(|error| format!("is not a moment: {error}"))?;
        Ok(WindowEdge::Once(moment))
    }

    fn show(&self) -> String {
        match self {
            WindowEdge::Daily(minutes) => format!("\"{:02}:{:02}\"", minutes / 60, minutes % 60),
            WindowEdge::Once(moment) => {
                // humantime panics on moments before 1970; none of those is still to come.
                let moment = (*moment).max(UNIX_EPOCH);
                format!("\"{}\"", humantime::format_rfc3339_seconds(moment))
            }
        }
    }
}

fn time_of_day(hours: &str, minutes: &str) -> Option<WindowEdge> {
    let number = |text: &str, end: u32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u32>().ok().filter(|_| digits)?;
        (number < end).then_some(number)
    };
    Some(WindowEdge::Daily(
        number(hours, 24)? * 60 + number(minutes, 60)?,
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Scenario: times of day and moments, at their ends. Guarantees: each is read, and what is shown reads back.
    #[test]
    fn edges_are_read() {
        let at = |seconds| WindowEdge::Once(UNIX_EPOCH + Duration::from_secs(seconds));
        let cases = [
            ("00:00", WindowEdge::Daily(0)),
            ("02:30", WindowEdge::Daily(150)),
            (" 23:59 ", WindowEdge::Daily(1439)),
            ("2026-12-01T22:00:00Z", at(1_796_162_400)),
            ("1970-01-01T00:00:00Z", at(0)),
        ];
        for (text, edge) in cases {
            assert_eq!(WindowEdge::parse(text), Ok(edge), "{text}");
            assert_eq!(WindowEdge::parse(edge.show().trim_matches('"')), Ok(edge));
        }
    }

    /// Scenario: what is neither. Guarantees: refused, saying which of the two it was taken for.
    #[test]
    fn what_is_no_edge_is_refused() {
        for text in [
            "24:00",
            "02:60",
            "2:00",
            "02:0",
            "+2:00",
            "02:00:00",
            "٠٢:٠٠",
            ":",
            "-1:00",
        ] {
            let error = WindowEdge::parse(text).unwrap_err();
            assert!(error.contains("time of day"), "{text}: {error}");
        }
        for text in [
            "",
            "noon",
            "2026-12-01",
            "2026-13-01T00:00:00Z",
            "2026-12-01T22:00:00+01:00",
            "2026-12-01 22:00",
        ] {
            let error = WindowEdge::parse(text).unwrap_err();
            assert!(error.contains("moment"), "{text}: {error}");
        }
    }

    /// Scenario: days whose weekday is known. Guarantees: the weekday is right, and the words of the configuration read back.
    #[test]
    fn weekdays_follow_the_calendar() {
        // 1970-01-01, 2000-02-29, 2026-12-01 and 2038-01-19.
        let known = [
            (0, Weekday::Thu),
            (11_016, Weekday::Tue),
            (20_788, Weekday::Tue),
            (24_855, Weekday::Tue),
            (20_792, Weekday::Sat),
        ];
        for (day, weekday) in known {
            assert_eq!(Weekday::of_unix_day(day), weekday, "{day}");
        }
        let week: Vec<&str> = (4..11)
            .map(|day| Weekday::of_unix_day(day).name())
            .collect();
        assert_eq!(week, ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
        assert!(
            week.iter()
                .all(|word| Weekday::parse(word).unwrap().name() == *word)
        );
        assert!(Weekday::parse("monday").unwrap_err().contains("not known"));
    }
}
