//! Chart expressions.
