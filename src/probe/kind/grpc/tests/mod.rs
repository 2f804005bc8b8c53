mod answers;
mod hostile;
mod questions;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use h2::server::SendResponse;
use h2::{Reason as Http2Reason, RecvStream};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout as within;

use super::*;
use crate::config::{GrpcProbeSettings, ProbeUrl};
use crate::probe::failure::{Phase, Reason};

const SERVING: &[u8] = &[0, 0, 0, 0, 2, 0x08, 1];

/// A server of one connection, which `script` serves.
async fn server<F>(script: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { script(listener.accept().await.unwrap().0).await });
    address
}

/// A server that speaks HTTP/2 and answers one call as `answer` does.
async fn http2(
    answer: impl FnOnce(Request<RecvStream>, SendResponse<Bytes>) + Send + 'static,
) -> SocketAddr {
    server(|stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        answer(request, respond);
        while let Some(Ok(_)) = connection.accept().await {}
    })
    .await
}

fn settings(address: SocketAddr, asked: GrpcProbeSettings) -> ProbeSettings {
    let url = ProbeUrl::parse(&format!("grpc://{address}")).unwrap();
    let mut settings = ProbeSettings::new(url);
    settings.grpc = Some(asked);
    settings
}

fn about(service: &str) -> GrpcProbeSettings {
    GrpcProbeSettings {
        service: service.to_owned(),
        ..GrpcProbeSettings::default()
    }
}

fn a_run() -> Run {
    Run::begin(Duration::from_secs(5), HeaderMap::new())
}

/// Checks `address` once; the failure has the phase that the run was in.
async fn checked(address: SocketAddr, asked: GrpcProbeSettings) -> Result<(), Failure> {
    let (run, check) = (a_run(), GrpcCheck::new(&settings(address, asked)).unwrap());
    let checked = within(Duration::from_secs(10), check.check(&run)).await;
    checked.expect("it hangs").map_err(|mut failure| {
        failure.phase = run.last_phase();
        failure
    })
}

/// A head, and trailers, in the way that both are written here.
fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    list.iter().map(field).collect()
}

/// A server that answers with a head, a body and trailers; without trailers the stream ends before them.
async fn answering(
    status: u16,
    head: &[(&'static str, &str)],
    body: &[u8],
    trailers: Option<&[(&'static str, &str)]>,
) -> SocketAddr {
    let (head, trailers) = (fields(head), trailers.map(fields));
    let body = Bytes::copy_from_slice(body);
    http2(move |_, mut respond| {
        let mut response = Response::builder().status(status).body(()).unwrap();
        *response.headers_mut() = head;
        let ends = body.is_empty() && trailers.is_none();
        let mut stream = respond.send_response(response, ends).unwrap();
        if !ends {
            stream.send_data(body, trailers.is_none()).unwrap();
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).unwrap();
        }
    })
    .await
}

const IS_GRPC: (&str, &str) = ("content-type", "application/grpc");
