//! OpenMetadata over REST.
