//! From a URL and its settings to what sqlx connects to PostgreSQL with.

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::readable;
use crate::config::{ClientTls, ProbeUrl, Secret};

/// The name that the server shows for our connections.
const APPLICATION: &str = "lineside";

/// The options of the URL that are known, as libpq names them (PostgreSQL manual, "Connection URIs").
const KNOWN: &str =
    "sslmode, sslrootcert, sslcert, sslkey, host, application_name, options[<setting>]";

/// What to connect to `url` with. What the URL leaves open is taken from libpq's variables, as PGUSER and PGSSLMODE.
///
/// An authority in `tls.ca_file` is there to be asked: without an `sslmode`, it means `verify-full`.
///
/// # Errors
///
/// Says which option is not known or has no such value, and which file cannot be read.
pub(crate) fn postgres_options(
    url: &ProbeUrl,
    password: Option<&Secret>,
    tls: Option<&ClientTls>,
) -> Result<PgConnectOptions, String> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&url.host())
        .port(url.port().unwrap_or(5432))
        .application_name(APPLICATION)
        // Poolers refuse settings at the login that they do not know.
        .extra_float_digits(None)
        .disable_statement_logging();
    if let Some(user) = url.user() {
        options = options.username(&user);
    }
    if let Some(password) = password {
        options = options.password(password.expose());
    }
    if !url.path().is_empty() {
        options = options.database(&url.path());
    }
    if let Some(tls) = tls {
        options = with_tls(options, tls)?;
    }
    for (name, value) in url.options() {
        options = with_option(options, &name, &value)?;
    }
    Ok(options)
}

fn with_tls(options: PgConnectOptions, tls: &ClientTls) -> Result<PgConnectOptions, String> {
    if tls.server_name.is_some() {
        return Err(
            "tls.server_name cannot be used with postgres: the certificate must carry the URL's host"
                .to_owned(),
        );
    }
    let mut options = options;
    if let Some(path) = &tls.ca_file {
        options = options
            .ssl_root_cert(readable(path)?)
            .ssl_mode(PgSslMode::VerifyFull);
    }
    if let (Some(certificate), Some(key)) = (&tls.cert_file, &tls.key_file) {
        options = options
            .ssl_client_cert(readable(certificate)?)
            .ssl_client_key(readable(key)?);
    }
    Ok(options)
}

fn with_option(
    options: PgConnectOptions,
    name: &str,
    value: &str,
) -> Result<PgConnectOptions, String> {
    Ok(match name {
        "sslmode" => options.ssl_mode(ssl_mode(value)?),
        "sslrootcert" => options.ssl_root_cert(readable(Path::new(value))?),
        "sslcert" => options.ssl_client_cert(readable(Path::new(value))?),
        "sslkey" => options.ssl_client_key(readable(Path::new(value))?),
        "host" if value.starts_with('/') => options.socket(value),
        "host" => {
            return Err(
                "the option host in the URL must be the directory of a socket, as /run/postgresql"
                    .to_owned(),
            );
        }
        "application_name" => options.application_name(value),
        "password" => {
            return Err("a password does not belong in the URL: use `password`".to_owned());
        }
        _ => match setting(name) {
            Some(setting) => options.options([(setting, value)]),
            None => {
                return Err(format!(
                    "the URL has an option {name} that is not known; known are {KNOWN}"
                ));
            }
        },
    })
}

/// The name within `options[name]`.
fn setting(name: &str) -> Option<&str> {
    name.strip_prefix("options[")?.strip_suffix(']')
}

fn ssl_mode(value: &str) -> Result<PgSslMode, String> {
    value.parse().map_err(|_| {
        "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full".to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn options(url: &str, tls: Option<&ClientTls>) -> Result<PgConnectOptions, String> {
        postgres_options(&ProbeUrl::parse(url).unwrap(), None, tls)
    }

    /// Scenario: URLs with everything and with little. Guarantees: each part arrives where it belongs, decoded; the application's
    /// name is the agent's unless the URL gives one.
    #[test]
    fn urls_become_options() {
        let url = "postgres://us%40er:pa%2Fss@db.example:6000/or%20ders?sslmode=require&options[search_path]=a,b";
        let from_url = options(url, None).unwrap();
        assert_eq!(
            (from_url.get_host(), from_url.get_port()),
            ("db.example", 6000)
        );
        assert_eq!(
            (from_url.get_username(), from_url.get_database()),
            ("us@er", Some("or ders"))
        );
        assert!(matches!(from_url.get_ssl_mode(), PgSslMode::Require));
        assert_eq!(from_url.get_application_name(), Some("lineside"));
        assert_eq!(from_url.get_options(), Some("-c search_path=a,b"));
        let named = options("postgres://db?application_name=me", None).unwrap();
        assert_eq!(named.get_application_name(), Some("me"));
    }

    /// Scenario: an authority in the settings, with and without an sslmode. Guarantees: it is asked unless the URL says otherwise.
    #[test]
    fn an_authority_is_asked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tls = ClientTls {
            ca_file: Some(file.path().to_owned()),
            ..ClientTls::new()
        };
        let mode = |url: &str| options(url, Some(&tls)).unwrap().get_ssl_mode();
        assert!(matches!(mode("postgres://db"), PgSslMode::VerifyFull));
        assert!(matches!(
            mode("postgres://db?sslmode=require"),
            PgSslMode::Require
        ));
    }

    /// Scenario: options that cannot be meant, files that are not there, a name for the certificate. Guarantees: each is told at the
    /// start; no value is repeated.
    #[test]
    fn what_cannot_be_used_is_told_at_the_start() {
        let cases = [
            (
                "postgres://db?connect_timeout=5",
                "connect_timeout that is not known; known are sslmode",
            ),
            ("postgres://db?sslmode=secret", "sslmode must be one of"),
            ("postgres://db?host=other", "directory of a socket"),
            ("postgres://db?password=secret", "use `password`"),
            (
                "postgres://db?sslrootcert=/nonexistent.pem",
                "cannot read /nonexistent.pem",
            ),
        ];
        for (url, expected) in cases {
            let error = options(url, None).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let tls = ClientTls {
            server_name: Some("other".to_owned()),
            ..ClientTls::new()
        };
        let error = options("postgres://db", Some(&tls)).unwrap_err();
        assert!(error.contains("tls.server_name"));
    }
}
