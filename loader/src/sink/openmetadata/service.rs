//! The dashboard service that stands for the Qlik site: created when it is missing, never changed.

use serde_json::{Value, json};

use super::{
    client::{Call, Client, Failure},
    fqn,
    map::Naming,
    settings::{ServiceKind, ServiceSettings},
};
use crate::sink::Fatal;

/// Path of the service.
pub(super) fn path(naming: &Naming) -> String {
    fqn::path(&["services", "dashboardServices", "name", &naming.service_fqn()])
}

/// Creates the service when it is missing.
///
/// # Errors
/// A service of that name that is not one for Qlik, or that somebody deleted: both are decisions of a
/// person that a loader must not undo.
pub(super) async fn ensure(
    client: &Client,
    naming: &Naming,
    settings: &ServiceSettings,
) -> Result<(), Failure> {
    match look(client, naming).await? {
        true => Ok(()),
        false => create(client, naming, settings).await,
    }
}

/// Whether the service is there; changes nothing.
///
/// # Errors
/// As [`ensure`].
pub(super) async fn look(client: &Client, naming: &Naming) -> Result<bool, Failure> {
    let query = vec![("include", "all".to_owned())];
    let Some(answer) = client.get(path(naming), query).await? else { return Ok(false) };
    let kind = answer.body.get("serviceType").and_then(Value::as_str).unwrap_or_default();
    if !matches!(kind, "QlikSense" | "QlikCloud" | "CustomDashboard") {
        return Err(Failure::from(Fatal {
            message: format!(
                "dashboard service `{}` in OpenMetadata is of type `{kind}`; choose another \
                 `source.serviceName`",
                naming.service
            ),
            exit_code: 2,
        }));
    }
    if answer.body.get("deleted").and_then(Value::as_bool) == Some(true) {
        return Err(Failure::from(Fatal {
            message: format!(
                "dashboard service `{}` is deleted in OpenMetadata; restore it there, delete it for \
                 good, or choose another `source.serviceName`",
                naming.service
            ),
            exit_code: 3,
        }));
    }
    Ok(true)
}

async fn create(
    client: &Client,
    naming: &Naming,
    settings: &ServiceSettings,
) -> Result<(), Failure> {
    let body = body(naming, settings);
    let path = "/services/dashboardServices".to_owned();
    match client.send(&Call::put(path, &body)).await {
        Ok(_) => {
            tracing::info!(service = naming.service, "created the dashboard service");
            Ok(())
        }
        Err(Failure::Forbidden(message)) => {
            Err(Failure::from(client.forbidden("create a dashboard service", &message)))
        }
        Err(Failure::Refused(message) | Failure::Missing(message)) => Err(Failure::from(Fatal {
            message: format!(
                "OpenMetadata does not take the dashboard service `{}` (`source.serviceName`): \
                     {message}",
                naming.service
            ),
            exit_code: 2,
        })),
        Err(failure) => Err(failure),
    }
}

/// The connection is there because some servers fail on services without one; its credentials are
/// not, because OpenMetadata itself is not to read the site. The placeholders satisfy the clients
/// that insist on the required members.
fn body(naming: &Naming, settings: &ServiceSettings) -> Value {
    let cloud = settings.kind == ServiceKind::QlikCloud && naming.features.qlik_cloud;
    let (service_type, mut config) = if cloud {
        ("QlikCloud", json!({"type": "QlikCloud", "token": "unused"}))
    } else {
        let certificates = json!({
            "clientCertificate": "unused",
            "clientKeyCertificate": "unused",
            "rootCertificate": "unused",
        });
        ("QlikSense", json!({"type": "QlikSense", "certificates": certificates}))
    };
    let Some(host_port) = &settings.host_port else {
        return json!({"name": settings.name, "serviceType": service_type});
    };
    if let Some(config) = config.as_object_mut() {
        config.insert("hostPort".to_owned(), json!(host_port));
        if let (false, Some(url)) = (cloud, &settings.display_url) {
            config.insert("displayUrl".to_owned(), json!(url));
        }
    }
    json!({
        "name": settings.name,
        "serviceType": service_type,
        "connection": {"config": config},
    })
}
