//! Frames to and from a `simple_switch --packet-in`: the codec on a Unix socket.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::nanomsg::{Decoder, GREETING, MESSAGE_BYTES_MAX, encode};

/// How long a full socket may take nothing before a frame cannot be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends frames into ports of the switch.
#[derive(Debug)]
pub struct PacketSender {
    stream: UnixStream,
    buffer: Vec<u8>,
}

/// Receives frames that leave the switch.
#[derive(Debug)]
pub struct PacketReceiver {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

/// Connects; the switch has one peer at a time.
pub(super) fn connect(path: &Path) -> io::Result<(PacketSender, PacketReceiver)> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(SEND_TIMEOUT))?;
    stream.write_all(&GREETING)?;
    let receiver =
        PacketReceiver { stream: stream.try_clone()?, decoder: Decoder::default(), buffer: vec![0; 64 << 10] };
    Ok((PacketSender { stream, buffer: Vec::new() }, receiver))
}

impl PacketSender {
    /// Sends a frame into a port.
    ///
    /// # Errors
    ///
    /// The frame is longer than 64 KiB, the switch takes nothing for 5 s, or it has ended. After the last two the stream is of no use.
    pub fn send(&mut self, port: u32, frame: &[u8]) -> io::Result<()> {
        if frame.len() > MESSAGE_BYTES_MAX - 12 {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a frame of more than 64 KiB"));
        }
        self.buffer.clear();
        encode(port, frame, &mut self.buffer);
        self.stream.write_all(&self.buffer)
    }
}

impl PacketReceiver {
    /// The next frame and the port that it leaves by; `None` if none comes in time.
    ///
    /// # Errors
    ///
    /// The switch has ended, or what is at the socket is none.
    #[expect(clippy::disallowed_methods, reason = "waits for a socket")]
    pub fn receive(&mut self, timeout: Duration) -> io::Result<Option<(u32, Vec<u8>)>> {
        let start = Instant::now();
        loop {
            let frame = self.decoder.poll().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let left = timeout.saturating_sub(start.elapsed());
            if frame.is_some() || left.is_zero() {
                return Ok(frame);
            }
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the switch closed the socket")),
                Ok(bytes) => self.decoder.push(self.buffer.get(..bytes).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
