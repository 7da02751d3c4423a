//! Requests and answers, apart from any transport.

/// A request as the handlers see it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// The path as sent, percent-encoded, without the query.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) if_match: Option<&'a str>,
    /// The `Host` header: links in answers start with it unless a public URL is set.
    pub(crate) host: &'a str,
    pub(crate) body: &'a [u8],
}

impl Request<'_> {
    /// The decoded value of the query parameter `name`.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether the query parameter `name` is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value == "true")
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A JSON answer from text that is JSON already.
    pub(crate) fn raw_json(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: Some("application/json"), headers: Vec::new(), body }
    }

    /// Half of the answer, which says that there is more: the connection is closed then.
    pub(crate) fn cut(mut self) -> Self {
        let length = self.body.len();
        self.body.truncate(length / 2);
        self.with_header("content-length", length.to_string())
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::raw_json(status, body.to_string().into_bytes())
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: Some("text/plain"),
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: Some("text/html;charset=utf-8"),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// No body and no content type.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
