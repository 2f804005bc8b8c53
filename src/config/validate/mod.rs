//! What a single value cannot tell: how settings agree with each other and with the machine.

mod addresses;
mod advice;
mod agreement;
mod exports;
mod files;
mod headers;
mod logins;
mod names;
mod probes;
mod read_only_sql;
mod routes;
mod series;
mod store;
mod texts;

pub(crate) use headers::FRAMING as FRAMING_HEADERS;

use super::problem::Problems;
use super::settings::Settings;

/// Reports every error and every warning.
pub(crate) fn validate(settings: &Settings, problems: &mut Problems) {
    agreement::check(settings, problems);
    addresses::check(settings, problems);
    texts::check(settings, problems);
    files::check(settings, problems);
    exports::check(settings, problems);
    probes::check(settings, problems);
    routes::check(settings, problems);
    store::check(settings, problems);
    series::check(settings, problems);
    advice::give(settings, problems);
}
