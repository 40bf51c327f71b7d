//! What is a database called beside others? By a short name, given by whoever starts a server of several.

use super::Database;
use std::sync::Arc;

/// A database and its short name.
#[derive(Clone)]
pub struct Named {
    /// The name, fit for a label and a URL.
    pub name: String,
    /// The database.
    pub database: Arc<dyn Database>,
}
