//! Child processes, and what `/proc` says about them.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Fallible;
use crate::order::{Order, ROLE_FLAG};

/// Clock ticks a second in `/proc/<pid>/stat`: fixed in Linux's user interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that is killed and reaped when dropped.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Fallible<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        Ok(Process(child))
    }

    /// An error if the process has ended by itself.
    pub fn check_alive(&mut self) -> Fallible<()> {
        match self.0.try_wait()? {
            Some(status) => Err(format!("ended by itself: {status}").into()),
            None => Ok(()),
        }
    }

    /// User and system time of all threads that are or were, in seconds, to a hundredth.
    pub fn cpu_s(&self) -> Fallible<f64> {
        let stat = self.read("stat")?;
        // The second field, the name, may hold anything, but ends at the last parenthesis.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .collect();
        let ticks =
            |index: usize| -> Fallible<u64> { Ok(fields.get(index).ok_or("short stat")?.parse()?) };
        Ok((ticks(11)? + ticks(12)?) as f64 / TICKS_PER_SECOND)
    }

    /// Time on a CPU so far, in seconds to the nanosecond, of each thread that now is, by its id.
    pub fn threads_cpu_s(&self) -> Fallible<HashMap<String, f64>> {
        let mut threads = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            let task = task?;
            // A thread may end between being listed and being read.
            let Ok(line) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            let cpu_ns: u64 = line
                .split_whitespace()
                .next()
                .ok_or("empty schedstat")?
                .parse()?;
            threads.insert(
                task.file_name().to_string_lossy().into_owned(),
                cpu_ns as f64 / 1e9,
            );
        }
        Ok(threads)
    }

    /// Bytes that the process has caused to be written to a storage device.
    pub fn written_bytes(&self) -> Fallible<u64> {
        let io = self.read("io")?;
        let written = io
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(written.ok_or("no write_bytes")?.parse()?)
    }

    /// A size in `/proc/<pid>/status`, such as `VmHWM` (the largest resident set) or `VmRSS`, in MiB.
    pub fn status_mib(&self, name: &str) -> Fallible<f64> {
        let status = self.read("status")?;
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = value
            .and_then(|value| value.split_whitespace().next())
            .ok_or("no such size")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    fn read(&self, file: &str) -> Fallible<String> {
        let path = format!("/proc/{}/{file}", self.0.id());
        fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}").into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program in another role, and the pipes to it.
pub struct Role {
    pub process: Process,
    pub stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Role {
    pub fn start(order: &Order) -> Fallible<Role> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ROLE_FLAG).arg(serde_json::to_string(order)?);
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdin = process.0.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(process.0.stdout.take().ok_or("no stdout")?);
        Ok(Role {
            process,
            stdin,
            stdout,
        })
    }

    /// Gives the role its cue to go on, or to report.
    pub fn cue(&mut self, line: &impl Serialize) -> Fallible<()> {
        Ok(writeln!(self.stdin, "{}", serde_json::to_string(line)?)?)
    }

    /// Waits for the role's next line.
    pub fn hear<T: DeserializeOwned>(&mut self) -> Fallible<T> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err("the role ended without a word; see its message above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

/// Ports that were free a moment ago. All are held until the last is found, so that none is given twice.
pub fn free_ports<const COUNT: usize>() -> Fallible<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    let mut held = Vec::with_capacity(COUNT);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Sleeps between two looks at something that has no event to wait for.
pub fn nap(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
