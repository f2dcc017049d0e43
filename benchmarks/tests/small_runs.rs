//! Whole runs in miniature: every variant, real sockets, real server processes. No figure is judged.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

const VARIANTS: [&str; 4] = ["raw-udp", "raw-tcp", "apache-tcp-buffered", "apache-tcp-framed"];

fn bench(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bifrost-bench"))
        .args(arguments.split_whitespace())
        .args(["--rounds", "2", "--iterations", "3", "--burst-ms", "5", "--pin", "none"])
        .output()
        .unwrap()
}

/// The JSON lines of a run that must succeed.
fn lines(arguments: &str) -> Vec<String> {
    let output = bench(&format!("{arguments} --json"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The same with the variants that every benchmark by value has.
fn objects(arguments: &str) -> Vec<String> {
    lines(&format!("{arguments} --variants {}", VARIANTS.join(",")))
}

/// The figures of one row.
fn row<'a>(objects: &'a [String], bench: &str, variant: &str, size: usize, more: &str) -> &'a str {
    let start = format!("{{\"bench\":\"{bench}\",\"variant\":\"{variant}\",\"size\":{size},");
    let found = objects.iter().find(|object| object.starts_with(&start) && object.contains(more));
    found.unwrap_or_else(|| panic!("no {start} with {more} in {objects:?}"))
}

/// The number that stands behind `key`.
fn number(object: &str, key: &str) -> f64 {
    let (_, rest) = object.split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {object}"));
    rest[..rest.find([',', '}']).unwrap()].parse().unwrap_or_else(|_| panic!("{key} is no number in {object}"))
}

fn check(objects: &[String], bench: &str, size: usize, figure: &str) {
    for variant in VARIANTS {
        let object = row(objects, bench, variant, size, "");
        for key in [figure, "ratio_raw_udp", "ratio_raw_tcp"] {
            assert!(number(object, key) > 0.0, "{object}");
        }
    }
}

#[test]
fn ping() {
    let objects = objects("ping");
    assert_eq!(objects.len(), VARIANTS.len());
    check(&objects, "ping", 0, "median_us");
}

#[test]
fn echo_below_and_beyond_one_window() {
    let objects = objects("echo --sizes 1,9000,64K,2M,5M");
    assert_eq!(objects.len(), 5 * VARIANTS.len());
    for size in [1, 9000, 65_536, 2 << 20, 5 << 20] {
        check(&objects, "echo", size, "median_us");
    }
}

#[test]
fn arrays() {
    for bench in ["increment", "increment-list", "add"] {
        let objects = objects(&format!("{bench} --sizes 1,40000,300K"));
        for size in [1, 40_000, 300 << 10] {
            check(&objects, bench, size, "p99_us");
        }
    }
}

#[test]
fn rate() {
    let objects = objects("rate --outstanding 3");
    check(&objects, "rate", 0, "per_second");
    assert!(objects.iter().all(|object| number(object, "outstanding") == 3.0), "{objects:?}");
}

#[test]
fn ipv4() {
    let objects = objects("echo --sizes 100,200K --address 127.0.0.1");
    check(&objects, "echo", 200 << 10, "median_us");
}

/// Results are checked in every call: these runs fail where a loop computes something else.
#[test]
fn arrays_by_reference() {
    for bench in ["increment", "add"] {
        let objects = lines(&format!("{bench} --by-ref --sizes 1,40000,300K"));
        for size in [1, 40_000, 300 << 10] {
            for variant in ["raw-udp", "raw-udp-echo", "apache-tcp-framed", "bifrost-udp", "bifrost-ref-in-place"] {
                row(&objects, bench, variant, size, "");
            }
            let by_ref = row(&objects, bench, "bifrost-ref", size, "");
            assert!(number(by_ref, "ratio_raw_udp") > 0.0 && number(by_ref, "ratio_transfer") > 0.0, "{by_ref}");
        }
    }
}

#[test]
fn memory_operations() {
    let objects = lines("memory --sizes 64,100K --servers 1,3 --outstanding 4");
    for size in [64, 100 << 10] {
        for variant in ["raw-udp", "raw-udp-write", "read", "write", "alloc-write"] {
            assert!(number(row(&objects, "memory", variant, size, ""), "ratio_raw_udp") > 0.0);
        }
        row(&objects, "memory", "free", size, "");
        for (variant, servers) in [("read", 1), ("read", 3), ("write", 1), ("write", 3)] {
            let row = row(&objects, "memory-rate", variant, size, &format!("\"servers\":{servers},"));
            assert!(number(row, "gbit_per_second") > 0.0 && number(row, "outstanding") == 4.0, "{row}");
        }
    }
}

#[test]
fn chains() {
    let objects = lines("chain --sizes 300K --servers 1,3");
    for servers in ["\"servers\":1,", "\"servers\":3,"] {
        for variant in ["apache-tcp-buffered", "apache-tcp-framed", "bifrost-udp", "bifrost-ref"] {
            assert!(number(row(&objects, "chain", variant, 300 << 10, servers), "ratio_by_ref") > 0.0);
        }
    }
}

#[test]
fn a_breakdown_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let objects = lines(&format!("breakdown --plot {path} --save {path}"));
    for variant in ["apache-tcp-framed", "bifrost-udp", "bifrost-ref"] {
        let row = row(&objects, "breakdown", variant, 16_384, "");
        let parts =
            ["pre_processing", "marshalling", "network", "unmarshalling", "server_computation", "post_processing"];
        let sum: f64 = parts.iter().map(|part| number(row, &format!("{part}_us"))).sum();
        assert!((sum - number(row, "total_us")).abs() < 0.01 && number(row, "median_plain_us") > 0.0, "{row}");
    }
    let drawn = std::fs::read_to_string(directory.path().join("breakdown.svg")).unwrap();
    assert!(drawn.contains("server computation"), "{drawn}");
    let run = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    let raw = std::fs::read_to_string(run.unwrap().join("raw.csv")).unwrap();
    assert!(raw.lines().count() > 1 + 3, "{raw}");
}

