//! From a file to [`Settings`].

use std::path::Path;

use schemas::config::{Document, Problems};

use super::{Settings, validate};

/// Reads and checks a configuration file.
///
/// # Errors
/// Every mistake in it.
pub fn load(path: &Path, overrides: &[String]) -> Result<Settings, Problems> {
    validate::settings(&Document::load(path, overrides)?)
}

/// As [`load`], from text.
///
/// # Errors
/// Every mistake in it.
pub fn parse(text: &str, overrides: &[String]) -> Result<Settings, Problems> {
    validate::settings(&Document::parse(text, overrides)?)
}
