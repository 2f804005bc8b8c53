//! Times during which nothing is said of some probes. Takes `now`, keeps no clock.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::{MaintenanceSettings, Weekday, WindowEdge};

const DAY_S: u64 = 24 * 60 * 60;
const MINUTES_A_DAY: u32 = 24 * 60;

/// All maintenance windows.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Window>);

#[derive(Clone, Debug)]
struct Window {
    name: String,
    when: When,
    /// Empty: all.
    probes: Vec<String>,
}

#[derive(Clone, Debug)]
enum When {
    /// Begins on `days` (all when empty) at a minute of the day, UTC, and lasts as long.
    Daily {
        from_minute: u32,
        lasts: Duration,
        days: Vec<Weekday>,
    },
    Once {
        from: SystemTime,
        to: SystemTime,
    },
}

impl Windows {
    /// The windows as configured. One that names a time of day and a moment never opens; the configuration refuses it.
    pub fn of(settings: &BTreeMap<String, MaintenanceSettings>) -> Windows {
        let window = |(name, window): (&String, &MaintenanceSettings)| {
            Some(Window {
                name: name.clone(),
                when: when(window)?,
                probes: window.probes.clone(),
            })
        };
        Windows(settings.iter().filter_map(window).collect())
    }

    /// The window that is open for `probe` at `now` and ends last: its name and its end.
    pub fn open(&self, probe: &str, now: SystemTime) -> Option<(&str, SystemTime)> {
        let concerned = self.0.iter().filter(|window| {
            window.probes.is_empty() || window.probes.iter().any(|name| name == probe)
        });
        let open = concerned.filter_map(|window| Some((window.name.as_str(), window.end(now)?)));
        open.max_by_key(|(_, end)| *end)
    }
}

fn when(settings: &MaintenanceSettings) -> Option<When> {
    match (settings.from, settings.to) {
        (WindowEdge::Daily(from), WindowEdge::Daily(to)) => {
            let minutes = (to + MINUTES_A_DAY - from) % MINUTES_A_DAY;
            Some(When::Daily {
                from_minute: from,
                lasts: Duration::from_secs(u64::from(minutes) * 60),
                days: settings.days.clone(),
            })
        }
        (WindowEdge::Once(from), WindowEdge::Once(to)) => Some(When::Once { from, to }),
        (WindowEdge::Daily(_), WindowEdge::Once(_))
        | (WindowEdge::Once(_), WindowEdge::Daily(_)) => None,
    }
}

impl Window {
    /// When it ends, where it is open at `now`.
    fn end(&self, now: SystemTime) -> Option<SystemTime> {
        match &self.when {
            When::Once { from, to } => (*from <= now && now < *to).then_some(*to),
            When::Daily {
                from_minute,
                lasts,
                days,
            } => {
                let today = now.duration_since(UNIX_EPOCH).ok()?.as_secs() / DAY_S;
                // One that began yesterday may still be open.
                let begins = [Some(today), today.checked_sub(1)].into_iter().flatten();
                let on_a_day = begins
                    .filter(|day| days.is_empty() || days.contains(&Weekday::of_unix_day(*day)));
                let ends = on_a_day.filter_map(|day| {
                    let from_s = day * DAY_S + u64::from(*from_minute) * 60;
                    let from = UNIX_EPOCH + Duration::from_secs(from_s);
                    (from <= now && now < from + *lasts).then_some(from + *lasts)
                });
                ends.max()
            }
        }
    }
}
