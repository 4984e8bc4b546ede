//! The policies, and `collect` by them: on traces that are written by hand, and on a machine that is made up.

mod changes;
mod files;
mod imports;
mod libraries;
mod metadata;
mod nvcc;
mod programs;
mod rows;
mod rules;
mod stage;
mod status;
