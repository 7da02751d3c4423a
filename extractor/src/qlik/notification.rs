//! What a Qlik server says unasked: the engine's `OnConnected`, and the proxy service's messages.

use serde_json::Value;

use super::class::Class;
use super::settings::name;

/// A notification, as far as we act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notification {
    /// The session is ours and new.
    Created,
    /// The session existed already: somebody else's, or left over.
    Attached,
    /// The session cannot be used (any more).
    Refused(Refusal),
    /// Nothing to act on.
    Other {
        /// Method.
        method: String,
        /// `severity`, when it has one.
        severity: Option<String>,
        /// `message`, when it has one.
        message: Option<String>,
    },
}

/// Why a server refuses or ends a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// What can be done about it.
    pub class: Class,
    /// State or method as Qlik calls it, such as `OnMaxParallelSessionsExceeded`.
    pub name: String,
    /// The server's own words, when it has any.
    pub message: Option<String>,
}

impl Refusal {
    fn text(&self) -> String {
        let advice = match self.class {
            Class::SessionLimit => format!(
                "the site allows no more sessions; lower `{}`, or use a service account",
                name::CONCURRENCY
            ),
            Class::SignIn => format!("not signed in; check `{}`", name::TOKEN),
            Class::Setup => format!("the user of `{}` has no licence for it", name::USER_ID),
            Class::Denied => format!("the user of `{}` may not", name::USER_ID),
            Class::Later => "the site is in trouble".to_owned(),
            _ => "the site ended the session".to_owned(),
        };
        match &self.message {
            Some(message) => format!("{advice} (`{}`: {message})", self.name),
            None => format!("{advice} (`{}`)", self.name),
        }
    }
}

impl Notification {
    /// Reads a message that has a `method` and no `id`.
    pub(super) fn parse(method: &str, params: &Value) -> Self {
        match method {
            "OnConnected" => Self::connected(params),
            "OnAuthenticationInformation" => {
                if params.get("mustAuthenticate").and_then(Value::as_bool) == Some(true) {
                    Self::refused(Class::SignIn, method, None)
                } else {
                    Self::Other { method: method.to_owned(), severity: None, message: None }
                }
            }
            _ => Self::of_proxy(method, params),
        }
    }

    /// States by name; old servers send the number.
    fn connected(params: &Value) -> Self {
        const STATES: [&str; 10] = [
            "SESSION_CREATED",
            "SESSION_ATTACHED",
            "SESSION_ERROR_NO_LICENSE",
            "SESSION_ERROR_LICENSE_RENEW",
            "SESSION_ERROR_LIMIT_EXCEEDED",
            "SESSION_ERROR_SECURITY_HEADER_CHANGED",
            "SESSION_ACCESS_CONTROL_SETUP_FAILURE",
            "SESSION_ERROR_APP_ACCESS_DENIED",
            "SESSION_ERROR_APP_FAILURE",
            "SESSION_ERROR_LICENSE_INVALID",
        ];
        let state = params.get("qSessionState").unwrap_or(&Value::Null);
        let number = state.as_u64().and_then(|number| usize::try_from(number).ok());
        let state = match (state.as_str(), number) {
            (Some(text), _) => text,
            (None, Some(number)) => STATES.get(number).copied().unwrap_or("unknown state"),
            (None, None) => "SESSION_CREATED",
        };
        let class = match state {
            "SESSION_CREATED" => return Self::Created,
            "SESSION_ATTACHED" => return Self::Attached,
            "SESSION_ERROR_NO_LICENSE"
            | "SESSION_ERROR_LICENSE_RENEW"
            | "SESSION_ERROR_LICENSE_INVALID" => Class::Setup,
            "SESSION_ERROR_LIMIT_EXCEEDED" => Class::SessionLimit,
            "SESSION_ERROR_SECURITY_HEADER_CHANGED" => Class::Reconnect,
            "SESSION_ACCESS_CONTROL_SETUP_FAILURE" => Class::Later,
            "SESSION_ERROR_APP_ACCESS_DENIED" => Class::Denied,
            _ => Class::Failed,
        };
        Self::refused(class, state, None)
    }

