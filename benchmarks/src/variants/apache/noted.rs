//! A socket that notes when a message leaves and when one has come.

use std::io::{Read, Result, Write};

use crate::points::{Point, reach, reach_encoded_once};

/// Below the transports. Where no points are noted it costs a branch for each system call.
#[derive(Debug)]
pub(super) struct Noted<S>(pub(super) S);

impl<S: Read> Read for Noted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.0.read(buffer);
        reach(Point::Received);
        read
    }
}

impl<S: Write> Write for Noted<S> {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        reach_encoded_once();
        self.0.write(buffer)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}
