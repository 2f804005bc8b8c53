mod answers;
mod hostile;
mod questions;
mod servers;

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, MX, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout as within;

use super::*;
use crate::config::{DnsProbeSettings, ProbeUrl};
use crate::probe::failure::Phase;

/// A server of one address for UDP and TCP, so that a question may come over either.
struct Fake {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Fake {
    async fn bind() -> (Fake, SocketAddr) {
        loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = tcp.local_addr().unwrap();
            // Another test may hold the port of UDP.
            if let Ok(udp) = UdpSocket::bind(address).await {
                return (Fake { udp, tcp }, address);
            }
        }
    }

    /// The next question over UDP, and whose it is.
    async fn asked(&self) -> (Message, SocketAddr) {
        let mut buffer = [0; 512];
        let (length, from) = self.udp.recv_from(&mut buffer).await.unwrap();
        (Message::from_vec(&buffer[..length]).unwrap(), from)
    }

    /// Answers the next question over UDP with the bytes of each of `answers`.
    async fn answer_udp(&self, answers: impl FnOnce(&Message) -> Vec<Vec<u8>>) {
        let (question, from) = self.asked().await;
        for answer in answers(&question) {
            self.udp.send_to(&answer, from).await.unwrap();
        }
    }

    /// Answers the next question over TCP with bytes that are sent as they are.
    async fn answer_tcp(&self, answer: impl FnOnce(&Message) -> Vec<u8>) {
        let (mut stream, _) = self.tcp.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await.unwrap();
        let question = Message::from_vec(&question).unwrap();
        stream.write_all(&answer(&question)).await.unwrap();
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// The answer to `question` with `records`, all of which live for 60 seconds.
fn answer(question: &Message, records: &[(&str, RData)]) -> Message {
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_queries(question.queries.iter().cloned());
    for (owner, data) in records {
        answer.add_answer(Record::from_rdata(name(owner), 60, data.clone()));
    }
    answer
}

fn refusal(question: &Message, code: ResponseCode) -> Vec<u8> {
    let mut answer = answer(question, &[]);
    answer.metadata.response_code = code;
    answer.to_vec().unwrap()
}

fn address(last: u8) -> RData {
    RData::A(A::new(10, 0, 0, last))
}

/// The answer to any question about addresses of `shop.example`.
fn two_addresses(question: &Message) -> Message {
    answer(
        question,
        &[("shop.example.", address(1)), ("shop.example.", address(2))],
    )
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

fn check(server: SocketAddr, asked: &str, settings: DnsProbeSettings) -> DnsCheck {
    let url = ProbeUrl::parse(&format!("dns://{server}/{asked}")).unwrap();
    let mut probe = ProbeSettings::new(url);
    probe.dns = Some(settings);
    DnsCheck::new(&probe).unwrap()
}

fn a_run() -> Run {
    Run::begin(Duration::from_secs(3), HeaderMap::new())
}

/// One check of `asked` at `server`, which must end by itself.
async fn checked(server: SocketAddr, asked: &str) -> (Result<(), Failure>, Run) {
    let (run, check) = (a_run(), check(server, asked, DnsProbeSettings::default()));
    let checked = within(Duration::from_secs(10), check.check(&run)).await;
    (checked.expect("it hangs"), run)
}

fn phases(run: &Run) -> Vec<Phase> {
    run.take().laps.iter().map(|lap| lap.phase).collect()
}