    /// Messages of the proxy service: `{severity, timestamp, message}`. After a fatal one it closes the
    /// socket. Those that only ever are fatal count as such when they do not say.
    fn of_proxy(method: &str, params: &Value) -> Self {
        let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
        let (severity, message) = (text("severity"), text("message"));
        let known = match method {
            "OnMaxParallelSessionsExceeded" => Some(Class::SessionLimit),
            "OnLicenseAccessDenied" | "OnExcessLicenseAssignment" => Some(Class::Setup),
            "OnLicenseAccessDeniedPendingUserSync"
            | "OnNoEngineAvailable"
            | "OnNoRepositoryAvailable"
            | "OnRepositoryWebsocketFailed" => Some(Class::Later),
            "OnSessionLoggedOut" | "OnSessionTimedOut" => Some(Class::SignIn),
            "OnSessionClosed" | "OnEngineWebsocketFailed" => Some(Class::Reconnect),
            _ => None,
        };
        let fatal = match severity.as_deref() {
            Some(severity) => severity.eq_ignore_ascii_case("fatal"),
            None => known.is_some(),
        };
        if fatal {
            Self::refused(known.unwrap_or(Class::Reconnect), method, message)
        } else {
            Self::Other { method: method.to_owned(), severity, message }
        }
    }

    fn refused(class: Class, name: &str, message: Option<String>) -> Self {
        Self::Refused(Refusal { class, name: name.to_owned(), message })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(method: &str, params: Value, expected: Option<Class>) {
        match (Notification::parse(method, &params), expected) {
            (Notification::Refused(refusal), Some(class)) => {
                assert_eq!(refusal.class, class, "{method} {params}");
                assert!(refusal.to_string().contains(&refusal.name), "{refusal}");
            }
            (Notification::Refused(refusal), None) => panic!("{method} {params}: {refusal}"),
            (_, None) => {}
            (other, Some(class)) => panic!("{method} {params}: {other:?} is not {class:?}"),
        }
    }

    #[test]
    fn session_states() {
        let parse =
            |state: Value| Notification::parse("OnConnected", &json!({"qSessionState": state}));
        assert_eq!(parse(json!("SESSION_CREATED")), Notification::Created);
        assert_eq!(parse(json!(0)), Notification::Created);
        assert_eq!(parse(json!("SESSION_ATTACHED")), Notification::Attached);
        assert_eq!(parse(json!(1)), Notification::Attached);
        for (state, class) in [
            (json!("SESSION_ERROR_NO_LICENSE"), Class::Setup),
            (json!("SESSION_ERROR_LIMIT_EXCEEDED"), Class::SessionLimit),
            (json!(4), Class::SessionLimit),
            (json!("SESSION_ERROR_SECURITY_HEADER_CHANGED"), Class::Reconnect),
            (json!("SESSION_ACCESS_CONTROL_SETUP_FAILURE"), Class::Later),
            (json!("SESSION_ERROR_APP_ACCESS_DENIED"), Class::Denied),
            (json!("SESSION_ERROR_APP_FAILURE"), Class::Failed),
            (json!("SESSION_ERROR_SOMETHING_NEW"), Class::Failed),
            (json!(77), Class::Failed),
        ] {
            check("OnConnected", json!({"qSessionState": state}), Some(class));
        }
    }

    #[test]
    fn messages_of_the_proxy() {
        let fatal = json!({"severity": "fatal", "message": "no"});
        for (method, class) in [
            ("OnMaxParallelSessionsExceeded", Class::SessionLimit),
            ("OnLicenseAccessDenied", Class::Setup),
            ("OnLicenseAccessDeniedPendingUserSync", Class::Later),
            ("OnSessionTimedOut", Class::SignIn),
            ("OnSessionClosed", Class::Reconnect),
            ("OnNoEngineAvailable", Class::Later),
            ("OnSomethingNew", Class::Reconnect),
        ] {
            check(method, fatal.clone(), Some(class));
        }
        check("OnMaxParallelSessionsExceeded", json!({}), Some(Class::SessionLimit));
        check("OnLicenseAccessDenied", json!({"severity": "warning"}), None);
        check("OnSomethingNew", json!(null), None);
    }

    #[test]
    fn who_must_sign_in_is_refused() {
        let method = "OnAuthenticationInformation";
        check(method, json!({"userId": "x", "mustAuthenticate": false}), None);
        check(method, json!({"mustAuthenticate": true, "loginUri": "…"}), Some(Class::SignIn));
    }
}
