//! The shared layer against a server that does what a test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::config::{ByteSize, CacheSettings, ProbeUrl, Secret};
use crate::gateway::cache::entry::Entry;
use crate::gateway::cache::key::{CacheKey, Vary};
use crate::gateway::cache::rules::Terms;
use crate::gateway::cache::shared::server::name;
use crate::gateway::cache::shared::{Record, Shared};
use crate::gateway::cache::stats::LayerStats;
use crate::telemetry::CacheReading;

/// What the server does with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// What it should.
    Well,
    /// Reads and says nothing.
    Silent,
    /// Refuses to write.
    Full,
    /// Closes every connection.
    Gone,
}

/// A server of the commands that the cache uses.
struct Fake {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    kept: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// Every command, as words.
    said: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Fake {
            address: listener.local_addr().unwrap(),
            mood: watch::channel(Mood::Well).0,
            kept: Arc::default(),
            said: Arc::default(),
        };
        let (mood, kept, said) = (
            fake.mood.subscribe(),
            Arc::clone(&fake.kept),
            Arc::clone(&fake.said),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serve(stream, mood.clone(), Arc::clone(&kept), Arc::clone(&said));
                let mut mood = mood.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = serving => {}
                        _ = mood.wait_for(|mood| *mood == Mood::Gone) => {}
                    }
                });
            }
        });
        fake
    }

    fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    fn has_heard(&self, words: &str) -> bool {
        self.said.lock().unwrap().iter().any(|said| said == words)
    }

    /// A layer that is connected to it.
    async fn agent(&self) -> Agent {
        self.agent_within(TIMEOUT).await
    }

    /// One that waits no longer than that.
    async fn agent_within(&self, timeout: Duration) -> Agent {
        let agent = Agent::start(&format!("redis://{}/3", self.address), timeout);
        agent.is(|reading| reading.is_up).await;
        agent
    }
}

async fn serve(
    stream: TcpStream,
    mood: watch::Receiver<Mood>,
    kept: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    said: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let words = command(&mut reader).await?;
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        said.lock().unwrap().push(
            words
                .iter()
                .map(|word| text(word))
                .collect::<Vec<_>>()
                .join(" "),
        );
        let mood = *mood.borrow();
        if mood == Mood::Silent {
            continue;
        }
        let key = words.get(1).map(|word| text(word)).unwrap_or_default();
        let answer = match &*text(&words[0]) {
            "SET" | "DEL" if mood == Mood::Full => b"-OOM command not allowed\r\n".to_vec(),
            "SET" => {
                kept.lock().unwrap().insert(key, words[2].clone());
                b"+OK\r\n".to_vec()
            }
            "DEL" => {
                kept.lock().unwrap().remove(&key);
                b":1\r\n".to_vec()
            }
            "GETRANGE" => {
                let bytes = kept.lock().unwrap().get(&key).cloned().unwrap_or_default();
                let last: usize = text(&words[3]).parse().unwrap();
                let bytes = &bytes[..bytes.len().min(last + 1)];
                [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
            }
            _ => b"+OK\r\n".to_vec(),
        };
        writer.write_all(&answer).await?;
    }
}

async fn command<R: AsyncReadExt + AsyncBufReadExt + Unpin>(
    reader: &mut R,
) -> std::io::Result<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    for _ in 0..number(reader).await? {
        let mut word = vec![0; number(reader).await? + 2];
        reader.read_exact(&mut word).await?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    Ok(words)
}

/// The number behind a mark, to the end of the line.
async fn number<R: AsyncBufReadExt + Unpin>(reader: &mut R) -> std::io::Result<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    let digits = line
        .trim_end()
        .get(1..)
        .and_then(|digits| digits.parse().ok());
    digits.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// An agent of which there is the shared layer alone.
struct Agent {
    shared: Shared,
    stats: Arc<LayerStats>,
}

/// Long enough for any machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// For servers that do not answer.
const SHORT: Duration = Duration::from_millis(200);

