//! Where in Qlik's console an error is mended, besides the settings that the error itself names.

use super::steps::Step;
use crate::qlik::{
    Class, ConnectError, Error, LoginError,
    tls::{HandshakeProblem, PeerProblem},
};

/// The place to change; `None` when the error says it all.
pub(super) fn advice(step: Step, class: Class, is_cloud: bool) -> Option<&'static str> {
    if is_cloud {
        return match (step, class) {
            (Step::Websocket, Class::SignIn | Class::Denied) => Some(
                "in the tenant: profile menu, Profile settings, API keys (a key ends with its time, and an administrator must allow keys under Settings)",
            ),
            (Step::App | Step::Script, Class::Denied | Class::NotFound) => Some(
                "in the tenant: Administration, Spaces: give the key's user a role in the app's space",
            ),
            _ => None,
        };
    }
    match (step, class) {
        (Step::Websocket | Step::Session, Class::Denied) => Some(
            "Qlik Management Console, Virtual proxies, Advanced: add the host to the Host allow list",
        ),
        (Step::Websocket | Step::Session, Class::SignIn) => Some(
            "Qlik Management Console, Virtual proxies, Authentication: the method must be JWT for `token` and Header authentication for `userHeader`; certificates are for the engine's own port, 4747",
        ),
        (Step::Websocket, Class::NotFound) => Some(
            "Qlik Management Console, Virtual proxies: the prefix must be the path of `hostPort`",
        ),
        (Step::Session | Step::App, Class::Setup) => Some(
            "Qlik Management Console, License management: allocate access to the user, or use the service account `INTERNAL` / `sa_api`",
        ),
        (Step::Session | Step::Apps | Step::App, Class::SessionLimit) => Some(
            "a user may have five sessions, and a slot is free again five minutes after its session: use a user of its own for the extractor",
        ),
        (Step::Apps | Step::App, Class::Denied | Class::NotFound) => Some(
            "Qlik Management Console, Streams and Security rules: give the user read access, or use the service account `INTERNAL` / `sa_api`",
        ),
        (Step::Repository | Step::ChangeFeed, Class::Denied | Class::SignIn) => Some(
            "Qlik Management Console, Users: give the user the role AuditAdmin or ContentAdmin (the service account `INTERNAL` / `sa_api` needs none); `extractor.repository: false` says that owners, tags and custom properties are not wanted",
        ),
        (Step::Repository, Class::Later | Class::NotFound) => Some(
            "the firewall of the Qlik server must let this machine reach port 4242, or `extractor.repositoryUrl` is another; `extractor.repository: false` says that owners, tags and custom properties are not wanted",
        ),
        _ => None,
    }
}

/// The place to change for an error of the site.
pub(super) fn of_error(step: Step, error: &Error, is_cloud: bool) -> Option<&'static str> {
    let certificates = "Qlik Management Console, Certificates: export them with `Platform independent PEM-format` and `Include secret key`";
    match error {
        Error::Connect(ConnectError::Tls { problem, .. }) if !is_cloud => match problem {
            HandshakeProblem::ClientRefused { .. }
            | HandshakeProblem::NothingInCommon { .. }
            | HandshakeProblem::Peer(
                PeerProblem::UnknownIssuer { .. }
                | PeerProblem::OtherIssuer { .. }
                | PeerProblem::OutOfDate { .. },
            ) => Some(certificates),
            _ => None,
        },
        Error::Login(LoginError::Status { .. }) => Some(
            "Qlik Management Console, Proxies, Virtual proxies: the virtual proxy must be linked to the proxy; Virtual proxies: its Authentication method (for JWT its certificate), and under Advanced the Host allow list",
        ),
        error => advice(step, error.class(), is_cloud),
    }
}

/// What to do where the load script may not be read.
pub(super) fn script(is_cloud: bool) -> &'static str {
    if is_cloud {
        "the load script may not be read, so there is no lineage from it; in the tenant: Administration, Spaces: give the key's user the role `Can edit` or `Can manage`"
    } else {
        "the load script may not be read, so there is no lineage from it; Qlik Management Console, Security rules: a rule on `App_*` with the actions Read and Update for the user, or use the service account `INTERNAL` / `sa_api`"
    }
}
