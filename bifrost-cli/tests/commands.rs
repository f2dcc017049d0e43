//! The commands that need no server of their own.

mod common;

use common::{bifrost, command, run};

#[test]
fn code_is_generated_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let idl = dir.path().join("shop.thrift");
    std::fs::write(&idl, "service Shop { i32 order(1: string what) }").unwrap();
    let out = dir.path().join("out");
    let (idl, out) = (idl.display().to_string(), out.display().to_string());
    let stale = bifrost(&["gen", &idl, "--out", &out, "--check"]);
    assert_eq!(stale.code, 1);
    assert!(stale.err.contains("out of date"), "{stale:?}");
    assert_eq!(bifrost(&["gen", &idl, "--out", &out]).code, 0);
    assert_eq!(bifrost(&["gen", &idl, "--out", &out, "--check"]).code, 0);
    assert!(std::fs::read_to_string(format!("{out}/shop.rs")).unwrap().contains("ShopClient"));
    std::fs::write(&idl, "service Shop { i32 order(1: txt what) }").unwrap();
    let wrong = bifrost(&["gen", &idl, "--out", &out]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("txt"), "{wrong:?}");
}

#[test]
fn benchmarks_run() {
    let args =
        ["bench", "ping", "--rounds", "1", "--iterations", "3", "--variants", "raw-udp,bifrost-udp", "--pin", "none"];
    let outcome = bifrost(&args);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.text().contains("bifrost-udp"), "{outcome:?}");
}

#[test]
fn the_demo_runs_where_there_is_no_idl() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(command(&["demo", "--no-bench"]).current_dir(dir.path()));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for line in ["the built-in IDL", "2097152 bytes", "every call had finished"] {
        assert!(outcome.err.contains(line), "{outcome:?}");
    }
}

#[test]
fn the_demo_of_memory_ends_what_it_starts() {
    let outcome = bifrost(&["demo", "memory"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for line in ["memory server m3 at udp://", "add two arrays of 2097152 bytes", "all five processes have ended"] {
        assert!(outcome.err.contains(line), "{outcome:?}");
    }
}

#[test]
fn help_names_every_command() {
    let outcome = bifrost(&["--help"]);
    assert_eq!(outcome.code, 0);
    for name in ["gen", "serve", "call", "bench", "demo", "Exit status"] {
        assert!(outcome.text().contains(name), "{name}");
    }
}

#[cfg(feature = "sim")]
mod simulation {
    use super::*;

    #[test]
    fn seeds_run_alike() {
        let many = bifrost(&["sim", "--seeds", "20", "--from", "7", "--threads", "2"]);
        assert_eq!(many.code, 0, "{many:?}");
        assert!(many.text().starts_with("20 seeds, "), "{many:?}");
        let one = || bifrost(&["sim", "--seed", "7", "--trace"]);
        let first = one();
        assert_eq!((first.code, &first.out), (0, &one().out), "{}", first.err);
        assert!(first.text().contains("seed 7: ") && first.text().lines().count() > 10);
    }

    #[test]
    fn memory_is_simulated_too() {
        let many = bifrost(&["sim", "--memory", "--seeds", "20", "--from", "7", "--threads", "2"]);
        assert_eq!(many.code, 0, "{many:?}");
        assert!(many.text().contains(" operations, ") && many.text().ends_with("everything held\n"), "{many:?}");
        let one = || bifrost(&["sim", "--memory", "--seed", "7", "--trace"]);
        let first = one();
        assert_eq!((first.code, &first.out), (0, &one().out), "{}", first.err);
        let without = ["sim", "--memory", "--without", "staging", "--seeds", "300", "--failures", "1"];
        let outcome = bifrost(&without);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.text().contains("no order of these operations explains"), "{outcome:?}");
        assert!(outcome.text().contains("replay: bifrost sim --memory --seed "), "{outcome:?}");
        let unknown = bifrost(&["sim", "--memory", "--without", "duplicate-call"]);
        assert!(unknown.code == 2 && unknown.err.contains("version-pinning"), "{unknown:?}");
    }

    #[test]
    fn the_whole_rack_is_simulated_too() {
        let many = bifrost(&["sim", "--rack", "--seeds", "10", "--from", "7", "--threads", "2"]);
        assert!(many.code == 0 && many.text().ends_with("everything held\n"), "{many:?}");
        let one = || bifrost(&["sim", "--rack", "--seed", "7", "--trace"]);
        let first = one();
        assert_eq!((first.code, &first.out), (0, &one().out), "{}", first.err);
        let checks = bifrost(&["sim", "--rack", "--list-checks"]).text();
        assert!(checks.lines().any(|line| line == "tables-first"), "{checks}");
        let outcome = bifrost(&["sim", "--rack", "--without", "tables-first", "--seeds", "300", "--failures", "1"]);
        assert!(outcome.code == 1 && outcome.text().contains("replay: bifrost sim --rack --seed "), "{outcome:?}");
        let both = bifrost(&["sim", "--rack", "--memory"]);
        assert_eq!(both.code, 2, "{both:?}");
    }

    #[test]
    fn a_check_left_out_is_missed() {
        let checks = bifrost(&["sim", "--list-checks"]).text();
        assert!(checks.lines().any(|line| line == "duplicate-call"), "{checks}");
        let args = ["sim", "--without", "duplicate-call", "--seeds", "2000", "--failures", "1"];
        let outcome = bifrost(&args);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.text().contains("replay: bifrost sim --seed "), "{outcome:?}");
        let unknown = bifrost(&["sim", "--without", "nothing"]);
        assert_eq!(unknown.code, 2);
        assert!(unknown.err.contains("duplicate-call"), "{unknown:?}");
        assert_eq!(bifrost(&["sim", "--trace"]).code, 2);
    }
}
