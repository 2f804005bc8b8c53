//! Families of the store: made when first needed, and views on the series of others.

use std::collections::HashSet;

use super::family::{Content, Family, FamilySpec, Member, NameTaken, Reading, View};
use super::insert::{has_quoted_name, places_text, writing};
use super::limits::{family_bytes, member_bytes};
use super::place::index;
use super::{FamilyId, SeriesId, Store};
use crate::series::naming::is_legacy_metric_name;

impl Store {
    /// The family that `spec` names, made if there is none.
    ///
    /// # Errors
    /// When another family holds the name, or one of another type has it.
    pub fn family(&mut self, spec: &FamilySpec<'_>) -> Result<FamilyId, NameTaken> {
        let taken = self.claims.holders(spec.name, spec.kind);
        let (views, others): (Vec<_>, Vec<_>) = taken.partition(|taken| self.yields(taken.holder));
        if let Some(taken) = others.into_iter().next() {
            return self.same_family(spec, taken);
        }
        for view in views {
            self.remove_view(view.holder);
        }
        Ok(self.add_family(spec, Content::Own(Vec::new())))
    }

    /// Whether some family holds the name or one that it needs, so that [`Store::family`] would make none.
    pub fn holds(&self, spec: &FamilySpec<'_>) -> bool {
        self.claims.holders(spec.name, spec.kind).next().is_some()
    }

    fn yields(&self, holder: FamilyId) -> bool {
        let family = self.get_family(holder);
        family.is_some_and(|family| matches!(&family.content, Content::View(view) if view.yields))
    }

    fn same_family(&self, spec: &FamilySpec<'_>, taken: NameTaken) -> Result<FamilyId, NameTaken> {
        let family = &self.families[taken.holder.0 as usize];
        let own = matches!(family.content, Content::Own(_));
        if own && *family.name == *spec.name && family.kind == spec.kind {
            Ok(taken.holder)
        } else {
            Err(taken)
        }
    }

    /// A family that stays when it has no series.
    ///
    /// # Errors
    /// As [`Store::family`].
    pub fn pinned_family(&mut self, spec: &FamilySpec<'_>) -> Result<FamilyId, NameTaken> {
        let id = self.family(spec)?;
        self.families[id.0 as usize].pinned = true;
        Ok(id)
    }

    /// A family that shows series of other families; pinned. One that `yields` goes when a received
    /// metric needs its name.
    ///
    /// # Errors
    /// When another family holds the name.
    pub fn view(
        &mut self,
        spec: &FamilySpec<'_>,
        reading: Reading,
        yields: bool,
    ) -> Result<FamilyId, NameTaken> {
        if let Some(taken) = self.claims.holders(spec.name, spec.kind).next() {
            return Err(taken);
        }
        let id = self.add_family(
            spec,
            Content::View(View {
                reading,
                yields,
                members: Vec::new(),
                written: HashSet::new(),
            }),
        );
        self.families[id.0 as usize].pinned = true;
        Ok(id)
    }

    fn add_family(&mut self, spec: &FamilySpec<'_>, content: Content) -> FamilyId {
        let family = Family {
            name: spec.name.into(),
            kind: spec.kind,
            unit: spec.unit.into(),
            help: spec.help.into(),
            content,
            pinned: false,
        };
        self.quoted_names |= !is_legacy_metric_name(spec.name);
        self.heap_bytes += family_bytes(&family);
        let id = FamilyId(index(self.families.insert(family)));
        self.claims.take(spec.name, spec.kind, id);
        id
    }

    /// Takes a view out of the store, so that another family may have its name.
    fn remove_view(&mut self, id: FamilyId) {
        if let Some(family) = self.families.try_remove(id.0 as usize) {
            self.heap_bytes = self.heap_bytes.saturating_sub(family_bytes(&family));
            if let Content::View(view) = &family.content {
                let members = view.members.iter();
                let bytes = members.map(|member| member_bytes(member.labels.as_deref()));
                self.heap_bytes = self.heap_bytes.saturating_sub(bytes.sum());
            }
            self.claims.give_back(&family.name, family.kind);
            self.epoch += 1;
        }
    }

    /// Shows `series` in a view, under its own labels or others, unless the view shows it or one that is
    /// written alike.
    pub fn show(&mut self, view: FamilyId, series: SeriesId, labels: Option<Box<str>>) {
        let Some(one) = self.series.get(series.0 as usize) else {
            return;
        };
        let text = labels.as_deref().unwrap_or(&one.labels);
        let written = writing(self.key, view, text, places_text(&self.places, one.place));
        let Some(family) = self.families.get_mut(view.0 as usize) else {
            return;
        };
        if let Content::View(view) = &mut family.content
            && view.written.insert(written)
        {
            self.quoted_names |= labels.as_deref().is_some_and(has_quoted_name);
            self.heap_bytes += member_bytes(labels.as_deref());
            view.members.push(Member {
                series,
                labels,
                written,
            });
        }
    }

    /// The family; `None` when it is gone.
    pub fn get_family(&self, id: FamilyId) -> Option<&Family> {
        self.families.get(id.0 as usize)
    }

    /// Families in all, also empty ones.
    pub fn families_len(&self) -> usize {
        self.families.len()
    }

    /// Every family, also empty ones.
    pub fn families(&self) -> impl Iterator<Item = (FamilyId, &Family)> {
        let families = self.families.iter();
        families.map(|(key, family)| (FamilyId(index(key)), family))
    }
}
