//! The databases of the gateway: the store of keys, and the cache that agents share.

use super::logins;
use crate::config::key::KeyPath;
use crate::config::probe_kind::ProbeKind;
use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::settings::{CacheSettings, ClientTls, Settings, StoreSettings};

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    store(&"store".into(), &settings.store, problems);
    cache(&"cache".into(), &settings.cache, problems);
}

fn store(key: &KeyPath, store: &StoreSettings, problems: &mut Problems) {
    let (password, tls) = (store.password.as_ref(), store.tls.as_ref());
    let at = key.child("url");
    let Some(url) = &store.url else {
        return without_url(key, (password, tls), problems);
    };
    match url.kind() {
        ProbeKind::Postgres => {}
        ProbeKind::Sqlite if url.options().is_empty() => {}
        ProbeKind::Sqlite => {
            let problem = "the url has options behind ?, which a SQLite file does not take here";
            problems.error(
                &at,
                problem,
                "Write the path alone, as \"sqlite:/var/lib/lineside/keys.db\"",
            );
        }
        _ => {
            let problem = format!(
                "the url is {}, where no keys can be kept",
                logins::shown(url)
            );
            problems.error(
                &at,
                problem,
                "Write sqlite:path/to/file.db or postgres://user@host:5432/database",
            );
            return;
        }
    }
    logins::credentials(key, url, password, problems);
    logins::tls(&key.child("tls"), url, tls, problems);
}

fn cache(key: &KeyPath, cache: &CacheSettings, problems: &mut Problems) {
    let (password, tls) = (cache.password.as_ref(), cache.tls.as_ref());
    let Some(url) = &cache.url else {
        return without_url(key, (password, tls), problems);
    };
    if url.kind() != ProbeKind::Redis {
        let problem = format!(
            "the url is {}, where no answers can be kept",
            logins::shown(url)
        );
        problems.error(
            &key.child("url"),
            problem,
            "Write redis://host:6379/0, or rediss:// with TLS",
        );
        return;
    }
    logins::credentials(key, url, password, problems);
    logins::tls(&key.child("tls"), url, tls, problems);
}

/// Reports what is there for a URL that is not, unless the URL is there and could not be read.
fn without_url(
    key: &KeyPath,
    (password, tls): (Option<&Secret>, Option<&ClientTls>),
    problems: &mut Problems,
) {
    if problems.settled(&key.child("url").to_string()) {
        logins::without_url(key, password, tls, problems);
    }
}
