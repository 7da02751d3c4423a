//! Syntax trees → fields.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::{
    Context, Diagnostic, Names, Reads,
    expand::{Around, Budget, expand, is_placeholder},
    functions::{is_aggregation, is_sort_word, takes_field},
    lex::{self, Kind, Token},
    names::{
        as_expression, assumed_field, base_field, could_be_name, is_keyword, is_silent, unbracketed,
    },
    parse::{self, Call, Expr, Name},
    set::Set,
};

/// Most diagnostics of one expression.
const MAX_DIAGNOSTICS: usize = 20;
/// Longest excerpt in a diagnostic, in characters.
const MAX_EXCERPT: usize = 40;

/// Which kind of name comes first where several have it. Qlik's reference ("How names are
/// interpreted"): outside of aggregations a measure's label, then a variable, then a field; within
/// them a field, then a variable, and labels do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// Outside of aggregations.
    Outer,
    /// Where fields stand: in aggregations, set modifiers, dimensions.
    Field,
}

/// Reads `text` and everything that it refers to. What is referred to waits in a queue, so that
/// long chains of labels do not nest.
pub(super) fn read(text: &str, context: &Context<'_>, scope: Scope) -> Reads {
    let mut reader = Reader {
        context: *context,
        budget: Budget::new(),
        queue: VecDeque::new(),
        seen: HashSet::new(),
        fields: BTreeSet::new(),
        master_items: BTreeSet::new(),
        variables: BTreeSet::new(),
        diagnostics: Vec::new(),
    };
    reader.enqueue(text, scope);
    while let Some((text, scope)) = reader.queue.pop_front() {
        if !reader.budget.spend(text.len()) {
            reader.diagnose(Diagnostic::Limit);
            break;
        }
        reader.text(&text, scope);
    }
    Reads {
        fields: reader.fields.into_iter().collect(),
        master_items: reader.master_items.into_iter().collect(),
        variables: reader.variables.into_iter().collect(),
        diagnostics: reader.diagnostics,
    }
}

