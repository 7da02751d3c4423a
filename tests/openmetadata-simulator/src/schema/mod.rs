//! Request schemas by release: which properties a body may have, and how a wrong one is refused.
//!
//! [`bind`] does what Jackson does (unknown properties, wrong types, unknown enumeration values, in document
//! order, the first one ends it); [`violations`] does what bean validation does afterwards.

pub(crate) mod choices;
pub(crate) mod classes;
mod validate;

pub(crate) use self::validate::violations;

use self::choices::Choice;
use crate::json::Json;
use crate::kind::Kind;
use crate::locate::{Step, position};
use crate::problem::Problem;
use crate::version::Rules;

/// A Java class that JSON is bound to.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    /// Whether unknown properties are refused.
    pub(crate) closed: bool,
}

/// A property of a [`Class`].
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// First and last release that has it.
    pub(crate) since: u16,
    pub(crate) until: u16,
    pub(crate) required: bool,
}

/// What a property may hold.
#[derive(Debug)]
pub(crate) enum Shape {
    /// An entity name.
    Name,
    /// A name without the narrow pattern of the old releases (databases, tables, users).
    WideName,
    /// A column name.
    ColumnName,
    Text,
    /// `sourceHash`, 1 to 32 characters.
    Hash,
    Uuid,
    Integer,
    Flag,
    Choice(&'static Choice),
    /// A list of strings.
    Texts,
    Object(&'static Class),
    Objects(&'static Class),
    /// Anything.
    Free,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, since: 101, until: u16::MAX, required: false }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn since(mut self, code: u16) -> Self {
        self.since = code;
        self
    }

    pub(crate) const fn until(mut self, code: u16) -> Self {
        self.until = code;
        self
    }

    /// Whether a server with `rules` knows the property.
    pub(crate) fn known(&self, rules: &Rules) -> bool {
        (self.since..=self.until).contains(&rules.code)
            && match self.name {
                "sourceHash" => rules.source_hash,
                "domain" => rules.single_domain,
                _ => true,
            }
    }
}

impl Class {
    /// The property `name`, when a server with `rules` has it.
    pub(crate) fn field(&self, name: &str, rules: &Rules) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name && field.known(rules))
    }
}

/// Why a value does not fit its class. The way to it is noted from the inside out while the error travels up, so
/// that a body without mistakes costs nothing.
struct Mismatch {
    text: String,
    /// The steps to the value, innermost first, each with the class it was taken in (none for list items).
    trail: Vec<(Step, Option<&'static str>)>,
}

impl Mismatch {
    fn new(text: String) -> Self {
        Self { text, trail: Vec::new() }
    }

