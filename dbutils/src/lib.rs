//! What notebook code sees of Sealbook: `dbutils.secrets`, `dbutils.widgets`, `dbutils.notebook`, `dbutils.fs`.
//!
//! Invariants: std only, so it compiles in well under a second and adds no dependency to a notebook; holds no token.

pub mod protocol;
