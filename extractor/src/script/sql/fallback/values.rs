//! Columns whose values flow into an expression that no parser took: what stands where a value does,
//! as in the reading of parsed expressions. Conditions, window and sort specifications decide which
//! value it is; they are no origins.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::expression::is_pseudo;
use super::super::functions::{is_method, is_unit, selects, takes_unit};
use super::super::words::{Word, WordKind};
use super::shape::Shape;

/// Something that an expression is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A column by its dotted name.
    Column(Range<usize>),
    /// A subquery whose value it takes: the index of its parenthesis.
    Value(usize),
    /// A subquery in a condition.
    Condition(usize),
}

/// Inside of a bracket, or the expression as a whole.
#[derive(Default)]
struct Frame {
    /// Of the function whose arguments these are, lower-case.
    function: String,
    argument: usize,
    arguments: usize,
    /// Index of the word that is a unit of time.
    unit: Option<usize>,
    /// Whether nothing inside is a value.
    closed: bool,
    /// Whether a type or the like comes, up to the next comma.
    named: bool,
    /// One for each `CASE` that is open: whether a condition comes; and how many of them do.
    cases: Vec<bool>,
    conditions: usize,
    /// Whether the argument at hand decides which of the others the value is.
    selects: bool,
}

impl Frame {
    fn is_closed(&self) -> bool {
        self.closed || self.named || self.selects || self.conditions > 0
    }

    fn argument(&mut self, argument: usize) {
        self.argument = argument;
        self.named = false;
        self.selects = selects(&self.function, argument, self.arguments);
    }

    /// Whether a condition comes within the `CASE` at hand.
    fn condition(&mut self, comes: bool) {
        if let Some(condition) = self.cases.last_mut() {
            self.conditions -= usize::from(*condition);
            self.conditions += usize::from(comes);
            *condition = comes;
        }
    }
}

/// Parts of an expression.
pub(super) fn parts(shape: &Shape<'_>, range: &Range<usize>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut frames = vec![Frame::default()];
    let parameters = parameters(shape, range);
    let mut at = range.start;
    while at < range.end {
        let Some(word) = shape.word(at) else { break };
        let nested = frames.len() > 1;
        let Some(frame) = frames.last_mut() else { break };
        let mut next = at + 1;
        match word.kind {
            WordKind::Symbol => match word.text {
                "(" if shape.is_query(at) => {
                    let closed = frame.is_closed() || is_condition(shape, at);
                    parts.push(if closed { Part::Condition(at) } else { Part::Value(at) });
                    next = shape.after(at, range.end);
                }
                "(" | "[" | "{" => {
                    let closed = frame.is_closed() || is_aside(shape, at);
                    let mut inner = Frame { closed, ..opened(shape, at, range.start) };
                    inner.argument(0);
                    frames.push(inner);
                }
                ")" | "]" | "}" if nested => drop(frames.pop()),
                "," => frame.argument(frame.argument + 1),
                // `a::type`, and `a:field` of Snowflake.
                ":" if shape.is(at + 1, ":") => next = after_type(shape, at + 2, range.end),
                ":" => {
                    let touches = shape.word(at + 1).is_some_and(|it| it.start == word.end);
                    let path = shape.path(at + 1, range.end).filter(|_| touches);
                    next = path.unwrap_or(next);
                }
                _ => {}
            },
            WordKind::Bare | WordKind::Quoted => match keyword(shape, at, frame) {
                Some(after) => next = after,
                None => {
                    let end = shape.path(at, range.end).unwrap_or(next);
                    next = end;
                    if !frame.is_closed()
                        && let Some(column) = column(shape, at, end, range, frame, &parameters)
                    {
                        parts.push(Part::Column(column));
                    }
                }
            },
            WordKind::Text | WordKind::Number => {}
        }
        at = next;
    }
    parts
}

