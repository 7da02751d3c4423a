//! Whether the token's user may write what a run writes, as the server tells it without anything being
//! written: `GET /permissions/{resource}` lists operations with `allow`, `deny`, `notAllow`, and with
//! conditions. Seen on 1.2 and 1.12 for dashboards; not seen for the other resources.

use serde_json::Value;

use super::Api;
use crate::commands::Line;

/// Resources and the operations on them that a run needs.
const NEEDED: [(&str, &[&str]); 3] = [
    ("dashboard", &["Create", "EditAll", "Delete", "EditLineage"]),
    ("chart", &["Create", "EditAll", "Delete"]),
    ("dashboardDataModel", &["Create", "EditAll", "Delete", "EditLineage"]),
];
/// The same for tags.
const TAGS: [(&str, &[&str]); 2] = [("classification", &["Create"]), ("tag", &["Create"])];
/// The same for a service that is not there.
const SERVICE: (&str, &[&str]) = ("dashboardService", &["Create"]);

const WHAT: &str = "rights";

/// Checks them.
pub(super) async fn check(api: &Api<'_>, service_is_there: bool) -> Line {
    let tags = TAGS.into_iter().filter(|_| api.settings.include_tags);
    let service = std::iter::once(SERVICE).filter(|_| !service_is_there);
    let mut denied = Vec::new();
    for (resource, operations) in NEEDED.into_iter().chain(tags).chain(service) {
        let answer = match api.ask(&format!("permissions/{resource}")).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return untold("has nothing at `/v1/permissions`"),
            Err(fatal) => return untold(&fatal.message),
        };
        denied.extend(
            operations
                .iter()
                .filter(|operation| is_denied(&answer, operation))
                .map(|operation| format!("{operation} on {resource}")),
        );
    }
    if denied.is_empty() {
        return Line::ok(WHAT, "may write and delete what a run does".to_owned());
    }
    let message = format!(
        "the token's user may not: {}; give it a role with a policy that allows this (Settings → Bots, Roles: `IngestionBotRole`)",
        denied.join(", ")
    );
    Line::failed(WHAT, crate::sink::Fatal { message, exit_code: 3 })
}

fn untold(why: &str) -> Line {
    Line::warning(WHAT, format!("the server does not tell them ({why}); the first run shows them"))
}

/// Whether the answer says that an operation is not allowed; of some, old servers say nothing. With a
/// condition it may or may not be, which depends on the entity.
fn is_denied(answer: &Value, operation: &str) -> bool {
    let permissions = answer.get("permissions").and_then(Value::as_array);
    let mut of_operation = permissions.into_iter().flatten().filter(|permission| {
        permission.get("operation").and_then(Value::as_str) == Some(operation)
    });
    of_operation.any(|permission| {
        let access = permission.get("access").and_then(Value::as_str).unwrap_or_default();
        access.eq_ignore_ascii_case("deny") || access.eq_ignore_ascii_case("notAllow")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_to_be_denied_is_denied() {
        let answer = json!({"resource": "chart", "permissions": [
            {"operation": "Create", "access": "allow"},
            {"operation": "EditAll", "access": "conditionalAllow"},
            {"operation": "Delete", "access": "notAllow"},
            {"operation": "EditTags", "access": "deny"},
        ]});
        let denied = |operation| is_denied(&answer, operation);
        assert!(!denied("Create") && !denied("EditAll") && !denied("EditLineage"));
        assert!(denied("Delete") && denied("EditTags"));
        assert!(!is_denied(&Value::Null, "Create"));
    }
}
