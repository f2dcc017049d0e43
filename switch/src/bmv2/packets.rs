//! Frames to and from a `simple_switch --packet-in`: the codec on a Unix socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::nanomsg::{Decoder, GREETING, MESSAGE_BYTES_MAX, encode};

/// Bytes of a frame at most.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 12;

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
    /// What the socket waits at most.
    timeout: Duration,
}

/// Connects; the switch has one peer at a time.
pub(super) fn connect(path: &Path) -> io::Result<(PacketSender, PacketReceiver)> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(SEND_TIMEOUT))?;
    stream.write_all(&GREETING)?;
    let receiver = PacketReceiver {
        stream: stream.try_clone()?,
        decoder: Decoder::default(),
        buffer: vec![0; 64 << 10],
        timeout: Duration::MAX,
    };
    Ok((PacketSender { stream, buffer: Vec::new() }, receiver))
}

impl PacketSender {
    /// Sends a frame into a port.
    ///
    /// # Errors
    ///
    /// As those of [`Self::send_all`].
    pub fn send(&mut self, port: u32, frame: &[u8]) -> io::Result<()> {
        self.send_all(port, [frame])
    }

    /// Sends frames into a port, all at once: whoever calls bounds how many.
    ///
    /// # Errors
    ///
    /// A frame is longer than [`FRAME_BYTES_MAX`], and none was sent. The switch takes nothing for 5 s, or it has ended: then the stream
    /// is of no use, and its receiver is told so.
    pub fn send_all<'a>(&mut self, port: u32, frames: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        self.buffer.clear();
        for frame in frames {
            if frame.len() > FRAME_BYTES_MAX {
                return Err(io::Error::new(ErrorKind::InvalidInput, "a frame of more than 64 KiB"));
            }
            encode(port, frame, &mut self.buffer);
        }
        let sent = self.stream.write_all(&self.buffer);
        if sent.is_err() {
            // Part of a message may have been: what followed would be taken for the rest.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        sent
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
            let frame = self.decoder.poll().map_err(invalid)?.map(|(port, frame)| (port, frame.to_vec()));
            let left = timeout.saturating_sub(start.elapsed());
            if frame.is_some() || left.is_zero() {
                return Ok(frame);
            }
            self.read(left)?;
        }
    }

    /// Takes all frames that have come, with the ports that they leave by; waits about so long for the first. Says how many.
    ///
    /// # Errors
    ///
    /// As those of [`Self::receive`].
    pub fn receive_all(&mut self, timeout: Duration, mut take: impl FnMut(u32, &[u8])) -> io::Result<usize> {
        loop {
            let mut frames = 0;
            while let Some((port, frame)) = self.decoder.poll().map_err(invalid)? {
                take(port, frame);
                frames += 1;
            }
            if frames > 0 || !self.read(timeout)? {
                return Ok(frames);
            }
        }
    }

    /// Waits for bytes; whether some came.
    fn read(&mut self, timeout: Duration) -> io::Result<bool> {
        let timeout = timeout.max(Duration::from_millis(1));
        if timeout != self.timeout {
            self.stream.set_read_timeout(Some(timeout))?;
            self.timeout = timeout;
        }
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the switch closed the socket")),
            Ok(bytes) => {
                self.decoder.push(self.buffer.get(..bytes).unwrap_or_default());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            // As if nothing had come yet.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn invalid(error: super::FramingError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
