//! The types that are one value: how each is read from text and shown.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::probe_url::ProbeUrl;
use super::setting::Scalar;
use super::units::{ByteSize, parse_duration, show_duration};
use crate::otlp::Signal;

fn quoted(value: impl fmt::Display) -> String {
    format!("\"{value}\"")
}

macro_rules! parsed_scalar {
    ($($type:ty: $kind:literal);+ $(;)?) => {$(
        impl Scalar for $type {
            fn kind() -> String {
                $kind.to_owned()
            }
            fn parse(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|_| concat!("is not ", $kind).to_owned())
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

parsed_scalar! {
    bool: "true or false";
    u16: "a whole number";
    u32: "a whole number";
    u64: "a whole number";
    f64: "a number";
}

impl Scalar for String {
    const QUOTED: bool = true;
    fn kind() -> String {
        "text".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Scalar for PathBuf {
    const QUOTED: bool = true;
    fn kind() -> String {
        "a path".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("is empty".to_owned())
        } else {
            Ok(PathBuf::from(text))
        }
    }
    fn show(&self) -> String {
        quoted(self.display())
    }
}

impl Scalar for Duration {
    const NONE: Option<&'static str> = Some("none");
    fn kind() -> String {
        "a duration with its unit, as \"100ms\", \"30s\", \"5m\", \"24h\", \"7d\"".to_owned()
    }
    fn short_kind() -> String {
        "duration".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).map_err(|reason| format!("is not a duration: {reason}"))
    }
    fn show(&self) -> String {
        quoted(show_duration(*self))
    }
}

impl Scalar for ByteSize {
    fn kind() -> String {
        "a size, as \"64KiB\", \"16MiB\", \"2GiB\" or a number of bytes".to_owned()
    }
    fn short_kind() -> String {
        "size".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        ByteSize::parse(text).map_err(|reason| format!("is not a size: {reason}"))
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Scalar for SocketAddr {
    const QUOTED: bool = true;
    fn kind() -> String {
        "an IP address with port, as \"127.0.0.1:4317\", \"0.0.0.0:4317\" or \"[::]:4317\""
            .to_owned()
    }
    fn short_kind() -> String {
        "IP address with port".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| {
            "is not an IP address with port (host names are not looked up here)".to_owned()
        })
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Scalar for Endpoint {
    const QUOTED: bool = true;
    const REPEAT: bool = false;
    fn kind() -> String {
        "a URL, as \"http://host:4317\" or \"https://host:4317\"".to_owned()
    }
    fn short_kind() -> String {
        "URL".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        Endpoint::parse(text.trim())
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Scalar for ProbeUrl {
    const QUOTED: bool = true;
    const REPEAT: bool = false;
    fn kind() -> String {
        "a URL whose scheme names the kind of check, as \"postgres://app@db/orders\" or \"https://shop.example/health\"".to_owned()
    }
    fn short_kind() -> String {
        "URL".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        ProbeUrl::parse(text.trim())
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Scalar for Signal {
    const QUOTED: bool = true;
    fn kind() -> String {
        "one of traces, metrics, logs".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        let known = Signal::ALL.into_iter().find(|signal| signal.name() == text);
        known.ok_or_else(|| "is not a signal".to_owned())
    }
    fn show(&self) -> String {
        quoted(self)
    }
}