    fn inside(mut self, step: Step, class: Option<&'static str>) -> Self {
        self.trail.push((step, class));
        self
    }
}

/// Parses `text` and binds it to `class`.
pub(crate) fn read(class: &Class, text: &[u8], rules: &Rules) -> Result<Json, Problem> {
    let json = parse(text, rules)?;
    object(class, &json, rules).map_err(|mismatch| located(mismatch, text, rules))?;
    Ok(json)
}

/// Parses `text` as a list and binds each item to `class`.
pub(crate) fn read_list(class: &Class, text: &[u8], rules: &Rules) -> Result<Vec<Json>, Problem> {
    let json = parse(text, rules)?;
    objects(class, &json, rules).map_err(|mismatch| located(mismatch, text, rules))?;
    match json {
        Json::List(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

/// Binds a patched entity to its class. What the entity shares with its Create request is checked as that is;
/// relations, which are references here and names there, are checked when they are resolved.
pub(crate) fn bind_entity(kind: Kind, json: &Json, rules: &Rules) -> Result<(), Problem> {
    let class = kind.entity_class();
    for (name, value) in json.members() {
        let shared = kind.create_class().field(name, rules).map(|field| &field.shape);
        let fit = match shared {
            _ if !kind.has_property(name, rules) => {
                let mut names: Vec<&str> = kind.properties().to_vec();
                names.retain(|name| kind.has_property(name, rules));
                // Getters of the common interface, which Jackson takes for properties.
                names.extend(
                    ["owners", "reviewers", "experts", "children"]
                        .iter()
                        .filter(|getter| !kind.has_property(getter, rules)),
                );
                Err(unknown(class, name, &names))
            }
            Some(shape @ (Shape::Choice(_) | Shape::Objects(_) | Shape::Hash))
                if !value.is_null() =>
            {
                fits(shape, value, rules)
            }
            _ => Ok(()),
        };
        fit.map_err(|mismatch| {
            located(mismatch.inside(Step::Key(name.clone()), Some(class)), b"", rules)
        })?;
    }
    Ok(())
}

/// Parses a body that must be JSON.
pub(crate) fn parse(text: &[u8], rules: &Rules) -> Result<Json, Problem> {
    serde_json::from_slice(text).map_err(|error| {
        if text.iter().all(u8::is_ascii_whitespace) {
            let getter = if rules.code >= 105 { "getOwners" } else { "getOwner" };
            return Problem::Unhandled(format!(
                "Cannot invoke \"org.openmetadata.schema.CreateEntity.{getter}()\" because \"request\" is null"
            ));
        }
        // The older Jackson counts the column behind the character, the newer one its own.
        let column = error.column() + usize::from(!rules.plain_errors);
        let at = text
            .split(|&b| b == b'\n')
            .nth(error.line().saturating_sub(1))
            .and_then(|line| line.get(error.column().saturating_sub(1)));
        let what = match at {
            Some(&byte) if error.to_string().starts_with("key must be a string") => format!(
                "Unexpected character ('{}' (code {byte})): was expecting double-quote to start field name",
                char::from(byte)
            ),
            Some(&byte) if error.classify() == serde_json::error::Category::Syntax => {
                format!("Unexpected character ('{}' (code {byte}))", char::from(byte))
            }
            _ => "Unexpected end-of-input".to_owned(),
        };
        Problem::NotJson(format!("{what}\n at {}", source(rules, error.line(), column)))
    })
}

fn source(rules: &Rules, line: usize, column: usize) -> String {
    let source = if rules.plain_errors {
        "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    } else {
        "(org.glassfish.jersey.message.internal.ReaderInterceptorExecutor$UnCloseableInputStream)"
    };
    format!("[Source: {source}; line: {line}, column: {column}]")
}

fn located(mut mismatch: Mismatch, text: &[u8], rules: &Rules) -> Problem {
    mismatch.trail.reverse();
    let path: Vec<Step> = mismatch.trail.iter().map(|(step, _)| step.clone()).collect();
    let (line, column) = position(text, &path);
    let chain: Vec<String> = mismatch
        .trail
        .iter()
        .map(|(step, class)| match step {
            Step::Key(name) => {
                format!("{}[\"{name}\"]", class.unwrap_or("java.util.LinkedHashMap"))
            }
            Step::Index(index) => format!("java.util.ArrayList[{index}]"),
        })
        .collect();
    let mut message = format!("{}\n at {}", mismatch.text, source(rules, line, column));
    if !chain.is_empty() {
        message.push_str(&format!(" (through reference chain: {})", chain.join("->")));
    }
    Problem::Bad(message)
}

fn object(class: &Class, json: &Json, rules: &Rules) -> Result<(), Mismatch> {
    let Json::Object(members) = json else {
        return Err(wrong_type(class.name, json));
    };
    for (name, value) in members {
        let fit = match class.field(name, rules) {
            Some(field) if !value.is_null() => fits(&field.shape, value, rules),
            None if class.closed => {
                let known = class.fields.iter().filter(|field| field.known(rules));
                Err(unknown(class.name, name, &known.map(|field| field.name).collect::<Vec<_>>()))
            }
            _ => Ok(()),
        };
        fit.map_err(|mismatch| mismatch.inside(Step::Key(name.clone()), Some(class.name)))?;
    }
    Ok(())
}

fn objects(class: &Class, json: &Json, rules: &Rules) -> Result<(), Mismatch> {
    let Json::List(items) = json else {
        return Err(wrong_type(&format!("java.util.ArrayList<{}>", class.name), json));
    };
    for (index, item) in items.iter().enumerate() {
        object(class, item, rules).map_err(|mismatch| mismatch.inside(Step::Index(index), None))?;
    }
    Ok(())
}

fn fits(shape: &Shape, value: &Json, rules: &Rules) -> Result<(), Mismatch> {
    match shape {
        Shape::Name | Shape::WideName | Shape::ColumnName | Shape::Text | Shape::Hash => {
            match value {
                Json::List(_) | Json::Object(_) => Err(wrong_type("java.lang.String", value)),
                _ => Ok(()),
            }
        }
        Shape::Uuid => match value {
            Json::Text(text) if text.len() == 36 && uuid::Uuid::parse_str(text).is_ok() => Ok(()),
            Json::Text(text) => Err(Mismatch::new(format!(
                "Cannot deserialize value of type `java.util.UUID` from String \"{text}\": \
                 UUID has to be represented by standard 36-char representation"
            ))),
            _ => Err(wrong_type("java.util.UUID", value)),
        },
        Shape::Integer => match value {
            Json::Number(_) => Ok(()),
            Json::Text(text) if text.parse::<i64>().is_ok() => Ok(()),
            _ => Err(wrong_type("java.lang.Integer", value)),
        },
        Shape::Flag => match value {
            Json::Bool(_) => Ok(()),
            Json::Text(text) if matches!(&**text, "true" | "false") => Ok(()),
            _ => Err(wrong_type("java.lang.Boolean", value)),
        },
        Shape::Choice(choice) => match value.text() {
            Some(text) if choice.value(&text, rules.code).is_some() => Ok(()),
            Some(text) => Err(Mismatch::new(format!(
                "Cannot construct instance of `{}`, problem: {text}",
                choice.class
            ))),
            None => Err(wrong_type(choice.class, value)),
        },
        Shape::Texts => match value {
            Json::List(items) => items
                .iter()
                .find(|item| matches!(item, Json::List(_) | Json::Object(_)))
                .map_or(Ok(()), |item| Err(wrong_type("java.lang.String", item))),
            _ => Err(wrong_type("java.util.ArrayList<java.lang.String>", value)),
        },
        Shape::Object(class) => object(class, value, rules),
        Shape::Objects(class) => objects(class, value, rules),
        Shape::Free => Ok(()),
    }
}

fn wrong_type(class: &str, value: &Json) -> Mismatch {
    let (what, token) = match value {
        Json::Null => ("Null", "VALUE_NULL"),
        Json::Bool(true) => ("Boolean", "VALUE_TRUE"),
        Json::Bool(false) => ("Boolean", "VALUE_FALSE"),
        Json::Number(number) if number.is_f64() => ("Floating-point", "VALUE_NUMBER_FLOAT"),
        Json::Number(_) => ("Integer", "VALUE_NUMBER_INT"),
        Json::Text(_) => ("String", "VALUE_STRING"),
        Json::List(_) => ("Array", "START_ARRAY"),
        Json::Object(_) => ("Object", "START_OBJECT"),
    };
    Mismatch::new(format!(
        "Cannot deserialize value of type `{class}` from {what} value (token `JsonToken.{token}`)"
    ))
}

fn unknown(class: &str, name: &str, names: &[&str]) -> Mismatch {
    let listed: Vec<String> = hash_order(names).iter().map(|name| format!("\"{name}\"")).collect();
    let known = match listed.len() {
        1 => "one known property".to_owned(),
        count => format!("{count} known properties"),
    };
    Mismatch::new(format!(
        "Unrecognized field \"{name}\" (class {class}), not marked as ignorable ({known}: {}])",
        listed.join(", ")
    ))
}

/// The order in which Jackson lists the properties of a class: by place in its hash table. Found by comparison
/// with the recorded messages: open addressing in a primary area, a secondary one half its size, then spill-over.
fn hash_order<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let size = match names.len() {
        0..=5 => 8,
        6..=12 => 16,
        count => (count + (count >> 2)).next_power_of_two().max(32),
    };
    let mut area = std::collections::BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        let hash = name
            .encode_utf16()
            .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        let slot = usize::try_from(hash).unwrap_or(0) & (size - 1);
        let places = [slot, size + (slot >> 1), size + (size >> 1) + index];
        if let Some(free) = places.into_iter().find(|place| !area.contains_key(place)) {
            area.insert(free, *name);
        }
    }
    area.into_values().collect()
}

#[cfg(test)]
mod tests;
