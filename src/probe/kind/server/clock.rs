//! The server's clock.

use std::time::{Duration, SystemTime};

use super::CLOCK_SKEW;
use crate::probe::run::Run;

/// The server's clock beside ours.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe::kind) struct Clock {
    /// What the server's clock showed.
    pub(in crate::probe::kind) server: SystemTime,
    /// What ours showed when the question was sent.
    pub(in crate::probe::kind) asked: SystemTime,
    /// From the question to its answer.
    pub(in crate::probe::kind) round_trip: Duration,
}

impl Clock {
    /// The server's clock at `unix_s` seconds since 1970; `None` for a time that there is not.
    pub(in crate::probe::kind) fn at_unix_s(
        unix_s: f64,
        asked: SystemTime,
        round_trip: Duration,
    ) -> Option<Clock> {
        let since_epoch = Duration::try_from_secs_f64(unix_s).ok()?;
        Some(Clock {
            server: SystemTime::UNIX_EPOCH.checked_add(since_epoch)?,
            asked,
            round_trip,
        })
    }

    /// Seconds that the server is ahead; negative when it is behind. The server is taken to have looked at its clock in
    /// the middle of the round trip, so it is right to half of the round trip.
    pub(in crate::probe::kind) fn skew(&self) -> f64 {
        seconds_between(self.asked, self.server) - self.round_trip.as_secs_f64() / 2.0
    }

    /// Tells `run` of it, with a warning when the clocks differ by more than `warn` for certain.
    pub(in crate::probe::kind) fn tell(&self, run: &Run, warn: Duration) {
        let skew = self.skew();
        run.reading(CLOCK_SKEW, &[], skew);
        run.fact("clock_skew_ms", (skew * 1e6).round() / 1e3);
        if let Some(time) = rfc3339(self.server) {
            run.fact("server_time", time);
        }
        let certain = skew.abs() - self.round_trip.as_secs_f64() / 2.0;
        if certain > warn.as_secs_f64() {
            let direction = if skew > 0.0 { "ahead of" } else { "behind" };
            run.warn(format!(
                "the server's clock is {:.1} s {direction} this machine's: synchronize both (NTP)",
                skew.abs()
            ));
        }
    }
}

/// The first second that RFC 3339 cannot write: the year 10000.
const RFC3339_END_S: u64 = 253_402_300_800;

/// `time` as RFC 3339 writes it, where it can: a server can show any time.
fn rfc3339(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let known = since_epoch.as_secs() < RFC3339_END_S;
    known.then(|| humantime::format_rfc3339_millis(time).to_string())
}

fn seconds_between(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probe::run::Found;

    fn told(tell: impl Fn(&Run)) -> Found {
        let run = Run::begin(Duration::from_secs(1), http::HeaderMap::new());
        tell(&run);
        run.take()
    }

    /// Scenario: a server whose clock is ahead, behind, and only perhaps too far ahead. Guarantees: half of the round trip is
    /// taken off, and a warning comes only where the difference is certain.
    #[test]
    fn clocks_are_compared() {
        let asked = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let clock = |ahead_ms: i64, round_trip_ms: u64| Clock {
            server: match u64::try_from(ahead_ms) {
                Ok(ahead) => asked + Duration::from_millis(ahead),
                Err(_) => asked - Duration::from_millis(ahead_ms.unsigned_abs()),
            },
            asked,
            round_trip: Duration::from_millis(round_trip_ms),
        };
        let warn = Duration::from_secs(5);
        let cases = [
            (clock(10, 20), 0.0, None),
            (clock(6010, 20), 6.0, Some("6.0 s ahead of")),
            (clock(-5990, 20), -6.0, Some("6.0 s behind")),
            (clock(6500, 2000), 5.5, None),
        ];
        for (clock, skew, warning) in cases {
            assert!((clock.skew() - skew).abs() < 1e-6, "{clock:?}");
            let found = told(|run| clock.tell(run, warn));
            assert_eq!(found.facts["clock_skew_ms"], json!(skew * 1e3));
            assert_eq!(
                found.warnings.len(),
                usize::from(warning.is_some()),
                "{clock:?}"
            );
            assert!(
                found
                    .warnings
                    .iter()
                    .all(|told| told.contains(warning.unwrap()))
            );
        }
    }

    /// Scenario: times that a server can show and RFC 3339 cannot write. Guarantees: the last good one is written, the others
    /// are left out, and nothing panics.
    #[test]
    fn absurd_times_are_left_out() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(RFC3339_END_S);
        let last = end - Duration::from_millis(1);
        assert_eq!(rfc3339(last).unwrap(), "9999-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(end), None);
        assert_eq!(
            rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            None
        );
    }
}
