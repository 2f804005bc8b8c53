//! Scrapes `/metrics` every second, as Prometheus does with its defaults.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Fallible, face};

const EVERY: Duration = Duration::from_secs(1);
/// The formats that Prometheus 3 asks for, and its compression.
const HEADERS: &str = "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n\
    Accept-Encoding: gzip\r\n";

/// What the scrapes of a window showed.
#[derive(Clone, Debug, Serialize)]
pub struct Scrapes {
    pub count: usize,
    pub median_ms: f64,
    pub worst_ms: f64,
    /// Of the last one.
    pub bytes: usize,
}

/// A thread that scrapes until it is stopped.
pub struct Scraping {
    stop: Sender<()>,
    thread: JoinHandle<Fallible<Scrapes>>,
}

impl Scraping {
    /// Scrapes `api` from half a second after the start on.
    pub fn start(api: u16) -> Scraping {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let (mut times_ms, mut bytes) = (Vec::new(), 0);
            let mut due = Instant::now() + EVERY / 2;
            while stopped.recv_timeout(due.saturating_duration_since(Instant::now()))
                == Err(RecvTimeoutError::Timeout)
            {
                let started = Instant::now();
                bytes = face::get(api, "/metrics", HEADERS)?.len();
                times_ms.push(started.elapsed().as_secs_f64() * 1e3);
                due += EVERY;
            }
            sum_up(times_ms, bytes)
        });
        Scraping { stop, thread }
    }

    /// Ends it and says what it saw.
    pub fn stop(self) -> Fallible<Scrapes> {
        drop(self.stop);
        self.thread.join().map_err(|_| "the scraping panicked")?
    }
}

fn sum_up(mut times_ms: Vec<f64>, bytes: usize) -> Fallible<Scrapes> {
    times_ms.sort_by(f64::total_cmp);
    Ok(Scrapes {
        count: times_ms.len(),
        median_ms: *times_ms.get(times_ms.len() / 2).ok_or("no scrape")?,
        worst_ms: *times_ms.last().ok_or("no scrape")?,
        bytes,
    })
}
