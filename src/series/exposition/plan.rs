//! Which families an answer holds, in which order, and which have to stay out.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::own::{OwnFamily, OwnSeries};
use super::rewrite::Rewriting;
use crate::series::naming::{MetricKind, escape_metric_name};
use crate::series::store::{Family, Store, base_name};

/// What stands under one `# TYPE`.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The name as it is exposed, suffixes included.
    pub name: Cow<'a, str>,
    /// The type.
    pub kind: MetricKind,
    /// The unit as a word; may be empty.
    pub unit: &'a str,
    /// What the metric is about; may be empty.
    pub help: &'a str,
    /// The agent's own series.
    pub own: &'a [OwnSeries],
    /// The store's family with its series.
    pub store: Option<&'a Family>,
}

/// The families of an answer by name.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// Those that are written.
    pub blocks: Vec<Block<'a>>,
    /// Series of those that are not.
    pub left_out: usize,
}

impl<'a> Plan<'a> {
    /// Families of the same name and type become one. Where they contradict each other, in their names or in
    /// those of their samples, the agent's own is written. Among families of the store only escaping makes names alike:
    /// then the first by its name is written.
    pub(super) fn new(store: &'a Store, own: &'a [OwnFamily], rewriting: Rewriting) -> Plan<'a> {
        let mut left_out = own.iter().map(|family| family.left_out).sum();
        let mut owned = own_blocks(own, rewriting, &mut left_out);
        let mut stored = Vec::new();
        for (name, family) in store_families(store, rewriting) {
            let is_same = |place: &usize| {
                let block = &owned[*place];
                block.kind == family.kind && block.store.is_none()
            };
            let joins = find(&owned, &name).filter(is_same);
            let stands_back = contradicts(&owned, &name, family.kind)
                || rewriting.changes_names && contradicts(&stored, &name, family.kind);
            match joins {
                Some(place) => owned[place].store = Some(family),
                None if stands_back => left_out += family.len(),
                None => stored.push(store_block(name, family)),
            }
        }
        owned.append(&mut stored);
        owned.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Plan {
            blocks: owned,
            left_out,
        }
    }

    /// How OpenMetrics calls the block, and whether it may name its type: a counter shows it by `_total` behind the name,
    /// an info metric by `_info`. One that has no such suffix, or without it the name of another, is of unknown type.
    pub(super) fn open_metrics<'b>(&self, block: &'b Block<'_>) -> (&'b str, MetricKind) {
        let (MetricKind::Counter | MetricKind::Info) = block.kind else {
            return (&block.name, block.kind);
        };
        let base = base_name(&block.name, block.kind);
        let other = match block.kind {
            MetricKind::Counter => MetricKind::Info,
            _ => MetricKind::Counter,
        };
        let twin = find_joined(&self.blocks, base, other.suffix());
        let has_twin = twin.is_some_and(|place| self.blocks[place].kind == other);
        if base == block.name || has_twin || contradicts(&self.blocks, base, MetricKind::Unknown) {
            return (&block.name, MetricKind::Unknown);
        }
        (base, block.kind)
    }

    /// Whether some block is called `base` and `suffix`.
    pub(super) fn holds(&self, base: &str, suffix: &str) -> bool {
        find_joined(&self.blocks, base, suffix).is_some()
    }
}

fn own_blocks<'a>(
    own: &'a [OwnFamily],
    rewriting: Rewriting,
    left_out: &mut usize,
) -> Vec<Block<'a>> {
    let filled = own.iter().filter(|family| !family.series.is_empty());
    let mut blocks: Vec<_> = filled
        .map(|family| Block {
            name: escape_metric_name(rewriting.escaping, &family.name),
            kind: family.kind,
            unit: "",
            help: &family.help,
            own: &family.series,
            store: None,
        })
        .collect();
    blocks.sort_by(|one, other| one.name.cmp(&other.name));
    blocks.dedup_by(|later, earlier| {
        let is_same = later.name == earlier.name;
        *left_out += if is_same { later.own.len() } else { 0 };
        is_same
    });
    blocks
}

/// The families that have series, by exposed name, then by their own.
fn store_families(store: &Store, rewriting: Rewriting) -> Vec<(Cow<'_, str>, &Family)> {
    let filled = store.families().filter(|(_, family)| !family.is_empty());
    let mut families: Vec<_> = filled
        .map(|(_, family)| (escape_metric_name(rewriting.escaping, &family.name), family))
        .collect();
    families.sort_unstable_by(|(name, family), (other_name, other)| {
        name.cmp(other_name)
            .then_with(|| family.name.cmp(&other.name))
    });
    families
}

fn store_block<'a>(name: Cow<'a, str>, family: &'a Family) -> Block<'a> {
    Block {
        name,
        kind: family.kind,
        unit: &family.unit,
        help: &family.help,
        own: &[],
        store: Some(family),
    }
}

/// Whether a sample of a family `name` would be called like one of `blocks`, which are sorted by name.
fn contradicts(blocks: &[Block<'_>], name: &str, kind: MetricKind) -> bool {
    let is_sample = ["_bucket", "_count", "_sum"].into_iter().any(|suffix| {
        let family = name
            .strip_suffix(suffix)
            .and_then(|base| find(blocks, base));
        family.is_some_and(|place| blocks[place].kind.sample_suffixes().contains(&suffix))
    });
    let mut suffixes = kind.sample_suffixes().iter();
    is_sample
        || find(blocks, name).is_some()
        || suffixes.any(|suffix| find_joined(blocks, name, suffix).is_some())
}

fn find(blocks: &[Block<'_>], name: &str) -> Option<usize> {
    find_joined(blocks, name, "")
}

/// The block whose name is `base` and `suffix`, looked up without putting them together.
fn find_joined(blocks: &[Block<'_>], base: &str, suffix: &str) -> Option<usize> {
    let compare = |block: &Block<'_>| compare_joined(&block.name, base, suffix);
    blocks.binary_search_by(compare).ok()
}

fn compare_joined(name: &str, base: &str, suffix: &str) -> Ordering {
    let (name, base) = (name.as_bytes(), base.as_bytes());
    match name.split_at_checked(base.len()) {
        Some((head, rest)) => head.cmp(base).then_with(|| rest.cmp(suffix.as_bytes())),
        None => name.cmp(base),
    }
}
