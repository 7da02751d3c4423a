//! `docs/troubleshooting.md` has the words of `extractor check`, because it is made of them.
//! `UPDATE_DOCS=1 cargo test -p extractor troubleshooting` writes it anew.

use std::{fs, path::Path, time::Duration};

use super::{
    advice,
    network::{NEW_CERTIFICATES, closed_port, unknown_host},
    site::{explained, no_apps},
    steps::Step,
};
use crate::qlik::{
    Class, ConnectError, Error, LoginError, PemError, Refusal, RestError,
    settings::name,
    tls::{HandshakeProblem, PeerProblem, TlsError},
};

/// Between these lines the page is made.
const BEGIN: &str = "<!-- made by a test of the extractor: begin -->";
const END: &str = "<!-- end -->";

fn tls(problem: HandshakeProblem) -> Error {
    ConnectError::Tls { address: "qlik.example.com:4747".to_owned(), problem }.into()
}

fn status(status: u16) -> Error {
    ConnectError::Status { address: "qlik.example.com".to_owned(), status }.into()
}

fn refused(class: Class, name: &str) -> Error {
    let refusal = Refusal { class, name: name.to_owned(), message: None };
    let error = crate::qlik::SessionError::Refused(refusal);
    crate::qlik::CallError::Session { method: "OpenDoc", error }.into()
}

fn rest(status: u16) -> Error {
    RestError::Status { what: "/qrs/about".to_owned(), status }.into()
}

/// Every step with what it says when something is wrong, in the order of the steps.
fn troubles() -> Vec<(Step, String)> {
    let host = || "qlik.example.com".to_owned();
    let mut troubles = vec![
        (
            Step::Certificates,
            format!(
                "CN=QlikClient, valid from 2016-01-01 until 2026-01-01, so not now; {NEW_CERTIFICATES}"
            ),
        ),
        (Step::Resolve, unknown_host("qlik.example.com")),
        (Step::Tcp, closed_port("qlik.example.com", 4747, "Connection refused")),
        (Step::Tcp, closed_port("qlik.example.com", 4747, "no answer")),
        (Step::Script, advice::script(false).to_owned()),
        (Step::Script, advice::script(true).to_owned()),
        (Step::Apps, format!("no apps; {}", no_apps(false))),
        (Step::Apps, format!("no apps; {}", no_apps(true))),
    ];
    for (setting, error) in [
        (name::CLIENT_KEY, TlsError::Key(PemError::NoKey)),
        (name::CLIENT_KEY, TlsError::KeyMismatch),
        (name::KEY_PASSWORD, TlsError::Key(PemError::PasswordMissing)),
        (name::KEY_PASSWORD, TlsError::Key(PemError::PasswordWrong)),
        (name::CLIENT_KEY, TlsError::Key(PemError::OldEncryption)),
    ] {
        troubles.push((Step::Certificates, format!("{setting}: {error}")));
    }
    let issuer = || "CN=qlik.example.com-CA".to_owned();
    let errors = [
        (Step::Tls, tls(PeerProblem::UnknownIssuer { issuer: issuer() }.into())),
        (Step::Tls, tls(PeerProblem::OtherIssuer { issuer: issuer() }.into())),
        (
            Step::Tls,
            tls(PeerProblem::OtherName { host: "10.1.2.3".to_owned(), names: vec![host()] }.into()),
        ),
        (
            Step::Tls,
            tls(PeerProblem::OutOfDate {
                not_before: "2016-01-01T00:00:00Z".to_owned(),
                not_after: "2026-01-01T00:00:00Z".to_owned(),
            }
            .into()),
        ),
        (Step::Tls, tls(PeerProblem::OldSignature.into())),
        (Step::Tls, tls(HandshakeProblem::NoTls)),
        (Step::Websocket, tls(HandshakeProblem::ClientRefused { alert: "UnknownCA".to_owned() })),
        (
            Step::Websocket,
            ConnectError::Timeout { address: host(), after: Duration::from_secs(60) }.into(),
        ),
        (Step::Websocket, status(302)),
        (Step::Websocket, status(401)),
        (Step::Websocket, status(403)),
        (Step::Websocket, status(404)),
        (Step::Websocket, LoginError::Status { status: 400, setting: name::TOKEN }.into()),
        (Step::Websocket, LoginError::Status { status: 401, setting: name::TOKEN }.into()),
        (Step::Session, refused(Class::Setup, "SESSION_ERROR_NO_LICENSE")),
        (Step::Session, refused(Class::SessionLimit, "OnMaxParallelSessionsExceeded")),
        (Step::Session, refused(Class::SignIn, "OnAuthenticationInformation")),
        (Step::App, refused(Class::Setup, "OnLicenseAccessDenied")),
        (Step::App, refused(Class::Denied, "SESSION_ERROR_APP_ACCESS_DENIED")),
        (Step::Repository, rest(403)),
        (
            Step::Repository,
            RestError::Connection {
                what: "/qrs/about".to_owned(),
                reason: "Connection refused".to_owned(),
            }
            .into(),
        ),
    ];
    for (step, error) in errors {
        troubles.push((step, explained(step, &error, false)));
    }
    let cloud: Error =
        RestError::Status { what: "/api/v1/users/me".to_owned(), status: 401 }.into();
    troubles.push((Step::Websocket, explained(Step::Websocket, &cloud, true)));
    troubles.sort_by_key(|(step, _)| *step);
    troubles
}

fn made() -> String {
    let mut text = String::new();
    let mut last = None;
    for (step, trouble) in troubles() {
        if last != Some(step) {
            text.push_str(&format!("\n### {}\n\n", step.name()));
            last = Some(step);
        }
        text.push_str(&format!("- {}\n", trouble.replace('<', "\\<")));
    }
    text
}

#[test]
fn the_troubleshooting_page_has_the_words_of_check() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of what is made");
    let (current, after) = rest.split_once(END).expect("the end of what is made");
    let made = format!("\n{}\n", made());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).expect("written");
        return;
    }
    assert_eq!(current, made, "run it with `UPDATE_DOCS=1` and look at the difference");
}

/// An error that names neither a setting nor a place helps nobody.
#[test]
fn every_trouble_names_what_to_change() {
    for (step, trouble) in troubles() {
        let names = [
            "source.",
            "extractor.",
            "kafka.",
            "Qlik Management Console",
            "in the tenant",
            "openssl",
        ];
        assert!(
            names.iter().any(|name| trouble.contains(name))
                || trouble.contains("clock of this machine"),
            "{step:?}: {trouble}"
        );
    }
}
