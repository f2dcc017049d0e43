//! sim
mod rng;
pub(crate) use rng::Rng;
