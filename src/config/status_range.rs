//! Statuses of HTTP, as a probe's configuration names those that are a success.

use std::fmt;

/// The statuses that HTTP can have (RFC 9110, section 15).
const FIRST: u16 = 100;
const LAST: u16 = 999;

/// One status, a class of a hundred, or all from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// Reads `204`, `2xx` or `200-299`.
    ///
    /// # Errors
    ///
    /// Says what is wrong, to be put after the text: "is not a status; …".
    pub fn parse(text: &str) -> Result<StatusRange, String> {
        let text = text.trim();
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => status(first).zip(status(last)),
            None => class(text).or_else(|| status(text).map(|status| (status, status))),
        }
        .ok_or("is not a status; write a code as 204, a class as 2xx, or a range as 200-299")?;
        if first > last {
            return Err(format!(
                "is a range that ends before it begins; write {last}-{first}"
            ));
        }
        Ok(StatusRange { first, last })
    }

    /// Whether `status` lies in it.
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

/// As it is written in the configuration.
impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StatusRange { first, last } = *self;
        match last - first {
            0 => write!(f, "{first}"),
            99 if first % 100 == 0 => write!(f, "{}xx", first / 100),
            _ => write!(f, "{first}-{last}"),
        }
    }
}

fn status(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|_| digits)?;
    (FIRST..=LAST).contains(&status).then_some(status)
}

fn class(text: &str) -> Option<(u16, u16)> {
    let [digit @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = *text.as_bytes() else {
        return None;
    };
    let first = u16::from(digit - b'0') * 100;
    Some((first, first + 99))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every way to write statuses, with the statuses at and beside its ends. Guarantees: what was meant lies in
    /// it and nothing else, and it is shown in its shortest form.
    #[test]
    fn statuses_are_read() {
        let cases = [
            ("204", 204, 204, "204"),
            (" 200 ", 200, 200, "200"),
            ("2xx", 200, 299, "2xx"),
            ("5XX", 500, 599, "5xx"),
            ("200-299", 200, 299, "2xx"),
            ("200 - 204", 200, 204, "200-204"),
            ("301-301", 301, 301, "301"),
            ("100-999", 100, 999, "100-999"),
        ];
        for (text, first, last, shown) in cases {
            let range = StatusRange::parse(text).unwrap();
            assert!(range.contains(first) && range.contains(last), "{text}");
            assert!(
                !range.contains(first - 1) && !range.contains(last + 1),
                "{text}"
            );
            assert_eq!(range.to_string(), shown);
        }
    }

    /// Scenario: what is no status. Guarantees: refused, with what to write.
    #[test]
    fn what_is_no_status_is_refused() {
        let wrong = [
            "",
            " ",
            "x",
            "ok",
            "20",
            "99",
            "1000",
            "65736",
            "0xx",
            "2x",
            "2xxx",
            "2xy",
            "+20",
            "-1",
            "200-",
            "-299",
            "200-2xx",
            "200-299-300",
            "2xx-3xx",
            "200..299",
            "２００",
        ];
        for text in wrong {
            let error = StatusRange::parse(text).unwrap_err();
            assert!(error.contains("write a code"), "{text}: {error}");
        }
        let error = StatusRange::parse("299-200").unwrap_err();
        assert!(error.ends_with("write 200-299"), "{error}");
    }
}
