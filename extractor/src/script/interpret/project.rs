//! Field lists: input fields → output fields.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::Machine;
use super::resolve::Lookup;
use crate::script::expression::Reference;
use crate::script::lex::part;
use crate::script::lex::token::{TokenKind, tokenize};
use crate::script::mask::mask;
use crate::script::model::{Field, Fields, Flow, Origins, Relation, origin, union_via};
use crate::script::outcome::Resolution;
use crate::script::statement::{ItemKind, Load};

impl Machine<'_> {
    /// Output of a `LOAD`'s field list on its input.
    pub(super) fn project(&mut self, load: &Load, input: Relation) -> Relation {
        let rows = self.project_rows(load, &input);
        let lookup = Lookup::new(&input);
        let mut items: Vec<Output> = Vec::with_capacity(load.items.len());
        // `Peek` reads the table that is being loaded: resolved when all its fields are there.
        let mut later: Vec<(Rc<str>, String)> = Vec::new();
        for item in &load.items {
            items.push(match &item.kind {
                ItemKind::Star => Output::All,
                // A variable that may hold several fields: any of the input's unknown ones.
                ItemKind::Field(name) if !item.named && is_unresolved(name) => {
                    self.notice(format!("what `{name}` stands for is known only at reload"));
                    Output::Unknown
                }
                ItemKind::Field(name) => {
                    Output::Field(item.name.as_str().into(), self.plain_field(&lookup, name))
                }
                ItemKind::Expression { text, references } => {
                    let name: Rc<str> = item.name.as_str().into();
                    for reference in references {
                        if let Reference::Peek { field, table: None } = reference {
                            later.push((Rc::clone(&name), field.clone()));
                        }
                    }
                    if references.is_empty() && has_columns(&input) {
                        self.open_expression(text);
                    }
                    Output::Field(name, self.computed_field(&lookup, text, references))
                }
            });
        }
        // What is peeked at may be a field of the input alone.
        let made: HashSet<&str> = items.iter().filter_map(Output::name).collect();
        let all = items.iter().any(|item| matches!(item, Output::All));
        let is_made = |name: &str| made.contains(name) || (all && input.fields.contains(name));
        let mut peeked: Vec<Origins> = Vec::with_capacity(later.len());
        for (_, field) in &later {
            let flows = if is_made(field) { None } else { self.field_flows(&lookup, field) };
            let flows = flows.unwrap_or_default();
            peeked.push(origin::union(flows.iter().map(|flow| &flow.origins)));
        }
        drop(lookup);
        let mut output = self.put_together(items, input);
        peek_fields(&mut output, &later, &peeked);
        output.rows = rows;
        output
    }

    /// The elements of a field list, in order. A star that comes first takes the input's fields as
    /// they are: most loads with a star are such, and a table may have many fields.
    fn put_together(&self, items: Vec<Output>, input: Relation) -> Relation {
        let mut input = input;
        let mut output =
            Relation { sources: std::mem::take(&mut input.sources), ..Relation::default() };
        let mut named: BTreeSet<Rc<str>> = BTreeSet::new();
        let stars = items.iter().filter(|item| !matches!(item, Output::Field(..))).count();
        for item in items {
            match item {
                Output::Field(name, field) => {
                    named.insert(Rc::clone(&name));
                    output.fields.set(name, field);
                }
                Output::All if stars == 1 && output.fields.is_empty() => {
                    output.fields = std::mem::take(&mut input.fields);
                    self.pass(&mut output.fields);
                    output.opens = std::mem::take(&mut input.opens);
                    for open in output.opens.values_mut() {
                        open.resolution = open.resolution.max(self.site.resolution);
                    }
                    output.any = input.any.take();
                }
                Output::All => {
                    self.star(&input.fields, &mut output);
                    self.unknown(&input, &mut output);
                    output.add_any(&input.any);
                }
                Output::Unknown => {
                    self.unknown(&input, &mut output);
                }
            }
        }
        // Names are unique in a load: those that the list gives are not among the unknown ones.
        for open in output.opens.values_mut() {
            open.exclude(&named);
        }
        output
    }

    fn star(&self, fields: &Fields, output: &mut Relation) {
        for (name, field) in fields.iter() {
            if !output.fields.contains(name) {
                output.fields.set(Rc::clone(name), self.passed(field));
            }
        }
    }

    /// The columns of the input that are not known by name.
    fn unknown(&self, input: &Relation, output: &mut Relation) {
        for open in input.opens.values() {
            let mut open = open.clone();
            open.resolution = open.resolution.max(self.site.resolution);
            output.add_open(open);
        }
    }

    /// Fields as this statement passes them on.
    fn pass(&self, fields: &mut Fields) {
        let resolution = self.site.resolution;
        let is_sure = |field: &Field| field.flows.iter().all(|flow| flow.resolution >= resolution);
        if resolution != Resolution::Exact && !fields.iter().all(|(_, field)| is_sure(field)) {
            *fields = fields.map(|field| self.passed(field));
        }
    }

    /// A field as this statement passes it on.
    fn passed(&self, field: &Field) -> Field {
        let resolution = self.site.resolution;
        if field.flows.iter().all(|flow| flow.resolution >= resolution) {
            return field.clone();
        }
        let flows = field
            .flows
            .iter()
            .map(|flow| Flow { resolution: flow.resolution.max(resolution), ..flow.clone() });
        Field { flows: Rc::new(flows.collect()), comment: field.comment.clone() }
    }

    fn plain_field(&mut self, lookup: &Lookup<'_>, name: &str) -> Field {
        if name.is_empty() {
            return Field::default();
        }
        if let Some(flows) = self.field_flows(lookup, name) {
            let comment = lookup.relation.fields.get(name).and_then(|field| field.comment.clone());
            return self.passed(&Field { flows, comment });
        }
        if is_unresolved(name) {
            self.notice(format!("what `{name}` stands for is known only at reload"));
        } else {
            self.missing_field(name);
        }
        Field::default()
    }

    fn computed_field(
        &mut self,
        lookup: &Lookup<'_>,
        text: &str,
        references: &[Reference],
    ) -> Field {
        let mut flows = Vec::new();
        for reference in references {
            flows.extend(self.reference_flows(lookup, reference).unwrap_or_default());
        }
        Field::of(vec![self.combined(&flows, text)])
    }

    /// An expression may be made of nothing but variables that are not known: their text may name
    /// fields.
    fn open_expression(&mut self, text: &str) {
        if !text.contains("$(") {
            return;
        }
        let all = tokenize(text);
        let words = all.iter().filter(|token| token.kind == TokenKind::Word);
        let texts = words.map(|token| part(text, token.start, token.end));
        let variable = texts.into_iter().find_map(|it| it.strip_prefix("$(")?.strip_suffix(')'));
        let counts = |name: &str| name.starts_with('=') || self.counters.contains(name);
        if let Some(variable) = variable.filter(|name| !counts(name)) {
            self.notice(format!("what `$({variable})` stands for is known only at reload"));
        }
    }

    /// One way that takes values from several.
    fn combined(&self, flows: &[Flow], text: &str) -> Flow {
        let resolution = flows.iter().map(|flow| flow.resolution).max().unwrap_or_default();
        Flow {
            origins: origin::union(flows.iter().map(|flow| &flow.origins)),
            expression: Some(mask(text).into()),
            via: union_via(flows.iter().map(|flow| &flow.via)),
            resolution: resolution.max(self.site.resolution),
        }
    }
}

