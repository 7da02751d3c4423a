//! Field lists: input fields → output fields.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Machine;
use super::resolve::Lookup;
use crate::script::expression::Reference;
use crate::script::lex::part;
use crate::script::lex::token::{TokenKind, tokenize};
use crate::script::mask::mask;
use crate::script::model::{Field, Flow, Relation, origin, union_via};
use crate::script::statement::{ItemKind, Load};

impl Machine<'_> {
    /// Output of a `LOAD`'s field list on its input.
    pub(super) fn project(&mut self, load: &Load, input: Relation) -> Relation {
        let mut output = Relation { sources: input.sources.clone(), ..Relation::default() };
        let lookup = Lookup::new(&input);
        // `Peek` reads the table that is being loaded: resolved when all its fields are there.
        let mut later: Vec<(Rc<str>, String)> = Vec::new();
        for item in &load.items {
            match &item.kind {
                ItemKind::Star => self.star(&input, &mut output),
                // A variable that may hold several fields: any of the input's unknown ones.
                ItemKind::Field(name) if !item.named && is_unresolved(name) => {
                    self.notice(format!("what `{name}` stands for is known only at reload"));
                    let opens = input.opens.clone();
                    self.star(&Relation { opens, ..Relation::default() }, &mut output);
                }
                ItemKind::Field(name) => {
                    let output_name: Rc<str> = item.name.as_str().into();
                    let field = self.plain_field(&lookup, name);
                    output.fields.set(output_name, field);
                }
                ItemKind::Expression { text, references } => {
                    let output_name: Rc<str> = item.name.as_str().into();
                    for reference in references {
                        if let Reference::Peek { field, table: None } = reference {
                            later.push((Rc::clone(&output_name), field.clone()));
                        }
                    }
                    if references.is_empty() && has_columns(&input) {
                        self.open_expression(text);
                    }
                    let field = self.computed_field(&lookup, text, references);
                    output.fields.set(output_name, field);
                }
            }
        }
        // Names are unique in a load: those that the list gives are not among the unknown ones.
        if !output.opens.is_empty() {
            let named = load.items.iter().filter(|item| item.kind != ItemKind::Star);
            let named = named.map(|item| Rc::from(item.name.as_str())).collect();
            for open in output.opens.values_mut() {
                open.exclude(&named);
            }
        }
        self.peek_fields(&lookup, &mut output, &later);
        output.rows = self.project_rows(load, &input);
        output
    }

    fn star(&mut self, input: &Relation, output: &mut Relation) {
        if output.fields.is_empty() {
            output.fields = input.fields.map(|field| self.passed(field));
        } else {
            for (name, field) in input.fields.iter() {
                if !output.fields.contains(name) {
                    let field = self.passed(field);
                    output.fields.set(Rc::clone(name), field);
                }
            }
        }
        for open in input.opens.values() {
            let mut open = open.clone();
            open.resolution = open.resolution.max(self.site.resolution);
            output.add_open(open);
        }
        output.add_any(&input.any);
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

    /// Adds what `Peek` takes from the table's own fields: those of earlier rows are made like
    /// those of this one.
    fn peek_fields(
        &mut self,
        lookup: &Lookup<'_>,
        output: &mut Relation,
        later: &[(Rc<str>, String)],
    ) {
        // Each round carries origins one field further; fields that look at each other in longer
        // chains than this are not found in scripts.
        for _ in 0..3.min(later.len()) {
            for (name, peeked) in later {
                if **name == **peeked {
                    continue;
                }
                let origins = match output.fields.get(peeked) {
                    Some(field) => field.origins(),
                    None => match self.field_flows(lookup, peeked) {
                        Some(flows) => origin::union(flows.iter().map(|flow| &flow.origins)),
                        None => continue,
                    },
                };
                let Some(field) = output.fields.get_mut(name) else { continue };
                let flows = Rc::make_mut(&mut field.flows);
                if let Some(flow) = flows.first_mut() {
                    flow.origins = origin::union([&flow.origins, &origins]);
                }
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
