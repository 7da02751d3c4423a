//! What an update changes: the comparison of a stored entity with the one a request describes.
//!
//! Follows the server's updater: some fields survive a PUT, some differences raise the version, some are stored
//! silently, and some are not looked at, so that a request in which only they differ stores nothing at all.

use super::columns::{self, Differences};
use crate::entity::{Change, Entity, Extras, Label, Version};
use crate::json::Json;
use crate::kind::{Comparison, Kind};
use crate::version::Rules;

/// Who updates how.
pub(super) struct How<'a> {
    /// PUT, not PATCH.
    pub(super) put: bool,
    pub(super) bot: bool,
    /// 2.0: a bot may overwrite what people edited.
    pub(super) override_metadata: bool,
    pub(super) rules: &'a Rules,
}

impl How<'_> {
    fn bot_put(&self) -> bool {
        self.put && self.bot && !self.override_metadata
    }

    /// A bot's PUT does not touch a text that is not empty.
    pub(super) fn keeps_text(&self, stored: Option<&str>) -> bool {
        // Texts of columns are kept even when metadata is overridden.
        self.put && self.bot && stored.is_some_and(|text| !text.is_empty())
    }
}

/// What a comparison came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) change: Change,
    pub(super) major: bool,
    /// Something is to be stored although the version stays.
    pub(super) silent: bool,
}

impl Outcome {
    /// The version that follows `version`.
    pub(super) fn next(&self, version: Version) -> Version {
        if self.major {
            version.major()
        } else if self.change.is_empty() {
            version
        } else {
            version.minor()
        }
    }

    /// Whether the version rises.
    pub(super) fn rises(&self) -> bool {
        self.major || !self.change.is_empty()
    }
}

/// Compares `new` with `stored` and gives `new` what it keeps of `stored`.
pub(super) fn compare(stored: &Entity, new: &mut Entity, how: &How<'_>) -> Outcome {
    let mut found =
        Found { change: Change { previous: stored.version.0, ..Change::default() }, silent: false };
    if stored.deleted {
        found.note("deleted", true, true);
    }
    if how.bot_put() && stored.description.as_deref().is_some_and(|text| !text.is_empty()) {
        new.description.clone_from(&stored.description);
    }
    let keeps_display_name = how.rules.bot_keeps_display_name && how.bot_put();
    if keeps_display_name && stored.display_name.as_deref().is_some_and(|text| !text.is_empty()) {
        new.display_name.clone_from(&stored.display_name);
    }
    found.compare("description", stored.description.as_ref(), new.description.as_ref());
    found.compare("displayName", stored.display_name.as_ref(), new.display_name.as_ref());
    compare_extras(stored, new, how, &mut found);
    compare_plain(stored, new, how, &mut found);
    for (name, stored, new) in [
        ("charts", &stored.charts, &new.charts),
        ("dataModels", &stored.data_models, &new.data_models),
    ] {
        found.compare_sets(name, stored, new);
    }
    if stored.kind == Kind::Chart {
        // Where charts have no list of dashboards, no write of a chart touches it.
        if !how.rules.chart_put_unlinks {
            new.dashboards.clone_from(&stored.dashboards);
        }
        found.compare_sets("dashboards", &stored.dashboards, &new.dashboards);
    } else {
        new.dashboards.clone_from(&stored.dashboards);
    }
    let mut differences = Differences::default();
    columns::merge(&stored.columns, &mut new.columns, "columns", how, &mut differences);
    found.change.added.append(&mut differences.change.added);
    found.change.updated.append(&mut differences.change.updated);
    found.change.deleted.append(&mut differences.change.deleted);
    Outcome { change: found.change, major: differences.major, silent: found.silent }
}

struct Found {
    change: Change,
    silent: bool,
}

impl Found {
    /// Notes a change of `name` from a value to a value (`true` = set).
    fn note(&mut self, name: &str, was_set: bool, is_set: bool) {
        let list = match (was_set, is_set) {
            (false, _) => &mut self.change.added,
            (true, true) => &mut self.change.updated,
            (true, false) => &mut self.change.deleted,
        };
        list.push(name.into());
    }

    fn compare<T: PartialEq>(&mut self, name: &str, stored: Option<&T>, new: Option<&T>) {
        if stored != new {
            self.note(name, stored.is_some(), new.is_some());
        }
    }

    fn compare_sets<T: Ord + Copy>(&mut self, name: &str, stored: &[T], new: &[T]) {
        let sorted = |list: &[T]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        if stored != new && sorted(stored) != sorted(new) {
            self.note(name, !stored.is_empty(), !new.is_empty());
        }
    }
}

