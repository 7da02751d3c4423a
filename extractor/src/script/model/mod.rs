//! The data model as a script builds it, symbolically: tables, the external columns that can flow
//! into each field, variables and stores.

mod fields;
pub(crate) mod journal;
pub(crate) mod origin;
pub(crate) mod relation;
pub(crate) mod rows;
mod rules;
pub(crate) mod state;

pub(crate) use fields::{Field, Fields, MAX_FLOWS};
pub(crate) use origin::{Origins, SourceId, Sources};
pub(crate) use relation::{Flow, Open, Relation, Through, Use, union_via};
pub(crate) use rows::Rows;
pub(crate) use rules::Rules;
pub(crate) use state::{Connection, Flags, Mapping, State, StoredFile, Table};
