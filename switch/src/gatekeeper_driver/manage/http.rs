//! Where Prometheus reads metrics: the least of HTTP/1.1 that answers a GET of `/metrics`.

use super::metrics::{text, verdicts};
use crate::gatekeeper::Gatekeeper;
use crate::gatekeeper_driver::Asker;
use crate::runtime::SwitchControl;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// Time for a client to send its request, and to take the answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Everybody there could read them.
    #[error("metrics are served to this machine only, not at {0}")]
    Open(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot serve metrics at {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// Serves metrics, one client after the other. Dropping it stops it.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Serves at an address of this machine; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`MetricsError`].
    pub fn start(
        asker: &Asker<Gatekeeper>,
        switch: Arc<dyn SwitchControl>,
        address: SocketAddr,
    ) -> Result<Self, MetricsError> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(MetricsError::Open(address));
        }
        let failed = |error| MetricsError::Listen { address, error };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (asker, told) = (asker.clone(), Arc::clone(&is_stopped));
        let body = move || {
            let verdicts = verdicts(switch.as_ref());
            asker.ask(move |gatekeeper, now, counts| text(gatekeeper, now, counts, &verdicts))
        };
        let run = move || serve(&listener, &told, body);
        let thread = std::thread::Builder::new().name("bifrost-metrics".into()).spawn(run).map_err(failed)?;
        Ok(Self { address: bound, is_stopped, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        // The thread waits for a client: this is one.
        let woken = TcpStream::connect_timeout(&self.address, TIMEOUT);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, is_stopped: &AtomicBool, body: impl Fn() -> Option<String>) {
    while let Ok((mut client, _)) = listener.accept() {
        if is_stopped.load(Ordering::Acquire) {
            return;
        }
        // A client that goes away, or is too slow, has no answer.
        let _ = answer(&mut client, &body);
    }
}

fn answer(client: &mut TcpStream, body: &impl Fn() -> Option<String>) -> io::Result<()> {
    client.set_read_timeout(Some(TIMEOUT))?;
    client.set_write_timeout(Some(TIMEOUT))?;
    let (status, body) = match request(client)? {
        Some(true) => body().map_or(("503 Service Unavailable", String::new()), |body| ("200 OK", body)),
        Some(false) => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
        None => ("400 Bad Request", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}

/// Reads a request to its empty line; whether it asks for metrics. `None`: it is none, or too long, or too slow.
fn request(client: &mut impl Read) -> io::Result<Option<bool>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = client.read(&mut buffer)?;
        if count == 0 || head.len() + count > REQUEST_BYTES_MAX {
            return Ok(None);
        }
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    Ok(match (words.next(), words.next(), words.next()) {
        (Some(b"GET"), Some(path), Some(version)) if version.starts_with(b"HTTP/1.") => Some(path == b"/metrics"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request_text: &str) -> Option<bool> {
        request(&mut request_text.as_bytes()).unwrap()
    }

    #[test]
    fn a_request_is_read_to_its_empty_line() {
        assert_eq!(asked("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Some(true));
        assert_eq!(asked("GET /metrics HTTP/1.0\r\n\r\n"), Some(true));
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), Some(false));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "GET /metrics HTTP/1.1\r\n", "POST /metrics HTTP/1.1\r\n\r\n", "hello\r\n\r\n"] {
            assert_eq!(asked(text), None, "{text:?}");
        }
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(REQUEST_BYTES_MAX));
        assert_eq!(asked(&long), None);
    }
}
