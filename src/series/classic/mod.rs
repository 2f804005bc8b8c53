//! Classic names: what dashboards and alerts from before OpenTelemetry ask for, beside the names of today.
//!
//! `http.server.request.duration` is shown as `http_request_duration_seconds` as well, with `route`, `method` and
//! `status` for labels, its count as `http_requests_total`, and so on (`rules`). These are views: the store holds
//! each value once. A received metric that has such a name itself takes it over.

mod computed;
mod own;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::series::naming::{
    LabelPair, MetricKind, Strategy, label_name, unescape_label_text, write_labels,
};
use crate::series::store::{Content, FamilyId, FamilySpec, SeriesId, Store};
pub use computed::Computed;
pub use own::add_own;
use rules::{Rule, Shown};

/// Keeps the classic names of a store's series.
#[derive(Debug)]
pub struct Classic {
    strategy: Strategy,
    /// What is shown of a family, by its name.
    rules: HashMap<String, Vec<Rule>>,
    views: HashMap<&'static str, FamilyId>,
}

impl Classic {
    /// The classic names of metrics that are named by `strategy`.
    pub fn new(strategy: Strategy) -> Classic {
        let mut rules: HashMap<String, Vec<Rule>> = HashMap::new();
        for rule in rules::all() {
            if let Some(name) = rule.source.exposed(strategy) {
                rules.entry(name).or_default().push(rule);
            }
        }
        Classic {
            strategy,
            rules,
            views: HashMap::new(),
        }
    }

    /// Shows these series, fresh in the store, under their classic names.
    pub fn adopt(&mut self, store: &mut Store, newcomers: &[SeriesId]) {
        for id in newcomers {
            let family = store
                .get(*id)
                .and_then(|series| store.get_family(series.family));
            let Some(rules) = family.and_then(|family| self.rules.get(&*family.name)) else {
                continue;
            };
            for rule in rules.clone() {
                self.show(store, &rule, *id);
            }
        }
    }

    fn show(&mut self, store: &mut Store, rule: &Rule, id: SeriesId) {
        if let Some(view) = self.standing(store, rule) {
            self.show_in(store, view, rule, id);
            return;
        }
        let shown = &rule.shown;
        let spec = FamilySpec {
            name: shown.name,
            kind: shown.kind,
            unit: shown.unit,
            help: shown.help,
        };
        // A name that a received metric holds is left to it.
        let Ok(view) = store.view(&spec, shown.reading, true) else {
            return;
        };
        self.views.insert(shown.name, view);
        for source in self.sources(store, shown) {
            self.show_in(store, view, &source.0, source.1);
        }
    }

    /// The view of this rule, unless it is yet to be made or has given its name away.
    fn standing(&self, store: &Store, rule: &Rule) -> Option<FamilyId> {
        let view = *self.views.get(rule.shown.name)?;
        let family = store.get_family(view)?;
        let is_it = *family.name == *rule.shown.name && matches!(family.content, Content::View(_));
        is_it.then_some(view)
    }

    /// Every series that stands in the store already and belongs under this classic name.
    fn sources(&self, store: &Store, shown: &Shown) -> Vec<(Rule, SeriesId)> {
        let mut found = Vec::new();
        for (_, family) in store.families() {
            let (Some(rules), Content::Own(members)) =
                (self.rules.get(&*family.name), &family.content)
            else {
                continue;
            };
            for rule in rules.iter().filter(|rule| rule.shown.name == shown.name) {
                found.extend(members.iter().map(|id| (*rule, *id)));
            }
        }
        found
    }

    fn show_in(&self, store: &mut Store, view: FamilyId, rule: &Rule, id: SeriesId) {
        let kind = store
            .get(id)
            .and_then(|series| store.get_family(series.family));
        if kind.is_none_or(|family| !rule.source.kinds.contains(&family.kind)) {
            return;
        }
        let Some(labels) = store
            .get(id)
            .and_then(|series| rule.labels(self.strategy, &series.labels))
        else {
            return;
        };
        store.show(view, id, Some(labels.into()));
    }
}

impl Rule {
    /// The labels under the classic name; `None` where the rule leaves the series out.
    fn labels(&self, strategy: Strategy, text: &str) -> Option<String> {
        let mut pairs: Vec<LabelPair<'_>> = unescape_label_text(text).collect();
        if let Some(only) = self.only {
            let name = label_name(strategy, only.key)?;
            let at = pairs.iter().position(|(label, _)| *label == name)?;
            if !(only.is_meant)(&pairs[at].1) {
                return None;
            }
            if only.drops {
                pairs.remove(at);
            }
        }
        for (key, classic) in rules::RENAMED {
            let is_free = !pairs.iter().any(|(name, _)| name == classic);
            let name = label_name(strategy, key)?;
            let renamed = pairs.iter_mut().find(|(label, _)| *label == name);
            if let Some((label, _)) = renamed.filter(|_| is_free) {
                *label = (*classic).into();
            }
        }
        pairs.sort();
        let mut labels = String::with_capacity(text.len());
        write_labels(&mut labels, &pairs);
        Some(labels)
    }
}

/// Whether `kind` is one that a gauge-like classic name may show.
const GAUGES: &[MetricKind] = &[MetricKind::Gauge, MetricKind::Unknown];
