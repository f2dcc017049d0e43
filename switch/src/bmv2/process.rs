//! The process: its start, its end, and what leads to it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bifrost_rpc::Channel;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::keeper::{self, Keeper};
use super::packets::{PacketReceiver, PacketSender, connect};
use super::{Bmv2Error, Namespace, Packets, Runtime, Settings, find};
use crate::runtime::Client;
use crate::runtime::idl::bmv2_simple_pre_lag::{SimplePreLagClient, TSimplePreLagSyncClient};
use crate::runtime::idl::bmv2_simple_switch::{SimpleSwitchClient, TSimpleSwitchSyncClient};
use crate::runtime::idl::bmv2_standard::{StandardClient, TStandardSyncClient};

/// How long it is asked to end before it is ended.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// A call of the runtime API takes at most this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// In a namespace of its own any port is free.
const OWN_PORT: u16 = 9090;
const TAIL_BYTES: usize = 4096;

/// A `simple_switch` that runs. One that was started ends when this is dropped; one that was attached to goes on.
#[derive(Debug)]
pub struct Bmv2 {
    url: String,
    packets: Option<PathBuf>,
    is_exposed: bool,
    // Before the folder that it uses.
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// Before the folder, too: its socket is there.
    _keeper: Keeper,
    folder: TempDir,
}

impl Bmv2 {
    /// Starts one, and waits until it answers and its queues are set.
    ///
    /// # Errors
    ///
    /// It is not there, cannot be run, ends at once (as it does when the program is not to its liking) or does not answer in time.
    pub fn start(settings: &Settings) -> Result<Self, Bmv2Error> {
        let path = settings.path.clone().or_else(find).ok_or(Bmv2Error::NotFound)?;
        let folder = tempfile::Builder::new().prefix("bmv2-").tempdir()?;
        let namespace = settings.namespace.decided(matches!(settings.packets, Packets::Interfaces(_)));
        let port = if namespace == Namespace::Own { OWN_PORT } else { free_port()? };
        let ran = |error| Bmv2Error::Run { path: path.clone(), error };
        let mut command = keeper::command(&path).map_err(ran)?;
        configure(&mut command, settings, folder.path(), port)?;
        let socket = folder.path().join("runtime");
        let is_exposed = namespace == Namespace::Present;
        let way = (!is_exposed).then_some((socket.as_path(), port));
        let (child, keeper) = Keeper::start(command, &namespace, way)?;
        let place = if is_exposed { format!("tcp://127.0.0.1:{port}") } else { format!("unix://{}", socket.display()) };
        let url = format!("{place}?transport=buffered&multiplexed=true");
        let packets = (settings.packets == Packets::Socket).then(|| folder.path().join("packets"));
        let process = Process { child: child.map_err(ran)?, _keeper: keeper, folder };
        let mut switch = Self { url, packets, is_exposed, process: Some(process) };
        switch.wait_until_ready(settings.start_timeout)?;
        switch.set_queues(settings)?;
        switch.check_interfaces(&settings.packets)?;
        Ok(switch)
    }

