//! Links to a switch for which no kernel makes the frames.

mod frames;

pub use frames::{FramePort, Frames};
