//! How far the server's clock is from this machine's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Value;

use super::resp::{count, items};
use crate::probe::run::Run;

/// The year 10000, beyond which RFC 3339 has no times.
const MAX_UNIX_S: u64 = 253_402_300_799;

/// The server's clock, read at some moment between a question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    server: SystemTime,
    asked: SystemTime,
    heard: SystemTime,
}

impl Clock {
    /// Reads the answer to `TIME`: seconds since 1970, and microseconds of the next.
    pub(super) fn of(answer: &Value, asked: SystemTime, heard: SystemTime) -> Option<Clock> {
        let [seconds, micros] = items(answer) else {
            return None;
        };
        let seconds = count(seconds).filter(|seconds| *seconds <= MAX_UNIX_S)?;
        let micros = count(micros).filter(|micros| *micros < 1_000_000)?;
        let server = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros);
        Some(Clock {
            server,
            asked,
            heard,
        })
    }

    /// How far the server is ahead of the middle between question and answer, in seconds.
    fn skew_s(&self) -> f64 {
        seconds_from(self.asked, self.server) / 2.0 + seconds_from(self.heard, self.server) / 2.0
    }

    /// By how much that can be wrong.
    fn doubt_s(&self) -> f64 {
        seconds_from(self.asked, self.heard).abs() / 2.0
    }

    /// Tells the time and how far it is off. It is a warning when it is beyond doubt more than `warn`.
    pub(super) fn tell(&self, run: &Run, warn: Duration) {
        let skew_s = self.skew_s();
        let server_time = humantime::format_rfc3339_millis(self.server);
        run.fact("server_time", server_time.to_string());
        run.fact("clock_skew_ms", (skew_s * 1000.0).round() as i64);
        run.reading("db.server.clock.skew", &[], skew_s);
        if skew_s.abs() - self.doubt_s() > warn.as_secs_f64() {
            let side = if skew_s > 0.0 { "ahead of" } else { "behind" };
            let by = skew_s.abs();
            run.warn(format!(
                "the server's clock is {by:.1} s {side} this machine's: check the time service (NTP) of both"
            ));
        }
    }
}

fn seconds_from(earlier: SystemTime, later: SystemTime) -> f64 {
    match later.duration_since(earlier) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}
