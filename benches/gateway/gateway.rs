//! The gateway, with its guards on.

use std::fs::File;
use std::process::Command;

use tempfile::TempDir;

use crate::Fallible;
use crate::process::{Process, Server, free_ports, wait_for_port};

/// An agent with one route, which sends requests on to `upstream`, and its own telemetry to `sink` where there is one.
pub fn start(upstream: u16, sink: Option<u16>) -> Fallible<Server> {
    let directory = TempDir::new()?;
    let [port, api] = free_ports()?;
    let export = sink.map_or(String::new(), |sink| {
        format!("export.sink.endpoint = \"http://127.0.0.1:{sink}\"\nexport.sink.protocol = \"http\"\nexport.sink.compression = \"none\"\n")
    });
    let config = format!(
        "data_dir = \"data\"\n\
         api.listen = \"127.0.0.1:{api}\"\n\
         receive.grpc.enabled = false\n\
         receive.http.enabled = false\n\
         gateway.listen = \"127.0.0.1:{port}\"\n\
         {export}\
         [route.measured]\n\
         upstream = \"http://127.0.0.1:{upstream}\"\n\
         breaker.preset = \"stripe\"\n\
         limit.route = {{ requests = 1000000, per = \"1s\" }}\n"
    );
    let file = directory.path().join("lineside.toml");
    std::fs::write(&file, config)?;
    let log = File::create(directory.path().join("log"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineside"));
    command
        .arg("--config")
        .arg(&file)
        .current_dir(directory.path());
    let process = Process::start(command.stdout(log.try_clone()?).stderr(log))?;
    wait_for_port(port)?;
    Ok(Server {
        process,
        port,
        _directory: directory,
    })
}