/// An element of a field list, resolved.
enum Output {
    Field(Rc<str>, Field),
    /// All fields of the input.
    All,
    /// Any of the input's columns that are not known by name.
    Unknown,
}

impl Output {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name, _) => Some(name),
            Self::All | Self::Unknown => None,
        }
    }
}

/// Adds what `Peek` takes from the table's own fields: those of earlier rows are made like those of
/// this one. `input`: the origins of each where the table has no such field.
fn peek_fields(output: &mut Relation, later: &[(Rc<str>, String)], input: &[Origins]) {
    // Each round carries origins one field further; fields that look at each other in longer
    // chains than this are not found in scripts.
    for _ in 0..3.min(later.len()) {
        for ((name, peeked), input) in later.iter().zip(input) {
            if **name == **peeked {
                continue;
            }
            let origins = match output.fields.get(peeked) {
                Some(field) => field.origins(),
                None => Rc::clone(input),
            };
            let Some(field) = output.fields.get_mut(name) else { continue };
            let flows = Rc::make_mut(&mut field.flows);
            if let Some(flow) = flows.first_mut() {
                flow.origins = origin::union([&flow.origins, &origins]);
            }
        }
    }
}

/// Whether what is read has columns, other than rows that are generated.
fn has_columns(input: &Relation) -> bool {
    !input.fields.is_empty() || !input.opens.is_empty() || input.any.is_some()
}

/// Whether a name is nothing but a variable that could not be expanded.
fn is_unresolved(name: &str) -> bool {
    name.starts_with("$(") && name.ends_with(')')
}

/// Names as a set.
pub(super) fn name_set<'a>(names: impl Iterator<Item = &'a Rc<str>>) -> BTreeSet<Rc<str>> {
    names.cloned().collect()
}
