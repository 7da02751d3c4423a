//! A cross-check of the expression parser against the engine (`extractor.checkExpressions`): the engine
//! is asked too which fields the expressions of an app read, and where it says something else that is
//! told and counted. Events are never changed by it. Pure.
//!
//! Labels of master items and of a chart's own columns are not the engine's to follow here, so each
//! expression is read again by fields and variables alone.

use std::collections::BTreeSet;

use schemas::event::{DataModelKind, Node};
use serde::Serialize;

use crate::{
    expression::{Context, Names, fields},
    map::AppEvents,
    qlik::model::AppContent,
};

/// Expressions of one app that are compared; an app has seldom more than some hundred different ones.
const MAX_EXPRESSIONS: usize = 5_000;
/// Characters of an expression in a message.
const MAX_SHOWN: usize = 200;

/// Expressions of apps that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CrossCheck {
    /// Those that the engine answered for.
    pub checked: u64,
    /// Of those, where it says something else.
    pub differing: u64,
}

impl CrossCheck {
    /// Adds another app's.
    pub(crate) fn add(&mut self, other: Self) {
        self.checked += other.checked;
        self.differing += other.differing;
    }
}

/// Expressions of one app, each once, and the app's fields.
pub(crate) struct Expressions {
    /// As written, sorted.
    pub(crate) texts: Vec<String>,
    /// Further ones, which are not compared.
    left_out: usize,
    names: Names,
}

impl Expressions {
    /// Those of an app's charts and master items. A dimension that is just a field is none.
    pub(crate) fn of(events: &AppEvents, content: &AppContent) -> Self {
        let tables = events.data_models.iter().filter(|model| model.kind == DataModelKind::Table);
        let fields = tables.flat_map(|table| &table.fields).map(|field| field.name.clone());
        let variables = content.variables.iter();
        let variables = variables.map(|it| (it.name.clone(), it.definition.clone())).collect();
        let names = Names { fields: fields.collect(), variables, ..Names::default() };
        let of_charts = events.charts.iter().flat_map(|chart| {
            let dimensions = chart.dimensions.iter().flat_map(|it| &it.expressions);
            let measures = chart.measures.iter().map(|measure| &measure.expression);
            dimensions
                .chain(measures)
                .chain(chart.auxiliary_expressions.iter().map(|it| &it.expression))
        });
        // A master item's expressions are on its edges from the tables.
        let to_items = events.lineage.iter().filter(|edge| matches!(edge.to, Node::DataModel(_)));
        let of_items =
            to_items.flat_map(|edge| &edge.columns).filter_map(|it| it.expression.as_ref());
        let is_expression = |text: &&String| {
            let text = text.trim();
            !text.is_empty() && (text.starts_with('=') || text.contains(['(', '{']))
        };
        let texts: BTreeSet<&String> = of_charts.chain(of_items).filter(is_expression).collect();
        let left_out = texts.len().saturating_sub(MAX_EXPRESSIONS);
        Self { texts: texts.into_iter().take(MAX_EXPRESSIONS).cloned().collect(), left_out, names }
    }

    /// What the engine says otherwise; `answers` are of [`Expressions::texts`], in order.
    pub(crate) fn compare(&self, answers: &[Option<Vec<String>>]) -> (CrossCheck, Vec<String>) {
        let (mut counts, mut notices) = (CrossCheck::default(), Vec::new());
        if self.left_out > 0 {
            notices.push(format!("cross-check: {} expressions were not compared", self.left_out));
        }
        for (text, answer) in self.texts.iter().zip(answers) {
            let Some(answer) = answer else { continue };
            counts.checked += 1;
            let ours = fields(text, &Context { names: &self.names, columns: &[] }).fields;
            let (missing, extra) = self.differences(&ours, answer);
            if missing.is_empty() && extra.is_empty() {
                continue;
            }
            counts.differing += 1;
            let said = [("reads", missing), ("does not read", extra)].into_iter();
            let said = said.filter(|(_, fields)| !fields.is_empty());
            let said: Vec<_> =
                said.map(|(verb, fields)| format!("{verb} `{}`", fields.join("`, `"))).collect();
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            notices.push(format!("cross-check: the engine {} in `{shown}`", said.join(" and ")));
        }
        (counts, notices)
    }

    /// Fields that only the engine names, and fields that only we name. What the engine names and the
    /// data model does not have (system fields, fields that are derived from others) is not compared.
    fn differences<'a>(
        &'a self,
        ours: &'a [String],
        engine: &'a [String],
    ) -> (Vec<&'a str>, Vec<&'a str>) {
        let is_named = |field: &str| {
            let derived =
                |name: &String| name.strip_prefix(field).is_some_and(|it| it.starts_with('.'));
            engine.iter().any(|name| name == field || derived(name))
        };
        let known = engine.iter().filter(|name| self.names.fields.contains(*name));
        let missing = known.filter(|name| !ours.contains(name)).map(String::as_str).collect();
        let extra = ours.iter().map(String::as_str).filter(|field| !is_named(field)).collect();
        (missing, extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, engine: &[&str], expected: &[&str]) {
        let fields = ["Sales", "Cost", "Date"].map(str::to_owned).into();
        let names = Names { fields, ..Names::default() };
        let expressions = Expressions { texts: vec![text.to_owned()], left_out: 0, names };
        let answer = engine.iter().map(|name| (*name).to_owned()).collect();
        let (counts, notices) = expressions.compare(&[Some(answer)]);
        assert_eq!(counts.checked, 1);
        assert_eq!(counts.differing, u64::try_from(expected.len()).expect("few"));
        assert_eq!(notices, expected);
        assert_eq!(expressions.compare(&[None]).0, CrossCheck::default());
    }

    #[test]
    fn differences_are_told() {
        check("Sum(Sales)", &["Sales"], &[]);
        check("Sum(Sales) + Count($Field)", &["Sales", "$Field"], &[]);
        check("Max(Date.autoCalendar.Year)", &["Date.autoCalendar.Year"], &[]);
        check(
            "Sum(Sales)",
            &["Sales", "Cost"],
            &["cross-check: the engine reads `Cost` in `Sum(Sales)`"],
        );
        check(
            "Sum(Sales)",
            &["Cost"],
            &["cross-check: the engine reads `Cost` and does not read `Sales` in `Sum(Sales)`"],
        );
    }

    #[test]
    fn what_is_left_out_is_told() {
        let names = Names::default();
        let expressions = Expressions { texts: Vec::new(), left_out: 3, names };
        let (counts, notices) = expressions.compare(&[]);
        assert_eq!(counts, CrossCheck::default());
        assert_eq!(notices, ["cross-check: 3 expressions were not compared"]);
    }
}
