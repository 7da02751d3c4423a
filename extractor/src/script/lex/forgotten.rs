//! A `;` that was forgotten before a control statement. Scripts run all the same: what cannot go on
//! in an assignment is a statement of its own.

use super::control::{Control, control_word};
use super::scan::Scanner;

/// Whether a statement may end with its line: an assignment, or a variable that stands for
/// statements.
pub(super) fn may_end_with_line(scanner: &Scanner<'_>, at: usize, word: &str) -> bool {
    if word.eq_ignore_ascii_case("let") || word.eq_ignore_ascii_case("set") {
        return true;
    }
    if let Some(end) = scanner.dollar(at) {
        return scanner.byte(end).is_ascii_whitespace();
    }
    let end = scanner.quoted(at).unwrap_or_else(|| scanner.word(at));
    end > at && scanner.byte(scanner.blank(end)) == b'='
}

/// Whether a control statement starts after the line end at an offset, and the line before is whole.
pub(super) fn semicolon(scanner: &Scanner<'_>, at: usize) -> bool {
    let before = scanner.part(0, at).trim_end();
    if before.ends_with(['=', '+', '-', '*', '/', '&', ',', '(', '<', '>']) {
        return false;
    }
    let start = scanner.blank(at);
    let Some((control, arguments)) = control_word(scanner, start) else { return false };
    let line = scanner.part(arguments, scanner.line_end(arguments));
    let words = || line.split(|each: char| !each.is_alphanumeric() && each != '_');
    let has = |word: &str| words().any(|each| each.eq_ignore_ascii_case(word));
    let code = line.split("//").next().unwrap_or_default().trim().trim_end_matches(';');
    let first = words().find(|word| !word.is_empty()).unwrap_or_default();
    let is_one_of = |list: &[&str]| list.iter().any(|word| first.eq_ignore_ascii_case(word));
    match control {
        Control::If | Control::ElseIf => has("then"),
        Control::For => line.contains('=') && has("to"),
        Control::ForEach => has("in"),
        Control::Else | Control::EndIf | Control::EndSub | Control::EndSwitch => code.is_empty(),
        Control::Next => code.split_whitespace().count() <= 1,
        Control::Loop | Control::Do => code.is_empty() || is_one_of(&["while", "until"]),
        Control::Exit => is_one_of(&["script", "for", "do", "sub"]),
        Control::Call | Control::Sub => !first.is_empty(),
        Control::Switch | Control::Case | Control::Default => false,
    }
}
