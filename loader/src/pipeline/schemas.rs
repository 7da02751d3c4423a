//! Schemas of the registry, asked for when the first record comes that needs one.

use std::pin::Pin;

use super::Pipeline;
use crate::{
    decode::schemas::{Known, fetch},
    sink::{Fatal, MetadataSink},
};

/// Asking for one.
pub(super) type Fetching = Pin<Box<dyn Future<Output = (u32, Result<Known, Fatal>)> + Send>>;

impl<S: MetadataSink> Pipeline<S> {
    pub(super) fn need_schema(&mut self, id: u32) {
        match self.fetch(id) {
            Some(fetching) => self.fetching = Some(fetching),
            None => {
                self.on_schema(id, Known::Missing("no schema registry is configured".to_owned()));
            }
        }
    }

    fn fetch(&self, id: u32) -> Option<Fetching> {
        let registry = self.parts.registry.clone()?;
        let trusted = self.parts.decoder.schemas.as_ref().is_some_and(|schemas| schemas.has_any());
        Some(Box::pin(async move { (id, fetch(&registry, id, trusted).await) }))
    }

    pub(super) fn on_schema(&mut self, id: u32, known: Known) {
        self.fetching = None;
        if let Some(schemas) = &mut self.parts.decoder.schemas {
            schemas.learn(id, known);
        }
    }
}

/// The schema that is being fetched; waits forever when none is.
pub(super) async fn next(fetching: &mut Option<Fetching>) -> (u32, Result<Known, Fatal>) {
    match fetching {
        Some(fetching) => fetching.await,
        None => std::future::pending().await,
    }
}
