//! Fully qualified names: parts joined by dots, a part with a dot in double quotes, no escape.

/// A name that cannot be a part: it has a double quote inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidName;

/// `name` as one part: quoted when it has a dot; a part already quoted loses the quotes when it has none.
pub(crate) fn quote(name: &str) -> Result<String, InvalidName> {
    let inner = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|inner| !inner.is_empty() && !inner.contains('"'));
    match inner {
        Some(inner) if inner.contains('.') => Ok(name.to_owned()),
        Some(inner) => Ok(inner.to_owned()),
        None if name.contains('"') => Err(InvalidName),
        None if name.contains('.') => Ok(format!("\"{name}\"")),
        None => Ok(name.to_owned()),
    }
}

/// `parent` extended by `name`.
pub(crate) fn join(parent: &str, name: &str) -> Result<String, InvalidName> {
    let mut fqn = String::with_capacity(parent.len() + name.len() + 3);
    fqn.push_str(parent);
    fqn.push('.');
    fqn.push_str(&quote(name)?);
    Ok(fqn)
}

/// `name` without quotes around it.
pub(crate) fn unquote(name: &str) -> &str {
    name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name)
}

/// `fqn` without its last part; `None` when it has only one.
pub(crate) fn parent(fqn: &str) -> Option<&str> {
    let mut quoted = false;
    let mut last = None;
    for (at, c) in fqn.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => last = Some(at),
            _ => {}
        }
    }
    last.and_then(|at| fqn.get(..at))
}

/// The parts of `fqn`, quotes kept.
pub(crate) fn parts(fqn: &str) -> Vec<&str> {
    let mut quoted = false;
    fqn.split(|c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting() {
        fn check(name: &str, expected: Result<&str, InvalidName>) {
            assert_eq!(quote(name), expected.map(str::to_owned), "{name}");
        }
        check("Sales", Ok("Sales"));
        check("Sales.Orders", Ok("\"Sales.Orders\""));
        check("\"q\"", Ok("q"));
        check("\"q.2\"", Ok("\"q.2\""));
        check("a\"b", Err(InvalidName));
        check("a.\"b", Err(InvalidName));
        check("\"", Err(InvalidName));
        check("\"\"", Err(InvalidName));
        check("тест/%?#", Ok("тест/%?#"));
        check("", Ok(""));
    }

    #[test]
    fn parents() {
        fn check(fqn: &str, expected: Option<&str>) {
            assert_eq!(parent(fqn), expected, "{fqn}");
        }
        check("s.model.\"a.b\".\"c.d\"", Some("s.model.\"a.b\""));
        check("s", None);
        check("\"s.t\"", None);
        check("a.b", Some("a"));
    }

    #[test]
    fn splitting() {
        assert_eq!(parts("a.\"b.c\".d"), ["a", "\"b.c\"", "d"]);
        assert_eq!(parts("a"), ["a"]);
    }
}
