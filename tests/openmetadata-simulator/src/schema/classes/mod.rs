//! The request classes, property by property, as the generated models of each release have them.

mod creates;
mod parts;

pub(crate) use self::creates::*;
pub(crate) use self::parts::{ADD_LINEAGE, LINEAGE_DETAILS};

use self::parts::{ENTITY_REFERENCE, LIFE_CYCLE, TAG_LABEL};
use super::{Class, Field, Shape};

pub(super) const fn field(name: &'static str, shape: Shape) -> Field {
    Field::new(name, shape)
}

pub(super) const fn name() -> Field {
    field("name", Shape::Name).required()
}

pub(super) const fn wide_name() -> Field {
    field("name", Shape::WideName).required()
}

pub(super) const fn text(name: &'static str) -> Field {
    field(name, Shape::Text)
}

pub(super) const fn owner() -> Field {
    field("owner", Shape::Object(&ENTITY_REFERENCE)).until(104)
}

pub(super) const fn owners() -> Field {
    field("owners", Shape::Objects(&ENTITY_REFERENCE)).since(105)
}

pub(super) const fn tags() -> Field {
    field("tags", Shape::Objects(&TAG_LABEL))
}

pub(super) const fn domain() -> Field {
    text("domain").until(108)
}

pub(super) const fn domains() -> Field {
    field("domains", Shape::Texts).since(109)
}

pub(super) const fn data_products() -> Field {
    field("dataProducts", Shape::Texts)
}

pub(super) const fn life_cycle() -> Field {
    field("lifeCycle", Shape::Object(&LIFE_CYCLE)).since(102)
}

pub(super) const fn source_hash() -> Field {
    field("sourceHash", Shape::Hash)
}

/// A getter of the common interface, which Jackson takes for a property; its value is ignored.
pub(super) const fn reviewers() -> Field {
    field("reviewers", Shape::Free).since(104)
}
