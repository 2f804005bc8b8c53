//! Who logs in at a URL, and whether TLS settings mean something there.

use crate::config::key::KeyPath;
use crate::config::probe_kind::ProbeKind;
use crate::config::probe_url::ProbeUrl;
use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::settings::ClientTls;
use crate::config::validate::files;

/// The scheme as a person knows it.
pub(super) fn shown(url: &ProbeUrl) -> String {
    let slashes = match url.kind() {
        ProbeKind::Sqlite | ProbeKind::Disk | ProbeKind::Dns => "",
        _ => "//",
    };
    format!("{}:{slashes}", url.scheme())
}

/// Checks the password beside a URL, and that in it. `key` is the table of both.
pub(super) fn credentials(
    key: &KeyPath,
    url: &ProbeUrl,
    password: Option<&Secret>,
    problems: &mut Problems,
) {
    if password.is_some() && !url.kind().logs_in() {
        let problem = format!("the url is {}, where nobody logs in", shown(url));
        problems.error(&key.child("password"), problem, "Remove the password");
    }
    if url.password().is_none() {
        return;
    }
    if password.is_some() {
        problems.error(
            &key.child("password"),
            "the url holds a password too",
            "Remove the one in the url",
        );
    } else {
        let text = "the url holds a password, which whoever sees the file or the environment can read; \
                    write it as password = { env = \"NAME\" } or { file = \"path\" }";
        problems.warn(&key.child("url"), text);
    }
}

/// Checks TLS settings beside a URL. `key` is their table.
pub(super) fn tls(key: &KeyPath, url: &ProbeUrl, tls: Option<&ClientTls>, problems: &mut Problems) {
    let Some(tls) = tls else { return };
    // Databases begin in plain and change to TLS when their URL or an authority asks for it.
    let may_change = matches!(url.kind(), ProbeKind::Postgres | ProbeKind::Mysql);
    let refuses = url.options().into_iter().any(|(name, value)| {
        ["sslmode", "ssl-mode"].contains(&name.as_str())
            && ["disable", "disabled"].contains(&value.to_lowercase().as_str())
    });
    if !url.is_tls() && (!may_change || refuses) {
        let problem = format!(
            "the url is {}{}, where TLS settings have no effect",
            shown(url),
            if refuses { " without TLS" } else { "" }
        );
        problems.error(key, problem, "Write a url with TLS, or remove the table");
    }
    files::client(key, tls, problems);
}

/// Reports a password and TLS settings without a URL that they are for.
pub(super) fn without_url(
    key: &KeyPath,
    password: Option<&Secret>,
    tls: Option<&ClientTls>,
    problems: &mut Problems,
) {
    let given = [("password", password.is_some()), ("tls", tls.is_some())];
    for (name, _) in given.into_iter().filter(|(_, given)| *given) {
        let problem = "there is no url that it is for";
        problems.error(
            &key.child(name),
            problem,
            format!("Set {key}.url, or remove it"),
        );
    }
}
