//! Targets: who sends, as the labels `job` and `instance` and the metric `target_info` name them.
//!
//! The specification makes `job` of `service.namespace` and `service.name`, and `instance` of
//! `service.instance.id`. Senders that leave the instance out may share both, though their resources
//! differ. A sender that takes over from another that has ended goes on with its series; one that runs
//! beside it gets an instance made up from its resource, so that neither writes into the other's series:
//!
//! - it started after the last point of the other: it takes over;
//! - it started before, and the other is still heard of: it runs beside;
//! - it does not say when it started: it takes over from one that has been silent for [`SILENT_S`].
//!
//! Spans and logs are counted here, not accumulated by senders, so theirs are added up under the `job`
//! and `instance` that they name.

mod described;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use slab::Slab;

use crate::otlp::view::{self, Attributes, Scope};
use crate::series::naming::{
    INSTANCE, JOB, LabelPair, MetricKind, SCOPE_NAME, SCOPE_SCHEMA_URL, SCOPE_VERSION, Strategy,
    append_label, merge_labels, metric_name, scope_attribute,
};
use crate::series::store::{
    ConflictKind, FamilySpec, Fault, Fingerprint, FingerprintKey, Lineage, Moment, NewSeries,
    PlaceId, SeriesId, Store, Value,
};
use described::Described;

/// After how many seconds without a point a sender counts as ended, where nothing else tells.
pub const SILENT_S: u32 = 150;

/// What is shown of targets, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct TargetOptions {
    /// How names are translated.
    pub strategy: Strategy,
    /// Whether series carry the labels of their instrumentation scope.
    pub scope_labels: bool,
    /// Whether resources are shown as `target_info`.
    pub target_info: bool,
    /// How many targets there may be.
    pub max: usize,
}

/// A target. Valid until it is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetId(u32);

/// Who sends.
#[derive(Debug)]
pub struct Target {
    /// `<service.namespace>/<service.name>`; empty where the resource names no service.
    pub job: Box<str>,
    /// `service.instance.id`, or made up where two senders give none.
    pub instance: Box<str>,
    /// The resource whose metrics are shown here.
    sender: Option<Fingerprint>,
    /// The time of its latest point, by its own clock.
    latest_unix_nano: u64,
    /// When it was last heard of.
    seen_s: u32,
    /// What its `target_info` is found by.
    info: Option<Fingerprint>,
}

/// Every target.
#[derive(Debug)]
pub struct Targets {
    options: TargetOptions,
    targets: Slab<Target>,
    by_name: HashMap<(Box<str>, Box<str>), TargetId>,
    /// The targets of resources as senders of metrics, and as senders of anything else.
    of_metrics: HashMap<Fingerprint, TargetId>,
    of_others: HashMap<Fingerprint, TargetId>,
    places: HashMap<(TargetId, Fingerprint), PlaceId>,
    /// The store's epoch that `places` belong to.
    places_epoch: u64,
}

impl Targets {
    /// No targets yet.
    pub fn new(options: TargetOptions) -> Targets {
        Targets {
            options,
            targets: Slab::new(),
            by_name: HashMap::new(),
            of_metrics: HashMap::new(),
            of_others: HashMap::new(),
            places: HashMap::new(),
            places_epoch: 0,
        }
    }

    /// The target; `None` when it is gone.
    pub fn get(&self, id: TargetId) -> Option<&Target> {
        self.targets.get(id.0 as usize)
    }

    /// Targets in all.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The target that metrics of this resource are shown under. `started_unix_nano` is asked for a resource
    /// that is not known yet: when the sender says that it began to count.
    ///
    /// # Errors
    /// [`Fault::TargetLimit`] when there are as many targets as there may be.
    pub fn of_metrics(
        &mut self,
        store: &mut Store,
        resource: Attributes<'_>,
        started_unix_nano: impl FnOnce() -> Option<u64>,
        now: Moment,
    ) -> Result<TargetId, Fault> {
        let sender = fingerprint(store.key(), resource.clone());
        if let Some(id) = self.of_metrics.get(&sender) {
            return Ok(self.seen(*id, now));
        }
        let described = Described::read(resource);
        let id = self.place_sender(store, sender, &described, started_unix_nano(), now)?;
        self.remember(sender, id, Door::Metrics);
        Ok(self.seen(id, now))
    }

