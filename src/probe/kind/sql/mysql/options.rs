//! From a probe's settings to what sqlx connects with.

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::config::{ClientTls, ProbeSettings};
use crate::probe::kind::sql::Place;
use crate::store::readable;

/// The options of the URL that are known, as the clients of MySQL name them.
const KNOWN: &str = "ssl-mode, ssl-ca, ssl-cert, ssl-key, socket, charset";

/// What to connect with, and where to.
///
/// An authority in `tls.ca_file` is there to be asked: without an `ssl-mode`, it means `verify_identity`. The session is left
/// as the server makes it, so that configured queries see what their author sees.
///
/// # Errors
///
/// Says which option is not known or has no such value, and which file cannot be read.
pub(super) fn options(settings: &ProbeSettings) -> Result<(MySqlConnectOptions, Place), String> {
    let url = &settings.url;
    let (host, port) = (url.host(), url.port().unwrap_or(3306));
    let mut options = MySqlConnectOptions::new()
        .host(&host)
        .port(port)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
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
        Some(path) => Place::Socket(path.clone()),
        None => Place::Tcp { host, port },
    };
    Ok((options, place))
}

fn with_tls(options: MySqlConnectOptions, tls: &ClientTls) -> Result<MySqlConnectOptions, String> {
    if tls.server_name.is_some() {
        return Err(
            "tls.server_name cannot be used with mysql: the certificate must carry the URL's host"
                .to_owned(),
        );
    }
    let mut options = options;
    if let Some(path) = &tls.ca_file {
        options = options
            .ssl_ca(readable(path)?)
            .ssl_mode(MySqlSslMode::VerifyIdentity);
    }
    if let (Some(certificate), Some(key)) = (&tls.cert_file, &tls.key_file) {
        options = options
            .ssl_client_cert(readable(certificate)?)
            .ssl_client_key(readable(key)?);
    }
    Ok(options)
}

fn with_option(
    options: MySqlConnectOptions,
    name: &str,
    value: &str,
) -> Result<MySqlConnectOptions, String> {
    Ok(match name {
        "ssl-mode" | "sslmode" => options.ssl_mode(ssl_mode(value)?),
        "ssl-ca" | "sslca" => options.ssl_ca(readable(Path::new(value))?),
        "ssl-cert" | "sslcert" => options.ssl_client_cert(readable(Path::new(value))?),
        "ssl-key" | "sslkey" => options.ssl_client_key(readable(Path::new(value))?),
        "socket" => options.socket(value),
        // The URLs of applications have it. A probe's texts are always in utf8mb4.
        "charset" => options,
        "password" => {
            return Err("a password does not belong in the URL: use `password`".to_owned());
        }
        _ => {
            return Err(format!(
                "the URL has an option {name} that is not known; known are {KNOWN}"
            ));
        }
    })
}

/// The modes of MySQL's clients, and those of libpq that mean the same.
fn ssl_mode(value: &str) -> Result<MySqlSslMode, String> {
    match value.to_ascii_lowercase().replace('-', "_").as_str() {
        "disabled" | "disable" => Ok(MySqlSslMode::Disabled),
        "preferred" | "prefer" => Ok(MySqlSslMode::Preferred),
        "required" | "require" => Ok(MySqlSslMode::Required),
        "verify_ca" => Ok(MySqlSslMode::VerifyCa),
        "verify_identity" | "verify_full" => Ok(MySqlSslMode::VerifyIdentity),
        _ => Err(
            "ssl-mode must be one of disabled, preferred, required, verify_ca, verify_identity"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ProbeUrl, Secret};

    fn of(url: &str) -> Result<(MySqlConnectOptions, Place), String> {
        options(&ProbeSettings::new(ProbeUrl::parse(url).unwrap()))
    }

    /// Scenario: URLs with a user, a database, a port, a socket, and modes of TLS in several spellings.
    /// Guarantees: Each part arrives where it belongs.
    #[test]
    fn parts_of_the_url_arrive() {
        let (options, place) = of("mariadb://app%40x:pw@db:3307/shop").unwrap();
        assert_eq!(options.get_username(), "app@x");
        assert_eq!(options.get_database(), Some("shop"));
        let host = "db".to_owned();
        assert_eq!(place, Place::Tcp { host, port: 3307 });
        let (_, place) = of("mysql://app@localhost/shop?socket=/run/mysqld.sock").unwrap();
        assert_eq!(place, Place::Socket("/run/mysqld.sock".into()));
        for (text, mode) in [
            ("DISABLED", "Disabled"),
            ("prefer", "Preferred"),
            ("require", "Required"),
            ("verify-ca", "VerifyCa"),
            ("VERIFY_IDENTITY", "VerifyIdentity"),
            ("verify-full", "VerifyIdentity"),
        ] {
            let (options, _) = of(&format!("mysql://db/?ssl-mode={text}")).unwrap();
            assert_eq!(format!("{:?}", options.get_ssl_mode()), mode);
        }
    }

    /// Scenario: A password in the settings and another one in the URL.
    /// Guarantees: That of the settings is used.
    #[test]
    fn the_configured_password_comes_first() {
        let url = ProbeUrl::parse("mysql://app:inurl@db/shop").unwrap();
        let mut settings = ProbeSettings::new(url);
        let shown =
            |settings: &ProbeSettings| options(settings).unwrap().0.to_url_lossy().to_string();
        assert!(shown(&settings).contains(":inurl@"));
        settings.password = Some(Secret::new("configured".to_owned()));
        assert!(shown(&settings).contains(":configured@"));
    }

    /// Scenario: Options that are misspelt, have no such value, name no file, or hold a password.
    /// Guarantees: Each is refused with what to write; no text holds the password.
    #[test]
    fn what_cannot_be_used_is_refused() {
        for (query, expected) in [
            ("sslmod=required", "an option sslmod"),
            ("ssl-mode=yes", "one of disabled"),
            ("ssl-ca=/nowhere/ca.pem", "cannot read /nowhere/ca.pem"),
            ("password=hidden", "use `password`"),
        ] {
            let error = of(&format!("mysql://db/?{query}")).err().unwrap();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    /// Scenario: An authority is named and no mode; then a mode as well; then a name that the certificate should carry.
    /// Guarantees: The authority is asked; the mode that is written wins; the name is refused.
    #[test]
    fn an_authority_is_asked() {
        let authority = tempfile::NamedTempFile::new().unwrap();
        let with = |url: &str, server_name: Option<&str>| {
            let mut settings = ProbeSettings::new(ProbeUrl::parse(url).unwrap());
            settings.tls = Some(ClientTls {
                ca_file: Some(authority.path().to_owned()),
                server_name: server_name.map(str::to_owned),
                ..ClientTls::default()
            });
            options(&settings).map(|(options, _)| format!("{:?}", options.get_ssl_mode()))
        };
        assert_eq!(with("mysql://db/", None).unwrap(), "VerifyIdentity");
        let written = with("mysql://db/?ssl-mode=verify_ca", None);
        assert_eq!(written.unwrap(), "VerifyCa");
        let error = with("mysql://db/", Some("other")).err().unwrap();
        assert!(error.contains("tls.server_name"), "{error}");
    }
}