impl Agent {
    fn start(url: &str, timeout: Duration) -> Agent {
        let settings = CacheSettings {
            timeout,
            compress_from: ByteSize(1000),
            password: Some(Secret::new("p")),
            ..CacheSettings::default()
        };
        let stats = Arc::new(LayerStats::default());
        let url = ProbeUrl::parse(url).unwrap();
        let shared = Shared::start(&url, &settings, Arc::clone(&stats)).unwrap();
        Agent { shared, stats }
    }

    async fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        match self.shared.get(key, 1 << 20, 1 << 16).await {
            Ok(Some(Record::Entry(entry))) => Some(entry),
            Ok(Some(Record::Vary(..)) | None) | Err(_) => None,
        }
    }

    /// Waits until it reads so.
    async fn is(&self, so: impl Fn(&CacheReading) -> bool) {
        eventually(|| so(&self.stats.read("L2"))).await;
    }

    async fn finds(&self, key: &CacheKey, body: &str) {
        let began = Instant::now();
        while self.get(key).await.is_none_or(|entry| entry.body != body) {
            assert!(began.elapsed() < Duration::from_secs(30), "not found");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn eventually(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "not so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn entry(key: &str, body: impl Into<bytes::Bytes>) -> Arc<Entry> {
    Arc::new(Entry {
        key: CacheKey::from_bytes(key.as_bytes()),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.into(),
        at: SystemTime::now(),
        terms: Terms {
            initial_age: Duration::from_secs(10),
            lifetime: Duration::from_secs(60),
            stale_for: Duration::from_secs(5),
            may_be_stale: true,
            is_public: false,
        },
    })
}

/// Scenario: one agent keeps an answer, another looks for it. Guarantees: it logs in and chooses the database; the answer is found, under a name of
/// the cache's own, for as long as it is of use.
#[tokio::test]
async fn agents_share_answers() {
    let fake = Fake::start().await;
    let (one, other) = (fake.agent().await, fake.agent().await);
    assert!(fake.has_heard("AUTH p") && fake.has_heard("SELECT 3"));
    let entry = entry("a", "small");
    assert!(other.get(&entry.key).await.is_none());
    one.shared.keep(&entry);
    other.finds(&entry.key, "small").await;
    let expected = name(&entry.key.digest());
    assert!(expected.starts_with("lineside:cache:1:") && expected.len() == 17 + 64);
    assert_eq!(
        fake.kept.lock().unwrap().keys().collect::<Vec<_>>(),
        [&expected]
    );
    let said = fake.said.lock().unwrap().clone();
    let set = said.iter().find(|said| said.starts_with("SET ")).unwrap();
    assert!(set.ends_with(" PX 55000"), "{set}");
    let vary = Vary::new(vec![http::header::ACCEPT]);
    one.shared
        .keep_vary(&entry.key, &vary, Duration::from_secs(1));
    one.is(|reading| reading.sets == 2).await;
    let found = other.shared.get(&entry.key, 0, 0).await.unwrap();
    assert_eq!(found, Some(Record::Vary(entry.key.clone(), vary)));
}

/// Scenario: a large body, a small one, and one that is compressed already. Guarantees: the first alone is compressed, and counted so.
#[tokio::test]
async fn large_bodies_are_compressed() {
    let fake = Fake::start().await;
    let agent = fake.agent().await;
    let text = "lineside ".repeat(100_000);
    let mut encoded = entry("b", text.clone());
    Arc::make_mut(&mut encoded)
        .headers
        .insert("content-encoding", "gzip".parse().unwrap());
    for (entry, is_small) in [(entry("a", text.clone()), true), (encoded, false)] {
        fake.kept.lock().unwrap().clear();
        agent.shared.keep(&entry);
        agent.finds(&entry.key, &text).await;
        let stored = fake.kept.lock().unwrap().values().next().unwrap().len();
        assert_eq!(stored < 10_000, is_small, "{stored}");
    }
    assert!(agent.stats.read("L2").compression_ratio > 1.9);
}

/// Scenario: bytes that no agent wrote, an answer that was written for another key, and one that is larger than the route keeps.
/// Guarantees: nothing is found, and those that cannot be read are counted.
#[tokio::test]
async fn what_cannot_be_read_is_not_there() {
    let fake = Fake::start().await;
    let agent = fake.agent().await;
    let (wanted, other) = (entry("a", ""), entry("b", "other"));
    agent.shared.keep(&other);
    agent.finds(&other.key, "other").await;
    let name = |entry: &Entry| name(&entry.key.digest());
    let written = fake.kept.lock().unwrap()[&name(&other)].clone();
    let huge = vec![b'x'; 4 << 20];
    for (errors, bytes) in (1..).zip([b"rubbish".to_vec(), written, huge]) {
        fake.kept.lock().unwrap().insert(name(&wanted), bytes);
        assert!(agent.get(&wanted.key).await.is_none());
        assert_eq!(agent.stats.read("L2").errors, errors);
    }
    assert!(agent.stats.read("L2").is_up);
}

/// Scenario: the server says nothing any more, and after a while again. Guarantees: nobody waits longer than the limit, and after a few
/// questions not at all; then it is used again.
#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let fake = Fake::start().await;
    let agent = fake.agent_within(SHORT).await;
    let entry = entry("a", "x");
    agent.shared.keep(&entry);
    agent.finds(&entry.key, "x").await;
    fake.is(Mood::Silent);
    for _ in 0..5 {
        let began = Instant::now();
        assert!(agent.get(&entry.key).await.is_none());
        assert!(began.elapsed() < 15 * SHORT, "{:?}", began.elapsed());
    }
    agent.is(|reading| !reading.is_up).await;
    let began = Instant::now();
    for _ in 0..100 {
        assert!(agent.get(&entry.key).await.is_none());
    }
    assert!(began.elapsed() < 15 * SHORT, "{:?}", began.elapsed());
    fake.is(Mood::Well);
    agent.finds(&entry.key, "x").await;
}

/// Scenario: an answer is removed while the server is gone, which comes back with it. Guarantees: it is not found at any time from the removal on,
/// and gone from the server in the end; what is kept after that is found.
#[tokio::test]
async fn removals_outlast_the_server() {
    let fake = Fake::start().await;
    let agent = fake.agent().await;
    let old = entry("a", "old");
    agent.shared.keep(&old);
    agent.finds(&old.key, "old").await;
    fake.is(Mood::Gone);
    agent.is(|reading| !reading.is_up).await;
    for _ in 0..3 {
        agent.shared.remove(&old.key);
    }
    fake.is(Mood::Well);
    let began = Instant::now();
    while !fake.kept.lock().unwrap().is_empty() {
        assert!(agent.get(&old.key).await.is_none());
        assert!(began.elapsed() < Duration::from_secs(30), "not removed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    agent.is(|reading| reading.is_up).await;
    agent.shared.keep(&entry("a", "new"));
    agent.finds(&old.key, "new").await;
}

/// Scenario: a server that is full. Guarantees: answers are found as before, those that it does not take are counted; what it does not
/// remove is not believed.
#[tokio::test]
async fn a_full_server_is_read() {
    let fake = Fake::start().await;
    let agent = fake.agent().await;
    let (kept, new) = (entry("a", "kept"), entry("b", "new"));
    agent.shared.keep(&kept);
    agent.finds(&kept.key, "kept").await;
    fake.is(Mood::Full);
    agent.shared.keep(&new);
    agent.is(|reading| reading.errors == 1).await;
    assert!(agent.get(&new.key).await.is_none());
    assert!(agent.get(&kept.key).await.is_some());
    agent.shared.remove(&kept.key);
    agent.is(|reading| reading.errors == 2).await;
    assert!(agent.get(&kept.key).await.is_none());
    fake.is(Mood::Well);
    let later = entry("b", "later");
    agent.shared.keep(&later);
    agent.finds(&later.key, "later").await;
}

/// Scenario: nobody listens. Guarantees: nothing is found and nobody waits; that the layer cannot be used is shown.
#[tokio::test]
async fn without_a_server_nothing_waits() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let agent = Agent::start(&format!("redis://{address}"), TIMEOUT);
    let began = Instant::now();
    for _ in 0..100 {
        agent.shared.keep(&entry("a", "x"));
        assert!(agent.get(&entry("a", "").key).await.is_none());
    }
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
    let reading = agent.stats.read("L2");
    assert_eq!(
        (reading.is_up, reading.errors, reading.hits),
        (false, 200, 0)
    );
}
