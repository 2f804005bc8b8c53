//! The kinds of probes, and the schemes that ask for them.

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
pub(super) struct Scheme {
    pub(super) name: &'static str,
    pub(super) kind: ProbeKind,
    pub(super) tls: bool,
    pub(super) example: &'static str,
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
    pub(super) const fn needs_host(self) -> bool {
        !matches!(
            self,
            ProbeKind::Sqlite | ProbeKind::Disk | ProbeKind::Dns | ProbeKind::Export
        )
    }

    /// Whether a check of this kind looks at something on this machine, which the path names.
    pub(super) const fn is_local(self) -> bool {
        matches!(self, ProbeKind::Sqlite | ProbeKind::Disk)
    }

    /// Whether a user name, and a password, mean something to it.
    pub(super) const fn logs_in(self) -> bool {
        matches!(
            self,
            ProbeKind::Postgres
                | ProbeKind::Mysql
                | ProbeKind::Redis
                | ProbeKind::Sentinel
                | ProbeKind::Http
        )
    }

    /// Whether the path of its URLs means something.
    pub(super) const fn has_path(self) -> bool {
        !matches!(self, ProbeKind::Tcp | ProbeKind::Grpc)
    }
}

/// The scheme of that name; the error says which there are.
pub(super) fn scheme_of(name: &str) -> Result<&'static Scheme, String> {
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
