//! A rack of which each part is a process of its own: any may be killed, and the others go on.

use super::description::Description;
use super::native::Native;
use super::supervisor::Supervisor;
use super::up::Args;
use crate::demo::child::Child;
use crate::{clock, key, stop};
use anyhow::{Context, Result};
use bifrost_rpc::node::Node;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// How often it is seen who is still there.
const LOOK: Duration = Duration::from_millis(100);
/// Time to end by itself without a switch.
const GRACE: Duration = Duration::from_millis(500);
/// Time for what is said next, which comes at once.
const SAID: Duration = Duration::from_secs(5);
/// Time for a node to be taken in.
const JOIN: Duration = Duration::from_secs(20);

/// The processes of a rack. Dropping it ends them.
pub(super) struct Processes {
    /// Memory servers and nodes that serve.
    machines: Vec<(String, Child)>,
    gatekeeper: Supervisor,
    switch: Child,
    /// The beginning of links' URLs.
    tunnel: String,
    prefix: Ipv6Addr,
    /// The node in this process that makes the checked calls.
    client: Option<String>,
    files: TempDir,
    /// Where they are, if each is in a network namespace. Those go last.
    native: Option<Native>,
}

impl Processes {
    /// Starts all: the switch, Gatekeeper, memory servers, nodes that serve.
    pub(super) fn start(args: &Args, manage: &str, description: &Description) -> Result<Self> {
        let native = args.native.then(|| Native::make(description)).transpose()?;
        let files = tempfile::tempdir().context("cannot make a directory for temporary files")?;
        let described = describe(description, files.path())?;
        let control = files.path().join("control").display().to_string();
        let switch = start_switch(args, &described, &control, native.as_ref())?;
        let mut options =
            ["gatekeeper", "--supervised", "--control", &control, "--manage", manage].map(str::to_owned).to_vec();
        options.extend(described);
        // So that it can come back, something outlives it in any case.
        options.extend(args.gatekeeper.clone().or_state(files.path().join("state")).arguments());
        options.extend(key_option(args, "--key-file"));
        options.extend(args.bmv2.iter().flat_map(|_| outside_tables(&switch)));
        let gatekeeper = Supervisor::start(options)?;
        let tunnel = switch.url().replacen("udp://", "tunnel://", 1);
        let prefix = description.rules.topology().fabric().prefix;
        let machines = Vec::new();
        let mut rack = Self { machines, gatekeeper, switch, tunnel, prefix, client: None, files, native };
        rack.start_machines(args, description)?;
        Ok(rack)
    }

