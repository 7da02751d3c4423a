//! Sheets in the order of the app, and what lies on them in reading order.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use schemas::event::Sheet;
use serde_json::Value;

use super::{
    Diagnostics,
    json::{Caption, flag, items, member, number, text, text_at},
    visualization::{Kind, MasterObjects, Visual, entry, info, kind, properties, resolve},
};

/// Containers within each other that are followed. Qlik's editor allows two or three.
const MAX_DEPTH: usize = 32;

/// A sheet of the app.
#[derive(Debug)]
pub(super) struct AppSheet<'a> {
    /// The event's part, without charts.
    pub(super) sheet: Sheet,
    /// `{qProperty, qChildren}`.
    pub(super) node: &'a Value,
}

/// An object on a sheet that is a chart, or a control.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// Object id.
    pub(super) id: &'a str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its properties, links resolved.
    pub(super) visual: Visual<'a>,
    /// Id of the object that it is in.
    pub(super) parent: Option<&'a str>,
    /// The condition under which its container shows it.
    pub(super) condition: Option<&'a Value>,
}

/// The app's sheets in the order in which Qlik shows them: by rank, those without one last, and by
/// id where ranks are equal.
pub(super) fn sheets<'a>(
    objects: &'a [Value],
    meta: &BTreeMap<String, Value>,
) -> Vec<AppSheet<'a>> {
    let mut sheets: Vec<AppSheet<'a>> = Vec::new();
    let mut seen = HashSet::new();
    for node in objects.iter().map(entry) {
        let own = properties(node);
        if info(own, "qType") == Some("sheet")
            && let Some(id) = info(own, "qId")
            && seen.insert(id)
        {
            sheets.push(AppSheet { sheet: sheet(id, own, meta.get(id)), node });
        }
    }
    sheets.sort_by(|a, b| {
        order(a.sheet.rank, b.sheet.rank).then_with(|| a.sheet.id.cmp(&b.sheet.id))
    });
    sheets
}

fn order(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn sheet(id: &str, own: &Value, meta: Option<&Value>) -> Sheet {
    let meta = meta.unwrap_or(&Value::Null);
    let described = |key: &str| text_at(own, &["qMetaDef", key]).or_else(|| text(meta, key));
    let title = described("title").map(str::to_owned);
    Sheet {
        id: id.to_owned(),
        title,
        title_expression: title_expression(own),
        description: described("description").map(str::to_owned),
        rank: number(own, "rank"),
        published: flag(meta, "published"),
        approved: flag(meta, "approved"),
        chart_ids: Vec::new(),
    }
}

/// `labelExpression` is an expression whether it begins with `=` or not.
fn title_expression(own: &Value) -> Option<String> {
    let label = Caption::of(own, "labelExpression");
    label.expression.or(label.text)
}

/// What lies on a sheet, in reading order: by row, then column; what has no cell comes last. What
/// is in a container comes in the container's place and order, and the container is left out.
/// Every object comes once. One at a time, because the properties of a linked object are a copy.
pub(super) struct Objects<'a, 'm> {
    masters: &'m MasterObjects<'a>,
    /// What is still to come: the next one on top.
    waiting: Vec<Waiting<'a>>,
    seen: HashSet<&'a str>,
}

struct Waiting<'a> {
    node: &'a Value,
    parent: Option<&'a str>,
    condition: Option<&'a Value>,
    depth: usize,
}

impl<'a, 'm> Objects<'a, 'm> {
    /// The objects on a sheet.
    pub(super) fn on(sheet: &'a Value, masters: &'m MasterObjects<'a>) -> Self {
        let children = by_cells(sheet).into_iter().rev();
        let waiting = children
            .map(|node| Waiting { node, parent: None, condition: None, depth: 0 })
            .collect();
        Self { masters, waiting, seen: HashSet::new() }
    }