/// What a word says that is no name; the index after it.
fn keyword(shape: &Shape<'_>, at: usize, frame: &mut Frame) -> Option<usize> {
    let word = shape.word(at).filter(|word| word.kind == WordKind::Bare)?;
    if shape.is(at + 1, ".") {
        return None;
    }
    if word.is("case") {
        frame.cases.push(false);
        frame.condition(true);
    } else if word.is("end") {
        frame.condition(false);
        frame.cases.pop();
    } else if word.is("when") || word.is("then") || word.is("else") {
        frame.condition(word.is("when"));
    } else if word.is("as") || (word.is("using") && frame.arguments > 0) {
        // `CAST(a AS type)`, `CONVERT(a USING utf8)`
        frame.named = true;
    } else if frame.arguments > 0
        && ((word.is("order") && shape.is(at + 1, "by")) || word.is("having"))
    {
        // `STRING_AGG(a, ',' ORDER BY b)`: up to the end.
        frame.closed = true;
    } else if word.is("over") && shape.is_name(at + 1) {
        return Some(at + 2); // a named window
    } else if word.is("collate") {
        return Some(shape.path(at + 1, shape.words.len()).unwrap_or(at + 1));
    } else if word.is("at") && shape.is(at + 1, "time") && shape.is(at + 2, "zone") {
        return Some(at + 3);
    } else if !is_keyword(word) {
        return None;
    }
    Some(at + 1)
}

/// The column that a dotted name is, if it is one.
fn column(
    shape: &Shape<'_>,
    at: usize,
    end: usize,
    range: &Range<usize>,
    frame: &Frame,
    parameters: &BTreeSet<&str>,
) -> Option<Range<usize>> {
    let is = |index: usize, text: &str| index < range.end && shape.is(index, text);
    let qualified = end > at + 1;
    if is(end, "(") {
        // A method of a column: `t.document.value('/a', 'int')`.
        let literal = shape.is_kind(end + 1, WordKind::Text);
        let name = shape.word(end - 1)?.text;
        let method = end > at + 3 && is_method(name, shape.parts(end), literal);
        return method.then_some(at..end - 2);
    }
    // `t.*`, `YEAR FROM d`, `name => value`, `name := value`
    let arrow = is(end, "=") && is(end + 1, ">") || is(end, ":") && is(end + 1, "=");
    if is(end, ".") || is(end, "from") || arrow {
        return None;
    }
    if shape.word(at).is_some_and(|word| parameters.contains(word.text)) {
        return None;
    }
    if qualified {
        return Some(at..end);
    }
    let word = shape.word(at)?;
    let alone =
        at > range.start && (is(at - 1, "(") || is(at - 1, ",")) && (is(end, ")") || is(end, ","));
    if frame.unit == Some(at) {
        return None;
    }
    // `XMLELEMENT("name", value)`
    if alone && frame.function == "xmlelement" && frame.argument == 0 {
        return None;
    }
    let pseudo = word.kind == WordKind::Bare && is_pseudo(word.text);
    (!pseudo && !is_beside(shape, at, range)).then_some(at..end)
}

/// Whether a word stands next to another word or a literal: of a syntax that is not known, either
/// may be a keyword.
fn is_beside(shape: &Shape<'_>, at: usize, range: &Range<usize>) -> bool {
    let beside = |index: usize| {
        shape.word(index).is_some_and(|word| {
            word.is("case")
                || matches!(word.kind, WordKind::Text | WordKind::Number)
                || (word.is_name() && !is_keyword(word))
        })
    };
    (at > range.start && beside(at - 1)) || (at + 1 < range.end && beside(at + 1))
}

/// What a bracket at an index opens: the arguments of a call, perhaps.
fn opened(shape: &Shape<'_>, at: usize, from: usize) -> Frame {
    let name = at.checked_sub(1).filter(|before| *before >= from && shape.is(at, "("));
    let name = name.and_then(|before| shape.word(before));
    match name.filter(|name| name.is_name() && !is_keyword(name)) {
        Some(name) => Frame {
            function: name.text.to_ascii_lowercase(),
            arguments: shape.parts(at),
            unit: Some(name).filter(|name| takes_unit(name.text)).and_then(|_| unit(shape, at)),
            ..Frame::default()
        },
        None => Frame::default(),
    }
}

