//! Programs with the official Python SDK that run beside a test.

use std::io::Read;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::fixture::{Agent, python, repository, run};

/// Runs a script under `tests/clients/python` against the agent's gRPC port to its end, and reads what it prints.
pub async fn printed_by(script: &str, agent: &Agent) -> Value {
    let output = run(command(script, agent)).await;
    serde_json::from_slice(&output.stdout).expect("the client prints JSON")
}

/// A script that goes on until its test ends.
pub struct Running(Child);

impl Running {
    /// Starts it.
    pub fn start(script: &str, agent: &Agent) -> Running {
        let mut command = command(script, agent);
        let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(child.unwrap())
    }

    /// Fails, with what it had to say, if it has ended.
    pub fn assert_runs(&mut self) {
        if let Some(status) = self.0.try_wait().unwrap() {
            let mut said = String::new();
            let stderr = self.0.stderr.as_mut().expect("piped");
            stderr.read_to_string(&mut said).unwrap();
            panic!("the client ended with {status}:\n{said}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(script: &str, agent: &Agent) -> std::process::Command {
    let mut command = python();
    command
        .arg(repository().join("tests/clients/python").join(script))
        .arg(format!("http://{}", agent.grpc()));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
}
