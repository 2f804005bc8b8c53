//! A question goes out, over UDP (RFC 1035, section 4.2.1) or TCP (section 4.2.2), until its answer comes back.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Header, Message, MessageType};
use hickory_proto::serialize::binary::BinDecodable;
use opentelemetry::KeyValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::interval;

use super::question::Question;
use crate::dial::{self, DialError};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;
use crate::telemetry::names;

/// Without EDNS no answer over UDP is longer than 512 bytes; some servers do not care.
const MAX_UDP_BYTES: usize = 4096;
/// UDP may lose a question or its answer: so often is it asked within the time of the run.
const ATTEMPTS: u32 = 3;

/// One question under way.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    run: &'a Run,
    question: &'a Question,
    id: u16,
    message: Vec<u8>,
}

/// What came over UDP.
enum Heard {
    /// The answer.
    Answer(Box<Message>),
    /// The answer did not fit.
    Truncated,
}

impl<'a> Exchange<'a> {
    /// Prepares `question` under a random id.
    pub(super) fn new(run: &'a Run, question: &'a Question) -> Result<Exchange<'a>, Failure> {
        let id = fastrand::u16(..);
        let message = question.message(id);
        Ok(Exchange {
            run,
            question,
            id,
            message: message.map_err(|error| Failure::new(Reason::Internal, error.to_string()))?,
        })
    }

    /// Asks over UDP, and again over TCP where the answer does not fit. A server at an address where nobody listens is
    /// asked at its next one.
    pub(super) async fn udp_or_tcp(&self, servers: &[SocketAddr]) -> Result<Message, Failure> {
        let mut last = DialError::Refused;
        for server in servers {
            let heard = self.run.phase(Phase::Query, self.udp(*server)).await;
            match heard {
                Ok(Ok(Heard::Answer(answer))) => return Ok(*answer),
                Ok(Ok(Heard::Truncated)) => return self.tcp(&[*server]).await,
                Ok(Err(failure)) => return Err(failure),
                Err(error) => last = error.into(),
            }
        }
        Err(last.into())
    }

    async fn udp(&self, server: SocketAddr) -> io::Result<Result<Heard, Failure>> {
        let from: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(from).await?;
        // Only what comes from there is heard, and that nobody listens there as well.
        socket.connect(server).await?;
        self.asks(server);
        let every = (self.run.timeout() / ATTEMPTS).max(Duration::from_millis(1));
        let mut next = interval(every);
        let mut buffer = [0; MAX_UDP_BYTES];
        loop {
            tokio::select! {
                _ = next.tick() => drop(socket.send(&self.message).await?),
                length = socket.recv(&mut buffer) => {
                    let heard = self.heard(buffer.get(..length?).unwrap_or_default());
                    if let Some(heard) = heard.transpose() {
                        return Ok(heard);
                    }
                }
            }
        }
    }

    /// What `bytes` are. What has another id or answers another question is not for us: something late, or something
    /// made up.
    fn heard(&self, bytes: &[u8]) -> Result<Option<Heard>, Failure> {
        let Ok(header) = Header::from_bytes(bytes) else {
            return Ok(None);
        };
        let metadata = header.metadata;
        if metadata.id != self.id || metadata.message_type != MessageType::Response {
            return Ok(None);
        }
        if metadata.truncation {
            return Ok(Some(Heard::Truncated));
        }
        let answer = decoded(bytes)?;
        let is_ours = self.question.is_answered_by(&answer);
        Ok(is_ours.then(|| Heard::Answer(Box::new(answer))))
    }

    /// Asks over TCP.
    pub(super) async fn tcp(&self, servers: &[SocketAddr]) -> Result<Message, Failure> {
        let stream = self
            .run
            .phase(Phase::Connect, dial::connect(servers))
            .await?;
        if let Ok(server) = stream.peer_addr() {
            self.asks(server);
        }
        let bytes = self.run.phase(Phase::Query, self.over(stream)).await;
        let answer = decoded(&bytes.map_err(DialError::from)?)?;
        let is_answer = answer.metadata.id == self.id
            && answer.metadata.message_type == MessageType::Response
            && self.question.is_answered_by(&answer);
        match is_answer {
            true => Ok(answer),
            false => Err(Failure::new(
                Reason::Protocol,
                "the server answered something that was not asked",
            )),
        }
    }

    /// Two bytes of length stand before each message.
    async fn over(&self, mut stream: TcpStream) -> io::Result<Vec<u8>> {
        let length = u16::try_from(self.message.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend(&self.message);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    fn asks(&self, server: SocketAddr) {
        let address = server.ip().to_string();
        self.run
            .attribute(KeyValue::new(names::PEER_ADDRESS, address));
        self.run
            .attribute(KeyValue::new(names::PEER_PORT, i64::from(server.port())));
    }
}

fn decoded(bytes: &[u8]) -> Result<Message, Failure> {
    Message::from_vec(bytes).map_err(|error| {
        let message = format!("the answer is not a message of DNS: {error}");
        Failure::new(Reason::Protocol, message)
    })
}
