//! What is answered over HTTP? The only home of axum.

pub mod exporter;