fn compare_extras(stored: &Entity, new: &mut Entity, how: &How<'_>, found: &mut Found) {
    let mut extras = new.extras.take().map(|extras| *extras).unwrap_or_default();
    let old = stored.extras();
    if how.put {
        keep(old, &mut extras, how);
    }
    found.compare_sets("owners", &old.owners, &extras.owners);
    found.compare_sets("domains", &old.domains, &extras.domains);
    found.compare_sets("dataProducts", &old.data_products, &extras.data_products);
    if !same_labels(Some(&old.tags), Some(&extras.tags)) {
        found.note("tags", !old.tags.is_empty(), !extras.tags.is_empty());
    }
    let same_extension = match (&old.extension, &extras.extension) {
        (Some(old), Some(new)) => old.same(new),
        (old, new) => old.is_none() && new.is_none(),
    };
    if !same_extension {
        found.note("extension", old.extension.is_some(), extras.extension.is_some());
    }
    found.compare("certification", old.certification.as_ref(), extras.certification.as_ref());
    extras.life_cycle = forward(old.life_cycle.as_ref(), extras.life_cycle.take());
    if old.life_cycle != extras.life_cycle {
        if how.rules.life_cycle_bumps {
            found.note("lifeCycle", old.life_cycle.is_some(), true);
        } else {
            found.silent = true;
        }
    }
    new.extras = extras.is_set().then(|| Box::new(extras));
}

/// What a PUT keeps of the stored extras.
fn keep(old: &Extras, extras: &mut Extras, how: &How<'_>) {
    let bot_keeps_owners = how.rules.bot_keeps_owners && how.bot_put() && !old.owners.is_empty();
    if extras.owners.is_empty() || bot_keeps_owners {
        extras.owners.clone_from(&old.owners);
    }
    if extras.domains.is_empty() || (how.bot_put() && !old.domains.is_empty()) {
        extras.domains.clone_from(&old.domains);
    }
    if how.rules.bot_keeps_products && how.bot_put() && !old.data_products.is_empty() {
        extras.data_products.clone_from(&old.data_products);
    }
    if extras.extension.is_none() || how.bot {
        extras.extension.clone_from(&old.extension);
    }
    if how.rules.bot_keeps_products && how.bot {
        extras.certification.clone_from(&old.certification);
    }
    if let Some(tags) = merged(Some(&extras.tags), Some(&old.tags), how) {
        extras.tags = tags;
    }
}

/// The tags of a PUT: those of the request, then the stored ones it does not name. `None` when there is nothing
/// to keep.
pub(super) fn merged(
    new: Option<&[Label]>,
    stored: Option<&[Label]>,
    how: &How<'_>,
) -> Option<Vec<Label>> {
    let stored = stored.filter(|stored| !stored.is_empty() && !how.override_metadata)?;
    let mut tags = new.unwrap_or_default().to_vec();
    for label in stored {
        if !tags.iter().any(|other| other.fqn == label.fqn) {
            tags.push(label.clone());
        }
    }
    Some(tags)
}

/// Whether both lists name the same tags.
pub(super) fn same_labels(a: Option<&[Label]>, b: Option<&[Label]>) -> bool {
    let names = |labels: Option<&[Label]>| {
        let mut names: Vec<Box<str>> =
            labels.unwrap_or_default().iter().map(|label| label.fqn.clone()).collect();
        names.sort_unstable();
        names
    };
    match (a.unwrap_or_default(), b.unwrap_or_default()) {
        ([], []) => true,
        _ => names(a) == names(b),
    }
}

/// A life cycle only moves forward in time, each of its parts on its own.
fn forward(stored: Option<&Json>, new: Option<Json>) -> Option<Json> {
    let Some(stored) = stored else { return new };
    let mut result = stored.clone();
    for part in ["created", "updated", "accessed"] {
        let time = |json: &Json| json.get(part).and_then(|part| part.integer_of("timestamp"));
        if let Some(new) = &new
            && let Some(details) = new.get(part)
            && time(stored).is_none_or(|stored| time(new).is_some_and(|new| new > stored))
        {
            result.set(part, details.clone());
        }
    }
    Some(result)
}

fn compare_plain(stored: &Entity, new: &mut Entity, how: &How<'_>, found: &mut Found) {
    for (name, comparison) in stored.kind.plain() {
        let (old, now) = (stored.plain(name), new.plain(name));
        let same = match (old, now) {
            (Some(old), Some(now)) => old.same(now),
            (old, now) => old.is_none() && now.is_none(),
        };
        let ignored =
            *comparison == Comparison::Ignored || (*name == "sql" && !how.rules.sql_compared);
        if same || ignored {
            continue;
        }
        if *comparison == Comparison::Hash && !how.rules.hash_bumps {
            found.silent = true;
        } else {
            found.note(name, old.is_some(), now.is_some());
        }
    }
}
