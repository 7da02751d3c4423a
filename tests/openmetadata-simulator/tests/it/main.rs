//! The simulator from outside.

mod catalogue;
mod client;
mod facts;
mod faults;
mod load;
mod releases;
mod two;
