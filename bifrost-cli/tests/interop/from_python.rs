//! Python's client calls our server.

use crate::common::Serving;
use crate::forms;
use crate::peer::{Python, python};

/// Runs Python's client on all addresses, and fails with what it says.
fn calls(python: &Python, urls: &[String]) {
    let outcome = python.run("client.py", urls);
    let text = outcome.text();
    let ok = text.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(outcome.code == 0 && ok == urls.len(), "{text}{}", outcome.err);
}

fn serve(urls: &[String]) -> Serving {
    Serving::start(&["Interop"], &urls.iter().map(String::as_str).collect::<Vec<_>>(), &[])
}

/// The addresses with a parameter that only Python knows.
fn with(serving: &Serving, protocol: &str, parameter: &str) -> Vec<String> {
    let urls = serving.urls.iter().filter(|url| url.contains(protocol));
    urls.map(|url| format!("{url}&{parameter}")).collect()
}

fn python_calls_everything_in(protocol: &str) {
    let Some(python) = python() else { return };
    let urls: Vec<String> = forms::urls().into_iter().filter(|url| url.contains(protocol)).collect();
    let serving = serve(&urls);
    assert_eq!(serving.urls.len(), 4, "framed and buffered, plain and multiplexed");
    calls(python, &serving.urls);
}

#[test]
fn python_calls_everything_in_binary() {
    python_calls_everything_in("protocol=binary");
}

#[test]
fn python_calls_everything_in_compact() {
    python_calls_everything_in("protocol=compact");
}

#[test]
fn python_calls_everything_in_json() {
    python_calls_everything_in("protocol=json");
}

#[test]
fn python_calls_through_its_c_extension() {
    let Some(python) = python() else { return };
    if !python.has("thrift.protocol.fastbinary") {
        // Not every platform has it built, and without it there is nothing to test.
        return;
    }
    let serving = serve(&forms::urls());
    calls(python, &with(&serving, "protocol=binary", "accelerated=true"));
    calls(python, &with(&serving, "protocol=compact", "accelerated=true"));
}

#[test]
fn python_calls_with_headers_of_the_old_form() {
    let Some(python) = python() else { return };
    let serving = serve(&forms::urls());
    calls(python, &with(&serving, "protocol=binary", "strict=false"));
}

#[test]
fn python_calls_through_unix_sockets() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = |protocol: &&str| {
        format!("unix://{}?protocol={protocol}&transport=buffered", dir.path().join(protocol).display())
    };
    let serving = serve(&forms::PROTOCOLS.iter().map(url).collect::<Vec<_>>());
    calls(python, &serving.urls);
}
