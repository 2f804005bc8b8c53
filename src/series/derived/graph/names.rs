//! The names of services and of what they call, each once, as small numbers.

use hashbrown::HashTable;
use slab::Slab;

use crate::series::store::FingerprintKey;

/// A name. Valid while it is in use: see [`Names::forget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NameId(u32);

impl NameId {
    /// All names beyond those there may be.
    pub const OTHERS: NameId = NameId(u32::MAX);

    pub const fn number(self) -> u32 {
        self.0
    }
}

/// How many names there may be.
pub(super) const MAX_NAMES: usize = 16_384;

/// How long a name may be; the rest is cut.
const MAX_BYTES: usize = 128;

#[derive(Debug)]
struct Name {
    text: Box<str>,
    hash: u64,
    /// When it was last used, in milliseconds of elapsed time.
    used_ms: u64,
}

/// The names in use.
#[derive(Debug)]
pub(super) struct Names {
    key: FingerprintKey,
    names: Slab<Name>,
    index: HashTable<u32>,
}

impl Names {
    pub fn new(key: FingerprintKey) -> Names {
        Names {
            key,
            names: Slab::new(),
            index: HashTable::new(),
        }
    }

    /// The number of the name `text`, in UTF-8; [`NameId::OTHERS`] where there are as many as may be.
    #[inline]
    pub fn id(&mut self, text: &[u8], now_ms: u64) -> NameId {
        let text = cut(text);
        let hash = self.key.of(text).short();
        let names = &self.names;
        let same = |id: &u32| names[*id as usize].text.as_bytes() == text;
        let id = match self.index.find(hash, same) {
            Some(id) => *id,
            None => self.add(text, hash),
        };
        if let Some(name) = self.names.get_mut(id as usize) {
            name.used_ms = now_ms;
        }
        NameId(id)
    }

    #[cold]
    fn add(&mut self, text: &[u8], hash: u64) -> u32 {
        if self.names.len() >= MAX_NAMES {
            return NameId::OTHERS.0;
        }
        let name = Name {
            text: String::from_utf8_lossy(text).into(),
            hash,
            used_ms: 0,
        };
        let id = u32::try_from(self.names.insert(name)).unwrap_or(NameId::OTHERS.0);
        let names = &self.names;
        self.index
            .insert_unique(hash, id, |id| names[*id as usize].hash);
        id
    }

    /// The name; empty for one that is gone.
    pub fn text(&self, id: NameId) -> &str {
        self.names.get(id.0 as usize).map_or("", |name| &name.text)
    }

    /// Forgets names that were last used before `before_ms`. Nothing may refer to them any more.
    pub fn forget(&mut self, before_ms: u64) {
        let index = &mut self.index;
        self.names.retain(|id, name| {
            let stays = name.used_ms >= before_ms;
            if !stays && let Ok(entry) = index.find_entry(name.hash, |other| *other as usize == id)
            {
                entry.remove();
            }
            stays
        });
    }
}

/// At most [`MAX_BYTES`] of `text`, whole characters.
#[inline]
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let is_start = |at: &usize| text[*at] & 0xc0 != 0x80;
    let end = (0..=MAX_BYTES).rev().find(is_start);
    &text[..end.unwrap_or(0)]
}