struct Reader<'a> {
    context: Context<'a>,
    budget: Budget,
    queue: VecDeque<(String, Scope)>,
    seen: HashSet<(String, Scope)>,
    fields: BTreeSet<String>,
    master_items: BTreeSet<String>,
    variables: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn names(&self) -> &'a Names {
        self.context.names
    }

    fn is_field(&self, name: &str) -> bool {
        self.names().fields.contains(name)
    }

    fn diagnose(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS && !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Has `text` read later, once.
    fn enqueue(&mut self, text: &str, scope: Scope) {
        let job = (text.to_owned(), scope);
        if self.seen.insert(job.clone()) {
            self.queue.push_back(job);
        }
    }

    fn text(&mut self, text: &str, scope: Scope) {
        let around = Around { budget: &self.budget, open: &[], depth: 0 };
        let expansion = expand(text, self.names(), around);
        let variants = expansion.variants();
        self.variables.extend(expansion.variables);
        for diagnostic in expansion.diagnostics {
            self.diagnose(diagnostic);
        }
        for evaluated in expansion.evaluated {
            self.enqueue(&evaluated, Scope::Outer);
        }
        if variants.is_empty() {
            self.expanded(&expansion.text, text, scope);
        }
        for variant in variants {
            self.enqueue(&variant, scope);
        }
    }

    /// Reads a text without expansions; `source` is what it was made from.
    fn expanded(&mut self, text: &str, source: &str, scope: Scope) {
        let (tokens, unterminated) = lex::tokens(text);
        let names = self.names();
        let is_field = |name: &str| names.fields.contains(name);
        let parsed = match unterminated {
            Some(at) => Err(at),
            None => parse::expression(&tokens, &is_field).map_err(|error| error.at),
        };
        match parsed {
            Ok(expr) => self.expr(&expr, scope, source),
            Err(at) => self.unparsed(text, &tokens, at),
        }
    }

    fn expr(&mut self, expr: &Expr, scope: Scope, source: &str) {
        match expr {
            Expr::Number(_) | Expr::Other | Expr::Text(_) => {}
            Expr::Placeholder => {}
            Expr::Name(name) => self.name(name, scope, source),
            Expr::Chain { operands: parts, .. } | Expr::Group(parts) => {
                for part in parts {
                    self.expr(part, scope, source);
                }
            }
            Expr::Call(call) => self.call(call, scope, source),
            Expr::InSet(set, inner) => {
                self.set(set, source);
                self.expr(inner, scope, source);
            }
        }
    }

    fn call(&mut self, call: &Call, scope: Scope, source: &str) {
        for set in &call.sets {
            self.set(set, source);
        }
        for field in &call.totals {
            self.name(field, Scope::Field, source);
        }
        if call.function.eq_ignore_ascii_case("aggr") {
            // The inner expression is a measure of its own, even within an aggregation.
            for (position, argument) in call.arguments.iter().enumerate() {
                match position {
                    0 => self.expr(argument, Scope::Outer, source),
                    _ => self.aggr_dimension(argument, source),
                }
            }
            return;
        }
        if call.function.eq_ignore_ascii_case("column") {
            self.column(call);
        }
        let is_aggregation = is_aggregation(&call.function) || !call.sets.is_empty();
        for (position, argument) in call.arguments.iter().enumerate() {
            match argument {
                Expr::Text(text) if position == 0 && takes_field(&call.function) => {
                    self.field_by_text(text);
                }
                _ if is_aggregation || (position == 0 && takes_field(&call.function)) => {
                    self.expr(argument, Scope::Field, source);
                }
                _ => self.expr(argument, scope, source),
            }
        }
    }

    /// `FieldValue('F', 1)`: a field's name as text.
    fn field_by_text(&mut self, text: &str) {
        if text.contains(is_placeholder) {
            self.diagnose(Diagnostic::ComputedName);
        } else if !self.field(text) {
            self.diagnose(Diagnostic::UnknownName(text.to_owned()));
        }
    }

    /// `Column(n)`: the n-th measure of the chart.
    fn column(&mut self, call: &Call) {
        let [Expr::Number(number)] = call.arguments.as_slice() else { return };
        let Some(index) = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) else {
            return;
        };
        let columns = self.context.columns;
        let measure = columns.iter().filter(|column| column.is_measure).nth(index);
        for expression in measure.iter().flat_map(|measure| &measure.expressions) {
            self.enqueue(expression, Scope::Outer);
        }
    }

    /// A dimension of `Aggr`: a field, `(field, (TEXT, ASCENDING))`, `(field, (=Sum(x), DESC))` or
    /// `(field(TEXT, ASCENDING))`.
    fn aggr_dimension(&mut self, dimension: &Expr, source: &str) {
        let is_sorting = |expr: &&Expr| match expr {
            Expr::Name(name) => !name.quoted && is_sort_word(&name.text),
            _ => false,
        };
        match dimension {
            Expr::Group(parts) => {
                for (position, part) in parts.iter().enumerate() {
                    if position == 0 {
                        self.aggr_dimension(part, source);
                        continue;
                    }
                    let order = match part {
                        Expr::Group(words) => words.as_slice(),
                        part => std::slice::from_ref(part),
                    };
                    for by in order.iter().filter(|by| !is_sorting(by)) {
                        self.expr(by, Scope::Field, source);
                    }
                }
            }
            Expr::Call(call)
                if self.sorts_field(call) && call.arguments.iter().all(|it| is_sorting(&it)) =>
            {
                self.fields.insert(call.function.clone());
            }
            _ => self.expr(dimension, Scope::Field, source),
        }
    }

    /// Whether `f(..)` in a dimension of `Aggr` is a field with its order.
    fn sorts_field(&self, call: &Call) -> bool {
        self.is_field(&call.function) || (self.names().is_open && !call.arguments.is_empty())
    }

    fn set(&mut self, set: &Set, source: &str) {
        for field in &set.fields {
            self.name(field, Scope::Field, source);
        }
        for search in &set.searches {
            self.enqueue(search, Scope::Outer);
        }
        for expression in &set.expressions {
            self.expr(expression, Scope::Outer, source);
        }
    }

    fn name(&mut self, name: &Name, scope: Scope, source: &str) {
        if name.text.contains(is_placeholder) {
            self.diagnose(Diagnostic::ComputedName);
        } else if self.names().is_open && !name.quoted && is_keyword(&name.text) {
            // `RowNo(TOTAL)`
        } else if !self.known(&name.text, scope, source) {
            if let Some(calculated) =
                name.text.trim_start().strip_prefix('=').filter(|_| name.quoted)
            {
                self.enqueue(calculated, scope);
            } else if !is_silent(name) {
                self.diagnose(Diagnostic::UnknownName(name.text.clone()));
            }
        }
    }

    /// Follows a name; whether it means something. `source` is the text that the name stands in: a
    /// measure's label in the measure itself means something else.
    fn known(&mut self, name: &str, scope: Scope, source: &str) -> bool {
        match scope {
            // Where any name may be a field, what is certain comes first.
            Scope::Outer if self.names().is_open => {
                self.measure(name, source)
                    || self.variable(name)
                    || self.dimension(name)
                    || self.field(name)
            }
            Scope::Field if self.names().is_open => {
                self.variable(name) || self.dimension(name) || self.field(name)
            }
            Scope::Outer => {
                self.measure(name, source)
                    || self.variable(name)
                    || self.field(name)
                    || self.dimension(name)
            }
            Scope::Field => self.field(name) || self.variable(name) || self.dimension(name),
        }
    }

    fn field(&mut self, name: &str) -> bool {
        let names = self.names();
        let base = base_field(name, names).or_else(|| assumed_field(name, names));
        let base = base.map(str::to_owned);
        let is_field = base.is_some();
        self.fields.extend(base);
        is_field
    }

    /// The label of a master measure or of a measure of the same chart.
    fn measure(&mut self, name: &str, source: &str) -> bool {
        if let Some(expression) = self.names().measures.get(name).filter(|text| *text != source) {
            self.master_items.insert(name.to_owned());
            self.enqueue(expression, Scope::Outer);
            return true;
        }
        let columns = self.context.columns;
        let is_named = |label: &String| label == name;
        let column = columns.iter().find(|column| {
            column.is_measure
                && column.label.as_ref().is_some_and(is_named)
                && column.expressions.iter().all(|text| text != source)
        });
        for expression in column.iter().flat_map(|column| &column.expressions) {
            self.enqueue(expression, Scope::Outer);
        }
        column.is_some()
    }

    /// A variable without dollar signs gives its value: evaluated when the definition begins with
    /// `=`, else the text as it is.
    fn variable(&mut self, name: &str) -> bool {
        let Some(definition) = self.names().variables.get(name) else { return false };
        self.variables.insert(name.to_owned());
        if let Some(expression) = definition.trim_start().strip_prefix('=') {
            self.enqueue(expression, Scope::Outer);
        }
        true
    }

    /// The label of a master dimension or of a dimension of the same chart.
    fn dimension(&mut self, name: &str) -> bool {
        let columns = self.context.columns;
        let definitions = if let Some(definitions) = self.names().dimensions.get(name) {
            self.master_items.insert(name.to_owned());
            definitions
        } else if let Some(column) = columns
            .iter()
            .find(|column| !column.is_measure && column.label.as_deref() == Some(name))
        {
            &column.expressions
        } else {
            return false;
        };
        if self.names().is_open {
            for definition in definitions {
                if unbracketed(definition) == name {
                    // Named like its field; read as a text it would be the label again.
                    self.fields.insert(name.to_owned());
                } else {
                    self.enqueue(&as_expression(definition, self.names()), Scope::Field);
                }
            }
            return true;
        }
        for definition in definitions {
            if !self.field(definition) {
                self.enqueue(definition, Scope::Field);
            }
        }
        true
    }

    /// Reads a text that does not parse: every name that means something counts.
    fn unparsed(&mut self, text: &str, tokens: &[Token<'_>], at: usize) {
        let near = text.get(at..).unwrap_or_default().chars().take(MAX_EXCERPT);
        let near = near.map(|c| if is_placeholder(c) { '…' } else { c }).collect();
        self.diagnose(Diagnostic::Syntax { near });
        for (position, token) in tokens.iter().enumerate() {
            let is_called = tokens.get(position + 1).map(|t| &t.kind) == Some(&Kind::Symbol('('));
            match &token.kind {
                Kind::Word(word) if !is_keyword(word) && !is_called => {
                    self.known_in_unparsed(word, false);
                }
                Kind::Quoted(name) => {
                    if !self.known_in_unparsed(name, true)
                        && let Some(expression) = name.trim_start().strip_prefix('=')
                    {
                        self.enqueue(expression, Scope::Outer);
                    }
                }
                _ => {}
            }
        }
    }

    fn known_in_unparsed(&mut self, name: &str, quoted: bool) -> bool {
        if self.names().is_open && !(quoted && could_be_name(name)) {
            // A word may be a value of a set, and a text in quotes a search.
            return self.variable(name) || self.dimension(name) || self.measure(name, "");
        }
        self.known(name, Scope::Field, "") || self.measure(name, "")
    }
}
