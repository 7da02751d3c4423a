//! Columns: from JSON, with the checks the server makes, and their merge on an update.

use std::collections::HashMap;

use super::draft::labels;
use super::update::How;
use crate::entity::{Change, Column, Label};
use crate::json::Json;
use crate::problem::Problem;
use crate::schema::choices::{COLUMN_DATA_TYPE, CONSTRAINT};
use crate::version::Rules;

/// The columns of a list that was bound to the schema.
///
/// # Errors
/// 400 for what the server checks: repeated names, lengths, array types, children, scale.
pub(crate) fn read(items: &[Json], rules: &Rules) -> Result<Vec<Column>, Problem> {
    let mut columns: Vec<Column> = Vec::with_capacity(items.len());
    let mut names = std::collections::HashSet::with_capacity(items.len());
    for item in items {
        let column = column(item, rules)?;
        if !names.insert(column.name.clone()) {
            return Err(Problem::Bad(format!("Column name {} is repeated", column.name)));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column(item: &Json, rules: &Rules) -> Result<Column, Problem> {
    let data_type =
        |key| item.text_of(key).and_then(|text| COLUMN_DATA_TYPE.value(&text, rules.code));
    let kind = data_type("dataType").unwrap_or("UNKNOWN");
    let display = item
        .text_of("dataTypeDisplay")
        .map_or_else(|| kind.to_lowercase(), |text| text.to_lowercase());
    let column = Column {
        name: item.text_of("name").unwrap_or_default(),
        display_name: item.text_of("displayName"),
        data_type: kind,
        // The server drops it from other types.
        array_data_type: if kind == "ARRAY" { data_type("arrayDataType") } else { None },
        data_length: item.integer_of("dataLength"),
        precision: item.integer_of("precision"),
        scale: item.integer_of("scale"),
        data_type_display: display.into_boxed_str(),
        description: item.text_of("description"),
        tags: item.get("tags").map(|tags| labels(tags.items(), rules)),
        constraint: item.text_of("constraint").and_then(|text| CONSTRAINT.value(&text, rules.code)),
        ordinal_position: item.integer_of("ordinalPosition"),
        json_schema: item.text_of("jsonSchema"),
        extension: item.get("extension").cloned(),
        children: item.get("children").map(|children| read(children.items(), rules)).transpose()?,
    };
    check(&column, rules).map(|()| column)
}

fn check(column: &Column, rules: &Rules) -> Result<(), Problem> {
    let bad = |text: String| Err(Problem::Bad(text));
    let sized = matches!(column.data_type, "CHAR" | "VARCHAR" | "BINARY" | "VARBINARY");
    if sized && column.data_length.is_none() {
        return bad(
            "For column data types char, varchar, binary, varbinary dataLength must not be null"
                .to_owned(),
        );
    }
    if column.data_type == "ARRAY" && column.array_data_type.is_none() {
        return bad("For column data type array, arrayDataType must not be null".to_owned());
    }
    if column.data_type == "STRUCT" && rules.struct_needs_children && column.children.is_none() {
        return bad("For column data type struct, children must not be null".to_owned());
    }
    match (column.scale, column.precision) {
        (Some(_), None) => {
            return bad(format!(
                "Scale is set but precision is not set for the column {}",
                column.name
            ));
        }
        (Some(scale), Some(precision)) if scale > precision => {
            return bad(format!(
                "Scale {scale} is greater than the precision {precision} of the column {}",
                column.name
            ));
        }
        _ => {}
    }
    if !rules.quote_poisons && crate::fqn::quote(&column.name).is_err() {
        return bad(format!("Invalid name {}", column.name));
    }
    Ok(())
}

/// The labels of every column, at any depth.
pub(crate) fn tags(columns: &[Column]) -> impl Iterator<Item = &[Label]> {
    let mut todo: Vec<&Column> = columns.iter().collect();
    std::iter::from_fn(move || {
        let column = todo.pop()?;
        todo.extend(column.children.iter().flatten());
        Some(column.tags.as_deref().unwrap_or_default())
    })
}

/// What a comparison of columns found.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) change: Change,
    pub(super) major: bool,
}

/// How the server recognises a column: by name in any case, data type and array type.
type Key<'a> = (String, &'a str, Option<&'a str>);

fn key(column: &Column) -> Key<'static> {
    (column.name.to_lowercase(), column.data_type, column.array_data_type)
}

/// Compares `new` with `stored`, carries over what an update keeps, and notes the differences under `path`.
pub(super) fn merge(
    stored: &[Column],
    new: &mut [Column],
    path: &str,
    how: &How<'_>,
    found: &mut Differences,
) {
    // The first of several stored columns that differ in case only stands for all of them (recorded).
    let mut by_key: HashMap<Key<'_>, &Column> = HashMap::with_capacity(stored.len());
    for column in stored {
        by_key.entry(key(column)).or_insert(column);
    }
    let wanted: std::collections::HashSet<Key<'_>> = new.iter().map(key).collect();
    let deleted: Vec<&Column> =
        stored.iter().filter(|column| !wanted.contains(&key(column))).collect();
    for column in &deleted {
        found.major = true;
        found.change.deleted.push(format!("{path}.{}", column.name).into());
    }
    for column in new.iter_mut() {
        match by_key.get(&key(column)) {
            Some(old) => compare(old, column, &format!("{path}.{}", column.name), how, found),
            None => {
                found.change.added.push(format!("{path}.{}", column.name).into());
                if let Some(old) = deleted.iter().find(|old| old.name == column.name) {
                    carry_over(old, column);
                }
            }
        }
    }
}

/// A column that changed its type keeps description and tags.
fn carry_over(old: &Column, column: &mut Column) {
    if column.description.as_deref().is_none_or(str::is_empty) {
        column.description.clone_from(&old.description);
    }
    if column.tags.as_deref().is_none_or(<[Label]>::is_empty) {
        column.tags = Some(old.tags.clone().unwrap_or_default());
    }
}

fn compare(old: &Column, column: &mut Column, path: &str, how: &How<'_>, found: &mut Differences) {
    if how.keeps_text(old.description.as_deref()) {
        column.description.clone_from(&old.description);
    }
    if how.keeps_text(old.display_name.as_deref()) {
        column.display_name.clone_from(&old.display_name);
    }
    if how.put {
        let merged = super::update::merged(column.tags.as_deref(), old.tags.as_deref(), how);
        if merged.is_some() {
            column.tags = merged;
        }
        if column.extension.is_none() {
            column.extension.clone_from(&old.extension);
        }
    }
    let changed = [
        ("description", old.description != column.description),
        ("displayName", old.display_name != column.display_name),
        ("dataLength", old.data_length != column.data_length),
        ("precision", old.precision != column.precision),
        ("scale", old.scale != column.scale),
        ("constraint", old.constraint != column.constraint),
        ("extension", old.extension != column.extension),
        ("tags", !super::update::same_labels(old.tags.as_deref(), column.tags.as_deref())),
    ];
    for (name, _) in changed.into_iter().filter(|(_, changed)| *changed) {
        found.change.updated.push(format!("{path}.{name}").into());
    }
    let shorter =
        |old: Option<i64>, new: Option<i64>| old.is_some_and(|old| new.is_none_or(|new| new < old));
    found.major |= shorter(old.data_length, column.data_length)
        || shorter(old.precision, column.precision)
        || shorter(old.scale, column.scale);
    let children = column.children.take();
    column.children = match (children, &old.children) {
        (Some(mut children), Some(stored)) => {
            merge(stored, &mut children, path, how, found);
            Some(children)
        }
        (children, _) => children,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(release: &str) -> Rules {
        Rules::of(&release.parse().expect(release))
    }

    fn parse(text: &str) -> Vec<Json> {
        let json: Json = serde_json::from_str(text).expect(text);
        json.items().to_vec()
    }

    #[test]
    fn checks() {
        fn check(release: &str, columns: &str, expected: Result<&str, &str>) {
            let found = read(&parse(columns), &rules(release));
            let found = found.map(|columns| {
                columns.iter().map(|c| &*c.data_type_display).collect::<Vec<_>>().join(",")
            });
            let expected =
                expected.map(str::to_owned).map_err(|text| Problem::Bad(text.to_owned()));
            assert_eq!(found, expected, "{release} {columns}");
        }
        check(
            "1.12.6",
            r#"[{"name":"a","dataType":"INT"},{"name":"A","dataType":"DATE","dataTypeDisplay":"Day"}]"#,
            Ok("int,day"),
        );
        check(
            "1.12.6",
            r#"[{"name":"a","dataType":"INT"},{"name":"a","dataType":"DATE"}]"#,
            Err("Column name a is repeated"),
        );
        check(
            "1.12.6",
            r#"[{"name":"v","dataType":"VARCHAR"}]"#,
            Err(
                "For column data types char, varchar, binary, varbinary dataLength must not be null",
            ),
        );
        check(
            "1.12.6",
            r#"[{"name":"v","dataType":"ARRAY"}]"#,
            Err("For column data type array, arrayDataType must not be null"),
        );
        check("1.12.6", r#"[{"name":"v","dataType":"STRUCT"}]"#, Ok("struct"));
        check(
            "1.2.0",
            r#"[{"name":"v","dataType":"STRUCT"}]"#,
            Err("For column data type struct, children must not be null"),
        );
        check(
            "1.12.6",
            r#"[{"name":"v","dataType":"DECIMAL","scale":3}]"#,
            Err("Scale is set but precision is not set for the column v"),
        );
        check("1.12.6", r#"[{"name":"a\"b","dataType":"INT"}]"#, Ok("int"));
        check("1.2.0", r#"[{"name":"a\"b","dataType":"INT"}]"#, Err("Invalid name a\"b"));
    }

    #[test]
    fn merging() {
        fn check(
            stored: &str,
            new: &str,
            bot: bool,
            names: &[(&str, Option<&str>)],
            changed: bool,
            major: bool,
        ) {
            let rules = rules("1.12.6");
            let how = How { put: true, bot, override_metadata: false, rules: &rules };
            let stored = read(&parse(stored), &rules).expect("stored");
            let mut columns = read(&parse(new), &rules).expect("new");
            let mut found = Differences::default();
            merge(&stored, &mut columns, "columns", &how, &mut found);
            let merged: Vec<_> =
                columns.iter().map(|c| (&*c.name, c.description.as_deref())).collect();
            assert_eq!(merged, names, "{new}");
            assert_eq!((!found.change.is_empty(), found.major), (changed, major), "{new}");
        }
        let stored = r#"[{"name":"ID","dataType":"INT","description":"up"},{"name":"Id","dataType":"INT","description":"lo"}]"#;
        let reordered = r#"[{"name":"Id","dataType":"INT"},{"name":"ID","dataType":"INT"}]"#;
        check(stored, reordered, true, &[("Id", Some("up")), ("ID", Some("up"))], false, false);
        let one = r#"[{"name":"a","dataType":"INT","description":"d"}]"#;
        check(one, r#"[{"name":"a","dataType":"BIGINT"}]"#, true, &[("a", Some("d"))], true, true);
        check(
            one,
            r#"[{"name":"a","dataType":"INT","description":"x"}]"#,
            true,
            &[("a", Some("d"))],
            false,
            false,
        );
        check(
            one,
            r#"[{"name":"a","dataType":"INT","description":"x"}]"#,
            false,
            &[("a", Some("x"))],
            true,
            false,
        );
        check(one, r#"[{"name":"a","dataType":"INT"}]"#, false, &[("a", None)], true, false);
        check(one, "[]", true, &[], true, true);
        let long = r#"[{"name":"v","dataType":"VARCHAR","dataLength":20}]"#;
        check(
            long,
            r#"[{"name":"v","dataType":"VARCHAR","dataLength":30}]"#,
            true,
            &[("v", None)],
            true,
            false,
        );
        check(
            long,
            r#"[{"name":"v","dataType":"VARCHAR","dataLength":10}]"#,
            true,
            &[("v", None)],
            true,
            true,
        );
        let nested =
            r#"[{"name":"s","dataType":"STRUCT","children":[{"name":"x","dataType":"INT"}]}]"#;
        let gone = r#"[{"name":"s","dataType":"STRUCT","children":[]}]"#;
        check(nested, gone, true, &[("s", None)], true, true);
    }
}
