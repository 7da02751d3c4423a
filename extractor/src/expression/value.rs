//! What texts an expression can give, when that can be told: `$(=If(.., 'Sum(A)', 'Sum(B)'))` is a
//! way to switch between expressions, and both are read. A part that cannot be told, as the year in
//! `'Sum({<Year={' & Max(Year) & '}>} Sales)'`, is a placeholder in the text.

use super::{
    Names,
    expand::{Around, MAX_DEPTH, UNKNOWN, expand, is_placeholder},
    lex,
    parse::{self, Call, Expr},
};

/// Most texts that are followed for one expression. A switch between measures has a handful.
const MAX_TEXTS: usize = 16;
/// Longest text that is followed, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// The texts that `expression` can give, as far as they are literals, in order and without
/// repetition; empty when nothing can be told.
pub(super) fn possible_texts(expression: &str, names: &Names, around: Around<'_>) -> Vec<String> {
    // Only a text in quotes or in a variable can be told.
    if !expression.contains('\'') && names.variables.is_empty() {
        return Vec::new();
    }
    let expansion = expand(expression, names, around);
    let (tokens, unterminated) = lex::tokens(&expansion.text);
    if unterminated.is_some() {
        return Vec::new();
    }
    let is_field = |name: &str| names.fields.contains(name);
    let Ok(expr) = parse::expression(&tokens, &is_field) else { return Vec::new() };
    let mut texts = Vec::new();
    for text in of(&expr, names, around).unwrap_or_default() {
        let is_told = text.contains(|c: char| !is_placeholder(c) && !c.is_whitespace());
        if is_told && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// `None` when nothing is known.
fn of(expr: &Expr, names: &Names, around: Around<'_>) -> Option<Vec<String>> {
    match expr {
        Expr::Text(text) | Expr::Number(text) => Some(vec![text.clone()]),
        Expr::Group(inner) => of(inner.first().filter(|_| inner.len() == 1)?, names, around),
        Expr::Chain { operands, concatenates: true } => {
            let mut texts = vec![String::new()];
            for operand in operands {
                let tails = of(operand, names, around).unwrap_or_else(|| vec![UNKNOWN.to_string()]);
                let longer = |text: &String| {
                    tails.iter().map(|tail| format!("{text}{tail}")).collect::<Vec<_>>()
                };
                texts = texts.iter().flat_map(longer).take(MAX_TEXTS).collect();
                if texts.iter().any(|text| text.len() > MAX_TEXT) {
                    return None;
                }
            }
            Some(texts)
        }
        Expr::Name(name) if !names.fields.contains(&name.text) => {
            let definition = names.variables.get(&name.text)?;
            match definition.trim_start().strip_prefix('=') {
                None => (definition.len() <= MAX_TEXT).then(|| vec![definition.clone()]),
                Some(expression) => of_variable(&name.text, expression, names, around),
            }
        }
        Expr::Call(call) => of_call(call, names, around),
        _ => None,
    }
}

/// What a variable gives that is evaluated itself.
fn of_variable(
    name: &str,
    expression: &str,
    names: &Names,
    around: Around<'_>,
) -> Option<Vec<String>> {
    if around.depth >= MAX_DEPTH || around.open.iter().any(|open| open == name) {
        return None;
    }
    let open: Vec<String> = around.open.iter().cloned().chain([name.to_owned()]).collect();
    let around = Around { budget: around.budget, open: &open, depth: around.depth + 1 };
    let texts = possible_texts(expression, names, around);
    (!texts.is_empty()).then_some(texts)
}

fn of_call(call: &Call, names: &Names, around: Around<'_>) -> Option<Vec<String>> {
    let function = call.function.to_ascii_lowercase();
    let choices = match function.as_str() {
        "if" | "pick" => call.arguments.get(1..)?,
        "alt" | "coalesce" => call.arguments.as_slice(),
        "dual" | "text" => call.arguments.get(..1)?,
        "trim" => {
            let texts = of(call.arguments.first()?, names, around)?;
            return Some(texts.iter().map(|text| text.trim().to_owned()).collect());
        }
        "subfield" => return of_subfield(call, names, around),
        "chr" => {
            let [Expr::Number(code)] = call.arguments.as_slice() else { return None };
            let c = char::from_u32(code.parse().ok()?)?;
            return Some(vec![c.to_string()]);
        }
        _ => return None,
    };
    // What cannot be told is left out: the others are still possible.
    let texts: Vec<String> = choices
        .iter()
        .filter_map(|choice| of(choice, names, around))
        .flatten()
        .take(MAX_TEXTS)
        .collect();
    (!texts.is_empty()).then_some(texts)
}

/// `SubField('a|b', '|', n)`: any of the parts.
fn of_subfield(call: &Call, names: &Names, around: Around<'_>) -> Option<Vec<String>> {
    let [text, Expr::Text(delimiter), ..] = call.arguments.as_slice() else { return None };
    if delimiter.is_empty() {
        return None;
    }
    let texts = of(text, names, around)?;
    let parts = texts.iter().flat_map(|text| text.split(delimiter.as_str()));
    Some(parts.take(MAX_TEXTS).map(str::to_owned).collect())
}