    /// The target that spans and log records of this resource are counted under.
    ///
    /// # Errors
    /// [`Fault::TargetLimit`] when there are as many targets as there may be.
    pub fn of_spans(
        &mut self,
        store: &mut Store,
        resource: Attributes<'_>,
        now: Moment,
    ) -> Result<TargetId, Fault> {
        let sender = fingerprint(store.key(), resource.clone());
        if let Some(id) = self.of_others.get(&sender) {
            return Ok(self.seen(*id, now));
        }
        let described = Described::read(resource);
        let name = (described.job.clone(), described.instance.clone());
        let id = match self.by_name.get(&name) {
            Some(id) => *id,
            None => self.add(store, &described, None, now)?,
        };
        self.remember(sender, id, Door::Others);
        Ok(self.seen(id, now))
    }

    /// Says that a point of this time came from the target's sender of metrics.
    pub fn heard(&mut self, id: TargetId, time_unix_nano: u64) {
        if let Some(target) = self.targets.get_mut(id.0 as usize) {
            target.latest_unix_nano = target.latest_unix_nano.max(time_unix_nano);
        }
    }

    /// The labels that all series of this target and scope share.
    pub fn place(&mut self, store: &mut Store, id: TargetId, scope: Option<&Scope<'_>>) -> PlaceId {
        if self.places_epoch != store.epoch() {
            self.places.clear();
            self.places_epoch = store.epoch();
        }
        let scope = scope.filter(|_| self.options.scope_labels);
        let key = scope.map_or_else(Fingerprint::default, |scope| {
            scope_fingerprint(store.key(), scope)
        });
        if let Some(place) = self.places.get(&(id, key)) {
            return *place;
        }
        let place = store.place(&self.text(id, scope), id.0);
        if self.places.len() >= 4 * self.options.max {
            self.places.clear();
        }
        self.places.insert((id, key), place);
        place
    }

    /// Forgets targets that have no series and have not been heard of for [`SILENT_S`]; keeps the `target_info` of others.
    pub fn sweep(&mut self, store: &mut Store, now: Moment) {
        let standing: HashSet<u32> = store.places().owners().collect();
        let mut ended = Vec::new();
        self.targets.retain(|key, target| {
            let stands = u32::try_from(key).is_ok_and(|key| standing.contains(&key));
            let stays = stands || now.seconds().saturating_sub(target.seen_s) <= SILENT_S;
            let info = target.info.and_then(|info| store.find(info));
            match info {
                Some(info) if stays => touch(store, info, now),
                Some(info) => ended.push(info),
                None => {}
            }
            stays
        });
        self.forget_gone();
        store.remove(&ended);
    }

    fn forget_gone(&mut self) {
        let targets = &self.targets;
        let is_there = |id: &TargetId| targets.contains(id.0 as usize);
        self.by_name.retain(|_, id| is_there(id));
        self.of_metrics.retain(|_, id| is_there(id));
        self.of_others.retain(|_, id| is_there(id));
        self.places.retain(|(id, _), _| is_there(id));
    }

    fn seen(&mut self, id: TargetId, now: Moment) -> TargetId {
        if let Some(target) = self.targets.get_mut(id.0 as usize) {
            target.seen_s = now.seconds();
        }
        id
    }

    fn remember(&mut self, sender: Fingerprint, id: TargetId, door: Door) {
        let max = 4 * self.options.max;
        let known = match door {
            Door::Metrics => &mut self.of_metrics,
            Door::Others => &mut self.of_others,
        };
        // What is forgotten is found again by its name.
        if known.len() >= max {
            known.clear();
        }
        known.insert(sender, id);
    }

