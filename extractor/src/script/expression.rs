//! Which fields flow into the value of a script expression.
//!
//! One pass over the tokens with a stack of the open calls: no tree, no recursion. What only
//! selects a value is no origin of it: the condition of `If`, the index of `Pick`, the key of
//! `ApplyMap` (when a default stands in for unknown keys), the weight of `FirstSortedValue`, the
//! row of `Peek`. Every other argument is. [`SELECTORS_ARE_ORIGINS`] is the one switch for that.

use super::lex::token::{TokenKind, Tokens, tokenize};

/// Whether fields that only decide which value is taken (`If(Status = 'x', …)`) count as origins.
/// They do not: like a `WHERE` condition, they are not where the value comes from.
pub(crate) const SELECTORS_ARE_ORIGINS: bool = false;

/// Something that an expression takes values from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reference {
    /// A field of the input.
    Field(String),
    /// `Peek('field', row, 'table')`; without a table: of the table that is being loaded.
    Peek { field: String, table: Option<String> },
    /// `ApplyMap('map', …)`; an empty name when it is not a literal.
    Map(String),
    /// `Lookup('field', 'match', value, 'table')`.
    Lookup { field: String, table: Option<String> },
    /// `FieldValue('field', n)`: any table's field.
    AnyField(String),
}

/// How a function's arguments take part in its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Value,
    /// Decides which value is taken.
    Selector,
    /// Names something or counts rows: never a value.
    Ignored,
}

struct Call {
    /// Lower-case name; empty for a plain parenthesis.
    name: String,
    argument: usize,
    /// Tokens of the current argument so far, and the first one.
    tokens: usize,
    first: usize,
    /// Names given as arguments: of a map, field or table.
    literals: Vec<Option<String>>,
    /// References before the current argument.
    before_argument: usize,
    /// Range of references that the second argument brought.
    second: (usize, usize),
    skip: bool,
    /// Whether an enclosing call skips this one.
    outer_skip: bool,
}

/// References of the expression between two tokens, each once, in order.
pub(crate) fn references(tokens: &Tokens<'_>, from: usize, to: usize) -> Vec<Reference> {
    collect(tokens, from, to, SELECTORS_ARE_ORIGINS)
}

/// Fields of the input that an expression reads, for its value or to select it.
pub(crate) fn fields(text: &str) -> Vec<String> {
    let all = tokenize(text);
    let found = collect(&Tokens { text, all: &all }, 0, all.len(), true);
    let fields = found.into_iter().filter_map(|reference| match reference {
        Reference::Field(name) => Some(name),
        _ => None,
    });
    fields.collect()
}

fn collect(tokens: &Tokens<'_>, from: usize, to: usize, selectors: bool) -> Vec<Reference> {
    let role = |name: &str, argument: usize| role(name, argument, selectors);
    let mut found: Vec<Reference> = Vec::new();
    let mut calls: Vec<Call> = Vec::new();
    let mut skip = false;
    for index in from..to {
        let Some(token) = tokens.get(index) else { break };
        let text = tokens.text_of(token);
        if token.kind == TokenKind::Symbol {
            match text {
                "(" => {
                    let name = called(tokens, index, from);
                    calls.push(Call {
                        skip: skip || role(&name, 0) != Role::Value,
                        name,
                        argument: 0,
                        tokens: 0,
                        first: index + 1,
                        literals: Vec::new(),
                        before_argument: found.len(),
                        second: (0, 0),
                        outer_skip: skip,
                    });
                }
                "," => {
                    if let Some(call) = calls.last_mut() {
                        end_argument(tokens, call, found.len());
                        call.argument += 1;
                        call.tokens = 0;
                        call.first = index + 1;
                        call.before_argument = found.len();
                        call.skip =
                            call.outer_skip || role(&call.name, call.argument) != Role::Value;
                    }
                }
                ")" => {
                    if let Some(mut call) = calls.pop() {
                        end_argument(tokens, &mut call, found.len());
                        close(&call, &mut found, selectors);
                        if let Some(outer) = calls.last_mut() {
                            outer.tokens += 1;
                        }
                    }
                }
                _ => count(&mut calls),
            }
            skip = calls.last().is_some_and(|call| call.skip);
            continue;
        }
        count(&mut calls);
        let is_field = match token.kind {
            TokenKind::Name => true,
            TokenKind::Word => {
                let unresolved = text.starts_with("$(") && text.ends_with(')');
                !unresolved
                    && !is_operator(text)
                    && !tokens.is_symbol(index + 1, "(")
                    && !is_qualifier(tokens, index, from)
            }
            _ => false,
        };
        if is_field && !skip {
            let name = tokens.name_at(index).unwrap_or_default();
            if !name.is_empty() {
                found.push(Reference::Field(name));
            }
        }
    }
    while let Some(mut call) = calls.pop() {
        end_argument(tokens, &mut call, found.len());
        close(&call, &mut found, selectors);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|reference| seen.insert(reference.clone()));
    found
}

