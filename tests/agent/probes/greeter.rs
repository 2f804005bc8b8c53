//! A server that greets, as mail servers do.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fixture::own_loopback;

/// Greets whoever connects with `220 ready`, until dropped.
pub struct Greeter {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Greeter {
    pub async fn start() -> Greeter {
        let listener = TcpListener::bind((own_loopback(), 2525)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                // A client that is gone is its own affair.
                let _ = client.write_all(b"220 ready\r\n").await;
            }
        });
        Greeter { address, task }
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.task.abort();
    }
}
