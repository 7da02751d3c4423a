//! What was read of an app → events. Pure: no I/O, no clock.