fn count(calls: &mut [Call]) {
    if let Some(call) = calls.last_mut() {
        call.tokens += 1;
    }
}

/// Name of the function whose parenthesis opens at an index, lower-case.
fn called(tokens: &Tokens<'_>, open: usize, from: usize) -> String {
    let Some(before) = open.checked_sub(1).filter(|&before| before >= from) else {
        return String::new();
    };
    let is_function = tokens.get(before).is_some_and(|token| token.kind == TokenKind::Word)
        && !is_operator(tokens.text_at(before));
    if is_function { tokens.text_at(before).to_ascii_lowercase() } else { String::new() }
}

fn end_argument(tokens: &Tokens<'_>, call: &mut Call, found: usize) {
    if call.argument == 1 {
        call.second = (call.before_argument, found);
    }
    if takes_names(&call.name) && call.literals.len() < 4 {
        let literal = (call.tokens == 1).then(|| tokens.name_at(call.first)).flatten();
        call.literals.push(literal);
    }
}

/// Adds what a finished call itself refers to.
fn close(call: &Call, found: &mut Vec<Reference>, selectors: bool) {
    if call.outer_skip {
        return;
    }
    let literal = |index: usize| call.literals.get(index).cloned().flatten();
    match call.name.as_str() {
        "applymap" => {
            if call.argument >= 2 && !selectors {
                // With a default, no key comes through as it is.
                let (from, to) = call.second;
                let to = to.min(found.len());
                if from < to {
                    found.drain(from..to);
                }
            }
            found.push(Reference::Map(literal(0).unwrap_or_default()));
        }
        "mapsubstring" => found.push(Reference::Map(literal(0).unwrap_or_default())),
        "peek" => {
            if let Some(field) = literal(0) {
                found.push(Reference::Peek { field, table: literal(2) });
            }
        }
        "lookup" => {
            if let Some(field) = literal(0) {
                found.push(Reference::Lookup { field, table: literal(3) });
            }
        }
        "fieldvalue" => {
            if let Some(field) = literal(0) {
                found.push(Reference::AnyField(field));
            }
        }
        _ => {}
    }
}

fn takes_names(function: &str) -> bool {
    matches!(function, "applymap" | "mapsubstring" | "peek" | "lookup" | "fieldvalue")
}

fn role(function: &str, argument: usize, selectors: bool) -> Role {
    let role = match (function, argument) {
        ("if" | "pick", 0) | ("concat", 2) | ("firstsortedvalue", 1) => Role::Selector,
        ("lookup", 2) => Role::Selector,
        // Partitions and order of `Window(value, …)`.
        ("window", 1..) => Role::Selector,
        ("applymap" | "mapsubstring", 0)
        | ("peek" | "fieldvalue" | "fieldindex" | "fieldvaluecount", _)
        | ("lookup", _)
        | ("exists", 0)
        | ("noofrows" | "nooffields" | "tablenumber" | "fieldname" | "fieldnumber", _)
        | ("qvdcreatetime" | "qvdnoofrecords" | "filetime" | "filesize", _) => Role::Ignored,
        _ => Role::Value,
    };
    if role == Role::Selector && selectors { Role::Value } else { role }
}

