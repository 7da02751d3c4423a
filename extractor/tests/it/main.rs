//! Integration tests of the extractor.

#![expect(clippy::print_stdout, reason = "tests say what they skip")]

mod documentation;
mod page;
mod qlik;
