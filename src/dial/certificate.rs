//! What is wrong with a certificate or with TLS, in words that say what to do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError};
use tokio_rustls::rustls;

/// A certificate may be for hundreds of names. These are enough to see whose it is.
const MAX_NAMES: usize = 5;
const MAX_NAME_CHARS: usize = 80;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// When a certificate ends: "ends in 6 days (2026-11-27)", or "ended 3 days ago (2026-11-18)".
pub fn certificate_end(end: SystemTime, now: SystemTime) -> String {
    let date = date(end);
    match end.duration_since(now) {
        Ok(left) => format!("ends in {} ({date})", roughly(left)),
        Err(past) => format!("ended {} ago ({date})", roughly(past.duration())),
    }
}

/// Why a certificate was not accepted, in a sentence without a full stop.
pub(super) fn refusal(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::ExpiredContext { time, not_after } => {
            let end = certificate_end(moment(*not_after), moment(*time));
            format!("the certificate {end}: renew it")
        }
        E::Expired => "the certificate has ended: renew it".to_owned(),
        E::NotValidYetContext { time, not_before } => {
            let (begin, now) = (moment(*not_before), moment(*time));
            let wait = roughly(begin.duration_since(now).unwrap_or_default());
            format!(
                "the certificate is valid only in {wait} ({}): check it, and the clock of this machine",
                date(begin)
            )
        }
        E::NotValidYet => {
            "the certificate is not valid yet: check it, and the clock of this machine".to_owned()
        }
        E::UnknownIssuer => {
            "the certificate was issued by an authority that is not trusted: have the server send \
             its whole chain, or name the authority in tls.ca_file"
                .to_owned()
        }
        E::NotValidForNameContext {
            expected,
            presented,
        } => wrong_name(expected, presented),
        E::NotValidForName => "the certificate is for another name".to_owned(),
        E::Revoked => "the certificate was revoked: replace it".to_owned(),
        E::BadEncoding => "the certificate cannot be read".to_owned(),
        // rustls looks for the authority by its name.
        E::BadSignature => {
            "the certificate was not signed by the authority of that name that is trusted: check \
             whether tls.ca_file is outdated"
                .to_owned()
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "the certificate is not for servers (extended key usage)".to_owned()
        }
        // A self-signed certificate is often made as one of an authority.
        E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the certificate is one of an authority, not of a server: give the server one of its own"
                .to_owned()
        }
        other => format!("the certificate was not accepted: {other}"),
    }
}

/// Why there was no agreement on TLS, in a clause.
pub(super) fn disagreement(error: &rustls::Error) -> String {
    use AlertDescription as A;
    let said = match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak it on this port",
        rustls::Error::NoApplicationProtocol
        | rustls::Error::AlertReceived(A::NoApplicationProtocol) => {
            "the server speaks none of the protocols that it was offered"
        }
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity,
        ) => {
            "the server and this agent have no version or cipher in common (1.2 and 1.3 are known here)"
        }
        rustls::Error::AlertReceived(A::CertificateRequired | A::NoCertificate) => {
            "the server asks for a certificate: name one in tls.cert_file and tls.key_file"
        }
        rustls::Error::AlertReceived(
            A::UnknownCA
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateUnknown
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::AccessDenied
            | A::DecryptError,
        ) => "the server did not accept the certificate in tls.cert_file",
        rustls::Error::AlertReceived(A::UnrecognisedName) => {
            "the server knows no host of this name"
        }
        _ => return error.to_string(),
    };
    format!("{said} ({error})")
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let names = presented.iter().map(|name| bare(name));
    let mut shown: Vec<String> = names.take(MAX_NAMES).collect();
    if presented.len() > MAX_NAMES {
        shown.push(format!("{} more", presented.len() - MAX_NAMES));
    }
    let shown = match shown.is_empty() {
        true => "no name at all".to_owned(),
        false => shown.join(", "),
    };
    let expected = expected.to_str();
    format!("the certificate is for {shown}, not for {expected}")
}

