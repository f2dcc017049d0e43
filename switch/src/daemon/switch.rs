//! A switch that runs, and how it ends.

use super::builder::{End, SwitchBuilder};
use super::capture::{Capture, CaptureReport};
use super::counts::{PortCounts, Tally};
use super::error::StartError;
use super::fabric::{Fabric, Port};
use super::forwarder::Forwarder;
use super::local::LocalPort;
use super::outside;
use super::plane::{DataPlane, Plane};
use super::queue::Queue;
use super::tunnel::{TunnelCounts, Tunnels};
use crate::SharedEngine;
use crate::bmv2::PacketReceiver;
use crate::engine::Event;
use crate::runtime::{self, PortInfo, PortRefused, Ports, Runtime, Settings};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

/// How a port stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortReport {
    /// What passed it.
    pub counts: PortCounts,
    /// Why it no longer receives.
    pub fault: Option<String>,
}

/// How a switch stands, or stood at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each port by its number.
    pub ports: BTreeMap<u32, PortReport>,
    /// What the program sent to ports that do not exist.
    pub nowhere: Tally,
    /// What the data plane did not take: a BMv2 takes no frame of more than 64 KiB, and none once it has ended.
    pub refused: Tally,
    /// Why nothing goes through any more: a BMv2 has ended before it was told to.
    pub ended: Option<String>,
    /// What came to the tunnels' socket and went to no port.
    pub tunnels: TunnelCounts,
    /// Of a capture.
    pub capture: Option<CaptureReport>,
}

/// A switch that runs: an engine, or BMv2's `simple_switch`, with ports. Dropping it ends it.
#[derive(Debug)]
pub struct Switch {
    fabric: Arc<Fabric>,
    tunnels: Option<Arc<Tunnels>>,
    locals: BTreeMap<u32, LocalPort>,
    queues: Vec<Arc<Queue>>,
    /// Of what comes in.
    threads: Vec<JoinHandle<()>>,
    /// Of what leaves a BMv2.
    leaving: Option<JoinHandle<()>>,
}

impl Switch {
    /// A switch around a [`SharedEngine`] or a [`Bmv2`](crate::bmv2::Bmv2).
    #[must_use]
    pub fn builder(plane: impl Into<DataPlane>) -> SwitchBuilder {
        SwitchBuilder::new(plane.into())
    }

    pub(crate) fn start(
        fabric: Arc<Fabric>,
        tunnels: Option<Arc<Tunnels>>,
        ends: BTreeMap<u32, End>,
        leaving: Option<PacketReceiver>,
    ) -> Result<Self, StartError> {
        let (locals, queues, threads) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut switch = Self { fabric, tunnels, locals, queues, threads, leaving: None };
        // What has been started ends when it is dropped.
        leaving.map_or(Ok(()), |receiver| switch.start_leaving(receiver))?;
        for (number, end) in ends {
            switch.join(number, end)?;
        }
        switch.start_tunnels()?;
        Ok(switch)
    }

    fn join(&mut self, number: u32, end: End) -> Result<(), StartError> {
        match end {
            End::Local(queue) => {
                let port = LocalPort::new(number, &self.fabric, Arc::clone(&queue));
                self.locals.insert(number, port);
                self.queues.push(queue);
                Ok(())
            }
            // All tunnels have one thread.
            End::Tunnel(_) => Ok(()),
            End::Device(device) => self.spawn_port(number, move |forwarder| device.run(number, forwarder)),
            End::Socket(socket) => self.spawn_port(number, move |forwarder| socket.run(number, forwarder)),
        }
    }

    fn start_tunnels(&mut self) -> Result<(), StartError> {
        let Some(tunnels) = self.tunnels.clone() else { return Ok(()) };
        let (fabric, kept) = (Arc::clone(&self.fabric), Arc::clone(&tunnels));
        self.spawn("bifrost-leases".into(), move |forwarder| kept.keep_leases(forwarder))?;
        self.spawn("bifrost-tunnels".into(), move |forwarder| {
            if let Err(error) = tunnels.run(forwarder) {
                tunnels.ports().for_each(|port| fabric.fault(port, &error));
            }
        })
    }

    fn start_leaving(&mut self, receiver: PacketReceiver) -> Result<(), StartError> {
        let fabric = Arc::clone(&self.fabric);
        let run = move || {
            if let (Err(error), Plane::Outside(switch)) = (outside::run(&fabric, receiver), &fabric.plane) {
                fabric.end(switch.reason(&error));
            }
        };
        let thread = std::thread::Builder::new().name("bifrost-bmv2".into()).spawn(run);
        self.leaving = Some(thread.map_err(StartError::System)?);
        Ok(())
    }

    fn spawn_port(
        &mut self,
        number: u32,
        run: impl FnOnce(&mut Forwarder) -> io::Result<()> + Send + 'static,
    ) -> Result<(), StartError> {
        let fabric = Arc::clone(&self.fabric);
        self.spawn(format!("bifrost-port-{number}"), move |forwarder| {
            if let Err(error) = run(forwarder) {
                fabric.fault(number, &error);
            }
        })
    }