    /// One that runs already. `url`: of its runtime API, such as `tcp://127.0.0.1:9090?transport=buffered&multiplexed=true`. `packets`:
    /// the Unix socket of its `--packet-in`, if it has one.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub fn attach(url: &str, packets: Option<&Path>) -> Result<Self, Bmv2Error> {
        let is_exposed = url.starts_with("tcp:");
        let switch = Self { url: url.to_owned(), packets: packets.map(Path::to_owned), is_exposed, process: None };
        switch.runtime()?.standard.bm_get_config_md5()?;
        Ok(switch)
    }

    /// Of its runtime API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the process, if it was started here.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Whether everybody who reaches this machine reaches its runtime API, and can change all its tables. Tell whoever started it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// Clients of its runtime API. Their calls take 10 s at most.
    ///
    /// # Errors
    ///
    /// The URL is none. That nobody answers is found out by calls.
    pub fn runtime(&self) -> Result<Runtime, Bmv2Error> {
        let channel = Channel::connect(&self.url)?.with_deadline(CALL_TIMEOUT);
        Ok(Runtime {
            standard: StandardClient::new(channel.clone()),
            simple_switch: SimpleSwitchClient::new(channel.clone()),
            groups: SimplePreLagClient::new(channel),
        })
    }

    /// Its tables, as a control plane fills them: the interface that the embedded switch has, too.
    ///
    /// # Errors
    ///
    /// The URL is none. That nobody answers is found out by calls.
    pub fn control(&self) -> Result<Client, Bmv2Error> {
        Ok(Client::connect(&self.url).map_err(thrift::Error::from)?)
    }

    /// Frames to and from all its ports. It has one peer at a time.
    ///
    /// # Errors
    ///
    /// It has no socket for frames, or does not answer there.
    pub fn packets(&self) -> Result<(PacketSender, PacketReceiver), Bmv2Error> {
        let path = self.packets.as_ref().ok_or(Bmv2Error::NoPackets)?;
        Ok(connect(path)?)
    }

    /// Fails with what it said if it has ended.
    ///
    /// # Errors
    ///
    /// [`Bmv2Error::Ended`].
    pub fn check(&mut self) -> Result<(), Bmv2Error> {
        let Some(process) = &mut self.process else { return Ok(()) };
        match process.child.try_wait()? {
            Some(status) => Err(Bmv2Error::Ended { status, output: process.output() }),
            None => Ok(()),
        }
    }

    /// The same, for one that is about to end: waits so long for it.
    #[expect(clippy::disallowed_methods, reason = "waits for a process")]
    pub(crate) fn check_within(&mut self, time: Duration) -> Result<(), Bmv2Error> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.check()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        self.check()
    }

    /// The end of what it has written, at most 4 KiB.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    #[expect(clippy::disallowed_methods, reason = "waits for a process")]
    fn wait_until_ready(&mut self, timeout: Duration) -> Result<(), Bmv2Error> {
        let start = Instant::now();
        let mut runtime = self.runtime()?;
        loop {
            self.check()?;
            if answers(&mut runtime) {
                return Ok(());
            }
            if start.elapsed() >= timeout {
                return Err(Bmv2Error::Silent { within: timeout, output: self.output() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It goes on without those that it cannot take.
    fn check_interfaces(&self, packets: &Packets) -> Result<(), Bmv2Error> {
        let Packets::Interfaces(interfaces) = packets else { return Ok(()) };
        let ports = self.runtime()?.standard.bm_dev_mgr_show_ports()?;
        let is_taken = |port: u32| ports.iter().any(|found| u32::try_from(found.port_num) == Ok(port));
        match interfaces.iter().find(|(port, _)| !is_taken(*port)) {
            Some((port, name)) => Err(Bmv2Error::Interface { port: *port, name: name.clone() }),
            None => Ok(()),
        }
    }

    fn set_queues(&self, settings: &Settings) -> Result<(), Bmv2Error> {
        let mut queues = self.runtime()?.simple_switch;
        queues.set_all_egress_queue_depths(i32::try_from(settings.queue_packets).unwrap_or(i32::MAX))?;
        if let Some(rate) = settings.queue_packets_per_s {
            queues.set_all_egress_queue_rates(i64::from(rate))?;
        }
        Ok(())
    }
}

/// Whether all its services do: it opens its port before it has the last of them.
fn answers(runtime: &mut Runtime) -> bool {
    runtime.standard.bm_get_config_md5().is_ok()
        && runtime.groups.bm_mc_get_entries(0).is_ok()
        && runtime.simple_switch.get_time_elapsed_us().is_ok()
}

/// All but where it runs.
fn configure(command: &mut Command, settings: &Settings, folder: &Path, port: u16) -> Result<(), Bmv2Error> {
    let (program, log) = (folder.join("program.json"), File::create(folder.join("output"))?);
    fs::write(&program, &settings.program)?;
    let ipc = |name: &str| format!("ipc://{}", folder.join(name).display());
    command.args(["--thrift-port", &port.to_string(), "--notifications-addr", &ipc("notifications")]);
    match &settings.packets {
        Packets::Socket => {
            command.args(["--packet-in", &ipc("packets")]);
        }
        Packets::Interfaces(interfaces) => {
            command.args(interfaces.iter().flat_map(|(port, name)| ["-i".to_owned(), format!("{port}@{name}")]));
        }
    }
    command.arg(&program);
    if !settings.target_options.is_empty() {
        command.arg("--").args(&settings.target_options);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(())
}

/// A port that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}

impl Process {
    fn output(&self) -> String {
        let bytes = fs::read(self.folder.path().join("output")).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default()).into_owned()
    }

    /// Asks it to end, and ends it.
    #[expect(clippy::disallowed_methods, reason = "waits for a process")]
    fn stop(&mut self) {
        let asked = i32::try_from(self.child.id()).is_ok_and(|id| kill(Pid::from_raw(id), Signal::SIGTERM).is_ok());
        let start = Instant::now();
        while asked && start.elapsed() < STOP_TIMEOUT {
            // A child that was waited for has no id that could be another's by now.
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
