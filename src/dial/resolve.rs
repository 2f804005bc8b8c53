//! Names to addresses, by the system's resolver, whose calls cannot be cut off.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use super::DialError;

/// No name needs more addresses than this to be reached.
const MAX_ADDRESSES: usize = 16;

/// Threads that may wait for name servers at the same time. The runtime has 512 for all that blocks.
const MAX_LOOKUPS: usize = 256;

/// Every lookup of the process: threads are the process's.
static LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| Lookups::new(MAX_LOOKUPS));

/// The addresses of `host`, in the resolver's order. An address is its own and asks nobody.
///
/// Dropping the future leaves the lookup to end by itself: the system's resolver cannot be cut off. So that name servers
/// which do not answer cannot take thread after thread, a name is looked up once at a time, whoever asks for it.
///
/// # Errors
///
/// [`DialError::Resolve`] when there is none.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let found = LOOKUPS.find(host, move || by_the_system(&name)).await;
    let found = found.map_err(|reason| DialError::Resolve {
        host: host.to_owned(),
        reason,
    })?;
    Ok(found
        .iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect())
}

fn by_the_system(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found
        .map(|address| address.ip())
        .take(MAX_ADDRESSES)
        .collect())
}

/// What a lookup came to: addresses, or why there are none.
type Found = Result<Arc<[IpAddr]>, String>;

/// Lookups under way, by name.
struct Lookups {
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>,
    threads: Arc<Semaphore>,
}

impl Lookups {
    fn new(max: usize) -> Lookups {
        Lookups {
            under_way: Arc::default(),
            threads: Arc::new(Semaphore::new(max)),
        }
    }

    /// What `look` finds for `host`, or what a lookup of the same name finds that is under way already.
    async fn find(
        &self,
        host: &str,
        look: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> Found {
        let mut answer = self.answer(host, look);
        let found = answer.wait_for(Option::is_some).await;
        match found.as_deref() {
            Ok(Some(found)) => found.clone(),
            Ok(None) | Err(_) => Err("the lookup ended without a word".to_owned()),
        }
    }

    fn answer(
        &self,
        host: &str,
        look: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> watch::Receiver<Option<Found>> {
        let mut under_way = lock(&self.under_way);
        // One whose runtime has ended gives no answer any more.
        let running = under_way
            .get(host)
            .filter(|answer| answer.has_changed().is_ok());
        if let Some(answer) = running {
            return answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        under_way.insert(host.to_owned(), answer.clone());
        let (threads, others) = (Arc::clone(&self.threads), Arc::clone(&self.under_way));
        let host = host.to_owned();
        tokio::spawn(async move {
            let found = on_a_thread(threads, look).await;
            lock(&others).remove(&host);
            // Those who asked may all be gone.
            let _ = tell.send(Some(found));
        });
        answer
    }
}

async fn on_a_thread(
    threads: Arc<Semaphore>,
    look: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
) -> Found {
    let thread = threads.acquire_owned().await;
    let looked = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        look()
    });
    match looked.await {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(Ok(found)) => Ok(found.into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(format!("the lookup did not end: {error}")),
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A map is whole even if a thread died while holding it.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn localhost() -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }

    /// Scenario: an address in either form, this machine's name, and a name that cannot exist. Guarantees: the first are
    /// themselves, the second is a loopback address with the port, the last is refused with its name.
    #[tokio::test]
    async fn names_and_addresses() {
        for (host, shown) in [
            ("192.0.2.1", "192.0.2.1:7"),
            ("2001:db8::1", "[2001:db8::1]:7"),
        ] {
            let found = resolve(host, 7).await.unwrap();
            assert_eq!(found, [shown.parse().unwrap()]);
        }
        let found = resolve("localhost", 7).await.unwrap();
        assert!(
            found
                .iter()
                .all(|one| one.ip().is_loopback() && one.port() == 7)
        );
        let error = resolve("nowhere.invalid", 7).await.unwrap_err();
        assert!(matches!(error, DialError::Resolve { host, .. } if host == "nowhere.invalid"));
    }

    /// Scenario: many ask for one name, give up, and ask again, while its lookup hangs. Guarantees: one thread looks, and
    /// when it finds something all who still wait get it; the next who asks looks anew.
    #[tokio::test]
    async fn a_name_is_looked_up_once_at_a_time() {
        let lookups = Lookups::new(4);
        let looks = Arc::new(AtomicUsize::new(0));
        let (go_on, wait) = mpsc::channel();
        let mut wait = Some(wait);
        let mut hanging = || {
            let (looks, wait) = (Arc::clone(&looks), wait.take());
            move || {
                looks.fetch_add(1, Ordering::Relaxed);
                if let Some(wait) = wait {
                    wait.recv().unwrap();
                }
                localhost()
            }
        };
        for _ in 0..10 {
            let asked = lookups.find("db", hanging());
            assert!(timeout(Duration::from_millis(5), asked).await.is_err());
        }
        let asked = lookups.find("db", hanging());
        go_on.send(()).unwrap();
        assert!(asked.await.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        assert!(lookups.find("db", hanging()).await.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }

    /// Scenario: as many names hang as there may be lookups. Guarantees: another waits without a thread, and is looked up as
    /// soon as one of them ends.
    #[tokio::test]
    async fn lookups_are_bounded() {
        let lookups = Lookups::new(2);
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        for name in ["a", "b"] {
            let wait = Arc::clone(&wait);
            let hangs = move || {
                let _ = wait.lock().unwrap().recv();
                localhost()
            };
            assert!(timeout(SOON, lookups.find(name, hangs)).await.is_err());
        }
        assert!(timeout(SOON, lookups.find("c", localhost)).await.is_err());
        go_on.send(()).unwrap();
        assert!(lookups.find("c", localhost).await.is_ok());
        drop(go_on);
    }

    /// Scenario: a lookup that panics, and one that finds nothing. Guarantees: both are failures with a reason.
    #[tokio::test]
    async fn lookups_that_find_nothing_say_so() {
        let lookups = Lookups::new(2);
        let panics = || panic!("broken on purpose");
        let broken = lookups.find("a", panics).await;
        assert!(broken.unwrap_err().contains("did not end"));
        let empty = lookups.find("a", || Ok(Vec::new())).await;
        assert_eq!(empty.unwrap_err(), "it has no address");
    }
}
