//! The crate's integration tests, in one binary so that they link once.

#[cfg(test)]
mod store_contract;
