//! The load-script engine from outside: scripts in, lineage out.

mod apps;
mod bounds;
mod corpus;
mod generate;
mod generated;
mod outputs;
mod properties;
mod render;
