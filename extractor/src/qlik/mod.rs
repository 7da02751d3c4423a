//! A Qlik Sense site: Engine JSON API, Repository Service (QRS) and engine REST.

pub mod model;
