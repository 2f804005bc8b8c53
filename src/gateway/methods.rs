//! Which methods a route lets through.

use http::{HeaderValue, Method};

/// What passes where nothing is configured, and what `Allow` then says.
const USUAL: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The methods of a route.
#[derive(Clone, Debug)]
pub(super) struct Methods {
    /// Empty: all but CONNECT and TRACE.
    named: Vec<Method>,
    allow: HeaderValue,
}

impl Methods {
    /// The methods named by `names`; with none, all but CONNECT and TRACE.
    ///
    /// # Errors
    /// A name that no method has.
    pub(super) fn of(names: &[String]) -> Result<Methods, String> {
        let read = |name: &String| {
            let method = Method::from_bytes(name.as_bytes());
            method.map_err(|_| format!("methods: {name:?} is not the name of a method"))
        };
        let named: Vec<Method> = names.iter().map(read).collect::<Result<_, _>>()?;
        let allow = match names.is_empty() {
            true => USUAL,
            // Names of methods are names that headers can hold (RFC 9110, section 9.1).
            false => HeaderValue::from_str(&names.join(", ")).unwrap_or(USUAL),
        };
        Ok(Methods { named, allow })
    }

    /// Whether `method` passes.
    pub(super) fn pass(&self, method: &Method) -> bool {
        // The first makes a tunnel, the second echoes headers that the caller is not to see.
        let never = *method == Method::CONNECT || *method == Method::TRACE;
        !never && (self.named.is_empty() || self.named.contains(method))
    }

    /// The value of `Allow` (RFC 9110, section 10.2.1).
    pub(super) fn allow(&self) -> &HeaderValue {
        &self.allow
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn methods(names: &[&str]) -> Methods {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Methods::of(&names).unwrap()
    }

    /// Scenario: a route that names no methods, and one that names two.
    /// Guarantees: what is named passes and stands in `Allow`; names are case-sensitive; tunnels and echoes never pass.
    #[test]
    fn methods_pass_as_named() {
        let (all, two) = (methods(&[]), methods(&["GET", "PURGE"]));
        let cases = [
            ("GET", true, true),
            ("PURGE", true, true),
            ("get", true, false),
            ("POST", true, false),
            ("CONNECT", false, false),
            ("TRACE", false, false),
        ];
        for (name, by_all, by_two) in cases {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(
                (all.pass(&method), two.pass(&method)),
                (by_all, by_two),
                "{name}"
            );
        }
        assert_eq!(two.allow(), "GET, PURGE");
        assert!(!methods(&["TRACE"]).pass(&Method::TRACE));
        assert!(Methods::of(&["GET POST".to_owned()]).is_err());
    }
}
