//! The programs that nvcc runs, each by a shell and with variables of nvcc's.

use super::stage::Stage;

const NVCC: &str = "10 start /cuda/bin/nvcc => /w aux=1\n10 named /cuda/bin/nvcc\n10 module /cuda/bin/nvcc\n";
/// `system` starts a shell, and the C library says nothing of it.
const SHELL: &str =
    "10 exec by_libc /bin/sh\n11 start /usr/bin/dash => /w aux=10\n11 named sh\n11 module /usr/bin/dash\n";

fn lines(stage: &Stage, trace: &str) -> Vec<String> {
    stage.lines(&format!("{NVCC}{SHELL}{trace}"))
}

fn becomes(program: &str) -> String {
    let name = program.rsplit('/').next().unwrap();
    format!("11 exec {program}\n11 start {program} => /w aux=10\n11 named {name}\n11 module {program}\n")
}

#[test]
fn a_shell_that_nvcc_starts_for_a_command_is_no_script() {
    let found = lines(&Stage::nvcc(), "11 stat err=ENOENT /usr/bin/nowhere\n11 cwd\n");
    assert_eq!(found, ["file /bin/sh", "file /usr/bin/dash", "absent /usr/bin/nowhere"]);
}

#[test]
fn a_script_in_the_place_of_a_compiler_is_one() {
    let stage = Stage::nvcc().script("/w/my-gcc", "/usr/bin/dash");
    let script = "11 exec /w/my-gcc\n11 start /usr/bin/dash => /w aux=10\n11 named /w/my-gcc\n11 module /usr/bin/dash\n";
    let found = lines(&stage, script);
    assert!(found.iter().any(|line| line.starts_with("env-all")), "{found:?}");
    // And so is what another shell runs, which takes functions from the environment.
    let bash = "10 exec by_libc /bin/sh\n12 start /usr/bin/bash => /w aux=10\n12 named sh\n12 module /usr/bin/bash\n";
    let found = lines(&Stage::nvcc().plain_object("/usr/bin/bash"), bash);
    assert!(found.iter().any(|line| line.starts_with("env-all")), "{found:?}");
}

#[test]
fn only_what_prepares_date_macros_may_ask_for_the_date() {
    let asks = "11 volatile time\n11 getenv err=ENOENT TZ\n11 read /etc/localtime\n";
    let is_stored = |program: &str, stage: Stage| {
        let found = lines(&stage.file("/etc/localtime"), &format!("{}{asks}", becomes(program)));
        let refused = found.iter().any(|line| line.starts_with("refused"));
        assert_eq!(
            refused,
            found.iter().any(|line| line.contains("TZ") || line.contains("time")),
            "{found:?}"
        );
        !refused
    };
    assert!(is_stored("/cuda/bin/cudafe++", Stage::nvcc()));
    assert!(is_stored("/cuda/bin/cicc", Stage::nvcc()));
    assert!(!is_stored("/cuda/bin/ptxas", Stage::nvcc()));
    assert!(!is_stored("/usr/bin/cc1plus", Stage::nvcc().plain_object("/usr/bin/cc1plus")));
    assert!(!is_stored("/w/cicc", Stage::nvcc().counterfeit("/w/cicc")));
}

#[test]
fn only_the_directory_of_temporary_files_may_be_listed() {
    let found = lines(
        &Stage::nvcc().directory("/tmp"),
        &format!("{}11 list /tmp\n11 list /w/out\n", becomes("/cuda/bin/ptxas")),
    );
    let listed: Vec<_> = found.iter().filter(|line| line.starts_with("listing")).collect();
    assert_eq!(listed, ["listing <workspace>/out"], "{found:?}");
}

#[test]
fn a_program_may_come_to_lie_beside_nvcc() {
    let path = "/cuda/bin/../nvvm/bin:/cuda/bin:/usr/bin:/bin";
    let runs = |name: &str| format!("{NVCC}10 exec search {name} => {path}\n");
    let found = Stage::nvcc().plain_object("/usr/bin/g++").lines(&runs("g++"));
    for line in ["absent /cuda/bin/g++", "absent /cuda/bin/../nvvm/bin/g++", "program g++"] {
        assert!(found.iter().any(|found| found == line), "{line}: {found:?}");
    }
    let found = Stage::nvcc().lines(&runs("ptxas"));
    assert!(found.contains(&"file /cuda/bin/ptxas".to_string()), "{found:?}");
    assert!(!found.iter().any(|line| line.starts_with("program")), "{found:?}");
}

#[test]
fn what_a_path_for_libraries_of_nvccs_leads_to_is_searched() {
    let stage = Stage::nvcc().plain_object("/usr/bin/as").plain_object("/usr/lib/libbfd.so");
    let trace = "11 exec /usr/bin/as\n11 start /usr/bin/as => /w aux=10\n11 named as => /cuda/lib:\n11 module /usr/bin/as\n\
                 11 module id=1 /usr/lib/libbfd.so\n";
    let found = lines(&stage, trace);
    for line in ["absent /cuda/lib/libbfd.so", "absent <workspace>/libbfd.so", "library libbfd.so"] {
        assert!(found.iter().any(|found| found == line), "{line}: {found:?}");
    }
}
