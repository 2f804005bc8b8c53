//! Child processes, and what `/proc` says about them and their children.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Fallible;

/// Clock ticks a second in `/proc/<pid>/stat`: fixed in Linux's user interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is ended when dropped.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Fallible<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        Ok(Process(child))
    }

    /// User and system time of it and its children, in seconds, to a hundredth each.
    pub fn cpu_s(&self) -> Fallible<f64> {
        self.sum(|stat| Ok((number(stat, 11)? + number(stat, 12)?) / TICKS_PER_SECOND))
    }

    /// Resident memory of it and its children, in MiB. Pages that they share count for each.
    pub fn rss_mib(&self) -> Fallible<f64> {
        self.sum(|stat| Ok(number(stat, 21)? * 4096.0 / f64::from(1 << 20)))
    }

    fn sum(&self, of: impl Fn(&[String]) -> Fallible<f64>) -> Fallible<f64> {
        let own = self.0.id().to_string();
        let mut sum = 0.0;
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            // A process may end between being listed and being read.
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            // The second field, the name, may hold anything, but ends at the last parenthesis.
            let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let fields: Vec<String> = fields.split_whitespace().map(str::to_owned).collect();
            if pid == own || fields.get(1) == Some(&own) {
                sum += of(&fields)?;
            }
        }
        Ok(sum)
    }
}

fn number(stat: &[String], index: usize) -> Fallible<f64> {
    Ok(stat.get(index).ok_or("short stat")?.parse()?)
}

impl Drop for Process {
    fn drop(&mut self) {
        // In order, so that nginx ends its workers.
        if let Some(pid) = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // Fails only if the process has ended already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// A program in a directory of its own that takes requests.
pub struct Server {
    // Ends before its directory goes.
    pub process: Process,
    pub port: u16,
    pub _directory: TempDir,
}

/// How many threads run at the same time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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

/// Waits until somebody listens.
pub fn wait_for_port(port: u16) -> Fallible<()> {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(format!("nobody listens on port {port}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
