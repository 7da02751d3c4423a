//! Texts of numbers and dates by a format such as `YYYY-MM-DD` or `000`.

use super::dates::{civil, serial, to_integer};
use super::value::number_text;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date by a format of years, months and days; `None` when the format holds more.
pub(crate) fn date(number: f64, format: &str) -> Option<String> {
    let (year, month, day) = civil(number)?;
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let same = rest.chars().take_while(|next| next.eq_ignore_ascii_case(&first)).count();
        match (first.to_ascii_lowercase(), same) {
            ('y', 4) => out.push_str(&format!("{year:04}")),
            ('y', 2) => out.push_str(&format!("{:02}", year.rem_euclid(100))),
            ('m', 1) => out.push_str(&month.to_string()),
            ('m', 2) => out.push_str(&format!("{month:02}")),
            ('m', 3) => {
                let index = usize::try_from(month - 1).ok()?;
                out.push_str(MONTHS.get(index)?);
            }
            ('d', 1) => out.push_str(&day.to_string()),
            ('d', 2) => out.push_str(&format!("{day:02}")),
            ('y' | 'm' | 'd' | 'h' | 's' | 'f' | 't' | 'w', _) => return None,
            _ => out.extend(rest.chars().take(same)),
        }
        let taken: usize = rest.chars().take(same).map(char::len_utf8).sum();
        rest = rest.get(taken..).unwrap_or("");
    }
    Some(out)
}

/// A date read by a format of years, months and days.
pub(crate) fn read_date(text: &str, format: &str) -> Option<f64> {
    let (mut year, mut month, mut day) = (None, 1, 1);
    let mut rest = text.trim();
    let mut format = format.trim();
    while let Some(first) = format.chars().next() {
        let same = format.chars().take_while(|next| next.eq_ignore_ascii_case(&first)).count();
        let (field, width) = match (first.to_ascii_lowercase(), same) {
            ('y', 4) => (Some('y'), 4),
            ('m', 1 | 2) => (Some('m'), 2),
            ('d', 1 | 2) => (Some('d'), 2),
            (letter, _) if letter.is_alphabetic() => return None,
            _ => (None, same),
        };
        if let Some(field) = field {
            let digits: String =
                rest.chars().take(width).take_while(char::is_ascii_digit).collect();
            let number = digits.parse::<i64>().ok()?;
            match field {
                'y' => year = Some(number),
                'm' => month = number,
                _ => day = number,
            }
            rest = rest.get(digits.len()..)?;
        } else {
            let literal: String = format.chars().take(same).collect();
            rest = rest.strip_prefix(literal.as_str())?;
        }
        let taken: usize = format.chars().take(same).map(char::len_utf8).sum();
        format = format.get(taken..).unwrap_or("");
    }
    let known = (1..=12).contains(&month) && (1..=31).contains(&day) && rest.is_empty();
    if known { serial(year?, month, day) } else { None }
}

/// A number by a format of zeros and hashes; `None` when the format holds more.
pub(crate) fn number(number: f64, format: &str) -> Option<String> {
    if format.is_empty() {
        return Some(number_text(number));
    }
    let whole = to_integer(number)?;
    if !format.bytes().all(|byte| matches!(byte, b'0' | b'#')) {
        return None;
    }
    let width = format.bytes().filter(|&byte| byte == b'0').count();
    let sign = if whole < 0 { "-" } else { "" };
    Some(format!("{sign}{:0width$}", whole.abs()))
}
