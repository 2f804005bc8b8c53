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
        if let Some((hours, minutes)) = text.split_once(':').filter(|(hours, _)| hours.len() <= 2) {
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
