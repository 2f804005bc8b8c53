//! Addresses to a TCP connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::DialError;

/// How long one address is tried alone before the next is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// A connection to the first of `addresses` that answers. Each is given a head start before the next is tried too, so
/// that one that swallows everything does not take all the time.
///
/// # Errors
///
/// Why the last address that failed did.
pub async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let mut attempts = JoinSet::new();
    let mut left = addresses.iter().copied();
    let mut last = DialError::Refused;
    loop {
        if let Some(address) = left.next() {
            attempts.spawn(async move { TcpStream::connect(address).await });
        } else if attempts.is_empty() {
            return Err(last);
        }
        let more_to_try = left.len() > 0;
        tokio::select! {
            Some(ended) = attempts.join_next() => match ended {
                Ok(Ok(stream)) => return Ok(without_delay(stream)),
                Ok(Err(error)) => last = error.into(),
                Err(_) => {}
            },
            () = sleep(NEXT_ADDRESS_AFTER), if more_to_try => {}
        }
    }
}

/// Small questions wait for nothing. A socket that cannot be told so works all the same.
fn without_delay(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}
