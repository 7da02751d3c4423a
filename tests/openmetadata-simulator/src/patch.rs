//! JSON Patch (RFC 6902) on [`Json`].

use std::fmt;

use crate::json::Json;

/// Why a patch cannot be applied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatchError(String);

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Applies the list `operations` to `document`, one after another. On an error the document is half changed.
pub(crate) fn apply(document: &mut Json, operations: &Json) -> Result<(), PatchError> {
    let Json::List(operations) = operations else {
        return Err(PatchError("A JSON patch must be an array".to_owned()));
    };
    operations.iter().try_for_each(|operation| step(document, operation))
}

fn step(document: &mut Json, operation: &Json) -> Result<(), PatchError> {
    let member = |key: &str| {
        operation
            .text_of(key)
            .ok_or_else(|| PatchError(format!("A JSON patch operation must have a '{key}'")))
    };
    // A null value is a value here, so `get`, which takes null for absent, does not do.
    let value = || {
        let found = operation.members().iter().find(|(key, _)| &**key == "value");
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| PatchError("A JSON patch operation must have a 'value'".to_owned()))
    };
    let path = pointer(&member("path")?)?;
    match &*member("op")? {
        "add" => add(document, &path, value()?),
        "remove" => remove(document, &path).map(drop),
        "replace" => {
            remove(document, &path)?;
            add(document, &path, value()?)
        }
        "move" => {
            let moved = remove(document, &pointer(&member("from")?)?)?;
            add(document, &path, moved)
        }
        "copy" => {
            let copied = find(document, &pointer(&member("from")?)?)?.clone();
            add(document, &path, copied)
        }
        "test" => {
            if find(document, &path)?.same(&value()?) {
                Ok(())
            } else {
                Err(PatchError("The JSON patch operation 'test' failed".to_owned()))
            }
        }
        other => Err(PatchError(format!(
            "Illegal value for the op member of the JSON patch operation: '{other}'"
        ))),
    }
}

fn pointer(text: &str) -> Result<Vec<String>, PatchError> {
    match text.strip_prefix('/') {
        Some(rest) => {
            Ok(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
        }
        None if text.is_empty() => Ok(Vec::new()),
        None => Err(PatchError("A non-empty JSON pointer must begin with a '/'".to_owned())),
    }
}

fn missing(part: &str) -> PatchError {
    PatchError(format!("Non-existing name/value pair in the object for key {part}"))
}

fn find<'a>(document: &'a mut Json, path: &[String]) -> Result<&'a mut Json, PatchError> {
    let mut at = document;
    for part in path {
        at = match at {
            Json::Object(members) => {
                members.iter_mut().find(|(key, _)| **key == **part).map(|(_, value)| value)
            }
            Json::List(items) => part.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .ok_or_else(|| missing(part))?;
    }
    Ok(at)
}

fn add(document: &mut Json, path: &[String], value: Json) -> Result<(), PatchError> {
    let Some((last, above)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match find(document, above)? {
        Json::List(items) => {
            let index = if last == "-" { Some(items.len()) } else { last.parse().ok() };
            match index.filter(|index| *index <= items.len()) {
                Some(index) => items.insert(index, value),
                None => {
                    return Err(PatchError(format!("Array item index is out of range: {last}")));
                }
            }
        }
        container @ Json::Object(_) => container.set(last, value),
        _ => return Err(missing(last)),
    }
    Ok(())
}

fn remove(document: &mut Json, path: &[String]) -> Result<Json, PatchError> {
    let Some((last, above)) = path.split_last() else {
        return Ok(std::mem::replace(document, Json::Null));
    };
    match find(document, above)? {
        Json::Object(members) => {
            let index =
                members.iter().position(|(key, _)| **key == **last).ok_or_else(|| missing(last))?;
            Ok(members.remove(index).1)
        }
        Json::List(items) => match last.parse::<usize>() {
            Ok(index) if index < items.len() => Ok(items.remove(index)),
            _ => Err(PatchError(format!("Array item index is out of range: {last}"))),
        },
        _ => Err(missing(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations() {
        fn check(document: &str, operations: &str, expected: Option<&str>) {
            let parse = |text: &str| serde_json::from_str::<Json>(text).expect(text);
            let mut patched = parse(document);
            let outcome = apply(&mut patched, &parse(operations)).ok().map(|()| patched);
            assert_eq!(outcome, expected.map(parse), "{operations}");
        }
        check("{}", r#"[{"op":"add","path":"/a","value":1}]"#, Some(r#"{"a":1}"#));
        check(r#"{"a":1}"#, r#"[{"op":"add","path":"/a","value":null}]"#, Some(r#"{"a":null}"#));
        check(r#"{"a":[1,2]}"#, r#"[{"op":"remove","path":"/a/0"}]"#, Some(r#"{"a":[2]}"#));
        check(
            r#"{"a":[1,2]}"#,
            r#"[{"op":"add","path":"/a/-","value":3}]"#,
            Some(r#"{"a":[1,2,3]}"#),
        );
        check(
            r#"{"a":[1,2]}"#,
            r#"[{"op":"replace","path":"/a/1","value":3}]"#,
            Some(r#"{"a":[1,3]}"#),
        );
        check(
            r#"{"a":{"b/c":1}}"#,
            r#"[{"op":"move","from":"/a/b~1c","path":"/d"}]"#,
            Some(r#"{"a":{},"d":1}"#),
        );
        check(r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/b"}]"#, Some(r#"{"a":1,"b":1}"#));
        check(r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":1}]"#, Some(r#"{"a":1}"#));
        check(r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":2}]"#, None);
        check("{}", r#"[{"op":"remove","path":"/a"}]"#, None);
        check("{}", r#"[{"op":"replace","path":"/a","value":1}]"#, None);
        check("{}", r#"[{"op":"add","path":"/a/b","value":1}]"#, None);
        check("{}", r#"{"op":"add","path":"/a","value":1}"#, None);
        check("{}", r#"[{"op":"add","path":"a","value":1}]"#, None);
        check("{}", r#"[{"op":"add","path":"/a"}]"#, None);
    }
}