    /// Finds the target of a sender of metrics that is not known, by the rules on top of this file.
    fn place_sender(
        &mut self,
        store: &mut Store,
        sender: Fingerprint,
        described: &Described,
        started_unix_nano: Option<u64>,
        now: Moment,
    ) -> Result<TargetId, Fault> {
        let name = (described.job.clone(), described.instance.clone());
        let Some(id) = self.by_name.get(&name).copied() else {
            return self.add(store, described, Some(sender), now);
        };
        let Some(target) = self.targets.get_mut(id.0 as usize) else {
            return self.add(store, described, Some(sender), now);
        };
        match target.sender {
            None => target.sender = Some(sender),
            Some(known) if known == sender => {}
            Some(_) if !target.gives_way(started_unix_nano, now) => {
                return self.beside(store, sender, described, now);
            }
            Some(before) => {
                target.sender = Some(sender);
                self.of_metrics.remove(&before);
                self.show_info(store, id, described, now);
            }
        }
        Ok(id)
    }

    /// The target of a sender that runs beside another that says the same of itself.
    fn beside(
        &mut self,
        store: &mut Store,
        sender: Fingerprint,
        described: &Described,
        now: Moment,
    ) -> Result<TargetId, Fault> {
        let made_up = described.with_made_up_instance();
        let kept = format!("instance {:?}", described.instance);
        let refused = format!("a second sender, shown as instance {:?}", made_up.instance);
        let conflicts = store.conflicts();
        if conflicts.note(
            ConflictKind::Sender,
            &described.job,
            (&kept, &refused),
            0,
            now.seconds(),
        ) {
            tracing::warn!(job = %described.job, instance = %made_up.instance, "two senders have the same service.name and no service.instance.id of their own: the second is shown under a made-up instance");
        }
        let name = (made_up.job.clone(), made_up.instance.clone());
        match self.by_name.get(&name) {
            Some(id) => Ok(*id),
            None => self.add(store, &made_up, Some(sender), now),
        }
    }

    fn add(
        &mut self,
        store: &mut Store,
        described: &Described,
        sender: Option<Fingerprint>,
        now: Moment,
    ) -> Result<TargetId, Fault> {
        if self.targets.len() >= self.options.max {
            return Err(Fault::TargetLimit);
        }
        let target = Target {
            job: described.job.clone(),
            instance: described.instance.clone(),
            sender,
            latest_unix_nano: 0,
            seen_s: now.seconds(),
            info: None,
        };
        let name = (target.job.clone(), target.instance.clone());
        let id = TargetId(u32::try_from(self.targets.insert(target)).unwrap_or(u32::MAX));
        self.by_name.insert(name, id);
        self.show_info(store, id, described, now);
        Ok(id)
    }

    /// Shows the resource as the target's `target_info`, in place of the one before: "There MUST be at most
    /// one `target` info metric exported for each unique combination of `job` and `instance`."
    fn show_info(&mut self, store: &mut Store, id: TargetId, described: &Described, now: Moment) {
        let before = self.get(id).and_then(|target| target.info);
        if let Some(series) = before.and_then(|info| store.find(info)) {
            store.remove(&[series]);
        }
        let info = if self.options.target_info && !described.others.is_empty() {
            self.insert_info(store, id, described, now)
        } else {
            None
        };
        if let Some(target) = self.targets.get_mut(id.0 as usize) {
            target.info = info;
        }
    }

