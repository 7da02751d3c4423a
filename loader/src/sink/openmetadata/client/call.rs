//! Requests, their answers, and why there is none.

use reqwest::Method;
use serde_json::Value;

use super::{super::limiter::Class, json::Wanted};
use crate::sink::Fatal;

/// Why a request did not do what it should.
#[derive(Clone, Debug)]
pub(in super::super) enum Failure {
    /// The sink is being stopped.
    Stopped,
    /// Credentials or server are such that nothing will work.
    Fatal {
        /// For people.
        message: String,
        /// See [`Fatal`].
        exit_code: u8,
    },
    /// A policy denies this operation.
    Forbidden(String),
    /// What the path names or the body refers to does not exist.
    Missing(String),
    /// The entity changed since it was read.
    Outdated,
    /// The server will never accept this.
    Refused(String),
}

impl From<Fatal> for Failure {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal { message: fatal.message, exit_code: fatal.exit_code }
    }
}

/// An answer with a 2xx status.
#[derive(Debug)]
pub(in super::super) struct Answer {
    pub(in super::super) status: u16,
    pub(in super::super) body: Value,
    pub(in super::super) etag: Option<String>,
}

/// One request.
#[derive(Debug)]
pub(in super::super) struct Call<'a> {
    pub(in super::super) method: Method,
    pub(in super::super) path: String,
    pub(in super::super) query: Vec<(&'static str, String)>,
    pub(in super::super) body: Option<&'a Value>,
    pub(in super::super) etag: Option<&'a str>,
    pub(in super::super) class: Class,
    /// Tries when the server fails, instead of the configured ones.
    pub(in super::super) server_error_tries: Option<u32>,
    /// Tries when there is no answer in time; without end when `None`.
    pub(in super::super) slow_tries: Option<u32>,
    /// Members of the answer that are read, if not all.
    pub(in super::super) wanted: Option<Wanted>,
}

impl<'a> Call<'a> {
    pub(in super::super) fn get(path: String, query: Vec<(&'static str, String)>) -> Self {
        Self::new(Method::GET, path, query, None, Class::Read)
    }

    pub(in super::super) fn put(path: String, body: &'a Value) -> Self {
        Self::new(Method::PUT, path, Vec::new(), Some(body), Class::Write)
    }

    pub(in super::super) fn patch(path: String, body: &'a Value, etag: Option<&'a str>) -> Self {
        Self { etag, ..Self::new(Method::PATCH, path, Vec::new(), Some(body), Class::Write) }
    }

    pub(in super::super) fn delete(path: String, query: Vec<(&'static str, String)>) -> Self {
        Self::new(Method::DELETE, path, query, None, Class::Write)
    }

    /// PUT of an array of rows.
    pub(in super::super) fn bulk(
        path: String,
        query: Vec<(&'static str, String)>,
        rows: &'a Value,
    ) -> Self {
        // Half as many rows may be answered in time.
        Self { slow_tries: Some(2), ..Self::new(Method::PUT, path, query, Some(rows), Class::Bulk) }
    }

    fn new(
        method: Method,
        path: String,
        query: Vec<(&'static str, String)>,
        body: Option<&'a Value>,
        class: Class,
    ) -> Self {
        Self {
            method,
            path,
            query,
            body,
            etag: None,
            class,
            server_error_tries: None,
            slow_tries: None,
            wanted: None,
        }
    }

    pub(super) fn writes(&self) -> bool {
        self.method != Method::GET
    }
}
