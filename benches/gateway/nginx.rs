//! nginx, as upstream and as proxy.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::Fallible;
use crate::process::{Process, Server, cores, free_ports, wait_for_port};

/// What the upstream answers.
pub const BODY: &str = r#"{"id":"cus_4711","object":"customer","plan":{"id":"pro","amount":4200}}"#;

/// One that answers a few bytes to everything.
pub fn upstream() -> Fallible<Server> {
    let [port] = free_ports()?;
    start(
        port,
        &format!(
            "access_log off;
             server {{ listen 127.0.0.1:{port}; default_type application/json; location / {{ return 200 '{BODY}'; }} }}"
        ),
    )
}

/// One that passes everything on, over connections that it keeps.
pub fn proxy(upstream: u16, logs: bool) -> Fallible<Server> {
    let [port] = free_ports()?;
    let log = if logs { "access.log combined" } else { "off" };
    start(
        port,
        &format!(
            "access_log {log};
             upstream behind {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
             server {{
               listen 127.0.0.1:{port};
               location / {{ proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
             }}"
        ),
    )
}

fn start(port: u16, servers: &str) -> Fallible<Server> {
    let directory = TempDir::new()?;
    let path = directory.path();
    std::fs::write(path.join("nginx.conf"), config(path, servers))?;
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(path)
        .arg("-c")
        .arg(path.join("nginx.conf"));
    command.arg("-e").arg(path.join("error.log"));
    let process = Process::start(&mut command)
        .map_err(|error| format!("{error}; on Debian: apt-get install nginx"))?;
    wait_for_port(port)?;
    Ok(Server {
        process,
        port,
        _directory: directory,
    })
}

/// As many workers as the gateway has threads.
fn config(path: &Path, servers: &str) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds
        .iter()
        .map(|kind| format!("{kind}_temp_path {kind};"))
        .collect();
    let (pid, workers) = (path.join("pid").display().to_string(), cores());
    format!(
        "daemon off; worker_processes {workers}; pid {pid}; error_log error.log warn;
         events {{ worker_connections 1024; }}
         http {{ {temporary} keepalive_requests 100000000; {servers} }}"
    )
}
