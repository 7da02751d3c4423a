//! The load-script engine from outside: scripts in, lineage out.

mod corpus;
mod properties;
mod render;
