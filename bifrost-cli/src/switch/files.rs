//! Programs and entries out of files.

use crate::fault::usage;
use anyhow::{Context, Result, bail};
use bifrost_switch::bmv2::{self, Bmv2};
use bifrost_switch::commands::{self, Shape};
use bifrost_switch::engine::Engine;
use bifrost_switch::engine::limits::JSON_BYTES_MAX;
use bifrost_switch::runtime::{Runtime, Settings, SwitchControl};
use bifrost_switch::{PROGRAM, SharedEngine};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::path::Path;

/// Bytes of a file of commands at most.
const COMMANDS_BYTES_MAX: usize = 256 << 20;

/// The program of a file, or the rack's.
pub(crate) fn program(path: Option<&Path>) -> Result<String> {
    let Some(path) = path else { return Ok(PROGRAM.to_owned()) };
    read(path, JSON_BYTES_MAX).with_context(|| format!("cannot read the program {}", path.display()))
}

/// An engine with this program, the entries of a rack, and those of a file.
pub(crate) fn engine(json: &str, rack: &str, entries: Option<&Path>) -> Result<SharedEngine> {
    let engine = Engine::load(json, seed()).context("the program is refused")?;
    let shape = Shape::of(&engine);
    let engine = SharedEngine::new(engine);
    fill(&Runtime::new(engine.clone(), json, Settings::default()), &shape, rack, entries)?;
    Ok(engine)
}

/// A `simple_switch` that is started with the same; `path` leads to it, if it is not the one in `PATH`.
pub(crate) fn bmv2(path: Option<&Path>, json: &str, rack: &str, entries: Option<&Path>) -> Result<Bmv2> {
    let shape = || {
        let engine = Engine::load(json, seed()).context("the program is refused, by which entries are read")?;
        Ok::<_, anyhow::Error>(Shape::of(&engine))
    };
    let has_entries = !rack.is_empty() || entries.is_some();
    let shape = has_entries.then(shape).transpose()?;
    let switch = Bmv2::start(&bmv2::Settings { path: path.map(Path::to_owned), ..bmv2::Settings::new(json) })?;
    if let Some(shape) = shape {
        fill(&switch.control()?, &shape, rack, entries)?;
    }
    Ok(switch)
}

fn fill(switch: &dyn SwitchControl, shape: &Shape, rack: &str, entries: Option<&Path>) -> Result<()> {
    commands::run(switch, shape, rack).context("the program is not a rack's")?;
    if let Some(path) = entries {
        let text = read(path, COMMANDS_BYTES_MAX).with_context(|| format!("cannot read {}", path.display()))?;
        commands::run(switch, shape, &text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

fn read(path: &Path, bytes_max: usize) -> Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_string(&mut text)?;
    if text.len() > bytes_max {
        bail!("it has more than {bytes_max} bytes");
    }
    Ok(text)
}

/// Programs' random numbers need no secrecy, and differ from run to run.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
