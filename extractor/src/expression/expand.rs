//! Dollar-sign expansion: `$(variable)`, `$(variable(a, b))` and `$(=expression)` are replaced in
//! the text before it is parsed, as Qlik does it: also within quotes, from the inside out, again and
//! again in what a variable brings in.
//!
//! What Qlik would evaluate (`$(=..)`, and a variable whose definition begins with `=`) is handed
//! over as [`Expansion::evaluated`]; in the text a placeholder stands for the result. When the
//! possible results can be told (a choice between literals), the placeholder is one of
//! [`Expansion::choices`].

use std::{borrow::Cow, cell::Cell, collections::BTreeSet};

use super::{
    Diagnostic, Names,
    lex::{closing_quote, quote_end},
    value,
};

/// Longest text that is built, in bytes. Qlik expressions are typed by people; the longest ones seen
/// in the wild, expanded, are some tens of kilobytes.
pub(super) const MAX_EXPANDED: usize = 256 * 1024;
/// Expansions that follow each other: a variable in a variable in a variable.
pub(super) const MAX_DEPTH: usize = 32;
/// Expansions in one expression and all that it refers to.
const MAX_EXPANSIONS: usize = 2_000;
/// Text that is looked at for one expression and all that it refers to, in bytes.
const MAX_WORK: usize = 2 * 1024 * 1024;
/// Longest text within the parentheses of an expansion, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Computed parts of one text whose possible values are tried.
const MAX_CHOICES: u32 = 31;

/// Stands for a value that cannot be told. One of the characters that Unicode reserves for use
/// within a program, so no text of the site holds it on purpose.
pub(super) const UNKNOWN: char = '\u{FDD0}';

/// Whether `c` stands for a computed part.
pub(super) fn is_placeholder(c: char) -> bool {
    ('\u{FDD0}'..='\u{FDEF}').contains(&c)
}

/// A text without dollar-sign expansions.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    /// The text, with placeholders.
    pub(super) text: String,
    /// Placeholders whose possible values are known.
    pub(super) choices: Vec<(char, Vec<String>)>,
    /// Expressions that Qlik evaluates on the way.
    pub(super) evaluated: Vec<String>,
    /// Variables that were expanded.
    pub(super) variables: BTreeSet<String>,
    /// What could not be expanded.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Expansion {
    /// The text once for every choice, the other placeholders at their first value; the text itself
    /// when there is nothing to choose.
    pub(super) fn variants(&self) -> Vec<String> {
        let mut variants = Vec::new();
        for (position, (_, values)) in self.choices.iter().enumerate() {
            // The first value of all but the first placeholder is in the variants before.
            for value in values.iter().skip(usize::from(position > 0)) {
                let mut text = self.text.clone();
                for (other, (placeholder, values)) in self.choices.iter().enumerate() {
                    let first = values.first().map_or("", String::as_str);
                    let chosen = if other == position { value } else { first };
                    text = text.replace(*placeholder, chosen);
                    if text.len() > MAX_EXPANDED {
                        return variants;
                    }
                }
                variants.push(text);
            }
        }
        variants
    }
}

/// What may still be spent on one expression and all that it refers to, so that variables which
/// multiply each other end soon.
pub(super) struct Budget {
    expansions: Cell<usize>,
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { expansions: Cell::new(MAX_EXPANSIONS), bytes: Cell::new(MAX_WORK) }
    }

    /// Takes `bytes` off; whether there were as many left.
    pub(super) fn spend(&self, bytes: usize) -> bool {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes.set(left.unwrap_or(0));
        left.is_some()
    }

    fn spend_expansion(&self) -> bool {
        let left = self.expansions.get().checked_sub(1);
        self.expansions.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// Expansions that are under way around a text.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// What may be spent.
    pub(super) budget: &'a Budget,
    /// Variables that are being expanded.
    pub(super) open: &'a [String],
    /// How many expansions.
    pub(super) depth: usize,
}

/// Expands `text`.
pub(super) fn expand(text: &str, names: &Names, around: Around<'_>) -> Expansion {
    let mut expander = Expander {
        names,
        budget: around.budget,
        done: Expansion::default(),
        open: around.open.to_vec(),
        depth: around.depth,
        full: false,
    };
    expander.run(text, &mut None);
    expander.done
}

