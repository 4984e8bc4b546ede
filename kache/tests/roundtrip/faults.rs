//! The engine hurt at each of its steps, in a build with the feature `faults`: whatever fails, the build does not, and what
//! comes of it is right.

use crate::Case;
use crate::env::{TestEnv, assert_success, output};
use std::fs;

const fn case(name: &'static str, run: fn()) -> Case {
    let left_out = if cfg!(feature = "faults") { None } else { Some("needs the feature `faults`") };
    Case { name, left_out, run }
}

/// Every case that needs faults.
pub static ALL: &[Case] = &[
    case("a full disk, at steps of a miss and of a hit", || hurt("enospc", true)),
    case("a full disk in the middle of a write", || hurt("short", true)),
    case("access refused", || hurt("eacces", true)),
    case("killed before a step", || hurt("kill", false)),
    case("killed after a step", || hurt("after", false)),
];

/// With paths left as they are: then what a compiler does by itself is the same.
fn lib(s: &TestEnv) -> std::process::Command {
    let mut build = s.lib("w");
    build.env("KACHE_REMAP", "0");
    build
}

/// The number of the steps that a build takes.
fn steps(s: &TestEnv) -> usize {
    let list = s.path("steps");
    let _ = fs::remove_file(&list);
    assert_success(lib(s).env("KACHE_FAULT_STEPS", &list));
    fs::read_to_string(&list).unwrap_or_default().lines().count()
}

fn hurt(kind: &str, survives: bool) {
    let plain = TestEnv::new("mod m;");
    plain.write("w/src/m.rs", "m");
    let on_miss = steps(&plain);
    assert!(on_miss > 0, "kache was built without the feature `faults`");
    let right = plain.rlib("w");
    let on_hit = steps(&plain);
    for (steps, warm) in [(on_miss, false), (on_hit, true)] {
        // The stress run tries each step of the same code; here some of each kind are enough, and others in another kind.
        let every = if warm { 2 } else { 4 };
        for n in (1 + kind.len() % every..=steps).step_by(every) {
            let s = &plain;
            if !warm {
                assert_success(&mut s.command(&["purge"]));
            }
            s.clean("w");
            let out = output(lib(s).env("KACHE_FAULT", format!("{n}:{kind}")));
            if survives {
                assert!(out.status.success(), "step {n}: {}", String::from_utf8_lossy(&out.stderr));
                assert_eq!(s.rlib("w"), right, "step {n}");
            }
            // Whatever was left: asked again without a fault, it is right.
            for _ in 0..2 {
                assert_success(&mut lib(s));
                assert_eq!(s.rlib("w"), right, "after step {n}");
            }
        }
    }
}
