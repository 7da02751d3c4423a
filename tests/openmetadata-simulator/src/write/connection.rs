//! The connection of a service: which properties it may have, its defaults, how it is kept.

use crate::entity::Entity;
use crate::json::Json;
use crate::problem::Problem;
use crate::version::Rules;

/// The properties of a QlikSense connection in the order of the answers.
const QLIK_SENSE: [&str; 12] = [
    "type",
    "displayUrl",
    "hostPort",
    "certificates",
    "userDirectory",
    "userId",
    "validateHostName",
    "dashboardFilterPattern",
    "chartFilterPattern",
    "dataModelFilterPattern",
    "projectFilterPattern",
    "supportsMetadataExtraction",
];

const QLIK_CLOUD: [&str; 9] = [
    "type",
    "token",
    "hostPort",
    "spaceTypes",
    "dashboardFilterPattern",
    "chartFilterPattern",
    "dataModelFilterPattern",
    "projectFilterPattern",
    "supportsMetadataExtraction",
];

/// Checks the connection of `service` and gives it the server's defaults. Connections of other types than
/// Qlik's are taken as they are.
pub(super) fn complete(service: &mut Entity, rules: &Rules) -> Result<(), Problem> {
    let service_type = service.plain_text("serviceType").unwrap_or_default().to_owned();
    let known: &[&str] = match &*service_type {
        "QlikSense" => &QLIK_SENSE,
        "QlikCloud" => &QLIK_CLOUD,
        _ => &[],
    };
    let Some(connection) = service.plain.iter_mut().find(|(name, _)| *name == "connection") else {
        return Ok(());
    };
    let Some(config) = connection.1.get("config").cloned() else { return Ok(()) };
    if config.text_of("type").is_some_and(|of| *of != *service_type) {
        return Err(Problem::Bad(if rules.plain_errors {
            format!(
                "Failed to load the connection of type [{service_type}]. Did migrations run properly?\n\
                 Cannot construct instance of `org.openmetadata.schema.services.connections`, problem: {}",
                config.text_of("type").unwrap_or_default()
            )
        } else {
            format!(
                "InvalidServiceConnectionException for service [{service_type}] due to \
                 [Failed to unmask connection instance of {service_type}]."
            )
        }));
    }
    if known.is_empty() {
        return Ok(());
    }
    if let Some((unknown, _)) = config.members().iter().find(|(name, _)| !known.contains(&&**name))
    {
        return Err(Problem::Bad(format!(
            "Failed to encrypt '{service_type}' connection stored in DB due to an unrecognized field: '{unknown}'"
        )));
    }
    let mut ordered = Vec::with_capacity(known.len());
    for name in known {
        let default = match *name {
            "validateHostName" if rules.modern_defaults => Some(Json::Bool(false)),
            "supportsMetadataExtraction" => Some(Json::Bool(true)),
            _ => None,
        };
        if let Some(value) = config.get(name).cloned().or(default) {
            ordered.push(((*name).into(), value));
        }
    }
    connection.1.set("config", Json::Object(ordered));
    Ok(())
}

/// A connection as it comes back from the database: the free object `certificates` has its keys by length, then
/// by bytes, as PostgreSQL's jsonb keeps them (recorded).
pub(super) fn stored(service: &mut Entity) {
    fn sort(value: &mut Json) {
        if let Json::Object(members) = value {
            members.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
            members.iter_mut().for_each(|(_, value)| sort(value));
        }
    }
    let connection = service.plain.iter_mut().find(|(name, _)| *name == "connection");
    if let Some((_, Json::Object(connection))) = connection
        && let Some((_, Json::Object(config))) =
            connection.iter_mut().find(|(key, _)| &**key == "config")
        && let Some((_, certificates)) = config.iter_mut().find(|(key, _)| &**key == "certificates")
    {
        sort(certificates);
    }
}