struct Expander<'a> {
    names: &'a Names,
    budget: &'a Budget,
    done: Expansion,
    open: Vec<String>,
    depth: usize,
    full: bool,
}

impl Expander<'_> {
    fn around(&self) -> Around<'_> {
        Around { budget: self.budget, open: &self.open, depth: self.depth }
    }

    /// Appends the expansion of `text`; `quote` is the closing character that is awaited.
    fn run(&mut self, text: &str, quote: &mut Option<char>) {
        let mut at = 0;
        // Whether the rest may still hold what closes an expansion, so that text with many `$(` is
        // not searched to its end for each of them.
        let mut hopeless = false;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(body) = rest.strip_prefix("$(").filter(|_| !hopeless && !self.full) {
                if let Some(length) = body_length(body) {
                    self.expansion(body.get(..length).unwrap_or_default(), quote);
                    at += length + 3;
                    continue;
                }
                hopeless = true;
            }
            let length = match quote {
                None if rest.starts_with("//") => rest.find(['\n', '\r']).unwrap_or(rest.len()),
                None if rest.starts_with("/*") => {
                    rest.get(2..).and_then(|body| body.find("*/")).map_or(rest.len(), |end| end + 4)
                }
                _ => {
                    let c = rest.chars().next().unwrap_or_default();
                    match quote {
                        Some(close) if *close == c => *quote = None,
                        Some(_) => {}
                        None => *quote = closing_quote(c),
                    }
                    c.len_utf8()
                }
            };
            self.append(rest.get(..length).unwrap_or_default());
            at += length;
        }
    }

    fn append(&mut self, text: &str) {
        if self.done.text.len() + text.len() > MAX_EXPANDED || !self.budget.spend(text.len()) {
            self.limit();
        } else {
            self.done.text.push_str(text);
        }
    }

    fn limit(&mut self) {
        if !self.full {
            self.full = true;
            self.done.diagnostics.push(Diagnostic::Limit);
        }
    }

    /// One `$(body)`.
    fn expansion(&mut self, body: &str, quote: &mut Option<char>) {
        if self.full || self.depth >= MAX_DEPTH || !self.budget.spend_expansion() {
            self.limit();
            self.append(UNKNOWN.encode_utf8(&mut [0; 4]));
            return;
        }
        self.depth += 1;
        match body.trim_start().strip_prefix('=') {
            Some(expression) => self.evaluate(expression),
            None => self.variable(body, quote),
        }
        self.depth -= 1;
    }

    /// Puts a placeholder for the result of `expression`.
    fn evaluate(&mut self, expression: &str) {
        if !self.budget.spend(expression.len()) {
            self.limit();
            return;
        }
        self.done.evaluated.push(expression.to_owned());
        let values = value::possible_texts(expression, self.names, self.around());
        let next = u32::try_from(self.done.choices.len()).unwrap_or(u32::MAX).saturating_add(1);
        let placeholder = match char::from_u32(u32::from(UNKNOWN).saturating_add(next)) {
            Some(placeholder) if next <= MAX_CHOICES && !values.is_empty() => {
                self.done.choices.push((placeholder, values));
                placeholder
            }
            _ => UNKNOWN,
        };
        self.append(placeholder.encode_utf8(&mut [0; 4]));
    }

    /// `variable` or `variable(a, b)`.
    fn variable(&mut self, body: &str, quote: &mut Option<char>) {
        let inner = self.inner(body);
        let (name, arguments) = self.name_and_arguments(&inner);
        let Some(definition) = self.names.variables.get(name) else {
            if !name.contains(is_placeholder) {
                self.done.diagnostics.push(Diagnostic::UndefinedVariable(name.to_owned()));
            }
            self.append(UNKNOWN.encode_utf8(&mut [0; 4]));
            return;
        };
        self.done.variables.insert(name.to_owned());
        if self.open.iter().any(|open| open == name) {
            self.done.diagnostics.push(Diagnostic::Cycle(name.to_owned()));
            self.append(UNKNOWN.encode_utf8(&mut [0; 4]));
            return;
        }
        let definition = with_arguments(definition, &arguments);
        if definition.len() > MAX_EXPANDED {
            self.limit();
            return;
        }
        self.open.push(name.to_owned());
        match definition.trim_start().strip_prefix('=') {
            Some(expression) => self.evaluate(expression),
            None => self.run(&definition, quote),
        }
        self.open.pop();
    }

    /// Expands what stands within the parentheses of an expansion.
    fn inner(&mut self, body: &str) -> String {
        if !body.contains("$(") {
            return body.to_owned();
        }
        let nested = expand(body, self.names, self.around());
        self.done.evaluated.extend(nested.evaluated);
        self.done.variables.extend(nested.variables);
        self.done.diagnostics.extend(nested.diagnostics);
        // A computed name or argument is taken at its first possible value.
        nested.choices.iter().fold(nested.text, |text, (placeholder, values)| {
            text.replace(*placeholder, values.first().map_or("", String::as_str))
        })
    }

    fn name_and_arguments<'b>(&self, inner: &'b str) -> (&'b str, Vec<&'b str>) {
        let known = |name: &str| self.names.variables.contains_key(name);
        let whole = inner.trim();
        // `$(#variable)` formats a number independently of the locale.
        let whole = whole.strip_prefix('#').filter(|_| !known(whole)).unwrap_or(whole);
        if known(inner) {
            return (inner, Vec::new());
        }
        if !known(whole)
            && let Some((name, rest)) = whole.split_once('(')
            && let Some(arguments) = rest.strip_suffix(')')
        {
            return (unquoted(name.trim(), known), split_arguments(arguments));
        }
        (unquoted(whole, known), Vec::new())
    }
}

