//! From a probe's settings to what sqlx connects with.

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::config::{ClientTls, ProbeSettings};
use crate::probe::kind::sql::Place;
use crate::probe::kind::sql::readable::readable;

/// The name that the server shows for the probe's connections.
const APPLICATION: &str = "lineside";

/// The options of the URL that are known, as libpq names them (PostgreSQL manual, "Connection URIs").
const KNOWN: &str =
    "sslmode, sslrootcert, sslcert, sslkey, host, application_name, options[<setting>]";

/// What to connect with, and where to. What the URL leaves open is taken from libpq's variables, as PGUSER and
/// PGSSLMODE.
///
/// An authority in `tls.ca_file` is there to be asked: without an `sslmode`, it means `verify-full`.
///
/// # Errors
///
/// Says which option is not known or has no such value, and which file cannot be read.
pub(super) fn options(settings: &ProbeSettings) -> Result<(PgConnectOptions, Place), String> {
    let url = &settings.url;
    let (host, port) = (url.host(), url.port().unwrap_or(5432));
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(port)
        .application_name(APPLICATION)
        // Poolers refuse settings at the login that they do not know.
        .extra_float_digits(None)
        .disable_statement_logging();
    if let Some(user) = url.user() {
        options = options.username(&user);
    }
    if let Some(password) = settings.login_password() {
        options = options.password(password.expose());
    }
    if !url.path().is_empty() {
        options = options.database(&url.path());
    }
    if let Some(tls) = &settings.tls {
        options = with_tls(options, tls)?;
    }
    for (name, value) in url.options() {
        options = with_option(options, &name, &value)?;
    }
    let place = match options.get_socket() {
        Some(directory) => Place::Socket(directory.join(format!(".s.PGSQL.{port}"))),
        None => Place::Tcp { host, port },
    };
    Ok((options, place))
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
    use crate::config::{ProbeUrl, Secret};

    fn settings(url: &str) -> ProbeSettings {
        ProbeSettings::new(ProbeUrl::parse(url).unwrap())
    }

    /// Scenario: URLs with everything and with little. Guarantees: each part arrives where it belongs, decoded; the application's
    /// name is the agent's unless the URL gives one.
    #[test]
    fn urls_become_options() {
        let url = "postgres://us%40er:pa%2Fss@db.example:6000/or%20ders?sslmode=require&options[search_path]=a,b";
        let (options, place) = options(&settings(url)).unwrap();
        let host = "db.example".to_owned();
        assert_eq!(place, Place::Tcp { host, port: 6000 });
        assert_eq!(
            (options.get_host(), options.get_port()),
            ("db.example", 6000)
        );
        assert_eq!(
            (options.get_username(), options.get_database()),
            ("us@er", Some("or ders"))
        );
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
        assert_eq!(options.get_application_name(), Some("lineside"));
        assert_eq!(options.get_options(), Some("-c search_path=a,b"));
        let named = settings("postgres://db?application_name=me");
        assert_eq!(
            super::options(&named).unwrap().0.get_application_name(),
            Some("me")
        );
    }

    /// Scenario: a URL with the directory of a socket. Guarantees: the socket of the port in it is the place.
    #[test]
    fn sockets_have_directories() {
        let (options, place) =
            options(&settings("postgres://me@db:6000/d?host=/run/postgresql")).unwrap();
        assert_eq!(place, Place::Socket("/run/postgresql/.s.PGSQL.6000".into()));
        assert_eq!(options.get_socket().unwrap(), Path::new("/run/postgresql"));
    }

    /// Scenario: a password in the settings and another in the URL. Guarantees: the setting wins.
    #[test]
    fn the_password_of_the_settings_comes_first() {
        let mut settings = settings("postgres://me:url-password@db/d");
        settings.password = Some(Secret::new("set-password".to_owned()));
        let (options, _) = options(&settings).unwrap();
        let url = options.to_url_lossy();
        assert_eq!(url.password(), Some("set%2Dpassword"));
    }

    /// Scenario: an authority in the settings, with and without an sslmode. Guarantees: it is asked unless the URL says otherwise.
    #[test]
    fn an_authority_is_asked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mode = |url: &str| {
            let mut settings = settings(url);
            let ca_file = Some(file.path().to_owned());
            settings.tls = Some(ClientTls {
                ca_file,
                ..ClientTls::new()
            });
            options(&settings).unwrap().0.get_ssl_mode()
        };
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
            let error = options(&settings(url)).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let mut named = settings("postgres://db");
        let server_name = Some("other".to_owned());
        named.tls = Some(ClientTls {
            server_name,
            ..ClientTls::new()
        });
        assert!(options(&named).unwrap_err().contains("tls.server_name"));
    }
}
