//! Which requests a route takes: prefix, hosts, methods.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::methods;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::RouteSettings;

/// The longest name that DNS can hold (RFC 1035, section 3.1), in text.
const MAX_HOST: usize = 253;

pub(super) fn check(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    if let Some(prefix) = &route.prefix {
        self::prefix(&key.child("prefix"), prefix, problems);
    }
    hosts(&key.child("hosts"), &route.hosts, problems);
    methods(&key.child("methods"), &route.methods, problems);
}

fn prefix(key: &KeyPath, prefix: &str, problems: &mut Problems) {
    if let Err((problem, fix)) = plain_path(prefix) {
        problems.error(key, problem, fix);
    }
}

/// Why a path could be read in more than one way, and what to write.
pub(super) fn plain_path(path: &str) -> Result<(), (&'static str, &'static str)> {
    let Some(inner) = path.strip_prefix('/') else {
        return Err(("the path does not begin with /", "Write it as \"/stripe\""));
    };
    let segments = || inner.strip_suffix('/').unwrap_or(inner).split('/');
    let is_root = inner.is_empty();
    if path.contains(['?', '#']) {
        return Err(("the path holds a query or fragment", "Write segments only"));
    }
    if path.contains('%') {
        return Err((
            "the path holds %",
            "Write the segments as they are decoded, from letters that need no encoding",
        ));
    }
    if !path.bytes().all(is_plain) {
        return Err((
            "the path holds a character that needs encoding, or ; or \\",
            "Write letters, digits and -._~!$&'()*+,=:@",
        ));
    }
    if segments().any(|segment| segment == "." || segment == "..") {
        return Err(("the path holds a segment . or ..", "Write where it leads"));
    }
    if !is_root && segments().any(str::is_empty) {
        return Err((
            "the path holds an empty segment",
            "Write one slash between segments",
        ));
    }
    Ok(())
}

/// What a segment may hold as it is (RFC 3986, section 3.3), save `;`, where some servers end its name, and the slash.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte)
}

fn hosts(key: &KeyPath, hosts: &[String], problems: &mut Problems) {
    for (at, host) in hosts.iter().enumerate() {
        let shown = host.escape_debug();
        let spelled = one_spelling(host);
        if let Err(fix) = &spelled {
            let problem = format!("\"{shown}\" is neither a host name nor an address");
            problems.error(key, problem, *fix);
            continue;
        }
        if hosts[..at]
            .iter()
            .any(|other| one_spelling(other) == spelled)
        {
            let problem = format!("\"{shown}\" is named more than once");
            problems.error(key, problem, "Name each host once");
        }
    }
}

/// A host as requests' hosts are compared with it: in lower case, without a trailing dot, addresses in their shortest form; or what
/// to write instead.
pub(super) fn one_spelling(host: &str) -> Result<String, &'static str> {
    let fix = "Write a name as \"stripe.internal\", or an address as \"10.0.0.5\" or \"[fd00::5]\"";
    if host.contains("://") {
        return Err("Write the host alone, without http:// in front");
    }
    if host.contains('*') {
        return Err("Write each host out; there are no wildcards");
    }
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        let address: Ipv6Addr = address.parse().map_err(|_| fix)?;
        return Ok(IpAddr::V6(address).to_canonical().to_string());
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return Err("Put the address in brackets, as \"[fd00::5]\"");
    }
    if host.contains(':') {
        return Err("Write the host without a port: requests to every port are taken");
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if !is_name(&name) {
        return Err(fix);
    }
    match name.rsplit('.').next().is_some_and(is_number) {
        true => name
            .parse::<Ipv4Addr>()
            .map(|address| address.to_string())
            .map_err(|_| fix),
        false => Ok(name),
    }
}

fn is_name(name: &str) -> bool {
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(in_names);
    name.len() <= MAX_HOST && name.split('.').all(is_label)
}

/// A name whose last part is a number is taken for an address by many readers (WHATWG URL, "ends in a number").
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
