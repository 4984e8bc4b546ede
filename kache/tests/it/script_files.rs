//! Build scripts: what they hand on of files beside the contents, and by which ways they reach files.

use crate::env::TestEnv;
use crate::scripts::{build, executable, package};
use kache_core::events::Outcome;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A copy has the bits of what was copied.
#[test]
fn the_permissions_of_a_file_that_is_copied_or_linked() {
    for copy in [
        "fs::copy(\"tool\", out().join(\"tool\")).unwrap();",
        "fs::hard_link(\"tool\", out().join(\"tool\")).unwrap();",
        "run(\"cp\", &[\"tool\", out().join(\"tool\").to_str().unwrap()]);",
        "run(\"sh\", &[\"-c\", \"tar cf - tool | tar xf - -C $OUT_DIR\"]);",
    ] {
        let test = TestEnv::new();
        package(&test, &format!("{copy} say(\"done\")"));
        executable(&test, "w/tool", "#!/bin/sh\n");
        let mode = || {
            let (_, event) = build(&test, "w", "1");
            let units = fs::read_dir(test.path("w/target/debug/build")).unwrap();
            let mut made = units.filter_map(|unit| fs::metadata(unit.unwrap().path().join("out/tool")).ok());
            (event.outcome, made.next().unwrap().permissions().mode() & 0o111)
        };
        assert_eq!(mode().1, 0o111, "{copy}");
        assert_eq!(mode().1, 0o111, "{copy}");
        fs::set_permissions(test.path("w/tool"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(mode(), (Outcome::Miss, 0), "{copy}");
    }
}

#[test]
fn a_file_below_an_open_directory() {
    let script = "use std::os::fd::AsRawFd; let dir = fs::File::open(\"dir\").unwrap(); \
        say(fs::read(format!(\"/proc/self/fd/{}/data\", dir.as_raw_fd())).unwrap())";
    let test = TestEnv::new();
    package(&test, script);
    for text in ["one", "two"] {
        test.write("w/dir/data", text);
        let (said, event) = build(&test, "w", "1");
        assert_eq!((&*said, event.outcome, event.stored), (text, Outcome::Miss, false));
    }
}
