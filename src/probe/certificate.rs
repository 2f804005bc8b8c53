//! Certificates that end soon.

use std::time::SystemTime;

use super::failure::{Failure, Phase, Reason};
use super::run::Run;
use crate::config::ProbeSettings;
use crate::dial::certificate_end;

/// Judges the certificates that the run's connections showed by when the first of them ends. To be called when the check
/// has succeeded in everything else; without TLS it does nothing.
///
/// # Errors
///
/// [`Reason::Certificate`] when one has ended, or ends within `certificate_fail`. One that ends within `certificate_warn`
/// is a warning.
pub(super) fn judge(run: &Run, settings: &ProbeSettings, now: SystemTime) -> Result<(), Failure> {
    let Some(end) = run.certificate_end() else {
        return Ok(());
    };
    let sentence = || format!("the certificate {}: renew it", certificate_end(end, now));
    // A certificate is still good in the second that it names as its last.
    match end.duration_since(now) {
        Ok(left) if left >= settings.certificate_warn.max(settings.certificate_fail) => {}
        Ok(left) if left >= settings.certificate_fail => run.warn(sentence()),
        Ok(_) | Err(_) => {
            return Err(Failure {
                phase: Some(Phase::Tls),
                ..Failure::new(Reason::Certificate, sentence())
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::ProbeUrl;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Scenario: a certificate with every distance of its end to the two limits, and none. Guarantees: a failure in the
    /// phase of TLS before the nearer limit and after the end, a warning between the two, nothing beyond.
    #[test]
    fn ends_are_judged_by_both_limits() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let mut settings = ProbeSettings::new(ProbeUrl::parse("https://shop.example").unwrap());
        settings.certificate_warn = 14 * DAY;
        settings.certificate_fail = 2 * DAY;
        let second = Duration::from_secs(1);
        let cases = [
            (None, "pass"),
            (Some(now + 14 * DAY), "pass"),
            (Some(now + 14 * DAY - second), "warn: ends in 13 days"),
            (Some(now + 2 * DAY), "warn: ends in 2 days"),
            (Some(now + 2 * DAY - second), "fail: ends in 1 day"),
            (Some(now), "fail: ends in less than a minute"),
            (Some(now - 3 * DAY), "fail: ended 3 days ago"),
        ];
        for (end, expected) in cases {
            let run = Run::begin(DAY, Default::default());
            run.certificate_ends(now + 100 * DAY);
            if let Some(end) = end {
                run.certificate_ends(end);
                run.certificate_ends(end + DAY);
            }
            let judged = judge(&run, &settings, now);
            let warnings = run.take().warnings;
            let (status, sentence) = match (&judged, &*warnings) {
                (Ok(()), []) => ("pass", String::new()),
                (Ok(()), [warning]) => ("warn", warning.clone()),
                (Err(failure), []) => ("fail", failure.message.clone()),
                both => panic!("{both:?}"),
            };
            let found = sentence.replacen("the certificate", &format!("{status}:"), 1);
            let found = if found.is_empty() { status } else { &found };
            assert!(found.starts_with(expected), "{end:?}: {found}");
            if let Err(failure) = judged {
                assert_eq!(failure.reason, Reason::Certificate);
                assert_eq!(failure.phase, Some(Phase::Tls));
            }
        }
    }

    /// Scenario: no failure limit, and none for warnings. Guarantees: only what has ended fails, and nothing warns.
    #[test]
    fn limits_of_zero_judge_the_end_alone() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let mut settings = ProbeSettings::new(ProbeUrl::parse("tls://shop.example:443").unwrap());
        settings.certificate_warn = Duration::ZERO;
        for (end, passes) in [(now, true), (now - Duration::from_secs(1), false)] {
            let run = Run::begin(DAY, Default::default());
            run.certificate_ends(end);
            assert_eq!(judge(&run, &settings, now).is_ok(), passes);
            assert!(run.take().warnings.is_empty());
        }
    }
}
