//! Integration tests of the extractor.

mod documentation;
mod page;
mod qlik;
