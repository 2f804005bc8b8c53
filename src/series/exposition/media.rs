//! Lists of what a client accepts, with their weights (RFC 9110, section 12.4.2).

/// One entry of an `Accept` or `Accept-Encoding` header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// The media range or coding.
    pub name: &'a str,
    /// Its weight in thousandths: 0 refuses it.
    pub weight: u16,
    parameters: &'a str,
}

impl<'a> Entry<'a> {
    /// The parameter called `name`, without quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut all = parameters(self.parameters);
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The entries of a header in their order. One that is malformed is left out.
pub(super) fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    header.split(',').filter_map(entry)
}

fn entry(text: &str) -> Option<Entry<'_>> {
    let (name, all) = text.split_once(';').unwrap_or((text, ""));
    let mut entry = Entry {
        name: name.trim(),
        weight: 1000,
        parameters: all,
    };
    if let Some(weight) = entry.parameter("q") {
        entry.weight = thousandths(weight)?;
    }
    Some(entry).filter(|entry| !entry.name.is_empty())
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
}

/// `0`, `0.5` or `1.000`; at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole {
        "0" => 0,
        "1" => 1000,
        _ => return None,
    };
    if !is_digits || fraction.len() > 3 {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole + fraction).filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: weights as RFC 9110 has them, and others.
    /// Guarantees: the good ones are read, and nothing else is taken for one.
    #[test]
    fn weights_are_read_as_the_rfc_writes_them() {
        let good = [
            ("0", 0),
            ("1", 1000),
            ("0.5", 500),
            ("0.", 0),
            ("1.000", 1000),
            ("0.125", 125),
        ];
        for (text, weight) in good {
            assert_eq!(thousandths(text), Some(weight), "{text}");
        }
        for bad in [
            "", "2", "-1", "0.1234", "1.001", ".5", "0,5", "0.x", "1e0", "NaN",
        ] {
            assert_eq!(thousandths(bad), None, "{bad}");
        }
    }
}
