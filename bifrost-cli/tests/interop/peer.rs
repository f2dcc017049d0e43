//! Python with its `thrift` library, and stubs that the Thrift compiler makes for it.

use crate::common::{self, Outcome};
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Longer than anything here takes.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

const HELP: &str = "`.ci/interop-peer` installs both, or: a package `thrift-compiler`, and `pip install thrift`";

/// An interpreter that is ready to run the scripts in `python/`.
#[derive(Debug)]
pub(crate) struct Python {
    interpreter: PathBuf,
    stubs: PathBuf,
}

/// The interpreter; none where something is missing that may be missing.
///
/// Looked for: `$BIFROST_INTEROP_PYTHON`, the environment that `.ci/interop-peer` makes in the target directory, and
/// `python3`; and the compiler as `$BIFROST_INTEROP_THRIFT` or `thrift`.
///
/// # Panics
///
/// It is missing, and `BIFROST_INTEROP` says that it is required.
pub(crate) fn python() -> Option<&'static Python> {
    static FOUND: OnceLock<Result<Python, String>> = OnceLock::new();
    match FOUND.get_or_init(find) {
        Ok(python) => Some(python),
        Err(missing) => {
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            let is_required = std::env::var("BIFROST_INTEROP").is_ok_and(|word| word == "required");
            assert!(!is_required, "{missing}; {HELP}");
            // Not by a macro: a test that passes would keep it to itself.
            let _ = writeln!(stderr(), "SKIPPED {test}: {missing}; {HELP}");
            None
        }
    }
}

fn find() -> Result<Python, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let prepared = target.with_file_name("interop-peer").join("bin/python");
    let named = std::env::var_os("BIFROST_INTEROP_PYTHON").map(PathBuf::from);
    let candidates = named.map_or_else(|| vec![prepared, "python3".into()], |named| vec![named]);
    let has_thrift = |python: &&PathBuf| succeeds(Command::new(python).args(["-c", "import thrift.Thrift"]));
    let interpreter = candidates.iter().find(has_thrift).ok_or("no Python that has the library `thrift`")?;
    let compiler = std::env::var_os("BIFROST_INTEROP_THRIFT").unwrap_or_else(|| "thrift".into());
    if !succeeds(Command::new(&compiler).arg("--version")) {
        return Err(format!("no Thrift compiler {}", compiler.display()));
    }
    let stubs = target.join("interop-stubs");
    std::fs::create_dir_all(&stubs).map_err(|error| format!("cannot make {}: {error}", stubs.display()))?;
    for idl in [repository("idl/interop.thrift"), scripts().join("newer.thrift")] {
        let made = common::run(
            Command::new(&compiler)
                .args(["--gen", "py", "-r", "-out"])
                .args([&stubs, &idl])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        assert_eq!(made.code, 0, "the Thrift compiler refuses {}: {}{}", idl.display(), made.text(), made.err);
    }
    Ok(Python { interpreter: interpreter.clone(), stubs })
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(path)
}

/// The directory of the scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/python")
}

impl Python {
    /// A script of `python/`.
    fn command(&self, script: &str, args: &[String]) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(scripts().join(script))
            .args(args)
            .env("PYTHONPATH", &self.stubs)
            .env("PYTHONPYCACHEPREFIX", self.stubs.with_file_name("interop-pycache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a script to its end.
    pub(crate) fn run(&self, script: &str, args: &[String]) -> Outcome {
        common::run(self.command(script, args).stdin(Stdio::null()))
    }

    /// Whether a module can be imported.
    pub(crate) fn has(&self, module: &str) -> bool {
        succeeds(Command::new(&self.interpreter).args(["-c", &format!("import {module}")]))
    }

    /// Starts a script that ends with its standard input.
    pub(crate) fn start(&self, script: &str, args: &[String]) -> Process {
        let mut child = self.command(script, args).spawn().unwrap();
        let (input, err) = (child.stdin.take(), common::lines(child.stderr.take().unwrap()));
        Process { child, input, err }
    }

    /// Starts a server at these addresses.
    pub(crate) fn serve(&self, urls: &[String]) -> (Process, Vec<String>) {
        let mut process = self.start("server.py", urls);
        let out = common::lines(process.child.stdout.take().unwrap());
        let line =
            || out.recv_timeout(WAIT).unwrap_or_else(|_| panic!("Python does not listen: {:?}", process.complaints()));
        let urls = urls.iter().map(|_| line().strip_prefix("listening on ").unwrap().to_owned()).collect();
        (process, urls)
    }
}

/// A script that runs; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    err: Receiver<String>,
}

impl Process {
    /// What it has said on standard error until now.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.err.try_iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
