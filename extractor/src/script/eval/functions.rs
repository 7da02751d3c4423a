//! Functions on numbers, dates and conditions.

use super::Value;
use super::dates::{civil, serial, to_float, to_integer};
use super::{format, text};

/// Calls a function; `None` when it is not known or depends on the reload.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Option<Value> {
    if let Some(value) = conditional(name, arguments) {
        return Some(value);
    }
    if arguments.iter().any(Value::is_unknown) {
        return None;
    }
    text::call(name, arguments)
        .or_else(|| number(name, arguments))
        .or_else(|| date(name, arguments))
}

/// Functions that may be decided although an argument is unknown.
fn conditional(name: &str, arguments: &[Value]) -> Option<Value> {
    let value = |index: usize| arguments.get(index).cloned().unwrap_or(Value::Null);
    match name {
        "null" => Some(Value::Null),
        "true" => Some(Value::boolean(true)),
        "false" => Some(Value::boolean(false)),
        "if" => match value(0).truth() {
            Some(true) => Some(value(1)),
            Some(false) => Some(value(2)),
            None if value(1) == value(2) => Some(value(1)),
            None => None,
        },
        "isnull" => match value(0) {
            Value::Unknown(_) => None,
            known => Some(Value::boolean(matches!(known, Value::Null))),
        },
        "alt" => {
            for each in arguments {
                if each.is_unknown() {
                    return None;
                }
                if each.number().is_some() {
                    return Some(each.clone());
                }
            }
            arguments.last().cloned()
        }
        "coalesce" => {
            for each in arguments {
                match each {
                    Value::Unknown(_) => return None,
                    Value::Null => {}
                    known => return Some(known.clone()),
                }
            }
            Some(Value::Null)
        }
        "pick" => {
            let index = to_integer(value(0).number()?)?;
            Some(usize::try_from(index).ok().filter(|&index| index > 0).map_or(Value::Null, value))
        }
        "dual" => {
            let (shown, number) = (value(0).known_text()?, value(1).number()?);
            Some(Value::Dual(number, shown))
        }
        _ => None,
    }
}

fn number(name: &str, arguments: &[Value]) -> Option<Value> {
    let value = |index: usize| arguments.get(index).and_then(Value::number);
    let numbers = || arguments.iter().filter_map(Value::number);
    let step = || if arguments.len() > 1 { value(1) } else { Some(1.0) };
    let result = match name {
        "num" => {
            let number = value(0)?;
            let format = arguments.get(1).and_then(Value::known_text);
            let shown = format::number(number, format.as_deref().unwrap_or(""))?;
            return Some(Value::Dual(number, shown.into()));
        }
        "num#" => value(0)?,
        "abs" | "fabs" => value(0)?.abs(),
        "ceil" => (value(0)? / step()?).ceil() * step()?,
        "floor" => (value(0)? / step()?).floor() * step()?,
        "round" => (value(0)? / step()?).round() * step()?,
        "frac" => value(0)?.fract(),
        "sign" => {
            let number = value(0)?;
            if number == 0.0 { 0.0 } else { number.signum() }
        }
        "mod" | "fmod" => value(0)?.rem_euclid(value(1)?),
        "div" => (value(0)? / value(1)?).trunc(),
        "pow" => value(0)?.powf(value(1)?),
        "sqr" => value(0)? * value(0)?,
        "sqrt" => value(0)?.sqrt(),
        "rangemin" => numbers().reduce(f64::min)?,
        "rangemax" => numbers().reduce(f64::max)?,
        "rangesum" => numbers().sum(),
        "even" | "odd" => {
            let even = to_integer(value(0)?)? % 2 == 0;
            return Some(Value::boolean(even == (name == "even")));
        }
        "isnum" => return Some(Value::boolean(value(0).is_some())),
        "istext" => {
            let text = matches!(arguments.first(), Some(Value::Text(_)));
            return Some(Value::boolean(text && value(0).is_none()));
        }
        "match" | "mixmatch" | "wildmatch" => return matching(name, arguments),
        _ => return None,
    };
    Some(if result.is_finite() { Value::Number(result) } else { Value::Null })
}

fn matching(name: &str, arguments: &[Value]) -> Option<Value> {
    let subject = arguments.first()?.known_text()?;
    let found = arguments.iter().skip(1).position(|each| {
        each.known_text().is_some_and(|each| match name {
            "match" => subject == each,
            "mixmatch" => subject.to_lowercase() == each.to_lowercase(),
            _ => text::wild_match(&subject, &each),
        })
    });
    let position = found.map_or(0, |index| index + 1);
    u32::try_from(position).ok().map(|position| Value::Number(f64::from(position)))
}

fn date(name: &str, arguments: &[Value]) -> Option<Value> {
    let text = |index: usize| arguments.get(index).and_then(Value::known_text);
    let integer = |index: usize| arguments.get(index).and_then(Value::number).and_then(to_integer);
    let or = |index: usize, other: i64| {
        if arguments.len() > index { integer(index) } else { Some(other) }
    };
    let first = arguments.first().and_then(Value::number);
    let made = match name {
        "makedate" => serial(integer(0)?, or(1, 1)?, or(2, 1)?)?,
        "date#" => format::read_date(&text(0)?, &text(1)?)?,
        "addmonths" => {
            let (year, month, day) = civil(first?)?;
            let start = serial(year, month + integer(1)?, 1)?;
            let next = serial(year, month + integer(1)? + 1, 1)?;
            (start + to_float(day - 1)?).min(next - 1.0)
        }
        "addyears" => {
            let (year, month, day) = civil(first?)?;
            serial(year + integer(1)?, month, day)?
        }
        "monthstart" => {
            let (year, month, _) = civil(first?)?;
            serial(year, month + or(1, 0)?, 1)?
        }
        "monthend" => {
            let (year, month, _) = civil(first?)?;
            serial(year, month + or(1, 0)? + 1, 1)? - 1.0
        }
        "yearstart" => serial(civil(first?)?.0 + or(1, 0)?, 1, 1)?,
        "yearend" => serial(civil(first?)?.0 + or(1, 0)? + 1, 1, 1)? - 1.0,
        "year" => return to_float(civil(first?)?.0).map(Value::Number),
        "day" => return to_float(civil(first?)?.2).map(Value::Number),
        "month" => {
            let (_, month, _) = civil(first?)?;
            return Some(Value::Dual(to_float(month)?, format::date(first?, "MMM")?.into()));
        }
        "date" => {
            // Without a format the text depends on the script's DateFormat.
            let shown = format::date(first?, &text(1)?)?;
            return Some(Value::Dual(first?, shown.into()));
        }
        _ => return None,
    };
    Some(Value::Number(made))
}
