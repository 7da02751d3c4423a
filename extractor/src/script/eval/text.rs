//! Functions on texts.

use super::Value;
use super::dates::to_integer;

/// Longest text that a function may make.
const MAX_TEXT: usize = 1 << 20;

/// Calls a text function on known arguments; `None` when it is none, or cannot say.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Option<Value> {
    let text = |index: usize| arguments.get(index).and_then(Value::known_text);
    let number = |index: usize| arguments.get(index).and_then(Value::number).and_then(to_integer);
    let count = |index: usize| number(index).map(|count| usize::try_from(count).unwrap_or(0));
    let made = match name {
        "upper" => text(0)?.to_uppercase(),
        "lower" => text(0)?.to_lowercase(),
        "trim" => text(0)?.trim_matches(' ').to_owned(),
        "ltrim" => text(0)?.trim_start_matches(' ').to_owned(),
        "rtrim" => text(0)?.trim_end_matches(' ').to_owned(),
        "text" => text(0)?.to_string(),
        "capitalize" => capitalize(&text(0)?),
        "left" => text(0)?.chars().take(count(1)?).collect(),
        "right" => {
            let text = text(0)?;
            let length = text.chars().count();
            text.chars().skip(length.saturating_sub(count(1)?)).collect()
        }
        "mid" => {
            let length = if arguments.len() > 2 { count(2)? } else { usize::MAX };
            let from = usize::try_from(number(1)?).ok()?.checked_sub(1)?;
            text(0)?.chars().skip(from).take(length).collect()
        }
        "replace" => {
            let (text, from, to) = (text(0)?, text(1)?, text(2)?);
            if from.is_empty() { text.to_string() } else { bounded_replace(&text, &from, &to)? }
        }
        "repeat" => {
            let (text, count) = (text(0)?, count(1)?);
            let size = text.len().checked_mul(count)?;
            (size <= MAX_TEXT).then(|| text.repeat(count))?
        }
        "chr" => char::from_u32(u32::try_from(number(0)?).ok()?)?.to_string(),
        "purgechar" => {
            let drop = text(1)?;
            text(0)?.chars().filter(|&each| !drop.contains(each)).collect()
        }
        "keepchar" => {
            let keep = text(1)?;
            text(0)?.chars().filter(|&each| keep.contains(each)).collect()
        }
        "subfield" => return sub_field(&text(0)?, &text(1)?, number(2)?),
        "textbetween" => {
            let occurrence = if arguments.len() > 3 { count(3)? } else { 1 };
            return between(&text(0)?, &text(1)?, &text(2)?, occurrence);
        }
        "len" => return length(text(0)?.chars().count()),
        "ord" => {
            let first = text(0)?.chars().next();
            return Some(Value::Number(first.map_or(0.0, |first| f64::from(u32::from(first)))));
        }
        "index" => {
            let occurrence = if arguments.len() > 2 { number(2)? } else { 1 };
            return length(index(&text(0)?, &text(1)?, occurrence));
        }
        "substringcount" => {
            let (text, part) = (text(0)?, text(1)?);
            let count = if part.is_empty() { 0 } else { text.matches(&*part).count() };
            return length(count);
        }
        _ => return None,
    };
    Some(Value::Text(made.into()))
}

/// `LIKE` and `WildMatch`: `*` is any text, `?` one character; letters' case does not matter.
pub(crate) fn wild_match(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let (mut at, mut next) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(next) {
            Some('*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(each) if *each == '?' || text.get(at) == Some(each) => {
                at += 1;
                next += 1;
            }
            _ => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    at = from + 1;
                    next = star_at + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(next).all(|&each| each == '*')
}

fn length(count: usize) -> Option<Value> {
    u32::try_from(count).ok().map(|count| Value::Number(f64::from(count)))
}

fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for each in text.chars() {
        if start {
            out.extend(each.to_uppercase());
        } else {
            out.extend(each.to_lowercase());
        }
        start = !each.is_alphanumeric();
    }
    out
}

fn bounded_replace(text: &str, from: &str, to: &str) -> Option<String> {
    let grown = text.matches(from).count().checked_mul(to.len())?.checked_add(text.len())?;
    (grown <= MAX_TEXT.max(text.len())).then(|| text.replace(from, to))
}

fn sub_field(text: &str, delimiter: &str, position: i64) -> Option<Value> {
    let fields: Vec<&str> =
        if delimiter.is_empty() { vec![text] } else { text.split(delimiter).collect() };
    let index = match position {
        0 => return Some(Value::Null),
        1.. => usize::try_from(position - 1).ok()?,
        _ => match fields.len().checked_sub(usize::try_from(-position).ok()?) {
            Some(index) => index,
            None => return Some(Value::Null),
        },
    };
    Some(fields.get(index).map_or(Value::Null, |field| Value::text(field)))
}

fn between(text: &str, start: &str, end: &str, occurrence: usize) -> Option<Value> {
    if start.is_empty() || end.is_empty() {
        return None;
    }
    let mut rest = text;
    for _ in 0..occurrence {
        let Some((_, after)) = rest.split_once(start) else { return Some(Value::Null) };
        rest = after;
    }
    Some(rest.split_once(end).map_or(Value::Null, |(inner, _)| Value::text(inner)))
}

/// Position of a text in another, from 1; 0 when it is not there. Negative: counted from the end.
fn index(text: &str, part: &str, occurrence: i64) -> usize {
    let wanted = usize::try_from(occurrence.unsigned_abs()).unwrap_or(usize::MAX);
    if part.is_empty() || wanted == 0 {
        return 0;
    }
    let found = if occurrence > 0 {
        text.match_indices(part).nth(wanted - 1)
    } else {
        text.rmatch_indices(part).nth(wanted - 1)
    };
    found.map_or(0, |(at, _)| text.get(..at).map_or(0, |before| before.chars().count()) + 1)
}
