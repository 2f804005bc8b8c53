//! Lineside as one sees it who asks it over HTTP: for its series, and to take more of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use lineside::otlp::Signal;

use crate::Fallible;
use crate::order::unix_us;
use crate::payload::{FILL_POINTS, fill};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the names of the series that [`fill_series`] makes begin with.
const HELD: &str = "shop_held_";
/// Points that were not taken, or not as they came, by reason.
const FAULTY: &str = "lineside_series_points_faulty_total";

/// The body of an answer with status 200 to `GET path` with further header lines; any other is an error.
pub fn get(port: u16, path: &str, headers: &str) -> Fallible<Vec<u8>> {
    call(port, &format!("GET {path} HTTP/1.1\r\n{headers}"), b"")
}

fn call(port: u16, head: &str, body: &[u8]) -> Fallible<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!("{head}Host: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or("no answer")?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(format!("answered {}", String::from_utf8_lossy(&answer)).into());
    }
    Ok(answer.split_off(end + 4))
}

/// Waits until the series have taken what was sent before: questions stand behind it in the queue.
pub fn settle(api: u16) -> Fallible<()> {
    get(api, "/api/conflicts", "").map(drop)
}

/// Sends so many counters, one request at a time, to where Lineside receives.
pub fn fill_series(receive: u16, series: u64) -> Fallible<()> {
    for nth in 0..series / FILL_POINTS {
        let body = fill(nth, unix_us() * 1000);
        let (path, len) = (Signal::Metrics.http_path(), body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len}\r\n"
        );
        call(receive, &head, &body)?;
    }
    Ok(())
}

/// An error unless `/metrics` shows all that [`fill_series`] sent.
pub fn check_filled(api: u16, series: u64) -> Fallible<()> {
    let shown = lines(api, HELD)?.len() as u64;
    match shown == series {
        true => Ok(()),
        false => Err(format!("{series} series were sent, {shown} are shown").into()),
    }
}

/// Points that were faulty so far.
pub fn faulty(api: u16) -> Fallible<f64> {
    sum(api, FAULTY)
}

/// An error unless every item of `signal` was derived from: `items` were sent, of which four of five spans are no
/// inner ones.
pub fn check_derived(api: u16, signal: Signal, items: u64) -> Fallible<()> {
    let (counter, expected) = match signal {
        Signal::Traces => ("traces_span_metrics_calls_total", items * 4 / 5),
        Signal::Logs => ("log_records_total", items),
        Signal::Metrics => return Ok(()),
    };
    let counted = sum(api, counter)?;
    match counted == expected as f64 {
        true => Ok(()),
        false => Err(format!("{counter} should be {expected} and is {counted}").into()),
    }
}

fn sum(api: u16, name: &str) -> Fallible<f64> {
    let lines = lines(api, name)?;
    let values = lines.iter().filter_map(|line| line.rsplit(' ').next());
    Ok(values.filter_map(|value| value.parse::<f64>().ok()).sum())
}

/// The samples on `/metrics` whose names begin so.
fn lines(api: u16, name: &str) -> Fallible<Vec<String>> {
    let text = String::from_utf8(get(
        api,
        "/metrics",
        "Accept: text/plain;version=0.0.4\r\n",
    )?)?;
    let lines = text.lines().filter(|line| line.starts_with(name));
    Ok(lines.map(str::to_owned).collect())
}
