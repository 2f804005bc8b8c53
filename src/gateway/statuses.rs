//! Sets of statuses, asked for every answer.

use http::StatusCode;

use crate::config::StatusRange;

/// A set of statuses, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statuses([u64; 16]);

impl Statuses {
    /// Those that `texts` name, as `key` of the configuration does: "502", "5xx", "500-504".
    ///
    /// # Errors
    /// A text that names none.
    pub(super) fn read(key: &str, texts: &[String]) -> Result<Statuses, String> {
        let mut set = Statuses::default();
        for text in texts {
            let range = StatusRange::parse(text).map_err(|why| format!("{key}: {text:?} {why}"))?;
            for status in (100..1000).filter(|status| range.contains(*status)) {
                set.0[usize::from(status / 64)] |= 1 << (status % 64);
            }
        }
        Ok(set)
    }

    /// Whether `status` is among them.
    pub(super) fn contain(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        let word = self.0.get(usize::from(status / 64));
        word.is_some_and(|word| word & (1 << (status % 64)) != 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Scenario: a code, a class and a range, and every status there is.
    /// Guarantees: those and no others are in the set; what names none is an error with its key.
    #[test]
    fn statuses_are_those_named() {
        let texts = ["429", "5xx", "997-999"].map(str::to_owned);
        let set = Statuses::read("retry.status", &texts).unwrap();
        for status in 100..1000 {
            let named = status == 429 || (500..600).contains(&status) || status >= 997;
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(set.contain(status), named, "{status}");
        }
        let error = Statuses::read("retry.status", &["x".to_owned()]).unwrap_err();
        assert!(
            error.starts_with("retry.status: \"x\" is not a status"),
            "{error}"
        );
    }
}
