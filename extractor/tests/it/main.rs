//! Integration tests of the extractor.

mod qlik;
