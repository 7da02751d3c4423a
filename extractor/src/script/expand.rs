//! Dollar expansion: `$(name)`, `$(=expression)`, `$(name(a, b))` and `$(Include=…)` are replaced
//! in a statement's text before it is parsed, inside quotes too. What only a reload knows stays
//! visible as `$(…)`. Comments are dropped on the way.

use std::rc::Rc;

use super::eval::Value;
use super::lex::scan::Scanner;
use super::lex::split::is_include;

/// How deep expansions may nest, in names and through values. Qlik scripts use two or three.
const MAX_DEPTH: usize = 16;

/// Longest text that one statement may grow to.
pub(crate) const MAX_EXPANDED: usize = 8 << 20;

/// Where expansion looks names up.
pub(crate) trait Variables {
    /// Value of a variable; `None` when it was never set.
    fn variable(&self, name: &str) -> Option<Value>;
    /// Value of an expression.
    fn evaluate(&self, expression: &str) -> Value;
    /// Text of an included file.
    fn include(&self, path: &str) -> Option<String>;
}

/// A statement's text after expansion.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether anything was replaced.
    pub(crate) replaced: bool,
    /// What could not be replaced, as it stands in the text.
    pub(crate) unresolved: Vec<Rc<str>>,
    /// Whether what was put in may hold ends of statements.
    pub(crate) has_semicolon: bool,
    /// Whether it was cut at [`MAX_EXPANDED`].
    pub(crate) too_long: bool,
}

/// How a statement's text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// `//` and `/* */` are dropped.
    Drop,
    /// As above, and `--` to the end of the line.
    DropSql,
    /// Everything is text.
    Keep,
}

/// Expands a statement's text.
pub(crate) fn expand(text: &str, comments: Comments, variables: &dyn Variables) -> Expanded {
    let mut expansion = Expansion { variables, result: Expanded::default() };
    let mut out = String::with_capacity(text.len());
    expansion.copy(text, comments, 0, &mut out);
    expansion.result.text = out;
    expansion.result
}

struct Expansion<'a> {
    variables: &'a dyn Variables,
    result: Expanded,
}

impl Expansion<'_> {
    fn copy(&mut self, text: &str, comments: Comments, depth: usize, out: &mut String) {
        let scanner = Scanner::new(text);
        let mut at = 0;
        let mut from = 0;
        let mut quote_end = 0;
        while at < scanner.len() {
            let byte = scanner.byte(at);
            if byte == b'$' && scanner.byte(at + 1) == b'(' {
                if let Some(end) = scanner.dollar(at) {
                    out.push_str(scanner.part(from, at));
                    self.replace(scanner.part(at + 2, end - 1), depth, out);
                    at = end;
                    from = end;
                    continue;
                }
            } else if at >= quote_end && comments != Comments::Keep {
                let dropped = match byte {
                    b'[' if follows_inline(&scanner, at) => {
                        quote_end = scanner.inline_end(at);
                        None
                    }
                    b'\'' | b'"' | b'`' | b'[' => {
                        quote_end = scanner.quoted(at).unwrap_or(at + 1);
                        None
                    }
                    b'/' => scanner.comment(at),
                    b'-' if comments == Comments::DropSql && scanner.byte(at + 1) == b'-' => {
                        Some(scanner.line_end(at))
                    }
                    _ => None,
                };
                if let Some(end) = dropped {
                    out.push_str(scanner.part(from, at));
                    out.push(' ');
                    at = end;
                    from = end;
                    continue;
                }
            }
            at += 1;
        }
        out.push_str(scanner.part(from, scanner.len()));
    }

    /// Puts in what `$(inner)` stands for.
    fn replace(&mut self, inner: &str, depth: usize, out: &mut String) {
        if depth >= MAX_DEPTH || out.len() >= MAX_EXPANDED {
            self.result.too_long |= out.len() >= MAX_EXPANDED;
            self.unresolved(inner, out);
            return;
        }
        let mut name = String::new();
        if inner.contains("$(") {
            self.copy(inner, Comments::Keep, depth + 1, &mut name);
        } else {
            name.push_str(inner);
        }
        let name = name.trim();
        if is_include(name) {
            let path = name.split_once('=').map_or("", |(_, path)| path.trim());
            match self.variables.include(&super::lex::unquote(path)) {
                Some(text) => self.put(&text, depth, out),
                None => self.unresolved(name, out),
            }
        } else if let Some(expression) = name.strip_prefix('=') {
            let value = self.variables.evaluate(expression);
            self.value(&value, name, depth, out);
        } else if let Some(value) = self.variables.variable(name) {
            self.value(&value, name, depth, out);
        } else if let Some((function, arguments)) = call(name) {
            match self.variables.variable(function) {
                Some(value) if !value.is_unknown() => {
                    let body = substitute(&value.shown(), &arguments);
                    self.put(&body, depth, out);
                }
                _ => self.unresolved(name, out),
            }
        } else {
            self.unresolved(name, out);
        }
    }

    fn value(&mut self, value: &Value, name: &str, depth: usize, out: &mut String) {
        match value {
            Value::Unknown(unknown) if unknown.partial => {
                self.result.unresolved.push(Rc::clone(&unknown.shown));
                self.put(&unknown.shown, MAX_DEPTH, out);
            }
            Value::Unknown(_) => self.unresolved(name, out),
            known => self.put(&known.shown(), depth, out),
        }
    }

    fn put(&mut self, text: &str, depth: usize, out: &mut String) {
        self.result.replaced = true;
        self.result.has_semicolon |= text.contains(';');
        if out.len().saturating_add(text.len()) > MAX_EXPANDED {
            self.result.too_long = true;
        } else if depth < MAX_DEPTH && text.contains("$(") {
            self.copy(text, Comments::Keep, depth + 1, out);
        } else {
            out.push_str(text);
        }
    }

    fn unresolved(&mut self, name: &str, out: &mut String) {
        let shown: Rc<str> = format!("$({name})").into();
        out.push_str(&shown);
        self.result.unresolved.push(shown);
    }
}

