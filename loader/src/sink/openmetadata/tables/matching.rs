//! Which table of the catalogue a table of a load script is. Pure.

use schemas::event::node::DatabaseTable;
use serde_json::Value;

use super::super::{fqn, names::folded, settings::TableMapping};

/// A table as a script names it, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl Wanted {
    pub(super) fn of(node: &DatabaseTable) -> Self {
        let part = |text: &Option<String>| text.as_deref().map(unquoted).filter(|t| !t.is_empty());
        Self {
            database: part(&node.database),
            schema: part(&node.schema),
            table: unquoted(&node.table),
        }
    }

    /// For messages.
    pub(super) fn display(&self) -> String {
        let parts = [self.database.as_deref(), self.schema.as_deref(), Some(self.table.as_str())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(".")
    }
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let pairs = [('"', '"'), ('[', ']'), ('`', '`')];
    pairs
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
        .unwrap_or(text)
        .to_owned()
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Service; any when `None`.
    pub(super) service: Option<String>,
    /// Database that a mapping names: it holds whatever the script says.
    pub(super) database: Option<String>,
    /// Schema for tables whose script names none.
    pub(super) schema: Option<String>,
    /// Database of the service's connection, for tables whose script names none.
    pub(super) own_database: Option<String>,
}

impl Scope {
    /// Of a configured mapping.
    pub(super) fn of(mapping: &TableMapping) -> Self {
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty() && t != "*");
        Self {
            service: Some(mapping.service.clone()).filter(|s| s != "*"),
            database: given(&mapping.database),
            schema: given(&mapping.schema),
            own_database: None,
        }
    }

    /// Full names to try, likeliest first.
    pub(super) fn candidates(&self, wanted: &Wanted) -> Vec<Vec<String>> {
        let Some(service) = &self.service else { return Vec::new() };
        let mut pairs: Vec<(String, String)> = Vec::new();
        let databases = match &self.database {
            Some(database) => vec![database.clone()],
            None => wanted.database.iter().chain(&self.own_database).cloned().collect::<Vec<_>>(),
        };
        for database in &databases {
            for schema in wanted.schema.iter().chain(&self.schema) {
                pairs.push((database.clone(), schema.clone()));
            }
        }
        // Databases without schemas, such as MySQL: their database is OpenMetadata's schema.
        if let (None, Some(schema)) = (&wanted.schema, &wanted.database) {
            let database = self.database.clone().unwrap_or_else(|| "default".to_owned());
            pairs.push((database, schema.clone()));
        }
        pairs.dedup();
        pairs
            .into_iter()
            .map(|(database, schema)| vec![service.clone(), database, schema, wanted.table.clone()])
            .collect()
    }

    /// Pattern for the search of qualified names. Lower-case: 1.2 compares with lower-cased names and
    /// finds nothing else, 1.12.6 ignores the case (both seen).
    pub(super) fn pattern(&self, wanted: &Wanted) -> String {
        let part = |text: Option<&String>| {
            text.map_or_else(|| "*".to_owned(), |text| fqn::quoted(&wildcards_escaped(text)))
        };
        // A script's database may be OpenMetadata's database or schema, so it does not narrow the
        // search; the hits are compared anyway.
        [
            part(self.service.as_ref()),
            part(self.database.as_ref()),
            part(wanted.schema.as_ref()),
            part(Some(&wanted.table)),
        ]
        .join(".")
    }

    /// Whether a table of the catalogue may be the one that is wanted.
    pub(super) fn fits(&self, wanted: &Wanted, parts: &[String]) -> bool {
        let [service, database, schema, table] = parts else { return false };
        let same = |a: &str, b: &str| folded(a) == folded(b);
        let service_fits = self.service.as_deref().is_none_or(|wanted| same(wanted, service));
        let schema_fits = match (&wanted.schema, &self.schema) {
            (Some(wanted), _) | (None, Some(wanted)) => same(wanted, schema),
            (None, None) => true,
        };
        let database_fits = match (&self.database, &wanted.database) {
            (Some(mapped), _) => same(mapped, database),
            (None, Some(wanted_database)) => {
                same(wanted_database, database)
                    || (wanted.schema.is_none() && same(wanted_database, schema))
            }
            (None, None) => true,
        };
        same(&wanted.table, table) && service_fits && schema_fits && database_fits
    }
}

