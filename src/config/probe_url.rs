//! The address of something that a probe checks.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Secret;
use super::probe_kind::{ProbeKind, Scheme, scheme_of};

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
        // The parser drops some of these in silence (WHATWG URL, "tab or newline").
        if text.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
            return Err("holds a space or a control character: write %20 for a space".to_owned());
        }
        let mut url = Url::parse(text).map_err(|error| unreadable(text, error))?;
        let scheme = scheme_of(url.scheme())?;
        refuse_misread(text, &url, scheme)?;
        let password = url.password().map(decoded).transpose()?;
        // Only URLs without a host cannot have their password taken away, and those have none.
        let _ = url.set_password(None);
        for part in [
            url.username(),
            url.path(),
            url.host_str().unwrap_or_default(),
        ] {
            decoded(part)?;
        }
        let probe = ProbeUrl {
            kind: scheme.kind,
            tls: scheme.tls,
            url,
            password: password.map(Secret::new),
        };
        probe.whole(scheme)?;
        probe.refuse_extras(scheme)?;
        Ok(probe)
    }

    /// Whether it names all that its kind needs.
    fn whole(&self, scheme: &Scheme) -> Result<(), String> {
        let example = scheme.example;
        let nothing_named = !self.kind.needs_host() && self.path().is_empty();
        if nothing_named {
            return Err(format!("names nothing: write {example}"));
        }
        if self.kind.needs_host() && self.port().is_none() {
            return Err(format!("has no port: write {example}"));
        }
        if self.kind == ProbeKind::Sentinel && self.path().is_empty() {
            return Err(format!(
                "does not name the group that the sentinels watch: write {example}"
            ));
        }
        if self.url.port() == Some(0) {
            return Err("has the port 0, where nothing can listen".to_owned());
        }
        Ok(())
    }

    /// Whether it names something that its kind does not know.
    fn refuse_extras(&self, scheme: &Scheme) -> Result<(), String> {
        let (kind, example) = (self.kind, scheme.example);
        if !kind.logs_in() && (self.user().is_some() || self.password.is_some()) {
            return Err(format!(
                "holds a user name or password, which {} does not use: write {example}",
                scheme.name
            ));
        }
        if !kind.has_path() && !matches!(self.url.path(), "" | "/") {
            return Err(format!(
                "has a path, which {} does not use: write {example}",
                scheme.name
            ));
        }
        if kind == ProbeKind::Redis
            && !self.path().is_empty()
            && self.path().parse::<u32>().is_err()
        {
            return Err(format!(
                "has a path that is not the number of a database: write {example}"
            ));
        }
        if kind == ProbeKind::Sqlite && self.path() == ":memory:" {
            return Err("names a database in memory, which is another one in each run".to_owned());
        }
        if self.host().contains('/') {
            return Err("has a path where the host belongs: write localhost there, and a socket as an option behind it".to_owned());
        }
        Ok(())
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

    /// The path, decoded: a database, a file, a name. Only that of a file or directory keeps its leading slash.
    pub fn path(&self) -> String {
        let path = self.url.path();
        let named = match self.kind.is_local() {
            true => path,
            false => path.strip_prefix('/').unwrap_or(path),
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

/// Refuses what the parser understands otherwise than whoever wrote it. What is meant as a password must never be taken
/// for a host or a path, which are shown.
fn refuse_misread(text: &str, url: &Url, scheme: &Scheme) -> Result<(), String> {
    let example = scheme.example;
    if url.fragment().is_some() {
        return Err("holds a #: write %23 where it is part of a name or password".to_owned());
    }
    if url.path().contains('@') {
        return Err(
            "holds an @ behind the host: write / as %2F and @ as %40 in a name or password"
                .to_owned(),
        );
    }
    // The parser takes `http:/host` and `http:///host` for `http://host`.
    let behind = text.split_once("://").map_or("", |(_, behind)| behind);
    if scheme.kind.needs_host() && (behind.is_empty() || behind.starts_with(['/', '\\'])) {
        return Err(format!("has no host: write {example}"));
    }
    if url.host_str().is_some_and(|host| !host.is_empty()) && scheme.kind.is_local() {
        return Err(format!(
            "has two slashes too many or too few: write {0}:path for one in the working directory, {0}:/path for any other",
            scheme.name
        ));
    }
    Ok(())
}

fn unreadable(text: &str, error: url::ParseError) -> String {
    if !text.contains(':') {
        return "has no scheme: write one in front, as postgres://, https:// or tcp://".to_owned();
    }
    match text.contains('@') {
        true => format!(
            "is not a URL ({error}): in a password, write : as %3A, / as %2F, ? as %3F, # as %23, @ as %40"
        ),
        false => format!("is not a URL ({error})"),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .ok()
        .filter(|text| !text.contains('\0'))
        .map(|text| text.into_owned())
        .ok_or_else(|| "holds %-codes that are not UTF-8 text".to_owned())
}

fn text_of(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