/// Batches are few and short; every variant's encoding is checked before it is timed.
#[test]
fn codecs() {
    let output = bench("codec --cases struct10,everything,blob --json");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let objects: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let rows = |case: &str, op: &str, variant: &str| {
        let start = format!("{{\"bench\":\"codec\",\"case\":\"{case}\",\"op\":\"{op}\",\"variant\":\"{variant}\",");
        objects
            .iter()
            .filter(|object| object.starts_with(&start))
            .inspect(|row| assert!(number(row, "median_ns") > 0.0))
            .count()
    };
    for case in ["struct10", "everything", "blob"] {
        for variant in ["apache-binary", "apache-compact", "pilota-binary", "bifrost-binary", "bifrost-compact"] {
            assert_eq!((rows(case, "encode", variant), rows(case, "decode", variant)), (1, 1), "{case} {variant}");
        }
    }
    assert_eq!(
        (rows("blob", "decode", "bifrost-binary-bytes"), rows("struct10", "decode", "bifrost-binary-bytes")),
        (1, 0)
    );
}

/// The result of each call with pointers is checked, and who answers after a node's death.
#[test]
fn racks() {
    let rows = [
        ("bytes", "pointers-10000", "bytes"),
        ("decisions", "gatekeeper", "per_second"),
        ("rtt", "raw-udp", "median_ns"),
        ("rtt", "direct", "ratio_raw_udp"),
        ("rtt", "relay", "ratio_raw_udp"),
        ("rtt", "rack", "ratio_relay"),
        ("pointer", "raw-udp", "median_ns"),
        ("pointer", "rack", "ratio_raw_udp"),
        ("calls", "clients-1", "per_second"),
        ("calls", "clients-4", "per_second"),
        ("failover", "killed", "median_suspicions"),
        ("failover", "killed-deadline", "median_suspicions"),
    ];
    let mut variants: Vec<&str> = rows.iter().map(|(_, variant, _)| *variant).collect();
    variants.dedup();
    let objects = lines(&format!("rack --variants {}", variants.join(",")));
    assert_eq!(objects.len(), rows.len(), "{objects:?}");
    for (object, (case, variant, figure)) in objects.iter().zip(rows) {
        let start = format!("{{\"bench\":\"rack\",\"case\":\"{case}\",\"variant\":\"{variant}\",");
        assert!(object.starts_with(&start) && number(object, figure) > 0.0, "{object}");
    }
}

#[test]
fn a_rack_that_cannot_start_is_named_and_the_rest_goes_on() {
    let output = bench("rack --cases decisions,rtt --variants gatekeeper,rack --address 192.0.2.1 --json");
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && errors.contains("rack rtt: the process `switch 192.0.2.1:0`"), "{errors}");
    assert!(out.contains("\"variant\":\"gatekeeper\"") && out.lines().count() == 1, "{out}");
}

#[test]
fn one_codec_of_one_case() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let output = bench(&format!("codec --cases map_str --variants bifrost-compact --csv {path} --save {path}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains("median ns"));
    let summary = std::fs::read_to_string(directory.path().join("summary.csv")).unwrap();
    assert_eq!(summary.lines().count(), 1 + 2, "{summary}");
    assert!(directory.path().read_dir().unwrap().any(|entry| entry.unwrap().path().join("MACHINE.md").exists()));
}

#[test]
fn files_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (csv, plot, save) = (path("csv"), path("plot"), path("save"));
    let output = bench(&format!("echo --sizes 8,1K --variants raw-udp --csv {csv} --plot {plot} --save {save}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains("median µs"));
    let text =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let raw = text(&directory.path().join("csv/raw.csv"));
    assert_eq!(raw.lines().count(), 1 + 2 * 2 * 3, "{raw}");
    assert_eq!(text(&directory.path().join("csv/summary.csv")).lines().count(), 1 + 2);
    assert!(text(&directory.path().join("plot/echo.svg")).contains("raw-udp"));
    let run = std::fs::read_dir(directory.path().join("save")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(text(&run.join("raw.csv")), raw);
    assert!(text(&run.join("summary.md")).contains("| 1 KiB | raw-udp |"));
    assert!(text(&run.join("MACHINE.md")).contains("| kernel |"));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let output = bench("ping --variants raw-udp --address 192.0.2.1");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(errors.contains("raw-udp ping"), "{errors}");
}
