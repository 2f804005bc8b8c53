//! The address of something that a probe checks.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Secret;
use super::suggest::nearest;

/// What kind of check a URL asks for. This table is the one place that names schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// A SQLite file.
    Sqlite,
    /// Redis or Valkey.
    Redis,
    /// Redis Sentinel.
    Sentinel,
    /// HTTP, in plain or over TLS.
    Http,
    /// A TCP port, in plain or with TLS.
    Tcp,
    /// A server that answers `grpc.health.v1.Health/Check`.
    Grpc,
    /// A name server.
    Dns,
    /// The space left on a file system.
    Disk,
    /// One of the agent's own exports. No URL asks for it: every export has its probe.
    Export,
}

/// How a scheme is written, whether it means TLS, and what must stand behind it.
struct Scheme {
    name: &'static str,
    kind: ProbeKind,
    tls: bool,
    example: &'static str,
}

const fn scheme(name: &'static str, kind: ProbeKind, tls: bool, example: &'static str) -> Scheme {
    Scheme {
        name,
        kind,
        tls,
        example,
    }
}

const SCHEMES: [Scheme; 19] = [
    scheme(
        "postgres",
        ProbeKind::Postgres,
        false,
        "postgres://user@host:5432/database",
    ),
    scheme(
        "postgresql",
        ProbeKind::Postgres,
        false,
        "postgresql://user@host:5432/database",
    ),
    scheme(
        "mysql",
        ProbeKind::Mysql,
        false,
        "mysql://user@host:3306/database",
    ),
    scheme(
        "mariadb",
        ProbeKind::Mysql,
        false,
        "mariadb://user@host:3306/database",
    ),
    scheme("sqlite", ProbeKind::Sqlite, false, "sqlite:path/to/file.db"),
    scheme("redis", ProbeKind::Redis, false, "redis://host:6379/0"),
    scheme("rediss", ProbeKind::Redis, true, "rediss://host:6379/0"),
    scheme("valkey", ProbeKind::Redis, false, "valkey://host:6379/0"),
    scheme("valkeys", ProbeKind::Redis, true, "valkeys://host:6379/0"),
    scheme(
        "redis-sentinel",
        ProbeKind::Sentinel,
        false,
        "redis-sentinel://host:26379/mymaster",
    ),
    scheme(
        "rediss-sentinel",
        ProbeKind::Sentinel,
        true,
        "rediss-sentinel://host:26379/mymaster",
    ),
    scheme("http", ProbeKind::Http, false, "http://host/path"),
    scheme("https", ProbeKind::Http, true, "https://host/path"),
    scheme("tcp", ProbeKind::Tcp, false, "tcp://host:port"),
    scheme("tls", ProbeKind::Tcp, true, "tls://host:port"),
    scheme("grpc", ProbeKind::Grpc, false, "grpc://host:port"),
    scheme("grpcs", ProbeKind::Grpc, true, "grpcs://host:port"),
    scheme(
        "dns",
        ProbeKind::Dns,
        false,
        "dns://1.1.1.1/example.org?type=A or dns:example.org",
    ),
    scheme("disk", ProbeKind::Disk, false, "disk:/var/lib"),
];

impl ProbeKind {
    /// The kind in one word, as meters and answers show it.
    pub const fn name(self) -> &'static str {
        match self {
            ProbeKind::Postgres => "postgres",
            ProbeKind::Mysql => "mysql",
            ProbeKind::Sqlite => "sqlite",
            ProbeKind::Redis => "redis",
            ProbeKind::Sentinel => "sentinel",
            ProbeKind::Http => "http",
            ProbeKind::Tcp => "tcp",
            ProbeKind::Grpc => "grpc",
            ProbeKind::Dns => "dns",
            ProbeKind::Disk => "disk",
            ProbeKind::Export => "export",
        }
    }

    /// The group that probes of this kind belong to by themselves, where there is one.
    pub const fn group(self) -> Option<&'static str> {
        match self {
            ProbeKind::Postgres | ProbeKind::Mysql | ProbeKind::Sqlite => Some("database"),
            ProbeKind::Redis | ProbeKind::Sentinel => Some("cache"),
            ProbeKind::Export => Some("exports"),
            ProbeKind::Http
            | ProbeKind::Tcp
            | ProbeKind::Grpc
            | ProbeKind::Dns
            | ProbeKind::Disk => None,
        }
    }

    /// The port where a URL names none; `None` where it must name one, or where there are no ports.
    pub const fn default_port(self, tls: bool) -> Option<u16> {
        match self {
            ProbeKind::Postgres => Some(5432),
            ProbeKind::Mysql => Some(3306),
            ProbeKind::Redis => Some(6379),
            ProbeKind::Sentinel => Some(26379),
            ProbeKind::Http if tls => Some(443),
            ProbeKind::Http => Some(80),
            ProbeKind::Dns => Some(53),
            ProbeKind::Sqlite
            | ProbeKind::Tcp
            | ProbeKind::Grpc
            | ProbeKind::Disk
            | ProbeKind::Export => None,
        }
    }

    /// Whether a check of this kind calls a server at a host and port.
    const fn needs_host(self) -> bool {
        !matches!(
            self,
            ProbeKind::Sqlite | ProbeKind::Disk | ProbeKind::Dns | ProbeKind::Export
        )
    }
}

