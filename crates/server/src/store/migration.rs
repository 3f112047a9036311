//! A step of a schema's history.

/// One step. Its list belongs to a dialect: [`sqlite::MIGRATIONS`](super::sqlite::MIGRATIONS),
/// [`postgres::MIGRATIONS`](super::postgres::MIGRATIONS).
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever writes a step says each")]
pub struct Migration {
    /// The schema's number after it.
    pub version: u32,
    /// The lowest schema number a binary must know to work on that schema.
    pub min_version: u32,
    /// What it does, in one transaction.
    pub sql: &'static str,
}
