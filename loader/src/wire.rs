//! The one place where the commands meet the OpenMetadata sink.

use crate::{
    commands::Catalogue,
    config::Settings,
    sink::{Fatal, Item, MetadataSink, Outcome, Stage},
};

/// OpenMetadata over REST.
#[derive(Clone, Copy, Debug)]
pub struct OpenMetadata;

/// What a build without the sink loads into: there is no value of it.
#[derive(Debug)]
pub enum Absent {}

impl MetadataSink for Absent {
    async fn apply(&self, _: Stage, _: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        match *self {}
    }
}

impl Catalogue for OpenMetadata {
    type Sink = Absent;

    async fn connect(&self, _: &Settings) -> Result<Absent, Fatal> {
        Err(absent())
    }

    async fn describe(&self, _: &Settings) -> Result<String, Fatal> {
        Err(absent())
    }
}

fn absent() -> Fatal {
    Fatal { message: "this build has no OpenMetadata sink".to_owned(), exit_code: 2 }
}