    fn start_machines(&mut self, args: &Args, description: &Description) -> Result<()> {
        let capacity = args.machines.capacity().to_string();
        for section in &description.rack.memory {
            let server = section.id.get_ref().to_string();
            let name = format!("m{server}");
            let link = format!("{}&prefix={}", self.link(&name), self.prefix);
            let state = self.files.path().join(format!("{name}.boot")).display().to_string();
            let options = ["mem", "--rack", "--server", &server, "--capacity", &capacity, "--link", &link];
            let options: Vec<&str> = options.into_iter().chain(["--state", &state]).collect();
            self.add(args, name, &options)?;
        }
        for section in &description.rack.nodes {
            let name = section.name.get_ref();
            let services = section.serves.iter().map(|serves| serves.get_ref().service());
            let link = self.link(name);
            let options: Vec<&str> = ["serve"].into_iter().chain(services).chain(["--rack", "--link", &link]).collect();
            if section.serves.is_empty() {
                self.client.get_or_insert_with(|| name.clone());
            } else {
                self.add(args, name.clone(), &options)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, args: &Args, name: String, options: &[&str]) -> Result<()> {
        let mut options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        options.extend(key_option(args, "--link-key"));
        let launcher = launcher(self.native.as_ref(), Some(&name));
        let child = start(&launcher, &options).with_context(|| format!("{name} does not start"))?;
        self.machines.push((name, child));
        Ok(())
    }

    /// The URL by which a machine attaches.
    fn link(&self, name: &str) -> String {
        match &self.native {
            Some(native) => native.link(name),
            None => format!("{}?node={name}", self.tunnel),
        }
    }

    /// Says which process is what.
    pub(super) fn announce(&self) {
        self.native.iter().for_each(Native::announce);
        eprintln!("process {}: switch at {}", self.switch.id(), self.switch.url());
        eprintln!("{}", self.gatekeeper.describe());
        for (name, child) in &self.machines {
            eprintln!("process {}: {name} at {}", child.id(), child.url());
        }
    }

    /// Joins as the node that makes the checked calls. Where it has a namespace this thread is there from then on.
    pub(super) fn join(&self, args: &Args) -> Result<Node> {
        let name = self.client.as_ref().context("no node serves nothing")?;
        if let Some(native) = &self.native {
            native.enter(name)?;
        }
        let mut node = Node::builder().within(JOIN);
        if let Some(path) = &args.key_file {
            node = node.key(key::read(path)?);
        }
        Ok(node.join(&self.link(name))?)
    }

    /// Until somebody wants it to end, or the switch has. Tells of every part that ends.
    pub(super) fn wait(&mut self, stop: &stop::Stop) {
        let mut gone = BTreeSet::new();
        while !stop.wait_for(LOOK) && !self.gatekeeper.is_over() {
            if self.switch.has_ended() {
                eprintln!("switch has ended; without it there is no rack");
                return;
            }
            for (name, child) in &mut self.machines {
                if !gone.contains(name.as_str()) && child.has_ended() {
                    eprintln!("{name} has ended");
                    gone.insert(name.clone());
                }
            }
        }
    }

    /// Ends all in good order: machines, then Gatekeeper, then the switch. Returns how many did not end well.
    pub(super) fn stop(mut self) -> usize {
        let tell = |child: &mut Child| child.terminate();
        let told: Vec<Result<()>> = self.machines.iter_mut().map(|(_, child)| tell(child)).collect();
        if self.switch.has_ended() {
            // Each would wait in vain for somebody to let it go. Who is told twice ends at once.
            clock::pause(GRACE);
            self.machines.iter_mut().for_each(|(_, child)| drop(tell(child)));
        }
        let ended = self.machines.into_iter().zip(told).map(|((_, child), told)| told.and_then(|()| child.wait()));
        let ended = ended.chain([self.gatekeeper.stop(), self.switch.stop()]);
        ended.filter(Result::is_err).count()
    }
}

/// Writes what describes the rack into files; the options that name them.
fn describe(description: &Description, directory: &Path) -> Result<Vec<String>> {
    let rack = directory.join("rack.toml");
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&rack, &attached(description))?;
    let mut options = vec!["--rack".to_owned(), rack.display().to_string()];
    for (number, manifest) in description.manifests.iter().enumerate() {
        let path = directory.join(format!("manifest-{number}.json"));
        write(&path, manifest.text())?;
        options.extend(["--manifest".to_owned(), path.display().to_string()]);
    }
    Ok(options)
}

fn start_switch(args: &Args, described: &[String], control: &str, native: Option<&Native>) -> Result<Child> {
    let mut options = ["switch", "--control", control, "--listen", "udp://[::1]:0"].map(str::to_owned).to_vec();
    options.extend_from_slice(described);
    options.extend(key_option(args, "--key-file"));
    options.extend(match &args.bmv2 {
        Some(Some(path)) => vec![format!("--bmv2={}", path.display())],
        Some(None) => vec!["--bmv2".to_owned()],
        None => ["--runtime", "none"].map(str::to_owned).to_vec(),
    });
    options.extend(native.iter().flat_map(|native| native.ports()));
    start(&launcher(native, None), &options)
}

/// Where the tables of a switch are that BMv2 stands in for, which it says second, or first where it has no tunnels.
fn outside_tables(switch: &Child) -> Vec<String> {
    let said = if switch.url().starts_with("udp:") {
        switch.said(SAID).and_then(|line| line.strip_prefix("runtime on ").map(str::to_owned))
    } else {
        Some(switch.url().to_owned())
    };
    said.into_iter().flat_map(|url| ["--runtime".to_owned(), url]).collect()
}

fn start(launcher: &[String], options: &[String]) -> Result<Child> {
    Child::start_by(launcher, &options.iter().map(String::as_str).collect::<Vec<_>>())
}

fn launcher(native: Option<&Native>, machine: Option<&str>) -> Vec<String> {
    native.map(|native| native.launcher(machine)).unwrap_or_default()
}

fn key_option(args: &Args, option: &str) -> Vec<String> {
    args.key_file.iter().flat_map(|path| [option.to_owned(), path.display().to_string()]).collect()
}

/// The description with every machine attached by a tunnel.
fn attached(description: &Description) -> String {
    let rack = &description.rack;
    let nodes = rack.nodes.iter().map(|node| *node.port.get_ref());
    let ports: BTreeSet<u16> = nodes.chain(rack.memory.iter().map(|server| *server.port.get_ref())).collect();
    let mut text = description.text.clone();
    if rack.fabric.tunnel.is_none() {
        // The switch is told another address, by the command line.
        text = text.replacen("[rack]", "[rack]\ntunnel = \"[::1]:0\"", 1);
    }
    for port in ports.into_iter().filter(|port| rack.attachment(*port).is_none()) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n[[port]]\nnumber = {port}\nattach = {{ tunnel = {{}} }}\n");
    }
    text
}
