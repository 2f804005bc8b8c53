//! The user that a server runs as: some refuse to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Another user, where the tests run as root; otherwise the tests' own.
#[derive(Clone, Copy, Debug)]
pub struct Account(Option<(u32, u32)>);

impl Account {
    /// The user `name`, which Debian's `package` makes.
    pub fn named(name: &str, package: &str) -> Account {
        if !rustix::process::getuid().is_root() {
            return Account(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let fields = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields[0] == name);
        let fields = fields.unwrap_or_else(|| {
            panic!("there is no user {name}: run ./test, or apt-get install {package}")
        });
        let [user, group] = [fields[2], fields[3]].map(|id| id.parse().unwrap());
        Account(Some((user, group)))
    }

    /// Makes `command` run as this user.
    pub fn runs(&self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }

    /// Makes `path` this user's own.
    pub fn owns(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
}
