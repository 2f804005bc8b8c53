//! From a probe's settings to what sqlx connects with.

use sqlx::postgres::PgConnectOptions;

use crate::config::ProbeSettings;
use crate::probe::kind::sql::Place;
use crate::store::postgres_options;

/// What to connect with, and where to.
///
/// # Errors
///
/// Those of [`postgres_options`].
pub(super) fn options(settings: &ProbeSettings) -> Result<(PgConnectOptions, Place), String> {
    let password = settings.login_password();
    let options = postgres_options(&settings.url, password, settings.tls.as_ref())?;
    let (host, port) = (settings.url.host(), options.get_port());
    let place = match options.get_socket() {
        Some(directory) => Place::Socket(directory.join(format!(".s.PGSQL.{port}"))),
        None => Place::Tcp { host, port },
    };
    Ok((options, place))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use sqlx::ConnectOptions;

    use super::*;
    use crate::config::{ProbeUrl, Secret};

    fn settings(url: &str) -> ProbeSettings {
        ProbeSettings::new(ProbeUrl::parse(url).unwrap())
    }

    /// Scenario: a URL with a host, and one with the directory of a socket. Guarantees: the port there, or the socket of the port in
    /// it, is the place.
    #[test]
    fn places_are_ports_and_sockets() {
        let (_, place) = options(&settings("postgres://me@db.example:6000/d")).unwrap();
        let host = "db.example".to_owned();
        assert_eq!(place, Place::Tcp { host, port: 6000 });
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
}
