//! The name of a site.

use super::Problems;

/// Where the name stands.
const KEY: &str = "source.serviceName";

/// Checks the name of a site: the first part of every key, and of every name in OpenMetadata.
pub fn service_name(name: Option<&str>, problems: &mut Problems) -> String {
    let name = name.unwrap_or_default().trim();
    if name.is_empty() {
        problems.add(KEY, "is required: a name for the Qlik site, the same for both stages");
    }
    for (text, why) in [
        ("/", "separates the parts of keys"),
        ("::", "is reserved in OpenMetadata"),
        ("\"", "cannot be quoted in OpenMetadata"),
    ] {
        if name.contains(text) {
            problems.add(KEY, format!("must not contain `{text}`, which {why}"));
        }
    }
    name.to_owned()
}
