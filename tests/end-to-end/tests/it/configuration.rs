//! The tables of `docs/configuration.md` are made from the types that the configuration is read into;
//! `UPDATE_DOCS=1 cargo test -p end-to-end configuration` writes them anew.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use syn::{Expr, Fields, Item, ItemStruct, Lit, Meta, Type};

/// Stands before a table, which goes up to the next empty line: `<!-- table: extractor/…/raw.rs Type -->`.
const MARK: &str = "<!-- table: ";
/// Structures that are one setting.
const LEAVES: [&str; 1] = ["FilterPattern"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A setting: its key, and what its comment says.
struct Row {
    key: String,
    default: String,
    meaning: String,
}

/// The structures of a file by their names.
fn structures(file: &str) -> BTreeMap<String, ItemStruct> {
    let text = fs::read_to_string(root().join(file)).expect("a source");
    let items = syn::parse_file(&text).expect("Rust").items.into_iter();
    let structures = items.filter_map(|item| match item {
        Item::Struct(found) if matches!(found.fields, Fields::Named(_)) => {
            Some((found.ident.to_string(), found))
        }
        _ => None,
    });
    structures.collect()
}

/// The doc comment of a field in one line.
fn comment(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// The key that serde reads: camel case, unless the field is renamed.
fn key(field: &syn::Field) -> String {
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let mut renamed = None;
        let parsed = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                renamed = Some(meta.value()?.parse::<syn::LitStr>()?.value());
            }
            Ok(())
        });
        if let (Ok(()), Some(renamed)) = (parsed, renamed) {
            return renamed;
        }
    }
    let name = field.ident.as_ref().expect("a name").to_string();
    let name = name.trim_start_matches("r#");
    let mut words = name.split('_');
    let first = words.next().expect("a word").to_owned();
    words.fold(first, |key, word| {
        let (head, tail) = word.split_at(1);
        key + &head.to_uppercase() + tail
    })
}

/// The innermost type: `Batch` of `Option<Batch>`.
fn type_name(of: &Type) -> String {
    let Type::Path(path) = of else { return String::new() };
    let last = path.path.segments.last().expect("a name");
    if last.ident == "Option"
        && let syn::PathArguments::AngleBracketed(inner) = &last.arguments
        && let Some(syn::GenericArgument::Type(inner)) = inner.args.first()
    {
        return type_name(inner);
    }
    last.ident.to_string()
}

/// `meaning. Default x; more.` in its parts.
fn split(comment: &str) -> (String, String) {
    let Some((before, after)) = comment.split_once("Default") else {
        let required = comment.strip_suffix(" Required.");
        return match required {
            Some(meaning) => ("required".to_owned(), meaning.to_owned()),
            None => (String::new(), comment.to_owned()),
        };
    };
    // `Default 4`, or in words: `Default: the broker's`.
    let is_value = !after.starts_with(':');
    let after = after.trim_start_matches(':').trim();
    let parts = after.split_once("; ").or_else(|| after.split_once(". "));
    let (default, more) = parts.unwrap_or_else(|| (after.strip_suffix('.').unwrap_or(after), ""));
    let more = more.trim();
    let default = if is_value { format!("`{default}`") } else { default.to_owned() };
    let mut letters = more.chars();
    let meaning = match letters.next() {
        None => before.trim().to_owned(),
        Some(first) => {
            format!("{} {}{}", before.trim(), first.to_uppercase(), letters.as_str())
        }
    };
    (default, meaning)
}

/// The settings of a structure, those of structures in it too; keys that mean nothing here apart.
fn rows(
    structures: &BTreeMap<String, ItemStruct>,
    name: &str,
    prefix: &str,
    elsewhere: &[String],
    rows: &mut Vec<Row>,
    ignored: &mut Vec<String>,
) {
    let found = structures.get(name).unwrap_or_else(|| panic!("no type {name}"));
    let Fields::Named(fields) = &found.fields else { panic!("{name} has no named fields") };
    for field in &fields.named {
        let key = format!("{prefix}{}", key(field));
        let comment = comment(&field.attrs);
        let inner = type_name(&field.ty);
        if elsewhere.contains(&inner) {
            continue;
        }
        if structures.contains_key(&inner) && !LEAVES.contains(&&*inner) {
            self::rows(structures, &inner, &format!("{key}."), elsewhere, rows, ignored);
        } else if comment.starts_with("Means nothing here") {
            ignored.push(format!("`{key}`"));
        } else {
            assert!(!comment.is_empty(), "{key} has no comment");
            let (default, meaning) = split(&comment);
            rows.push(Row { key, default, meaning });
        }
    }
}

/// The table of a mark; structures that have a table of their own (`elsewhere`) are left out.
fn table(mark: &str, elsewhere: &[String]) -> String {
    let (file, name) = mark.split_once(' ').expect("a file and a type");
    let (mut found, mut ignored) = (Vec::new(), Vec::new());
    rows(&structures(file), name, "", elsewhere, &mut found, &mut ignored);
    let mut text = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    for Row { key, default, meaning } in found {
        let meaning = meaning.strip_suffix('.').unwrap_or(&meaning);
        writeln!(text, "| `{key}` | {default} | {} |", meaning.replace('|', "\\|"))
            .expect("a text");
    }
    if !ignored.is_empty() {
        writeln!(text, "| {} | | accepted; they mean nothing here |", ignored.join(", "))
            .expect("a text");
    }
    text
}

#[test]
fn the_reference_is_what_the_types_say() {
    let path = root().join("docs/configuration.md");
    let page = fs::read_to_string(&path).expect("the page");
    let marks = page.split(MARK).skip(1);
    let marks = marks.map(|part| part.split_once(" -->").expect("a mark").0);
    let elsewhere: Vec<_> =
        marks.filter_map(|mark| mark.split(' ').nth(1)).map(str::to_owned).collect();
    let mut parts = page.split(MARK);
    let mut made = parts.next().expect("a beginning").to_owned();
    let mut count = 0;
    for part in parts {
        let (mark, rest) = part.split_once(" -->\n").expect("a mark");
        let (_, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
        write!(made, "{MARK}{mark} -->\n{}\n{rest}", table(mark, &elsewhere)).expect("a text");
        count += 1;
    }
    assert_eq!(count, 7, "tables");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &made).expect("written");
        return;
    }
    let differs = made.lines().zip(page.lines()).find(|(made, page)| made != page);
    assert!(
        made == page,
        "docs/configuration.md is not what the types say (`UPDATE_DOCS=1 cargo test -p end-to-end configuration` writes it): {differs:?}"
    );
}