    fn spawn(&mut self, name: String, run: impl FnOnce(&mut Forwarder) + Send + 'static) -> Result<(), StartError> {
        let mut forwarder = Forwarder::new(Arc::clone(&self.fabric));
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&mut forwarder));
        self.threads.push(thread.map_err(StartError::System)?);
        Ok(())
    }

    /// The engine, where frames go through one.
    #[must_use]
    pub fn engine(&self) -> Option<&SharedEngine> {
        match &self.fabric.plane {
            Plane::Engine(engine) => Some(engine),
            Plane::Outside(_) => None,
        }
    }

    /// What a control plane fills the tables by, whatever frames go through. `json`: the program that it runs.
    ///
    /// Of an engine, whoever serves the runtime API as well makes one [`Runtime`] for both: each knows only its own changes of program.
    #[must_use]
    pub fn control(&self, json: &str) -> Arc<dyn runtime::SwitchControl> {
        match &self.fabric.plane {
            Plane::Engine(engine) => {
                let settings = Settings { ports: self.ports(), ..Settings::default() };
                Arc::new(Runtime::new(engine.clone(), json, settings))
            }
            Plane::Outside(switch) => Arc::new(switch.control()),
        }
    }

    /// The other end of an in-process port.
    #[must_use]
    pub fn local(&self, number: u32) -> Option<LocalPort> {
        self.locals.get(&number).cloned()
    }

    /// Where nodes attach by tunnels.
    #[must_use]
    pub fn tunnel_address(&self) -> Option<SocketAddr> {
        self.tunnels.as_ref().map(|tunnels| tunnels.address())
    }

    /// The ports as the runtime API lists them. It cannot change them: they are those that the switch began with.
    #[must_use]
    pub fn ports(&self) -> Box<dyn Ports> {
        Box::new(PortList(Arc::clone(&self.fabric)))
    }

    /// From here on the way of each packet through the program comes out here, as long as the receiver is kept and nobody else
    /// looks on. It makes packets slower by a multiple; of those that come faster than they are taken, some go unseen. `None`: the
    /// data plane is a BMv2, which does not tell.
    #[must_use]
    pub fn watch(&self) -> Option<Receiver<Vec<Event>>> {
        self.engine().map(|_| self.fabric.watch.open())
    }

    /// How it stands.
    #[must_use]
    pub fn report(&self) -> Report {
        let ports = (0u32..).zip(&self.fabric.ports);
        let ports = ports.filter_map(|(number, port)| Some((number, port.as_ref()?.report()))).collect();
        let capture = self.fabric.capture.as_ref().map(Capture::report);
        let tunnels = self.tunnels.as_ref().map(|tunnels| tunnels.counts()).unwrap_or_default();
        let (nowhere, refused) = (self.fabric.nowhere.read().lost, self.fabric.refused.read().lost);
        Report { ports, nowhere, refused, ended: self.fabric.ended(), tunnels, capture }
    }

    /// Ends it: no further frame is taken in, those under way leave, captures are written. Returns how it stood.
    #[must_use]
    pub fn shutdown(mut self) -> Report {
        self.stop();
        self.report()
    }

    fn stop(&mut self) {
        self.fabric.is_closed.store(true, Ordering::Release);
        if let Plane::Outside(switch) = &self.fabric.plane {
            switch.wait_idle();
            // It ends when all has left.
            let _ = self.leaving.take().map(JoinHandle::join);
            switch.end();
        }
        self.fabric.is_stopped.store(true, Ordering::Release);
        if let Some(tunnels) = &self.tunnels {
            tunnels.shut_down();
        }
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
        // Threads of the process may be sending still; each ends with its batch.
        self.locals.values().for_each(LocalPort::wait_idle);
        self.queues.iter().for_each(|queue| queue.close());
        self.fabric.watch.close();
        if let Some(capture) = &self.fabric.capture {
            capture.finish();
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug)]
struct PortList(Arc<Fabric>);

impl Ports for PortList {
    fn add(&self, _number: u32, _interface: &str, _capture: Option<&str>) -> Result<(), PortRefused> {
        Err(PortRefused)
    }

    fn remove(&self, _number: u32) -> Result<(), PortRefused> {
        Err(PortRefused)
    }

    fn list(&self) -> Vec<PortInfo> {
        let ports = (0u32..).zip(&self.0.ports);
        let ports = ports.filter_map(|(number, port)| Some((number, port.as_ref()?)));
        ports
            .map(|(number, port)| PortInfo {
                number,
                interface: port.interface.clone(),
                is_up: port.link.is_up() && port.report().fault.is_none() && self.0.ended().is_none(),
                extra: BTreeMap::new(),
            })
            .collect()
    }
}

impl Port {
    fn report(&self) -> PortReport {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PortReport { counts: self.counter.read(), fault }
    }
}