    /// The next one.
    pub(super) fn next(&mut self, diagnostics: &mut Diagnostics) -> Option<Placed<'a>> {
        while let Some(next) = self.waiting.pop() {
            let Some(id) = info(properties(next.node), "qId") else {
                diagnostics.push("a sheet", "an object without an id is left out");
                continue;
            };
            if !self.seen.insert(id) {
                continue;
            }
            let visual = resolve(next.node, self.masters);
            if let (Some(master), None) = (visual.master_id, visual.master) {
                let message = format!("its master visualization `{master}` could not be read");
                diagnostics.push(&format!("object `{id}`"), &message);
            }
            let kind = kind(&visual.visualization, &visual.properties);
            if kind != Kind::FilterPane {
                self.enter(id, &visual, next.depth, diagnostics);
            }
            if kind != Kind::Container {
                let Waiting { parent, condition, .. } = next;
                return Some(Placed { id, kind, visual, parent, condition });
            }
        }
        None
    }

    /// Puts what is in an object next.
    fn enter(
        &mut self,
        id: &'a str,
        visual: &Visual<'a>,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) {
        if visual.children.is_empty() {
            return;
        }
        if depth >= MAX_DEPTH {
            let message = "it is more than 32 containers deep; what is in it is left out";
            diagnostics.push(&format!("object `{id}`"), message);
            return;
        }
        for (node, condition) in by_entries(visual).into_iter().rev() {
            self.waiting.push(Waiting { node, parent: Some(id), condition, depth: depth + 1 });
        }
    }
}

/// A sheet's children in the order of its cells. Children without a cell exist.
fn by_cells(sheet: &Value) -> Vec<&Value> {
    let cells: HashMap<&str, (f64, f64)> = items(properties(sheet), "cells")
        .iter()
        .filter_map(|cell| {
            Some((text(cell, "name")?, (number(cell, "row")?, number(cell, "col")?)))
        })
        .collect();
    let cell = |node: &Value| info(properties(node), "qId").and_then(|id| cells.get(id)).copied();
    let mut children: Vec<&Value> = items(sheet, "qChildren").iter().collect();
    children.sort_by(|a, b| {
        let (a, b) = (cell(a), cell(b));
        order(a.map(|(row, _)| row), b.map(|(row, _)| row))
            .then_with(|| order(a.map(|(_, col)| col), b.map(|(_, col)| col)))
    });
    children
}

/// A container's children in the order of its entries (`children[].refId` of a container,
/// `objects[].childRefId` of the newer ones), each with the condition of its entry.
fn by_entries<'a>(visual: &Visual<'a>) -> Vec<(&'a Value, Option<&'a Value>)> {
    // The entries are borrowed from the tree, not from the merged properties.
    let entries = |key: &str, reference: &'static str| {
        let own = items(visual.own, key);
        let entries = if own.is_empty() {
            visual.master.map(|master| items(master, key)).unwrap_or_default()
        } else {
            own
        };
        entries.iter().filter_map(move |entry| Some((text(entry, reference)?, entry)))
    };
    let entries: HashMap<&str, (usize, &'a Value)> = entries("children", "refId")
        .chain(entries("objects", "childRefId"))
        .enumerate()
        .map(|(position, (reference, entry))| (reference, (position, entry)))
        .collect();
    let mut children: Vec<_> = visual
        .children
        .iter()
        .map(|node| {
            let own = properties(node);
            let reference = ["containerChildId", "childRefId", "qExtendsId"]
                .into_iter()
                .filter_map(|key| text(own, key))
                .chain(info(own, "qId"))
                .find_map(|reference| entries.get(reference));
            let position = reference.map_or(usize::MAX, |(position, _)| *position);
            (position, node, reference.and_then(|(_, entry)| member(entry, "condition")))
        })
        .collect();
    children.sort_by_key(|(position, ..)| *position);
    children.into_iter().map(|(_, node, condition)| (node, condition)).collect()
}