/// The name within quotes when only that one is known.
fn unquoted(name: &str, known: impl Fn(&str) -> bool) -> &str {
    let within = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    within.filter(|inner| !known(name) && known(inner)).unwrap_or(name)
}

/// Length of what is in front of the parenthesis that closes an expansion. Parentheses in quotes do
/// not count, unless that leaves the expansion open: an apostrophe may be just one.
fn body_length(rest: &str) -> Option<usize> {
    let body = rest.get(..rest.floor_char_boundary(MAX_BODY))?;
    closing_parenthesis(body, true).or_else(|| closing_parenthesis(body, false))
}

fn closing_parenthesis(body: &str, mind_quotes: bool) -> Option<usize> {
    let mut open = 0_usize;
    let mut at = 0;
    while let Some(c) = body.get(at..)?.chars().next() {
        if mind_quotes && let Some(close) = closing_quote(c) {
            let inner = body.get(at + 1..)?;
            at += quote_end(inner, close)? + 2;
            continue;
        }
        match c {
            '(' => open += 1,
            ')' if open == 0 => return Some(at),
            ')' => open -= 1,
            _ => {}
        }
        at += c.len_utf8();
    }
    None
}

/// Splits at commas that are in neither parentheses nor quotes. Qlik splits at every comma, so that
/// an expression which works there has none that would make a difference.
fn split_arguments(text: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let (mut start, mut open, mut quote) = (0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(close) if c == close => quote = None,
            Some(_) => {}
            None => match c {
                '(' | '{' => open += 1,
                ')' | '}' => open = open.saturating_sub(1),
                ',' if open == 0 => {
                    arguments.push(text.get(start..at).unwrap_or_default().trim());
                    start = at + 1;
                }
                _ => quote = closing_quote(c),
            },
        }
    }
    arguments.push(text.get(start..).unwrap_or_default().trim());
    arguments
}

/// `definition` with `$1`, `$2`, … replaced. A parameter without an argument stays as it is, as in
/// Qlik. The result may be longer than [`MAX_EXPANDED`] by one argument.
fn with_arguments<'d>(definition: &'d str, arguments: &[&str]) -> Cow<'d, str> {
    if arguments.is_empty() || !definition.contains('$') {
        return Cow::Borrowed(definition);
    }
    let mut text = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let number = after.get(..digits).and_then(|digits| digits.parse::<usize>().ok());
        match number.and_then(|number| arguments.get(number.checked_sub(1)?)) {
            Some(argument) => {
                text.push_str(argument);
                rest = after.get(digits..).unwrap_or_default();
            }
            None => {
                text.push('$');
                rest = after;
            }
        }
        if text.len() > MAX_EXPANDED {
            return Cow::Owned(text);
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}
