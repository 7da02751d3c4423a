//! Tests of the loader against stand-ins for its neighbours.

mod openmetadata;
