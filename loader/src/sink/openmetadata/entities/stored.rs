//! An entity as the server shows it. Pure.

use serde_json::{Map, Value, json};

use super::super::{
    hash::{self, Record},
    map::{Kind, Naming},
};

/// A tag on an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredTag {
    pub(super) fqn: String,
    pub(super) label_type: String,
    /// As requests name it.
    pub(super) label: Value,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredColumn {
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) data_type: String,
    pub(super) unique: bool,
}

/// An entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) deleted: bool,
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) source_url: Option<String>,
    pub(super) project: Option<String>,
    pub(super) source_hash: Option<String>,
    pub(super) chart_type: Option<String>,
    pub(super) sql: Option<String>,
    pub(super) updated_at: Option<i64>,
    pub(super) tags: Vec<StoredTag>,
    /// Ids.
    pub(super) owners: Vec<String>,
    /// Qualified names.
    pub(super) charts: Vec<String>,
    pub(super) data_models: Vec<String>,
    pub(super) dashboards: Vec<String>,
    pub(super) columns: Vec<StoredColumn>,
    /// Data products and domains as requests name them: some PUTs would take them away.
    pub(super) data_products: Map<String, Value>,
    pub(super) certification: Option<Value>,
}

/// Members to ask for: without it a list comes back empty though it is set.
pub(super) fn fields(kind: Kind, naming: &Naming) -> String {
    let features = &naming.features;
    let mut fields = vec![features.owners.name(), "tags"];
    match kind {
        Kind::Dashboard => fields.extend(["charts", "dataModels"]),
        Kind::Chart if features.chart_dashboards => fields.push("dashboards"),
        Kind::Chart => {}
        Kind::DataModel => fields.push("columns"),
    }
    if let Some(domains) = features.domains {
        fields.push(domains);
        if kind != Kind::DataModel || features.data_model_data_products {
            fields.push("dataProducts");
        }
    }
    if features.life_cycle {
        fields.push("lifeCycle");
    }
    if features.put_drops_certification {
        fields.push("certification");
    }
    if features.source_hash {
        fields.push("sourceHash");
    }
    fields.join(",")
}

impl Stored {
    /// Reads an entity.
    pub(super) fn of(entity: &Value, naming: &Naming) -> Self {
        let text = |name: &str| text(entity, name);
        let features = &naming.features;
        let references = |name: &str| {
            let items = entity.get(name).and_then(Value::as_array);
            // A chart still refers to its deleted dashboards; a request must not.
            let alive = items.into_iter().flatten().filter(|item| !flag(item, "deleted"));
            alive.filter_map(|item| self::text(item, "fullyQualifiedName")).collect::<Vec<_>>()
        };
        Self {
            id: text("id").unwrap_or_default(),
            deleted: flag(entity, "deleted"),
            display_name: text("displayName"),
            description: text("description"),
            source_url: text("sourceUrl"),
            project: text("project"),
            source_hash: text("sourceHash"),
            chart_type: text("chartType"),
            sql: text("sql"),
            updated_at: entity.pointer("/lifeCycle/updated/timestamp").and_then(Value::as_i64),
            tags: tags(entity),
            owners: owners(entity.get(features.owners.name())),
            charts: references("charts"),
            data_models: references("dataModels"),
            dashboards: references("dashboards"),
            columns: entity
                .get("columns")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(column)
                .collect(),
            data_products: data_products(entity, features.domains),
            certification: entity
                .get("certification")
                .filter(|value| features.put_drops_certification && !value.is_null())
                .cloned(),
        }
    }

    /// What our last write recorded, when that is still there.
    pub(super) fn record(&self) -> Option<Record> {
        self.source_hash.as_deref().and_then(Record::decode)
    }

    /// Mark of the descriptions of its columns.
    pub(super) fn columns_mark(&self) -> u32 {
        hash::columns_mark(self.columns.iter().map(|c| (c.name.as_str(), c.description.as_deref())))
    }

