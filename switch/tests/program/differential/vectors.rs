//! What `simple_switch` did, as a file.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::programs::Case;

/// A frame, and what left for it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) port: u32,
    pub(super) frame: Vec<u8>,
    pub(super) out: Vec<(u32, Vec<u8>)>,
}

/// All frames of a program.
#[derive(Debug)]
pub(super) struct Recording {
    /// Of `simple_switch`.
    pub(super) version: String,
    /// SHA-256 of the program's source.
    pub(super) source: String,
    pub(super) setup: Vec<String>,
    pub(super) steps: Vec<Step>,
}

fn path(case: &Case) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{}.json", case.name))
}

impl Recording {
    pub(super) fn read(case: &Case) -> Self {
        let text = std::fs::read_to_string(path(case)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        Self {
            version: text("simple_switch"),
            source: text("source_sha256"),
            setup: value["setup"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect(),
            steps: value["frames"].as_array().unwrap().iter().map(Step::parse).collect(),
        }
    }

    /// With a line for each frame, so that people see what changed.
    pub(super) fn write(&self, case: &Case) {
        let lines = |values: Vec<Value>| values.iter().map(Value::to_string).collect::<Vec<_>>().join(",\n");
        let text = format!(
            "{{\"simple_switch\": {},\n\"source_sha256\": {},\n\"setup\": [\n{}\n],\n\"frames\": [\n{}\n]}}\n",
            json!(self.version),
            json!(self.source),
            lines(self.setup.iter().map(|line| json!(line)).collect()),
            lines(self.steps.iter().map(Step::value).collect()),
        );
        std::fs::create_dir_all(path(case).parent().unwrap()).unwrap();
        std::fs::write(path(case), text).unwrap();
    }
}

impl Step {
    /// Port, frame, and for each that leaves its port, what it begins with, and from which byte of the frame on the rest is.
    fn value(&self) -> Value {
        let out = self.out.iter().map(|(port, bytes)| {
            let same = self.frame.iter().rev().zip(bytes.iter().rev()).take_while(|(a, b)| a == b).count();
            json!([port, hex(&bytes[..bytes.len() - same]), self.frame.len() - same])
        });
        json!([self.port, hex(&self.frame), out.collect::<Vec<_>>()])
    }

    fn parse(value: &Value) -> Self {
        let frame = unhex(&value[1]);
        let out = value[2].as_array().unwrap().iter().map(|sent| {
            let rest = &frame[usize::try_from(sent[2].as_u64().unwrap()).unwrap()..];
            (port(&sent[0]), [&unhex(&sent[1]), rest].concat())
        });
        Self { port: port(&value[0]), out: out.collect(), frame }
    }
}

fn port(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
