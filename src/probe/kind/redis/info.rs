//! What `INFO` says (<https://redis.io/docs/latest/commands/info/>): lines of `name:value`.

/// The text of `INFO`. A name that comes twice counts where it comes first.
#[derive(Clone, Debug)]
pub(super) struct Info(String);

impl Info {
    /// Takes the text as the server wrote it.
    pub(super) fn new(text: String) -> Info {
        Info(text)
    }

    /// The value of `name`; empty values are none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim).filter(|value| !value.is_empty())
    }

    /// The number `name`, where it is one that counts something: neither negative nor broken. Servers write -1 for what they
    /// do not know.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// Whether `name` is there and is `value`.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.text(name) == Some(value)
    }

    /// The values of `prefix0`, `prefix1`, …, at most `max` of them.
    pub(super) fn numbered(&self, prefix: &str, max: usize) -> Vec<&str> {
        let values = self.0.lines().filter_map(|line| {
            let (number, value) = line.strip_prefix(prefix)?.split_once(':')?;
            number.parse::<u32>().ok()?;
            Some(value.trim())
        });
        values.take(max).collect()
    }

    /// The name and version of the server: `("valkey", "8.0.1")`. Valkey says `redis_version` too, for old clients.
    pub(super) fn version(&self) -> Option<(&str, &str)> {
        if let Some(version) = self.text("valkey_version") {
            return Some(("valkey", version));
        }
        let version = self.text("redis_version")?;
        Some((self.text("server_name").unwrap_or("redis"), version))
    }
}
