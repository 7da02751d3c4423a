//! Integration tests of the extractor.

mod documentation;
mod qlik;