    fn insert_info(
        &self,
        store: &mut Store,
        id: TargetId,
        described: &Described,
        now: Moment,
    ) -> Option<Fingerprint> {
        let labels = self.info_labels(id, described);
        let name = metric_name(self.options.strategy, "target", "", MetricKind::Info).ok()?;
        let spec = FamilySpec {
            name: &name,
            kind: MetricKind::Info,
            unit: "",
            help: "Target metadata",
        };
        let fingerprint = store
            .key()
            .of(labels.as_bytes())
            .then(store.key().of(b"target_info"));
        let series = NewSeries {
            fingerprint,
            identity: FingerprintKey::stable().of(labels.as_bytes()).short(),
            labels: labels.into(),
            family: store.family(&spec).ok()?,
            place: None,
            lineage: Lineage::Received,
            start_unix_nano: 0,
            value: Value::Integer(1),
        };
        match store.insert(series, now.unix_nano(), now) {
            Ok(_) => Some(fingerprint),
            Err(fault) => {
                store.count_fault(fault, 1);
                None
            }
        }
    }

    fn info_labels(&self, id: TargetId, described: &Described) -> String {
        let mut pairs: Vec<LabelPair<'_>> = described
            .others
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect();
        merge_labels(self.options.strategy, MetricKind::Info, &mut pairs);
        let mut text = self.text(id, None);
        for (name, value) in pairs
            .iter()
            .filter(|(name, _)| name != JOB && name != INSTANCE)
        {
            append_label(&mut text, name, value);
        }
        text
    }

    /// `job`, `instance` and the scope. An empty instance is written out: to Prometheus, with `honor_labels`,
    /// that keeps the scraped address from standing in for it.
    fn text(&self, id: TargetId, scope: Option<&Scope<'_>>) -> String {
        let mut text = String::new();
        if let Some(target) = self.get(id) {
            if !target.job.is_empty() {
                append_label(&mut text, JOB, &target.job);
            }
            append_label(&mut text, INSTANCE, &target.instance);
        }
        if let Some(scope) = scope {
            for (name, value) in scope_labels(self.options.strategy, scope) {
                append_label(&mut text, &name, &value);
            }
        }
        text
    }
}

#[derive(Clone, Copy)]
enum Door {
    Metrics,
    Others,
}

impl Target {
    /// Whether its sender of metrics has ended, so that one which began at `started` may take over.
    fn gives_way(&self, started_unix_nano: Option<u64>, now: Moment) -> bool {
        match started_unix_nano {
            Some(started) if self.latest_unix_nano > 0 => started >= self.latest_unix_nano,
            _ => now.seconds().saturating_sub(self.seen_s) > SILENT_S,
        }
    }
}

fn touch(store: &mut Store, series: SeriesId, now: Moment) {
    if let Some(series) = store.get_mut(series) {
        series.seen_s = now.seconds();
    }
}

/// The fingerprint of a set of attributes.
fn fingerprint(key: FingerprintKey, attributes: Attributes<'_>) -> Fingerprint {
    attributes.fold(Fingerprint::default(), |set, attribute| {
        set.with_member(key.of(attribute.raw))
    })
}

fn scope_fingerprint(key: FingerprintKey, scope: &Scope<'_>) -> Fingerprint {
    let names = key
        .of(scope.name)
        .then(key.of(scope.version))
        .then(key.of(scope.schema_url));
    names.then(fingerprint(key, scope.attributes.clone()))
}

/// "Prometheus exporters MUST by default add the scope name as the `otel_scope_name` label, the scope version as
/// the `otel_scope_version` label, the scope schema URL as the `otel_scope_schema_url` label, the scope attributes
/// as labels with `otel_scope_` prefix".
fn scope_labels<'a>(strategy: Strategy, scope: &Scope<'a>) -> Vec<LabelPair<'a>> {
    let mut pairs: Vec<LabelPair<'a>> = Vec::new();
    for attribute in scope.attributes.clone() {
        if let Some(key) = scope_attribute(strategy, &view::text(attribute.key())) {
            pairs.push((key.into(), attribute.value().text()));
        }
    }
    merge_labels(strategy, MetricKind::Gauge, &mut pairs);
    let own = [
        (SCOPE_NAME, scope.name),
        (SCOPE_VERSION, scope.version),
        (SCOPE_SCHEMA_URL, scope.schema_url),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.extend(own.map(|(name, value)| (name.into(), view::text(value))));
    pairs.sort();
    pairs
}
