//! The Redis or Valkey that agents share: how it is reached and logged in to.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisConnectionInfo, RedisError, Value};
use tokio::time::timeout;

use super::codec::VERSION;
use crate::config::{CacheSettings, ProbeUrl, Secret};
use crate::dial::{self, DialError, Stream, TlsClient};
use crate::gateway::cache::key::KeyDigest;

/// Where it listens, and who logs in.
pub(super) struct Server {
    url: ProbeUrl,
    tls: Option<TlsClient>,
    password: Option<Secret>,
}

/// Why there is no connection. No text names a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{0}")]
    Login(String),
    #[error("it does not answer within {0:?}")]
    Slow(Duration),
    #[error("it closed the connection")]
    Closed,
}

impl Server {
    /// The server at `url`.
    ///
    /// # Errors
    /// Says what of the TLS settings could not be used.
    pub(super) fn new(url: &ProbeUrl, settings: &CacheSettings) -> Result<Server, Box<dyn Error>> {
        let tls: dial::ClientTls = settings.tls.clone().unwrap_or_default().into();
        let tls = match url.is_tls() {
            true => Some(TlsClient::new(&url.host(), &tls, &[])?),
            false => None,
        };
        Ok(Server {
            url: url.clone(),
            tls,
            password: settings
                .password
                .clone()
                .or_else(|| url.password().cloned()),
        })
    }

    /// The address, for messages.
    pub(super) fn shown(&self) -> String {
        self.url.to_string()
    }

    /// Connects and logs in. The future that comes with the connection moves its bytes and ends with it.
    pub(super) async fn open<'a>(
        &self,
        login: &'a RedisConnectionInfo,
    ) -> Result<
        (
            MultiplexedConnection,
            impl Future<Output = ()> + Send + use<'a>,
        ),
        Unreachable,
    > {
        let stream = self.connect().await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(login, stream, config).await;
        opened.map_err(|error| Unreachable::Login(words(&error)))
    }

    async fn connect(&self) -> Result<Stream, DialError> {
        // A URL that needs a port has one, or it would not have been taken.
        let port = self.url.port().unwrap_or_default();
        let addresses = dial::resolve(&self.url.host(), port).await?;
        let stream = dial::connect(&addresses).await?;
        match &self.tls {
            None => Ok(Stream::Plain(stream)),
            Some(tls) => tls.secure(stream).await,
        }
    }

    /// Who logs in, and to which database.
    pub(super) fn login(&self) -> RedisConnectionInfo {
        let database = self.url.path().parse().unwrap_or_default();
        let mut login = RedisConnectionInfo::default()
            .set_db(database)
            .set_lib_name("lineside", env!("CARGO_PKG_VERSION"));
        let user = self.url.user();
        if let Some(user) = &user {
            login = login.set_username(user);
        }
        match &self.password {
            Some(password) => login.set_password(password.expose()),
            // A user without a password is let in with any (ACL, "nopass").
            None if user.is_some() => login.set_password(""),
            None => login,
        }
    }
}

/// Whether the server behind `connection` lets us read, and says so within `limit`.
pub(super) async fn answers(
    connection: &mut MultiplexedConnection,
    limit: Duration,
) -> Result<(), Unreachable> {
    let question = reading(&[0; 32], 0);
    match timeout(limit, connection.send_packed_command(&question)).await {
        Ok(Ok(Value::ServerError(error))) => Err(Unreachable::Login(words(&error.into()))),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Unreachable::Login(words(&error))),
        Err(_) => Err(Unreachable::Slow(limit)),
    }
}

/// Reads what stands under `digest`, as far as `limit`: an honest server sends no more, however much there is.
pub(super) fn reading(digest: &KeyDigest, limit: usize) -> Cmd {
    let mut command = redis::cmd("GETRANGE");
    command.arg(name(digest)).arg(0).arg(limit);
    command
}

/// The name of a key in the server.
pub(super) fn name(digest: &KeyDigest) -> String {
    let mut name = format!("lineside:cache:{VERSION}:");
    for byte in digest {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// What went wrong, without the server's own words: those about a login may repeat it.
pub(super) fn words(error: &RedisError) -> String {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) => "it refuses the login".to_owned(),
        (_, Some("NOAUTH")) => "it asks for a password, and none is set (NOAUTH)".to_owned(),
        (_, Some("WRONGPASS")) => "it refuses the user or password (WRONGPASS)".to_owned(),
        (_, Some(code)) => format!("it answers {}", code.escape_debug()),
        (ErrorKind::Io, None) => "it closed the connection".to_owned(),
        (_, None) => error.category().to_owned(),
    }
}
