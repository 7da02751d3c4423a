//! Control statements: the keywords and where each statement ends.

use super::scan::Scanner;

/// Which control statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    If,
    /// `ELSEIF`; also `ELSE IF` on one line, which scripts close with a single `END IF`.
    ElseIf,
    Else,
    EndIf,
    For,
    ForEach,
    Next,
    Do,
    Loop,
    Switch,
    Case,
    Default,
    EndSwitch,
    Sub,
    EndSub,
    Call,
    Exit,
}

/// The control statement whose keyword starts at `at`, with the offset after the keyword.
pub(crate) fn control_word(scanner: &Scanner<'_>, at: usize) -> Option<(Control, usize)> {
    let end = scanner.word(at);
    let word = scanner.part(at, end).to_ascii_lowercase();
    let second = |scanner: &Scanner<'_>| {
        let from = same_line_space(scanner, end);
        let to = scanner.word(from);
        (scanner.part(from, to).to_ascii_lowercase(), to)
    };
    let (control, end) = match word.as_str() {
        "if" => (Control::If, end),
        "elseif" => (Control::ElseIf, end),
        "else" => match second(scanner) {
            (next, to) if next == "if" => (Control::ElseIf, to),
            _ => (Control::Else, end),
        },
        "endif" => (Control::EndIf, end),
        "endsub" => (Control::EndSub, end),
        "endswitch" => (Control::EndSwitch, end),
        "end" => match second(scanner) {
            (next, to) if next == "if" => (Control::EndIf, to),
            (next, to) if next == "sub" => (Control::EndSub, to),
            (next, to) if next == "switch" => (Control::EndSwitch, to),
            _ => return None,
        },
        "for" => match second(scanner) {
            (next, to) if next == "each" => (Control::ForEach, to),
            _ => (Control::For, end),
        },
        "next" => (Control::Next, end),
        "do" => (Control::Do, end),
        "loop" => (Control::Loop, end),
        "switch" => (Control::Switch, end),
        "case" => (Control::Case, end),
        "default" => (Control::Default, end),
        "sub" => (Control::Sub, end),
        "call" => (Control::Call, end),
        "exit" => (Control::Exit, end),
        _ => return None,
    };
    // `Default:` is a label and `next = 1` an assignment, whatever the words mean elsewhere.
    let after = scanner.blank(end);
    let is_name = match scanner.byte(after) {
        b':' => true,
        b'=' => !matches!(control, Control::If | Control::ElseIf | Control::Case),
        _ => false,
    };
    (!is_name).then_some((control, end))
}

/// End of a control statement whose arguments start at `at`.
pub(crate) fn control_end(scanner: &Scanner<'_>, control: Control, at: usize) -> usize {
    match control {
        Control::If | Control::ElseIf => condition_end(scanner, at),
        Control::Else
        | Control::EndIf
        | Control::EndSub
        | Control::EndSwitch
        | Control::Default => at,
        Control::Next => next_end(scanner, at),
        _ => line_end(scanner, at),
    }
}

/// A condition goes to its `THEN`, which belongs to the statement.
fn condition_end(scanner: &Scanner<'_>, mut at: usize) -> usize {
    while at < scanner.len() && scanner.byte(at) != b';' {
        if let Some(end) = pass(scanner, at) {
            at = end;
            continue;
        }
        let end = scanner.word(at);
        if end == at {
            at += 1;
        } else if scanner.part(at, end).eq_ignore_ascii_case("then") {
            return end;
        } else {
            at = end;
        }
    }
    at.min(scanner.len())
}

/// `NEXT` takes names of loop variables on its line.
fn next_end(scanner: &Scanner<'_>, at: usize) -> usize {
    let mut end = at;
    loop {
        let from = same_line_space(scanner, end);
        let to = scanner.quoted(from).unwrap_or_else(|| scanner.word(from));
        if to == from {
            return end;
        }
        end = to;
        let comma = same_line_space(scanner, end);
        if scanner.byte(comma) != b',' {
            return end;
        }
        end = comma + 1;
    }
}

/// To the `;` or the end of the line; an open parenthesis or a comma carries over to the next.
fn line_end(scanner: &Scanner<'_>, mut at: usize) -> usize {
    let mut depth = 0_usize;
    let mut last = b' ';
    while at < scanner.len() {
        if let Some(end) = scanner.comment(at) {
            at = end;
            continue;
        }
        if let Some(end) = pass(scanner, at) {
            last = scanner.byte(end - 1);
            at = end;
            continue;
        }
        match scanner.byte(at) {
            b';' => return at,
            b'\n' if depth == 0 && last != b',' => {
                let next = scanner.blank(at);
                if scanner.byte(next) != b',' {
                    return at;
                }
                at = next;
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !scanner.byte(at).is_ascii_whitespace() {
            last = scanner.byte(at);
        }
        at += 1;
    }
    scanner.len()
}

/// Passes over a quote, a comment or a `$(…)`.
fn pass(scanner: &Scanner<'_>, at: usize) -> Option<usize> {
    scanner.quoted(at).or_else(|| scanner.comment(at)).or_else(|| scanner.dollar(at))
}

fn same_line_space(scanner: &Scanner<'_>, mut at: usize) -> usize {
    while matches!(scanner.byte(at), b' ' | b'\t') {
        at += 1;
    }
    at
}