/// The name within `DnsName("example.org")` or `IpAddress(192.0.2.1)`, as webpki writes them, without what is no
/// part of any name.
fn bare(presented: &str) -> String {
    let inside = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    let name = inside.unwrap_or(presented).trim_matches('"');
    let visible = name.chars().filter(char::is_ascii_graphic);
    visible.take(MAX_NAME_CHARS).collect()
}

fn moment(time: UnixTime) -> SystemTime {
    UNIX_EPOCH
        .checked_add(Duration::from_secs(time.as_secs()))
        .unwrap_or(UNIX_EPOCH)
}

/// The day, in UTC.
fn date(moment: SystemTime) -> String {
    /// humantime writes no year beyond 9999, nor X.509.
    const LAST_S: u64 = 253_402_300_799;
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let shown = UNIX_EPOCH + Duration::from_secs(since.as_secs().min(LAST_S));
    let mut text = humantime::format_rfc3339_seconds(shown).to_string();
    text.truncate("2026-11-27".len());
    text
}

/// A span of time in its largest whole unit.
fn roughly(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        DAY_S.. => (seconds / DAY_S, "day"),
        HOUR_S.. => (seconds / HOUR_S, "hour"),
        MINUTE_S.. => (seconds / MINUTE_S, "minute"),
        _ => return "less than a minute".to_owned(),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Scenario: ends around now, from seconds to centuries away. Guarantees: the largest whole unit, and the day in UTC.
    #[test]
    fn ends_are_told_in_words() {
        const NOW_S: u64 = 1_795_219_200; // 2026-11-21
        let cases = [
            (NOW_S + 6 * DAY_S, "ends in 6 days (2026-11-27)"),
            (NOW_S + 2 * DAY_S - 1, "ends in 1 day (2026-11-22)"),
            (NOW_S + DAY_S - 1, "ends in 23 hours (2026-11-21)"),
            (NOW_S + HOUR_S, "ends in 1 hour (2026-11-21)"),
            (NOW_S + 119, "ends in 1 minute (2026-11-21)"),
            (NOW_S, "ends in less than a minute (2026-11-21)"),
            (NOW_S - 1, "ended less than a minute ago (2026-11-20)"),
            (NOW_S - 3 * DAY_S, "ended 3 days ago (2026-11-18)"),
            (0, "ended 20778 days ago (1970-01-01)"),
            (253_402_300_799, "ends in 2912118 days (9999-12-31)"),
            (900_000_000_000, "ends in 10395888 days (9999-12-31)"),
        ];
        for (end, words) in cases {
            assert_eq!(certificate_end(at(end), at(NOW_S)), words);
        }
    }

    /// Scenario: names as the verifier writes them, one of them hostile, and more than are shown. Guarantees: bare names,
    /// nothing that a terminal would act on, and how many more there are.
    #[test]
    fn a_wrong_name_says_which_are_right() {
        let expected = ServerName::try_from("shop.example").unwrap();
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let cases = [
            (names(&[]), "no name at all"),
            (names(&["DnsName(\"*.a.example\")"]), "*.a.example"),
            (
                names(&[
                    "DnsName(\"a\")",
                    "IpAddress(192.0.2.1)",
                    "IpAddress(2001:db8::1)",
                ]),
                "a, 192.0.2.1, 2001:db8::1",
            ),
            (names(&["DnsName(\"\u{1b}[2J\u{202e}b\nc\")"]), "[2Jbc"),
            (names(&["DnsName(\"x\")"; 200]), "x, x, x, x, x, 195 more"),
        ];
        for (presented, shown) in cases {
            assert_eq!(
                wrong_name(&expected, &presented),
                format!("the certificate is for {shown}, not for shop.example")
            );
        }
        let long = wrong_name(&expected, &names(&[&"a".repeat(10_000)]));
        assert!(long.len() < 200, "{long}");
    }
}
