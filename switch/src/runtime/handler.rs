//! What serves the runtime API: the engine that operations are for, and the programs.

use super::config::{Config, Configs};
use super::idl::bmv2_standard::SwapOperationErrorCode;
use super::ports::{NoPorts, Ports};
use super::refused;
use crate::engine::{ArrayError, Engine, LearnError, MeterError, MulticastError, SetError, TableError};
use crate::shared::SharedEngine;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Serves BMv2's runtime API for an engine. Cheap to clone.
///
/// An operation that is refused has changed nothing.
#[derive(Clone, Debug)]
pub struct Runtime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: SharedEngine,
    /// Locked before the engine.
    configs: Mutex<Configs>,
    ports: Box<dyn Ports>,
    device: u64,
    notifications: Mutex<Option<String>>,
    listening: AtomicU16,
}

/// What a [`Runtime`] says of its switch, besides the engine.
#[derive(Debug)]
pub struct Settings {
    /// The switch's ports. Default: [`NoPorts`].
    pub ports: Box<dyn Ports>,
    /// The switch's number. Default 0.
    pub device: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ports: Box::new(NoPorts), device: 0 }
    }
}

impl Runtime {
    /// Serves for an engine. `json` is the program that it was loaded from.
    #[must_use]
    pub fn new(engine: SharedEngine, json: &str, settings: Settings) -> Self {
        let configs = Configs { running: Config::new(json), next: None };
        let Settings { ports, device } = settings;
        let (notifications, listening) = (Mutex::default(), AtomicU16::new(0));
        Self(Arc::new(Inner { engine, configs: Mutex::new(configs), ports, device, notifications, listening }))
    }

    /// The engine that runs.
    #[must_use]
    pub fn engine(&self) -> &SharedEngine {
        &self.0.engine
    }

    pub(super) fn ports(&self) -> &dyn Ports {
        &*self.0.ports
    }

    pub(super) fn device(&self) -> u64 {
        self.0.device
    }

    /// Where notifications are published.
    pub(super) fn notifications(&self) -> Option<String> {
        self.0.notifications.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_notifications(&self, url: Option<String>) {
        *self.0.notifications.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// The TCP port that the API is served at; 0: none.
    pub(super) fn listening(&self) -> u16 {
        self.0.listening.load(Ordering::Relaxed)
    }

    pub(super) fn set_listening(&self, port: u16) {
        self.0.listening.store(port, Ordering::Relaxed);
    }

    pub(super) fn configs(&self) -> MutexGuard<'_, Configs> {
        self.0.configs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the engine that operations are for: the next, where a program was loaded and not yet swapped in, so that it
    /// can be given its entries before packets meet it.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        let mut configs = self.configs();
        match &mut configs.next {
            Some((_, engine)) => work(engine),
            None => self.0.engine.with(work),
        }
    }

    /// An operation on tables or action profiles.
    pub(super) fn table<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, TableError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::table)
    }

    /// An operation on indirect counters.
    pub(super) fn counter<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, ArrayError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::counter)
    }

    /// An operation on registers.
    pub(super) fn register<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, ArrayError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::register)
    }

    /// An operation on indirect meters.
    pub(super) fn meter<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, MeterError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::meter)
    }

    /// An operation on digests.
    pub(super) fn learning<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, LearnError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::learning)
    }

    /// An operation on the parser's sets of values.
    pub(super) fn value_set<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, SetError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.with(work).map_err(refused::value_set)
    }

    /// An operation on multicast groups. They are the switch's, not the program's.
    pub(super) fn multicast<R>(
        &self,
        context: i32,
        work: impl FnOnce(&mut Engine) -> Result<R, MulticastError>,
    ) -> thrift::Result<R> {
        refused::context(context)?;
        self.0.engine.with(work).map_err(refused::multicast)
    }

    /// Loads the program that is to run next. Packets do not wait for it.
    pub(super) fn load(&self, json: &str) -> thrift::Result<()> {
        if self.configs().next.is_some() {
            return Err(refused::swap(SwapOperationErrorCode::ONGOING_SWAP));
        }
        let seed = self.0.engine.with(Engine::draw);
        let next =
            Engine::load(json, seed).map_err(|error| refused::because(format!("the program is refused: {error}")))?;
        let next = (Config::new(json), next);
        let mut configs = self.configs();
        if configs.next.is_some() {
            return Err(refused::swap(SwapOperationErrorCode::ONGOING_SWAP));
        }
        configs.next = Some(next);
        Ok(())
    }

    /// Runs the program that was loaded, from the next packet on.
    pub(super) fn swap(&self) -> thrift::Result<()> {
        let mut configs = self.configs();
        let Some((config, next)) = configs.next.take() else {
            return Err(refused::swap(SwapOperationErrorCode::NO_ONGOING_SWAP));
        };
        configs.running = config;
        let before = self.0.engine.with(|engine| engine.swap(next));
        drop(configs);
        // Not under a lock: tables may be large.
        drop(before);
        Ok(())
    }

    /// Forgets what the control plane has set, but mirroring sessions.
    pub(super) fn reset_state(&self) {
        let mut configs = self.configs();
        if let Some((_, next)) = &mut configs.next {
            next.reset();
            self.0.engine.with(|engine| *engine.multicast() = Default::default());
        } else {
            self.0.engine.with(Engine::reset);
        }
    }
}
