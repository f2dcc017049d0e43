//! Socket options and processor pinning, the same for every variant.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use socket2::SockRef;

/// Tried in this order. `bbr` paces and makes large messages three times slower on a loopback; Reno does not.
const CONGESTION_CONTROLS: [&str; 2] = ["reno", "cubic"];
const CONNECT_MS_MAX: u64 = 5_000;

/// A TCP connection to `server` as every TCP variant uses it.
pub(crate) fn connect_tcp(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_millis(CONNECT_MS_MAX))
        .with_context(|| format!("cannot connect to {server} over TCP"))?;
    tune_tcp(&stream)?;
    Ok(stream)
}

/// Accepts connections for ever, each on a thread of its own, tuned like the client's.
pub(crate) fn serve_tcp(listener: &TcpListener, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().context("cannot accept a connection")?;
        tune_tcp(&stream)?;
        let handle = handle.clone();
        std::thread::spawn(move || handle(stream));
    }
}

/// No delay, and a congestion control that does not pace.
fn tune_tcp(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
    let socket = SockRef::from(stream);
    // Where none may be chosen the system's is used; the machine notes say which one that is.
    let _ = CONGESTION_CONTROLS.iter().find(|name| socket.set_tcp_congestion(name.as_bytes()).is_ok());
    Ok(())
}

/// The congestion control that the TCP variants get here.
pub(crate) fn tcp_congestion_in_use() -> Result<String> {
    let listener = TcpListener::bind("localhost:0").context("cannot bind")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    tune_tcp(&stream)?;
    let name = SockRef::from(&stream).tcp_congestion()?;
    Ok(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned())
}

/// Ends every blocked receive and send on a connected socket.
pub(crate) fn shut_down(socket: &impl AsFd) {
    // A socket that is not connected any more needs no ending.
    let _ = SockRef::from(socket).shutdown(Shutdown::Both);
}

/// The processors that this thread may run on, ascending.
pub(crate) fn allowed_cores() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("cannot read the processor affinity")?;
    Ok((0..CpuSet::count()).filter(|&core| set.is_set(core).unwrap_or(false)).collect())
}

/// Lets this thread, and those that it starts from now on, run on `cores` only.
pub(crate) fn pin(cores: &[usize]) -> Result<()> {
    ensure!(!cores.is_empty(), "no processor to pin to");
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core).with_context(|| format!("no processor {core}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot pin to processors {cores:?}"))
}

#[cfg(test)]
mod tests {
    use super::{allowed_cores, pin, tcp_congestion_in_use};

    #[test]
    fn pinning_is_read_back() {
        std::thread::spawn(|| {
            let first = allowed_cores().unwrap()[0];
            pin(&[first]).unwrap();
            assert_eq!(allowed_cores().unwrap(), [first]);
            assert!(pin(&[]).is_err());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn congestion_control_has_a_name() {
        assert!(!tcp_congestion_in_use().unwrap().is_empty());
    }
}
