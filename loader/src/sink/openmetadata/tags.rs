//! Tags: a classification (`Qlik`) whose tags are created when an app first has them.
//!
//! Rule for custom properties: a value is a tag `<name>: <value>`. They are no custom properties of
//! OpenMetadata because those have to be defined by an administrator first, and a bot's PUT does not
//! change them.
//!
//! Our tags on entities carry the label type `Automated`. A tag of the classification with another
//! label type was put there by a person, and stays.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    client::{Call, Client, Failure},
    fqn,
    map::Naming,
    names,
};

/// Tags that are known to exist.
#[derive(Debug)]
pub(super) struct Tags {
    classification: String,
    /// Names of tags; the classification itself as the empty name. Sites have hundreds, rarely
    /// thousands; emptied at [`MAX_KNOWN`].
    known: Mutex<HashSet<String>>,
    /// One creation at a time: many entities of a batch want the same new tag.
    creating: tokio::sync::Mutex<()>,
}

const MAX_KNOWN: usize = 50_000;

impl Tags {
    pub(super) fn new(classification: &str) -> Self {
        Self {
            classification: classification.to_owned(),
            known: Mutex::default(),
            creating: tokio::sync::Mutex::default(),
        }
    }

    /// Qualified names of tags with these names, which exist afterwards.
    pub(super) async fn resolve(
        &self,
        client: &Client,
        naming: &Naming,
        tags: &[String],
    ) -> Result<Vec<String>, Failure> {
        let mut resolved = Vec::with_capacity(tags.len());
        for tag in tags {
            let name = names::tag(naming.features.names, tag);
            let fqn = fqn::join(&[&self.classification, &name]);
            // A look does not create what a load would.
            if !client.is_read_only() && !self.is_known(&name) {
                let _guard = self.creating.lock().await;
                if !self.is_known(&name) {
                    match self.ensure(client, &name, tag, &fqn).await {
                        Ok(()) => {}
                        // One odd name is no reason to do without the whole entity.
                        Err(Failure::Refused(message)) => {
                            tracing::warn!(tag, %message, "OpenMetadata does not take a tag");
                            continue;
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
            resolved.push(fqn);
        }
        resolved.sort_unstable();
        resolved.dedup();
        Ok(resolved)
    }

    /// Creates tags again that somebody deleted since they were resolved.
    pub(super) async fn restore(&self, client: &Client, fqns: &[String]) -> Result<(), Failure> {
        let _guard = self.creating.lock().await;
        for fqn in fqns {
            if let Some(name) = fqn::split(fqn).pop() {
                self.ensure(client, &name, &name, fqn).await?;
            }
        }
        Ok(())
    }

    /// Whether a tag on an entity was put there by us.
    pub(super) fn is_ours(&self, tag_fqn: &str, label_type: &str) -> bool {
        label_type == "Automated"
            && fqn::split(tag_fqn).first().is_some_and(|first| *first == self.classification)
    }

    /// Forgets what exists, because something that was known is gone.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn ensure(
        &self,
        client: &Client,
        name: &str,
        label: &str,
        fqn: &str,
    ) -> Result<(), Failure> {
        if !self.is_known("") {
            let path = fqn::path(&["classifications", "name", &fqn::quoted(&self.classification)]);
            if client.get(path, Vec::new()).await?.is_none() {
                let body = json!({
                    "name": self.classification,
                    "description": "Tags and custom properties of Qlik apps.",
                    "mutuallyExclusive": false,
                });
                self.create(client, "/classifications", &body).await?;
            }
            self.set_known("");
        }
        // Asked for first: a PUT would take away the display name that somebody gave it.
        if client.get(fqn::path(&["tags", "name", fqn]), Vec::new()).await?.is_none() {
            let mut body = json!({
                "classification": fqn::quoted(&self.classification),
                "name": name,
                "description": "From Qlik.",
            });
            if let (true, Some(body)) = (name != label, body.as_object_mut()) {
                body.insert("displayName".to_owned(), Value::from(label));
            }
            self.create(client, "/tags", &body).await?;
        }
        self.set_known(name);
        Ok(())
    }

    async fn create(&self, client: &Client, path: &str, body: &Value) -> Result<(), Failure> {
        match client.send(&Call::put(path.to_owned(), body)).await {
            Ok(_) => Ok(()),
            Err(Failure::Forbidden(message)) => Err(Failure::from(client.forbidden(
                "create tags (or switch them off with `includeTags: false`)",
                &message,
            ))),
            Err(failure) => Err(failure),
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn set_known(&self, name: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_automated_tags_of_the_classification_are_ours() {
        let tags = Tags::new("Qlik");
        assert!(tags.is_ours("Qlik.Finance", "Automated"));
        assert!(tags.is_ours("Qlik.\"v1.0\"", "Automated"));
        assert!(!tags.is_ours("Qlik.Finance", "Manual"));
        assert!(!tags.is_ours("QlikX.Finance", "Automated"));
        assert!(!tags.is_ours("PII.Sensitive", "Automated"));
    }
}
