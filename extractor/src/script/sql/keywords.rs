//! Arguments that are keywords: units of time, types, formats. They look like columns.

use sqlparser::ast::{Expr, FunctionArg, FunctionArguments};

use super::functions::{is_unit, takes_unit};
use super::rows::function_argument;

/// Whether the argument at an index of a call says how, not of what.
pub(super) fn is_keyword(name: &str, arguments: &[FunctionArg], index: usize) -> bool {
    if takes_unit(name) && unit(arguments) == Some(index) {
        return true;
    }
    // They are never the only one.
    if arguments.len() < 2 {
        return false;
    }
    let Some(word) = arguments.get(index).and_then(bare) else { return false };
    let is = |words: &[&str]| words.iter().any(|each| word.eq_ignore_ascii_case(each));
    match (name, index) {
        // ODBC
        ("convert", 1) => starts(word, "sql_"),
        // MySQL
        ("get_format", 0) => is(&["date", "time", "datetime", "timestamp"]),
        // DB2
        ("char" | "varchar", 1) => is(&["iso", "usa", "eur", "jis", "local"]),
        ("strip", 1) => is(&["b", "both", "l", "leading", "t", "trailing"]),
        ("normalize", 1) => is(&["nfc", "nfd", "nfkc", "nfkd"]),
        _ => false,
    }
}

/// Index of the argument that is a unit of time: the first in `DATEDIFF(day, a, b)`, the last in
/// `DATE_DIFF(a, b, DAY)`. Columns may have the names of units: the longer one is.
fn unit(arguments: &[FunctionArg]) -> Option<usize> {
    let length = |index: usize| {
        let argument = arguments.get(index)?;
        if let Some(word) = bare(argument) {
            return (is_unit(word) || starts(word, "sql_tsi_")).then_some(word.len());
        }
        // `WEEK(MONDAY)`
        match function_argument(argument)? {
            Expr::Function(week) if week.name.to_string().eq_ignore_ascii_case("week") => {
                match &week.args {
                    FunctionArguments::List(list) => match list.args.as_slice() {
                        [day] => bare(day).filter(|day| is_weekday(day)).map(str::len),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    };
    let last = arguments.len().checked_sub(1).filter(|&last| last > 0)?;
    match (length(0), length(last)) {
        (first, Some(other)) if first.is_none_or(|first| other > first) => Some(last),
        (first, _) => first.map(|_| 0),
    }
}

/// The name that an argument is, without quotes.
fn bare(argument: &FunctionArg) -> Option<&str> {
    match function_argument(argument)? {
        Expr::Identifier(name) if name.quote_style.is_none() => Some(&name.value),
        _ => None,
    }
}

fn starts(word: &str, start: &str) -> bool {
    word.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start))
}

fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    DAYS.iter().any(|day| word.eq_ignore_ascii_case(day))
}
