//! One request over HTTP/2 on a connection of its own, which whoever waits for the answer drives.

use std::io;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, Connection, SendRequest};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::failure::Failure;
use super::line::Line;
use crate::dial::DialError;

/// Sends `request` on `stream` and waits for the head of its answer, of which all headers together have at most
/// `max_head_bytes`. The line carries the rest.
///
/// # Errors
///
/// As HTTP/2 names them; what they mean, each protocol on top of it says by itself.
pub(super) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    max_head_bytes: u32,
    request: Request<Bytes>,
) -> Result<(Line<Connection<S, Bytes>>, Response<RecvStream>), h2::Error> {
    let mut builder = Builder::new();
    builder
        .max_header_list_size(max_head_bytes)
        .enable_push(false);
    let (sender, connection) = builder.handshake(stream).await?;
    let mut line = Line::new(connection);
    let response = line.carry(ask(sender, request)).await?;
    Ok((line, response))
}

async fn ask(
    sender: SendRequest<Bytes>,
    request: Request<Bytes>,
) -> Result<Response<RecvStream>, h2::Error> {
    let mut sender = sender.ready().await?;
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let (response, mut stream) = sender.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        // A server may answer, and end the stream, without having read the question.
        let _ = stream.send_data(body, true);
    }
    response.await
}

/// What an error of the connection below means.
pub(super) fn of_socket(error: &io::Error) -> Failure {
    match error.kind() {
        // rustls reports what goes wrong within TLS so, a client's certificate that is not accepted included: with
        // TLS 1.3 a server says that after the handshake.
        io::ErrorKind::InvalidData => DialError::Tls(error.to_string()).into(),
        _ => DialError::from(error).into(),
    }
}
