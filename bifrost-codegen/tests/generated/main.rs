//! The goldens, compiled and run.

mod golden;
