//! The service manager that started the process, and what it is told (sd_notify(3), sd_watchdog_enabled(3)).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A manager reads at once. One that does not must not hold anything up.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// The longest status in characters: a manager reads 4096 bytes and no more.
const MAX_STATUS_CHARS: usize = 900;

/// A service manager that wants to be told.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

/// What it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The start is done.
    Ready,
    /// The end has begun.
    Stopping,
    /// The process is alive.
    Watchdog,
    /// How it is, in one line.
    Status(&'a str),
}

/// Why the manager can't be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The variable names nothing that can be sent to.
    #[error("NOTIFY_SOCKET is {name:?}, which is no path and no abstract name (@…): {error}")]
    Address {
        /// What it says.
        name: OsString,
        /// What is wrong with it.
        error: io::Error,
    },
    /// There is no socket to send from.
    #[error("cannot open a socket to the service manager: {0}")]
    Socket(io::Error),
}

impl Manager {
    /// The manager of this process; `None` where none asks to be told.
    ///
    /// # Errors
    /// When it asks, but can't be reached.
    pub fn of_process() -> Result<Option<Manager>, NotifyError> {
        Manager::named_by(|name| std::env::var_os(name), std::process::id())
    }

    fn named_by(
        variable: impl Fn(&str) -> Option<OsString>,
        pid: u32,
    ) -> Result<Option<Manager>, NotifyError> {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let manager = Manager::at(&name, watchdog(variable, pid))?;
        Ok(Some(manager))
    }

    /// The manager whose socket has this name: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// When it can't be reached.
    pub fn at(name: impl AsRef<OsStr>, watchdog: Option<Duration>) -> Result<Manager, NotifyError> {
        let name = name.as_ref();
        let address = address(name).map_err(|error| NotifyError::Address {
            name: name.to_owned(),
            error,
        })?;
        let socket = UnixDatagram::unbound().map_err(NotifyError::Socket)?;
        socket
            .set_write_timeout(Some(SEND_TIMEOUT))
            .map_err(NotifyError::Socket)?;
        Ok(Manager {
            socket,
            address,
            watchdog,
        })
    }

    /// The longest silence that it bears; `None` where it does not watch.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells all `notices` in one message. Waits 100 ms at most.
    ///
    /// # Errors
    /// When it does not read.
    pub fn tell(&self, notices: &[Notice<'_>]) -> io::Result<()> {
        let lines: Vec<String> = notices.iter().map(Notice::to_string).collect();
        let message = lines.join("\n");
        self.socket
            .send_to_addr(message.as_bytes(), &self.address)?;
        Ok(())
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Another process may be meant: WATCHDOG_PID is inherited.
fn watchdog(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    if variable("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(pid.into()) {
        return None;
    }
    let silence_us = number("WATCHDOG_USEC").filter(|us| *us > 0)?;
    Some(Duration::from_micros(silence_us))
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Ready => f.write_str("READY=1"),
            Notice::Stopping => f.write_str("STOPPING=1"),
            Notice::Watchdog => f.write_str("WATCHDOG=1"),
            Notice::Status(text) => {
                let one_line = |letter: char| if letter.is_control() { ' ' } else { letter };
                let text: String = text.chars().map(one_line).take(MAX_STATUS_CHARS).collect();
                write!(f, "STATUS={text}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(all: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let all: Vec<(String, OsString)> = all
            .iter()
            .map(|(name, value)| (String::from(*name), value.into()))
            .collect();
        move |name| {
            let found = all.iter().find(|(known, _)| known == name)?;
            Some(found.1.clone())
        }
    }

    fn read(socket: &UnixDatagram) -> String {
        let mut message = [0; 8192];
        let len = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    }

    /// Scenario: a socket with a path and one with an abstract name.
    /// Guarantees: both are told, several notices in one message, and a status stays one line of bounded length.
    #[test]
    fn both_kinds_of_socket_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let named = UnixDatagram::bind(&path).unwrap();
        let name = format!("lineside-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let nameless = UnixDatagram::bind_addr(&address).unwrap();
        let long = "ä".repeat(5000);
        for (socket, value) in [
            (named, path.to_str().unwrap().to_owned()),
            (nameless, format!("@{name}")),
        ] {
            let manager = Manager::named_by(variables(&[("NOTIFY_SOCKET", &value)]), 1);
            let manager = manager.unwrap().unwrap();
            assert_eq!(manager.watchdog(), None);
            let notices = [
                Notice::Ready,
                Notice::Status("a\nSTOPPING=1"),
                Notice::Watchdog,
            ];
            manager.tell(&notices).unwrap();
            assert_eq!(read(&socket), "READY=1\nSTATUS=a STOPPING=1\nWATCHDOG=1");
            manager.tell(&[Notice::Stopping]).unwrap();
            assert_eq!(read(&socket), "STOPPING=1");
            manager.tell(&[Notice::Status(&long)]).unwrap();
            assert!(read(&socket).len() < 4096);
        }
    }

    /// Scenario: no variable, an empty one, names that are no address, and a socket that is gone.
    /// Guarantees: no manager without a name; a wrong name is an error that holds it; a socket that is gone fails when told.
    #[test]
    fn a_manager_that_is_not_there() {
        for all in [&[][..], &[("NOTIFY_SOCKET", "")], &[("WATCHDOG_USEC", "1")]] {
            assert!(Manager::named_by(variables(all), 1).unwrap().is_none());
        }
        let long = format!("/{}", "x".repeat(200));
        for name in ["run/notify", "vsock:2:1", &long] {
            let error = Manager::named_by(variables(&[("NOTIFY_SOCKET", name)]), 1);
            let error = error.unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let gone = variables(&[("NOTIFY_SOCKET", "/nonexistent/notify")]);
        let manager = Manager::named_by(gone, 1).unwrap().unwrap();
        manager.tell(&[Notice::Ready]).unwrap_err();
    }

    /// Scenario: WATCHDOG_USEC and WATCHDOG_PID of this process, of another, and rubbish.
    /// Guarantees: the silence that is borne, where it is ours and a number.
    #[test]
    fn the_watchdog_is_ours_or_none() {
        let second = Some(Duration::from_secs(1));
        for (usec, pid, expected) in [
            ("1000000", None, second),
            ("1000000", Some("7"), second),
            ("1000000", Some("8"), None),
            ("1000000", Some("seven"), None),
            ("0", None, None),
            ("-1", None, None),
            ("soon", None, None),
        ] {
            let mut all = vec![("WATCHDOG_USEC", usec)];
            all.extend(pid.map(|pid| ("WATCHDOG_PID", pid)));
            assert_eq!(watchdog(variables(&all), 7), expected, "{all:?}");
        }
    }
}