/// The URL of a probe. A password in it is kept apart; printing shows neither it nor the query.
#[derive(Clone)]
pub struct ProbeUrl {
    kind: ProbeKind,
    tls: bool,
    /// Without the password.
    url: Url,
    password: Option<Secret>,
}

impl ProbeUrl {
    /// Checks `text` and takes it apart.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to write. The text itself is never repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<ProbeUrl, String> {
        let mut url = Url::parse(text).map_err(|error| unreadable(text, error))?;
        let scheme = scheme_of(url.scheme())?;
        let password = url.password().map(decoded).transpose()?;
        // Only URLs without a host cannot have their password taken away, and those have none.
        let _ = url.set_password(None);
        if scheme.kind.needs_host() && url.host_str().is_none_or(str::is_empty) {
            return Err(format!("has no host: write {}", scheme.example));
        }
        let probe = ProbeUrl {
            kind: scheme.kind,
            tls: scheme.tls,
            url,
            password: password.map(Secret::new),
        };
        probe.checked(scheme)
    }

    fn checked(self, scheme: &Scheme) -> Result<ProbeUrl, String> {
        let pathless = matches!(
            self.kind,
            ProbeKind::Sqlite | ProbeKind::Disk | ProbeKind::Dns
        );
        if pathless && self.path().is_empty() {
            return Err(format!("names nothing: write {}", scheme.example));
        }
        if self.kind.needs_host() && self.port().is_none() {
            return Err(format!("has no port: write {}", scheme.example));
        }
        if self.kind == ProbeKind::Sentinel && self.path().is_empty() {
            return Err(format!(
                "does not name the group that the sentinels watch: write {}",
                scheme.example
            ));
        }
        if self.url.port() == Some(0) {
            return Err("has the port 0, where nothing can listen".to_owned());
        }
        Ok(self)
    }

    /// What kind of check it asks for.
    pub fn kind(&self) -> ProbeKind {
        self.kind
    }

    /// Whether the connection is TLS from its first byte.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The scheme as written.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host, decoded, without the brackets of an IPv6 address; empty where there is none.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        text_of(bare.unwrap_or(host))
    }

    /// The port, or that of the kind.
    pub fn port(&self) -> Option<u16> {
        self.url.port().or_else(|| self.kind.default_port(self.tls))
    }

    /// The user's name, decoded.
    pub fn user(&self) -> Option<String> {
        let user = self.url.username();
        (!user.is_empty()).then(|| text_of(user))
    }

    /// The password that stood in the URL.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// The path, decoded: a database, a file, a name. Without its leading slash where a host stands before it.
    pub fn path(&self) -> String {
        let path = self.url.path();
        let named = match self.url.host_str().is_some_and(|host| !host.is_empty()) {
            true => path.strip_prefix('/').unwrap_or(path),
            false => path,
        };
        text_of(named)
    }

    /// The values of the query, decoded, in their order.
    pub fn options(&self) -> Vec<(String, String)> {
        self.url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    /// Path and query as an HTTP request names them. It may hold a secret.
    pub fn request_target(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }
}

/// Scheme, host, port and path: no user, no password, no query.
impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Fails only where there is no host, and so no user.
        let _ = url.set_username("");
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn scheme_of(name: &str) -> Result<&'static Scheme, String> {
    if let Some(scheme) = SCHEMES.iter().find(|scheme| scheme.name == name) {
        return Ok(scheme);
    }
    let names: Vec<_> = SCHEMES.iter().map(|scheme| scheme.name).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", names.join(", ")),
    };
    Err(format!("has a scheme that no probe knows; {hint}"))
}

fn unreadable(text: &str, error: url::ParseError) -> String {
    match text.contains(':') {
        true => format!("is not a URL ({error})"),
        false => "has no scheme: write one in front, as postgres://, https:// or tcp://".to_owned(),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(|text| text.into_owned())
        .map_err(|_| "has a password that is not UTF-8".to_owned())
}

fn text_of(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
