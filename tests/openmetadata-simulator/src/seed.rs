//! What a catalogue holds before a loader comes: database services with tables, people, domains.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::fqn;
use crate::kind::Kind;

/// What is put into the catalogue at the start. As JSON, every part may be absent:
///
/// ```json
/// {"databaseServices": [{"name": "dwh_pg", "serviceType": "Postgres", "hostPort": "db:5432", "database": "dwh"}],
///  "tables": [{"name": "dwh_pg.dwh.sales.orders", "columns": ["id", {"name": "amount", "dataType": "DOUBLE"}]}],
///  "users": [{"name": "ada", "email": "ada@example.org"}], "teams": [{"name": "bi", "teamType": "Group"}],
///  "domains": [{"name": "Sales"}], "classifications": [{"name": "Qlik", "tags": ["Finance"]}]}
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Seed {
    #[serde(default)]
    database_services: Vec<DatabaseService>,
    #[serde(default)]
    tables: Vec<Table>,
    #[serde(default)]
    users: Vec<Value>,
    #[serde(default)]
    teams: Vec<Value>,
    #[serde(default)]
    domains: Vec<Value>,
    #[serde(default)]
    classifications: Vec<Classification>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DatabaseService {
    name: String,
    #[serde(default = "postgres")]
    service_type: String,
    host_port: Option<String>,
    database: Option<String>,
    /// The whole connection; `hostPort` and `database` are put into it.
    #[serde(default)]
    connection: serde_json::Map<String, Value>,
}

fn postgres() -> String {
    "Postgres".to_owned()
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Table {
    /// The FQN.
    name: String,
    #[serde(default)]
    columns: Vec<SeedColumn>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum SeedColumn {
    Name(String),
    Whole(Value),
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Classification {
    name: String,
    #[serde(default)]
    mutually_exclusive: bool,
    #[serde(default)]
    tags: Vec<String>,
}

impl Seed {
    /// Adds a database service with the connection of `host_port` and `database`.
    pub fn database_service(
        mut self,
        name: &str,
        service_type: &str,
        host_port: &str,
        database: &str,
    ) -> Self {
        self.database_services.push(DatabaseService {
            name: name.to_owned(),
            service_type: service_type.to_owned(),
            host_port: Some(host_port.to_owned()),
            database: Some(database.to_owned()),
            connection: serde_json::Map::new(),
        });
        self
    }

    /// Adds a table with its FQN, and whatever is above it; the columns are of type STRING.
    pub fn table(mut self, fqn: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|name| SeedColumn::Name((*name).to_owned())).collect();
        self.tables.push(Table { name: fqn.to_owned(), columns });
        self
    }

    /// Adds a user.
    pub fn user(mut self, name: &str, email: &str) -> Self {
        self.users.push(json!({"name": name, "email": email}));
        self
    }

    /// Adds a team that may own entities.
    pub fn team(mut self, name: &str) -> Self {
        self.teams.push(json!({"name": name, "teamType": "Group"}));
        self
    }

    /// The Create requests that make it, parents first.
    pub(crate) fn requests(&self) -> Vec<(Kind, Value)> {
        let mut requests = Vec::new();
        for service in &self.database_services {
            let mut config = service.connection.clone();
            config.entry("type").or_insert_with(|| service.service_type.clone().into());
            for (key, value) in [("hostPort", &service.host_port), ("database", &service.database)]
            {
                if let Some(value) = value {
                    config.insert(key.to_owned(), value.clone().into());
                }
            }
            let body = json!({
                "name": service.name,
                "serviceType": service.service_type,
                "connection": {"config": config},
            });
            requests.push((Kind::DatabaseService, body));
        }
        let mut known: std::collections::HashSet<String> = self
            .database_services
            .iter()
            .filter_map(|service| fqn::quote(&service.name).ok())
            .collect();
        for table in &self.tables {
            table.requests(&mut known, &mut requests);
        }
        let with_description = |value: &Value| {
            let mut value = value.clone();
            if let Some(map) = value.as_object_mut() {
                map.entry("description").or_insert_with(|| "".into());
            }
            value
        };
        requests.extend(self.users.iter().map(|user| (Kind::User, user.clone())));
        requests.extend(self.teams.iter().map(|team| (Kind::Team, team.clone())));
        for domain in &self.domains {
            let mut domain = with_description(domain);
            if let Some(map) = domain.as_object_mut() {
                map.entry("domainType").or_insert_with(|| "Aggregate".into());
            }
            requests.push((Kind::Domain, domain));
        }
        for classification in &self.classifications {
            let name = &classification.name;
            let exclusive = classification.mutually_exclusive;
            let body = json!({"name": name, "description": "", "mutuallyExclusive": exclusive});
            requests.push((Kind::Classification, body));
            for tag in &classification.tags {
                requests.push((
                    Kind::Tag,
                    json!({"classification": name, "name": tag, "description": ""}),
                ));
            }
        }
        requests
    }
}

impl Table {
    /// The requests for the table and for those of its ancestors that are not `known` yet.
    fn requests(
        &self,
        known: &mut std::collections::HashSet<String>,
        requests: &mut Vec<(Kind, Value)>,
    ) {
        let parts = fqn::parts(&self.name);
        let mut above = String::new();
        for (depth, part) in parts.iter().enumerate() {
            let path =
                if above.is_empty() { (*part).to_owned() } else { format!("{above}.{part}") };
            let name = fqn::unquote(part);
            let is_table = depth + 1 == parts.len();
            if is_table {
                let columns: Vec<Value> = self
                    .columns
                    .iter()
                    .map(|column| match column {
                        SeedColumn::Name(name) => json!({"name": name, "dataType": "STRING"}),
                        SeedColumn::Whole(column) => column.clone(),
                    })
                    .collect();
                requests.push((
                    Kind::Table,
                    json!({"name": name, "databaseSchema": above, "columns": columns}),
                ));
            } else if known.insert(path.clone()) {
                requests.push(match depth {
                    0 => (Kind::DatabaseService, json!({"name": name, "serviceType": "Postgres"})),
                    1 => (Kind::Database, json!({"name": name, "service": above})),
                    _ => (Kind::DatabaseSchema, json!({"name": name, "database": above})),
                });
            }
            above = path;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_once() {
        let seed = Seed::default()
            .database_service("pg", "Postgres", "db:5432", "dwh")
            .table("pg.dwh.sales.orders", &["id"])
            .table("pg.dwh.sales.\"order.items\"", &["id"]);
        let made: Vec<(Kind, String)> = seed
            .requests()
            .into_iter()
            .map(|(kind, body)| (kind, body["name"].as_str().unwrap_or_default().to_owned()))
            .collect();
        let expected = [
            (Kind::DatabaseService, "pg"),
            (Kind::Database, "dwh"),
            (Kind::DatabaseSchema, "sales"),
            (Kind::Table, "orders"),
            (Kind::Table, "order.items"),
        ];
        assert_eq!(made, expected.map(|(kind, name)| (kind, name.to_owned())));
    }

    #[test]
    fn unknown_parts_are_refused() {
        let error = serde_json::from_str::<Seed>(r#"{"table": []}"#).expect_err("refused");
        assert!(error.to_string().contains("unknown field `table`"), "{error}");
    }
}