fn follows_inline(scanner: &Scanner<'_>, at: usize) -> bool {
    let before = scanner.part(0, at).trim_end();
    let word = before.len().checked_sub(6).and_then(|from| before.get(from..)).unwrap_or("");
    word.eq_ignore_ascii_case("inline")
}

/// `name(a, b)`: the name and its arguments.
fn call(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = text.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let mut arguments = Vec::new();
    let (mut depth, mut quoted, mut from) = (0_usize, false, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b',' if !quoted && depth == 0 => {
                arguments.push(super::lex::part(inner, from, at));
                from = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(super::lex::part(inner, from, inner.len()));
    Some((name.trim(), arguments))
}

/// Puts arguments in for `$1`, `$2` …; a missing one is empty.
fn substitute(body: &str, arguments: &[&str]) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count().min(2);
        match super::lex::part(after, 0, digits).parse::<usize>() {
            Ok(index) if index > 0 => {
                out.push_str(arguments.get(index - 1).map_or("", |argument| argument.trim()));
                rest = super::lex::part(after, digits, after.len());
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
        if out.len() > MAX_EXPANDED {
            return out;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set;

    impl Variables for Set {
        fn variable(&self, name: &str) -> Option<Value> {
            match name {
                "vPath" => Some(Value::text("lib://QVD")),
                "vName" => Some(Value::text("Path")),
                "vSum" => Some(Value::text("Sum($1) / $2")),
                "vNested" => Some(Value::text("$(vPath)/n")),
                "vSelf" => Some(Value::text("$(vSelf)$(vSelf)")),
                "vToday" => Some(Value::unknown("Today()")),
                _ => None,
            }
        }

        fn evaluate(&self, expression: &str) -> Value {
            match expression {
                "1+1" => Value::Number(2.0),
                other => Value::unknown(other),
            }
        }

        fn include(&self, path: &str) -> Option<String> {
            (path == "a.qvs").then(|| "A, B".to_owned())
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text, Comments::Drop, &Set).text, expected, "{text}");
    }

    #[test]
    fn what_is_known_is_put_in() {
        check("FROM [$(vPath)/x.qvd]", "FROM [lib://QVD/x.qvd]");
        check("$(v$(vName))", "lib://QVD");
        check("$(=1+1) '$(=1+1)'", "2 '2'");
        check("$(vSum(a, f(b, c))) as x", "Sum(a) / f(b, c) as x");
        check("$(vNested)", "lib://QVD/n");
        check("LOAD $(Include=a.qvs) FROM x", "LOAD A, B FROM x");
    }

    #[test]
    fn what_is_not_known_stays() {
        check("[x_$(vToday).qvd]", "[x_$(vToday).qvd]");
        check("$(vMissing)", "$(vMissing)");
        check("$(=Now())", "$(=Now())");
        check("$(Include=b.qvs)", "$(Include=b.qvs)");
        check("$(open", "$(open");
    }

    #[test]
    fn comments_go_and_quotes_stay() {
        check("a // b 'c\nd", "a  \nd");
        check("a /* $(vPath) */ b", "a   b");
        check("'//x' [a//b] \"/*c*/\"", "'//x' [a//b] \"/*c*/\"");
        let sql = expand("a -- b\nc '--'", Comments::DropSql, &Set);
        assert_eq!(sql.text, "a  \nc '--'");
    }

    #[test]
    fn growth_is_bounded() {
        let expanded = expand("$(vSelf)", Comments::Drop, &Set);
        assert!(expanded.text.len() <= MAX_EXPANDED + 64);
    }
}
