//! Compatibility of the event contract: golden files per schema version, both framings.

mod compatibility;
mod evolution;
mod page;
mod samples;
