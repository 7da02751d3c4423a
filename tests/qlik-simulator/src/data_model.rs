//! The data model as the engine's methods give it, derived from the reply of REST `data/metadata`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::content::text_at;

/// What `GetTablesAndKeys` answers (`{qtr, qk}`).
///
/// `synthetic` false is the source view: no `$Syn` tables, composite keys are listed in `qk`.
pub(crate) fn tables_and_keys(metadata: &Value, synthetic: bool, system: bool) -> Value {
    let fields = list(metadata, "fields");
    let rows: BTreeMap<&str, i64> = list(metadata, "tables")
        .iter()
        .map(|table| (text_at(table, "/name"), integer(table, "no_of_rows")))
        .collect();

    let mut tables: Vec<Value> = Vec::new();
    for table in list(metadata, "tables") {
        if flag(table, "is_system") && !system {
            continue;
        }
        let name = text_at(table, "/name");
        let mut own = Vec::new();
        for field in fields {
            if tables_of(field).any(|of| of == name) {
                own.push(field_in_table(field, integer(table, "no_of_rows"), &rows));
            }
        }
        let mut record = Map::new();
        record.insert("qName".into(), name.into());
        record.insert("qNoOfRows".into(), integer(table, "no_of_rows").into());
        record.insert("qFields".into(), Value::Array(own));
        record.insert("qPos".into(), json!({"qx": 0, "qy": 0}));
        if flag(table, "is_loose") {
            record.insert("qLoose".into(), true.into());
        }
        let comment = text_at(table, "/comment");
        if !comment.is_empty() {
            record.insert("qComment".into(), comment.into());
        }
        tables.push(Value::Object(record));
    }

    // Fields that are in the same tables form one key, a composite one when they are several.
    let mut keys: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for field in fields.iter().filter(|field| !flag(field, "is_system")) {
        let mut of: Vec<&str> = tables_of(field).collect();
        if of.len() > 1 {
            of.sort_unstable();
            keys.entry(of).or_default().push(text_at(field, "/name"));
        }
    }
    let mut records = Vec::new();
    for (number, (of, names)) in keys.iter().enumerate() {
        if synthetic && names.len() > 1 {
            let name = format!("$Syn {} Table", number + 1);
            let fields: Vec<Value> = names.iter().map(|name| json!({"qName": name})).collect();
            tables.push(json!({"qName": name, "qIsSynthetic": true, "qFields": fields}));
            records.push(json!({"qKeyFields": [format!("$Syn {}", number + 1)], "qTables": of}));
        } else {
            records.push(json!({"qKeyFields": names, "qTables": of}));
        }
    }
    json!({"qtr": tables, "qk": records})
}

/// `FieldInTableData`; false booleans are left out, as on the wire.
fn field_in_table(field: &Value, rows: i64, all_rows: &BTreeMap<&str, i64>) -> Value {
    let distinct = integer(field, "cardinal");
    let of: Vec<&str> = tables_of(field).collect();
    let smallest = of.iter().filter_map(|table| all_rows.get(table)).min().copied().unwrap_or(0);
    let key = match of.len() {
        0 | 1 => "NOT_KEY",
        _ if distinct == rows && rows == smallest => "PERFECT_KEY",
        _ if distinct == rows => "PRIMARY_KEY",
        _ => "ANY_KEY",
    };
    let mut record = Map::new();
    record.insert("qName".into(), text_at(field, "/name").into());
    record.insert("qOriginalFields".into(), json!([]));
    record.insert("qPresent".into(), true.into());
    record.insert("qInformationDensity".into(), 1.into());
    record.insert("qnNonNulls".into(), rows.into());
    record.insert("qnRows".into(), rows.into());
    record.insert("qSubsetRatio".into(), 1.into());
    record.insert("qnTotalDistinctValues".into(), distinct.into());
    record.insert("qnPresentDistinctValues".into(), distinct.min(rows).into());
    record.insert("qKeyType".into(), key.into());
    record.insert("qTags".into(), tags(field));
    record.insert("qDerivedFields".into(), json!([]));
    let comment = text_at(field, "/comment");
    if !comment.is_empty() {
        record.insert("qComment".into(), comment.into());
    }
    Value::Object(record)
}