/// Index of the argument that is a unit of time, as in parsed calls: the first or the last, and of
/// two the longer one. The arguments start with the parenthesis at an index.
fn unit(shape: &Shape<'_>, open: usize) -> Option<usize> {
    let last = shape.close(open)? - 1;
    let length = |at: usize| {
        let word = shape.word(at).filter(|word| word.kind == WordKind::Bare)?;
        is_unit(word.text).then_some(word.text.len())
    };
    let first = length(open + 1).filter(|_| shape.is(open + 2, ","));
    let other = length(last).filter(|_| shape.is(last - 1, ","));
    match (first, other) {
        (first, Some(other)) if first.is_none_or(|first| other > first) => Some(last),
        (first, _) => first.map(|_| open + 1),
    }
}

/// Whether a subquery stands where only a condition does.
fn is_condition(shape: &Shape<'_>, at: usize) -> bool {
    at > 0 && shape.any(at - 1, &["in", "exists", "any", "some", "all"])
}

/// Whether a parenthesis holds what only says which rows count, or in which order.
fn is_aside(shape: &Shape<'_>, at: usize) -> bool {
    const SORTED: [&str; 3] = ["percentile_cont", "percentile_disc", "mode"];
    let Some(before) = at.checked_sub(1) else { return false };
    if shape.any(before, &["over", "keep"])
        || (shape.is(before, "filter") && shape.is(at + 1, "where"))
    {
        return true;
    }
    if !shape.is(before, "group") || before == 0 || !shape.is(before - 1, "within") {
        return false;
    }
    // `PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)` is a value of what is sorted.
    let call = before.checked_sub(2).and_then(|close| shape.open(close));
    !call.and_then(|open| open.checked_sub(1)).is_some_and(|name| shape.any(name, &SORTED))
}

/// Index after a type: `double precision` is read as one word and a second that stands beside it.
fn after_type(shape: &Shape<'_>, at: usize, end: usize) -> usize {
    match shape.path(at, end) {
        Some(after) if shape.is(after, "(") => shape.after(after, end),
        Some(after) => after,
        None => at,
    }
}

/// Parameters of lambdas: `x -> …`. A literal after the arrow is a key of JSON.
fn parameters<'a>(shape: &Shape<'a>, range: &Range<usize>) -> BTreeSet<&'a str> {
    let body = shape.words.get(range.clone()).unwrap_or_default();
    body.windows(4)
        .filter_map(|four| match four {
            [name, minus, greater, next] if minus.is("-") && greater.is(">") => {
                (name.kind == WordKind::Bare && next.kind != WordKind::Text).then_some(name.text)
            }
            _ => None,
        })
        .collect()
}

/// Whether a word can stand beside a value and is none.
pub(super) fn is_keyword(word: &Word<'_>) -> bool {
    const WORDS: [&str; 50] = [
        "concat",
        "from",
        "case",
        "when",
        "then",
        "else",
        "end",
        "and",
        "or",
        "not",
        "is",
        "null",
        "in",
        "like",
        "between",
        "as",
        "over",
        "partition",
        "by",
        "order",
        "distinct",
        "interval",
        "asc",
        "desc",
        "top",
        "using",
        "mod",
        "div",
        "xor",
        "escape",
        "within",
        "group",
        "filter",
        "nulls",
        "respect",
        "ignore",
        "any",
        "some",
        "all",
        "exists",
        "ilike",
        "rlike",
        "regexp",
        "similar",
        "true",
        "false",
        "collate",
        "where",
        "symmetric",
        "prior",
    ];
    word.kind == WordKind::Bare && WORDS.iter().any(|keyword| word.is(keyword))
}
