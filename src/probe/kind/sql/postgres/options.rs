//! From a probe's settings to what sqlx connects with.

use std::fs::File;
use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::config::{ClientTls, ProbeSettings};
use crate::probe::kind::sql::Place;

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
        .disable_statement_logging();
    if let Some(user) = url.user() {
        options = options.username(&user);
    }
    if let Some(password) = settings.password.as_ref().or(url.password()) {
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

/// `path`, which can be read at this moment: a file that is missing is better told of at the start than by each run.
fn readable(path: &Path) -> Result<&Path, String> {
    match File::open(path) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}