/// Items of a `FieldList`, by the flags of its definition.
pub(crate) fn field_list(metadata: &Value, definition: &Value) -> Vec<Value> {
    let wanted = |key: &str| definition.get(key).and_then(Value::as_bool).unwrap_or(false);
    let mut items = Vec::new();
    for field in list(metadata, "fields") {
        let excluded = (flag(field, "is_system") && !wanted("qShowSystem"))
            || (flag(field, "is_semantic") && !wanted("qShowSemantic"))
            || (flag(field, "is_hidden") && !flag(field, "is_system") && !wanted("qShowHidden"))
            || (flag(field, "distinct_only") && !wanted("qShowDefinitionOnly"));
        if excluded {
            continue;
        }
        let mut item = Map::new();
        item.insert("qName".into(), text_at(field, "/name").into());
        item.insert("qCardinal".into(), integer(field, "cardinal").into());
        item.insert("qTags".into(), tags(field));
        if wanted("qShowSrcTables") {
            let tables: Vec<&str> = tables_of(field).collect();
            item.insert("qSrcTables".into(), json!(tables));
        }
        let flags = [
            ("qIsSystem", "is_system"),
            ("qIsHidden", "is_hidden"),
            ("qIsSemantic", "is_semantic"),
            ("qIsNumeric", "is_numeric"),
        ];
        for (name, source) in flags {
            if flag(field, source) {
                item.insert(name.into(), true.into());
            }
        }
        items.push(Value::Object(item));
    }
    items
}

/// What `GetFieldDescription` answers.
pub(crate) fn field_description(metadata: &Value, name: &str) -> Option<Value> {
    let fields = list(metadata, "fields");
    let index = fields.iter().position(|field| text_at(field, "/name") == name)?;
    let field = fields.get(index)?;
    let tables: Vec<&str> = tables_of(field).collect();
    let mut record = Map::new();
    record.insert("qInternalNumber".into(), index.into());
    record.insert("qName".into(), name.into());
    record.insert("qSrcTables".into(), json!(tables));
    record.insert("qCardinal".into(), integer(field, "cardinal").into());
    record.insert("qTotalCount".into(), integer(field, "total_count").into());
    record.insert("qTags".into(), tags(field));
    record.insert("qByteSize".into(), integer(field, "byte_size").into());
    let flags = [
        ("qIsSystem", "is_system"),
        ("qIsHidden", "is_hidden"),
        ("qIsSemantic", "is_semantic"),
        ("qIsNumeric", "is_numeric"),
        ("qDistinctOnly", "distinct_only"),
    ];
    for (name, source) in flags {
        if flag(field, source) {
            record.insert(name.into(), true.into());
        }
    }
    let comment = text_at(field, "/comment");
    if !comment.is_empty() {
        record.insert("qComment".into(), comment.into());
    }
    Some(Value::Object(record))
}

/// Tags and number of values of a field, for layouts; `None` when there is no such field.
pub(crate) fn field_facts(metadata: &Value, name: &str) -> Option<(Value, i64)> {
    let field = list(metadata, "fields").iter().find(|field| text_at(field, "/name") == name)?;
    Some((tags(field), integer(field, "cardinal")))
}

/// Names of the fields that an expression reads, found by name alone: naive, without set analysis,
/// variables or functions in mind.
pub(crate) fn fields_in_expression(metadata: &Value, expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for field in list(metadata, "fields") {
        let name = text_at(field, "/name");
        if name.is_empty() || flag(field, "is_system") {
            continue;
        }
        let quoted = [format!("[{name}]"), format!("\"{name}\"")];
        let named = quoted.iter().any(|quoted| expression.contains(quoted.as_str()))
            || contains_word(expression, name);
        if named {
            found.push(name.to_owned());
        }
    }
    found
}

fn contains_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.match_indices(word).any(|(start, _)| {
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let after = text.get(start + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn tables_of(field: &Value) -> impl Iterator<Item = &str> {
    list(field, "src_tables").iter().filter_map(Value::as_str)
}

fn tags(field: &Value) -> Value {
    field.get("tags").cloned().unwrap_or_else(|| json!([]))
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn integer(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}