fn is_operator(word: &str) -> bool {
    const WORDS: [&str; 12] = [
        "and", "or", "not", "xor", "like", "precedes", "follows", "bitand", "bitor", "bitxor",
        "bitnot", "as",
    ];
    WORDS.iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

/// `DISTINCT`, `TOTAL`, `ALL` right after a parenthesis and before a field.
fn is_qualifier(tokens: &Tokens<'_>, index: usize, from: usize) -> bool {
    tokens.is_any_word(index, &["distinct", "total", "all"])
        && index > from
        && (tokens.is_symbol(index - 1, "(")
            || tokens.is_any_word(index - 1, &["distinct", "total", "all"]))
        && !tokens.is_symbol(index + 1, ")")
        && !tokens.is_symbol(index + 1, ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Reference> {
        let all = tokenize(text);
        references(&Tokens { text, all: &all }, 0, all.len())
    }

    fn check(text: &str, expected: &[&str]) {
        let fields: Vec<String> = of(text)
            .into_iter()
            .map(|reference| match reference {
                Reference::Field(name) => name,
                Reference::Peek { field, table } => {
                    format!("peek {field} {}", table.unwrap_or_default())
                }
                Reference::Map(name) => format!("map {name}"),
                Reference::Lookup { field, table } => {
                    format!("lookup {field} {}", table.unwrap_or_default())
                }
                Reference::AnyField(name) => format!("any {name}"),
            })
            .collect();
        assert_eq!(fields, expected, "{text}");
    }

    #[test]
    fn fields_of_expressions() {
        check("a + [b c] * \"d\" - a", &["a", "b c", "d"]);
        check("Sum(DISTINCT Amount) / Count(total Id)", &["Amount", "Id"]);
        check("'a' & b & 'It''s'", &["b"]);
        check("Date(Floor(ts), 'YYYY')", &["ts"]);
        check("not a and b like 'x*' or c", &["a", "b", "c"]);
        check("RecNo() + RowNo() & Today()", &[]);
        check("Left([Left], Right)", &["Left", "Right"]);
        check("@1:5 & @2", &["@1:5", "@2"]);
        check("distinct", &["distinct"]);
        check("$(vExpr) + x_$(v)", &["x_$(v)"]);
    }

    #[test]
    fn what_selects_is_no_origin() {
        check("If(Status = 'x' and (A > B), Amount, -Amount)", &["Amount"]);
        check("If(a, If(b, c, d), e)", &["c", "d", "e"]);
        check("Pick(Match(x, 1, 2), a, b)", &["a", "b"]);
        check("Concat(Name, ', ', Order)", &["Name"]);
        check("FirstSortedValue(Price, -Date)", &["Price"]);
        check("Match(x, 'a')", &["x"]);
    }

    #[test]
    fn what_selects_is_read() {
        let read = fields("If(Status = 'x', ApplyMap('M', Key, Name)) & Concat(a, ',', b)");
        assert_eq!(read, ["Status", "Key", "Name", "a", "b"]);
        assert_eq!(fields("Peek('x') & $(v) + Lookup('n', 'k', c, 'T')"), ["c"]);
    }

    #[test]
    fn maps_and_rows() {
        check("ApplyMap('M', Key, 'n/a')", &["map M"]);
        check("ApplyMap('M', Key)", &["Key", "map M"]);
        check("MapSubString('M', Text)", &["Text", "map M"]);
        check("Window(Sum(A), B, 'ASC', C)", &["A"]);
        check("ApplyMap('M', A & B, Name)", &["Name", "map M"]);
        check("ApplyMap('A', ApplyMap('B', k, null()), 'x')", &["map A"]);
        check("ApplyMap('A', k, ApplyMap('B', k, d))", &["d", "map B", "map A"]);
        check("Dual(ApplyMap('M', k, 'x'), n)", &["map M", "n"]);
        check("Peek('F', -1, 'T') + Peek(G)", &["peek F T", "peek G "]);
        check("Previous(a + b)", &["a", "b"]);
        check("If(Exists(x), Lookup('N', 'K', k, 'T'))", &["lookup N T"]);
        check("RangeSum(Peek('Total'), Amount)", &["peek Total ", "Amount"]);
        check("FieldValue('F', IterNo())", &["any F"]);
        check("(((a", &["a"]);
    }
}
