//! A connection that is driven by whoever waits for it, in place of a task of its own.

use std::pin::{Pin, pin};

/// A connection that moves only while somebody waits for what it carries: when a run is dropped, so is the connection.
pub(super) struct Line<C>(Option<Pin<Box<C>>>);

impl<C: Future> Line<C> {
    /// The line that `connection` drives.
    pub(super) fn new(connection: C) -> Line<C> {
        Line(Some(Box::pin(connection)))
    }

    /// Does `work`, and polls the connection meanwhile. When the connection ends first, `work` still gets what had come,
    /// and is told by the connection's other half why nothing follows.
    pub(super) async fn carry<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Some(connection) = &mut self.0 {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = connection => {}
            }
            self.0 = None;
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;

    use super::*;

    /// Scenario: work that the connection brings about, work that is done anyway, and a connection that has ended.
    /// Guarantees: each is brought to its end, and the connection is polled only as long as it lives.
    #[tokio::test]
    async fn work_is_done_while_the_connection_moves() {
        let (brings, brought) = oneshot::channel();
        let mut line = Line::new(async move {
            let _ = brings.send(7);
            pending::<()>().await
        });
        assert_eq!(line.carry(brought).await, Ok(7));
        assert_eq!(line.carry(ready(8)).await, 8);
        let (gone, never) = oneshot::channel::<()>();
        let mut line = Line::new(async move { drop(gone) });
        assert!(line.carry(never).await.is_err());
        assert!(line.0.is_none());
        assert_eq!(line.carry(ready(9)).await, 9);
    }
}
