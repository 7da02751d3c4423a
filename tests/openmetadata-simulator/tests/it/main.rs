//! The simulator from outside.

mod facts;