    /// The column of this name, whatever its case, and its position.
    pub(super) fn column(&self, name: &str) -> Option<(usize, &StoredColumn)> {
        let exact = self.columns.iter().position(|column| column.name == name);
        let position = exact.or_else(|| {
            let folded = super::super::names::folded(name);
            self.columns.iter().position(|c| super::super::names::folded(&c.name) == folded)
        })?;
        Some((position, self.columns.get(position)?))
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn tags(entity: &Value) -> Vec<StoredTag> {
    let items = entity.get("tags").and_then(Value::as_array);
    // Positions matter to PATCH, so nothing is left out.
    items
        .into_iter()
        .flatten()
        .map(|tag| StoredTag {
            fqn: text(tag, "tagFQN").unwrap_or_default(),
            label_type: text(tag, "labelType").unwrap_or_default(),
            label: ["tagFQN", "source", "labelType", "state"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), tag.get(name)?.clone())))
                .collect::<Map<_, _>>()
                .into(),
        })
        .collect()
}

/// Ids in a list of references, or in a single one; inherited owners belong to something else.
fn owners(value: Option<&Value>) -> Vec<String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items
        .iter()
        .filter(|item| !flag(item, "inherited"))
        .filter_map(|item| text(item, "id"))
        .collect()
}

fn column(value: &Value) -> Option<StoredColumn> {
    Some(StoredColumn {
        name: text(value, "name")?,
        display_name: text(value, "displayName"),
        description: text(value, "description"),
        data_type: text(value, "dataType").unwrap_or_default(),
        unique: text(value, "constraint").as_deref() == Some("UNIQUE"),
    })
}

/// Data products and the domains that they need, as requests name them.
fn data_products(entity: &Value, domains: Option<&'static str>) -> Map<String, Value> {
    let mut kept = Map::new();
    let names = |value: Option<&Value>| {
        let items = match value {
            Some(Value::Array(items)) => items.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let own = items.into_iter().filter(|item| !flag(item, "inherited"));
        own.filter_map(|item| text(&item, "fullyQualifiedName")).collect::<Vec<_>>()
    };
    let products = names(entity.get("dataProducts"));
    if products.is_empty() {
        return kept;
    }
    kept.insert("dataProducts".to_owned(), json!(products));
    if let Some(member) = domains {
        let found = names(entity.get(member));
        match (member, found.first()) {
            (_, None) => {}
            ("domain", Some(first)) => {
                kept.insert(member.to_owned(), json!(first));
            }
            (_, Some(_)) => {
                kept.insert(member.to_owned(), json!(found));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::super::version::Features;
    use super::*;

    fn naming(version: &str) -> Naming {
        let features = Features::of(&version.parse().expect("a version"));
        Naming { service: "prod".to_owned(), features }
    }

    #[test]
    fn only_fields_that_the_version_has_are_asked_for() {
        let check = |version, kind, expected| {
            assert_eq!(fields(kind, &naming(version)), expected, "{version}");
        };
        check("1.1.1", Kind::Dashboard, "owner,tags,charts,dataModels");
        check("1.1.1", Kind::Chart, "owner,tags");
        check(
            "1.3.0",
            Kind::DataModel,
            "owner,tags,columns,domain,dataProducts,lifeCycle,sourceHash",
        );
        check(
            "1.8.0",
            Kind::Chart,
            "owners,tags,dashboards,domain,dataProducts,lifeCycle,certification,sourceHash",
        );
        check(
            "1.12.6",
            Kind::Chart,
            "owners,tags,dashboards,domains,dataProducts,lifeCycle,sourceHash",
        );
    }

    #[test]
    fn owners_are_one_or_many_and_not_inherited() {
        let check = |version, entity: Value, expected: &[&str]| {
            assert_eq!(Stored::of(&entity, &naming(version)).owners, expected);
        };
        check("1.4.0", json!({"owner": {"id": "a", "type": "user"}}), &["a"]);
        check("1.12.6", json!({"owners": [{"id": "a"}, {"id": "b"}]}), &["a", "b"]);
        check("1.12.6", json!({"owners": [{"id": "a", "inherited": true}]}), &[]);
        check("1.12.6", json!({}), &[]);
    }

    #[test]
    fn data_products_come_with_their_domains() {
        let entity = json!({
            "domain": {"fullyQualifiedName": "D"},
            "domains": [{"fullyQualifiedName": "D"}],
            "dataProducts": [{"fullyQualifiedName": "P"}],
        });
        let check = |version, expected: Value| {
            assert_eq!(
                Value::Object(Stored::of(&entity, &naming(version)).data_products),
                expected
            );
        };
        check("1.8.0", json!({"domain": "D", "dataProducts": ["P"]}));
        check("1.10.0", json!({"domains": ["D"], "dataProducts": ["P"]}));
        check("1.1.1", json!({"dataProducts": ["P"]}));
    }
}
