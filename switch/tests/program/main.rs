//! The compiled program of `switch/p4`.

mod compiled;