fn wildcards_escaped(text: &str) -> String {
    text.chars().flat_map(|c| "*?\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    One(String),
    None,
    /// Qualified names.
    Several(Vec<String>),
}

/// The one table among the found names that fits; of several the one spelled exactly as wanted.
pub(super) fn choose(found: &[String], wanted: &Wanted, scopes: &[Scope]) -> Choice {
    let mut fitting: Vec<_> = found
        .iter()
        .map(|name| (name, fqn::split(name)))
        .filter(|(_, parts)| scopes.iter().any(|scope| scope.fits(wanted, parts)))
        .collect();
    fitting.sort();
    fitting.dedup();
    let is_exact = |parts: &[String]| {
        let [_, _, schema, table] = parts else { return false };
        *table == wanted.table && wanted.schema.as_ref().is_none_or(|wanted| wanted == schema)
    };
    let exact: Vec<_> = fitting.iter().filter(|(_, parts)| is_exact(parts)).collect();
    match (fitting.as_slice(), exact.as_slice()) {
        ([], _) => Choice::None,
        ([(one, _)], _) | (_, [(one, _)]) => Choice::One((*one).clone()),
        (several, _) => Choice::Several(several.iter().map(|(name, _)| (*name).clone()).collect()),
    }
}

/// Whether a qualified name begins with one of the prefixes; without prefixes every name is allowed.
pub(super) fn is_allowed(name: &[String], prefixes: &[String]) -> bool {
    prefixes.is_empty()
        || prefixes.iter().any(|prefix| {
            let prefix = fqn::split(prefix);
            prefix.len() <= name.len()
                && prefix.iter().zip(name).all(|(a, b)| a == "*" || folded(a) == folded(b))
        })
}

/// The first mapping for a connection.
pub(super) fn mapping<'a>(
    connection: Option<&str>,
    mappings: &'a [TableMapping],
) -> Option<&'a TableMapping> {
    let connection = connection?;
    mappings.iter().find(|mapping| glob(&folded(&mapping.connection), &folded(connection)))
}

/// Whether a text matches a pattern in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// A database service of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DatabaseService {
    pub(super) name: String,
    kind: String,
    host: Option<String>,
    port: Option<u16>,
    pub(super) database: Option<String>,
    pub(super) schema: Option<String>,
    account: Option<String>,
}

impl DatabaseService {
    /// Reads a service with its connection, as far as the server shows it.
    pub(super) fn of(service: &Value) -> Option<Self> {
        let config = service.pointer("/connection/config").unwrap_or(&Value::Null);
        let text = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| config.get(*name).and_then(Value::as_str))
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let host_port = text(&["hostPort", "host"]);
        let (host, port) = host_port.as_deref().map(split_host).unwrap_or_default();
        Some(Self {
            name: service.get("name")?.as_str()?.to_owned(),
            kind: service.get("serviceType").and_then(Value::as_str).unwrap_or_default().to_owned(),
            host,
            port,
            database: text(&["database", "databaseName", "catalog"]),
            schema: text(&["databaseSchema"]),
            account: text(&["account"]).map(|text| text.to_lowercase()),
        })
    }

    /// Whether a table's connection leads to this service's server.
    pub(super) fn is_at(&self, node: &DatabaseTable) -> bool {
        let Some((host, port)) = node.host.as_deref().map(split_host) else { return false };
        let Some(host) = host else { return false };
        let port = node.port.and_then(|port| u16::try_from(port).ok()).or(port);
        let same_port = match (self.port, port) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let same_host = self.host.as_deref().is_some_and(|own| same_host(own, &host))
            || self.account.as_deref().is_some_and(|account| {
                host.strip_prefix(account).is_some_and(|rest| rest.starts_with('.'))
            });
        same_host && same_port
    }

    /// Whether its kind of database can be the one whose dialect the script speaks.
    pub(super) fn speaks(&self, dialect: Option<&str>) -> bool {
        let kind = family(&self.kind);
        let dialect = dialect.and_then(family);
        match (kind, dialect) {
            (Some(kind), Some(dialect)) => kind == dialect,
            _ => true,
        }
    }
}

/// Host in lower case and port of `host:port`, `[v6]:port` or a URL.
fn split_host(text: &str) -> (Option<String>, Option<u16>) {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', ';', '\\']).next().unwrap_or_default();
    let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    // SQL Server writes `tcp:host,port`.
    let text = text.strip_prefix("tcp:").unwrap_or(text).replace(',', ":");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host.to_owned(), Some(port)),
            Err(_) => (text.clone(), None),
        },
        _ => (text.clone(), None),
    };
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    ((!host.is_empty()).then_some(host), port)
}

/// The same host, also when one of them is without its domain.
fn same_host(a: &str, b: &str) -> bool {
    let is_address = |host: &str| host.parse::<std::net::IpAddr>().is_ok();
    if a == b {
        return true;
    }
    if is_address(a) || is_address(b) {
        return false;
    }
    match (a.split_once('.'), b.split_once('.')) {
        (Some((first, _)), None) => first == b,
        (None, Some((first, _))) => first == a,
        _ => false,
    }
}

/// Kinds of databases that go by several names, each in lower case without punctuation.
const FAMILIES: [&[&str]; 14] = [
    &["postgres", "postgresql", "greenplum", "redshift", "cockroach"],
    &["mysql", "mariadb", "singlestore"],
    &["mssql", "sqlserver", "tsql", "azuresql", "synapse", "transactsql"],
    &["oracle"],
    &["snowflake"],
    &["bigquery", "googlebigquery"],
    &["databricks", "unitycatalog", "deltalake", "spark", "sparksql", "hive", "impala"],
    &["db2"],
    &["teradata"],
    &["saphana", "hana"],
    &["vertica"],
    &["clickhouse"],
    &["sqlite"],
    &["trino", "presto", "athena"],
];

fn family(name: &str) -> Option<usize> {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    FAMILIES.iter().position(|names| names.contains(&name.as_str()))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
