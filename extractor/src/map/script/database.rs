//! Tables of databases: what the script says of one, and what the connection string adds.

use schemas::event::node::DatabaseTable;

use crate::script::{Connections, DataConnection};

/// Parameters that name the server, likeliest first.
const HOST: [&str; 10] = [
    "host",
    "server",
    "servername",
    "hostname",
    "data source",
    "datasource",
    "address",
    "addr",
    "network address",
    "dbcname",
];
const PORT: [&str; 3] = ["port", "portnumber", "tcpport"];
const DATABASE: [&str; 11] = [
    "database",
    "db",
    "initial catalog",
    "catalog",
    "databasename",
    "service name",
    "servicename",
    "service_name",
    "sid",
    "project",
    "projectid",
];
const SCHEMA: [&str; 7] = [
    "schema",
    "currentschema",
    "current schema",
    "defaultschema",
    "default schema",
    "searchpath",
    "dataset",
];

/// Databases whose databases are their schemas: what a statement calls a schema is one of the
/// databases beside that of the connection.
const WITHOUT_SCHEMAS: [&str; 4] = ["mysql", "hive", "clickhouse", "teradata"];

/// A table as the statement names it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) connection: Option<&'a str>,
    pub(super) dialect: Option<&'a str>,
    pub(super) database: Option<&'a str>,
    pub(super) schema: Option<&'a str>,
    pub(super) table: &'a str,
}

/// The node of a table. What the statement names counts more than what the connection says.
pub(super) fn node(named: &Named<'_>, connections: &Connections) -> DatabaseTable {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let known = named.connection.and_then(|name| connections.find(name));
    let mut table = DatabaseTable {
        connection: known.map(|known| known.name.clone()).or_else(|| owned(named.connection)),
        dialect: owned(named.dialect),
        database: owned(named.database),
        schema: owned(named.schema),
        table: named.table.to_owned(),
        ..DatabaseTable::default()
    };
    // A legacy `CONNECT TO` has no connection of the site: its text is the connection.
    let written = named
        .connection
        .map(|text| DataConnection { text: text.to_owned(), ..DataConnection::default() });
    let Some(connection) = known.or(written.as_ref()) else { return table };
    let place = Place::of(connection, named.dialect);
    table.host = place.host;
    table.port = place.port;
    let is_schema = named.dialect.is_some_and(|dialect| WITHOUT_SCHEMAS.contains(&dialect));
    if table.database.is_none() && !(is_schema && table.schema.is_some()) {
        table.database = place.database;
    }
    if table.schema.is_none() && named.database.is_none() {
        table.schema = place.schema;
    }
    table
}

/// What a connection string says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    host: Option<String>,
    port: Option<i32>,
    database: Option<String>,
    schema: Option<String>,
}

impl Place {
    fn of(connection: &DataConnection, dialect: Option<&str>) -> Self {
        let first = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| connection.property(key))?;
            let plain = found.trim().trim_matches(['"', '\'', '{', '}']).trim();
            (!plain.is_empty()).then(|| plain.to_owned())
        };
        let mut place = Self {
            port: first(&PORT).and_then(|text| text.parse().ok()),
            database: first(&DATABASE),
            schema: first(&SCHEMA),
            ..Self::default()
        };
        match first(&HOST) {
            Some(text) => place.server(&text, dialect),
            None => place.address(&connection.text),
        }
        place
    }

    /// `tcp:host,1433`, `host\INSTANCE`, `host:port`, `//host:port/service`, an Oracle description.
    fn server(&mut self, text: &str, dialect: Option<&str>) {
        if text.starts_with('(') && text.contains('=') {
            self.description(text);
            return;
        }
        if text.contains("://") {
            self.address(text);
            return;
        }
        let text = text.trim_start_matches('/');
        let text = ["tcp:", "np:", "lpc:"]
            .iter()
            .find_map(|scheme| strip_prefix(text, scheme))
            .unwrap_or(text);
        let (server, service) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        // More than one colon is an address of IPv6.
        let colon = server.rsplit_once(':').filter(|(host, _)| !host.contains(':'));
        let (host, port) = match server.split_once(',').or(colon) {
            Some((host, port)) => (host.trim(), port.trim().parse().ok()),
            None => (server.trim(), None),
        };
        let host = host.split_once('\\').map_or(host, |(host, _)| host);
        // An alias of Oracle's own directory of names is no host.
        let is_alias =
            dialect == Some("oracle") && service.is_none() && port.is_none() && !host.contains('.');
        if !host.is_empty() && !is_alias {
            self.host = Some(host.to_owned());
        }
        self.port = self.port.or(port);
        let service = service.map(str::trim).filter(|service| !service.is_empty());
        self.database = self.database.take().or_else(|| service.map(str::to_owned));
    }

    /// `(DESCRIPTION=(ADDRESS=(HOST=h)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=s)))`.
    fn description(&mut self, text: &str) {
        let lower = text.to_ascii_lowercase();
        let value = |key: &str| {
            let start = lower.find(&format!("({key}"))? + key.len() + 1;
            let rest = text.get(start..)?.trim_start().strip_prefix('=')?;
            let value = rest.split(['(', ')']).next()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        self.host = value("host");
        self.port = self.port.or_else(|| value("port")?.parse().ok());
        let service = value("service_name").or_else(|| value("sid"));
        self.database = self.database.take().or(service);
    }

    /// `jdbc:postgresql://host:5432/database?…` somewhere in the text.
    fn address(&mut self, text: &str) {
        let Some((_, rest)) = text.split_once("://") else { return };
        let rest = rest.split(['?', ';', '"', '\'', ' ']).next().unwrap_or_default();
        let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
        let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
        let (host, port) = match server.rsplit_once(':').filter(|(host, _)| !host.contains(':')) {
            Some((host, port)) => (host, port.parse().ok()),
            None => (server, None),
        };
        if host.is_empty() {
            return;
        }
        self.host = Some(host.to_owned());
        self.port = self.port.or(port);
        let database = path.split('/').next().filter(|path| !path.is_empty());
        self.database = self.database.take().or_else(|| database.map(str::to_owned));
    }
}

fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_tell_the_place() {
        type Expected<'a> = (Option<&'a str>, Option<i32>, Option<&'a str>, Option<&'a str>);
        let check = |text: &str, dialect: &str, expected: Expected<'_>| {
            let connection = DataConnection { text: text.to_owned(), ..DataConnection::default() };
            let place = Place::of(&connection, Some(dialect));
            let found = (
                place.host.as_deref(),
                place.port,
                place.database.as_deref(),
                place.schema.as_deref(),
            );
            assert_eq!(found, expected, "{text}");
        };
        check(
            "CUSTOM CONNECT TO \"provider=QvOdbcConnectorPackage.exe;driver=sqlserver;host=dwh.example;port=1433;db=sales;PWD=x;\"",
            "mssql",
            (Some("dwh.example"), Some(1433), Some("sales"), None),
        );
        check(
            "ODBC CONNECT TO [crm;Driver={PostgreSQL};Server=crm.example;Port=5432;Database=crm]",
            "postgres",
            (Some("crm.example"), Some(5432), Some("crm"), None),
        );
        check(
            "OLEDB CONNECT TO [Provider=SQLOLEDB.1;Initial Catalog=Dw;Data Source=tcp:db01\\INST,1444]",
            "mssql",
            (Some("db01"), Some(1444), Some("Dw"), None),
        );
        check(
            "Provider=OraOLEDB.Oracle;Data Source=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=ora.example)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=ERP)))",
            "oracle",
            (Some("ora.example"), Some(1521), Some("ERP"), None),
        );
        check(
            "Provider=OraOLEDB.Oracle;Data Source=//ora.example:1522/ERP",
            "oracle",
            (Some("ora.example"), Some(1522), Some("ERP"), None),
        );
        check("Provider=OraOLEDB.Oracle;Data Source=ERPPROD", "oracle", (None, None, None, None));
        check(
            "provider=x;url=jdbc:postgresql://pg.example:5433/shop?ssl=true",
            "postgres",
            (Some("pg.example"), Some(5433), Some("shop"), None),
        );
        check(
            "CUSTOM CONNECT TO \"provider=QvOdbcConnectorPackage.exe;driver=snowflake;host=a.snowflakecomputing.com;database=DW;schema=PUBLIC;\"",
            "snowflake",
            (Some("a.snowflakecomputing.com"), None, Some("DW"), Some("PUBLIC")),
        );
        check("ODBC CONNECT TO [Northwind]", "mssql", (None, None, None, None));
        check("Server=[::1];Port=nonsense", "mssql", (Some("[::1]"), None, None, None));
        check("", "mssql", (None, None, None, None));
    }

    #[test]
    fn what_the_statement_names_counts_more() {
        let connections = Connections::new([DataConnection {
            name: "Dw (corp_svc)".to_owned(),
            kind: "QvOdbcConnectorPackage.exe".to_owned(),
            text: "provider=x;host=h;db=sales;schema=dbo".to_owned(),
        }]);
        let check = |dialect: &str,
                     named: (Option<&str>, Option<&str>),
                     expected: (Option<&str>, Option<&str>)| {
            let named = Named {
                connection: Some("Dw"),
                dialect: Some(dialect),
                database: named.0,
                schema: named.1,
                table: "t",
            };
            let found = node(&named, &connections);
            assert_eq!(found.connection.as_deref(), Some("Dw (corp_svc)"));
            assert_eq!((found.database.as_deref(), found.schema.as_deref()), expected);
        };
        check("mssql", (None, None), (Some("sales"), Some("dbo")));
        check("mssql", (None, Some("hr")), (Some("sales"), Some("hr")));
        check("mssql", (Some("erp"), Some("hr")), (Some("erp"), Some("hr")));
        check("mssql", (Some("erp"), None), (Some("erp"), None));
        check("mysql", (None, Some("shop")), (None, Some("shop")));
    }
}
