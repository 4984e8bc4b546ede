//! Programs that builds use, each started by a macro, and whether the macro's user hits in a second checkout.

use super::super::case::{Case, Expect};
use super::super::project::TestProject;
use std::sync::LazyLock;

/// Where the macro's user hits.
#[derive(Clone, Copy)]
enum Hits {
    Everywhere,
    /// In the same checkout alone, for a reason.
    Here(&'static str),
    /// Nowhere: it is not stored, for a reason.
    Nowhere(&'static str),
}
use Hits::{Everywhere, Here, Nowhere};

const CLOCK: Hits = Nowhere("it asks for the time");
const STATUS: Hits = Here("it could tell when a file was changed");
const PLACE: Hits = Here("it looks where its program lies");
const DIRECTORY: Hits = Here("it asks for its working directory");

const PROGRAMS: &[(&str, Hits)] = &[
    ("bash s/script", Nowhere("it asks for the status of its directory as it starts")),
    ("dash s/script", DIRECTORY),
    ("git --version", DIRECTORY),
    ("git rev-parse HEAD", DIRECTORY),
    ("git describe --always --tags", DIRECTORY),
    ("git log -1 --format=%s", DIRECTORY),
    ("git status --porcelain", Nowhere("it writes its index anew")),
    ("python3 -c print(1+1)", CLOCK),
    ("perl -e print(1+1)", PLACE),
    ("cmake --version", PLACE),
    ("pkg-config --modversion zlib", Everywhere),
    ("make -s -f s/rules", DIRECTORY),
    ("cat s/data", Everywhere),
    ("ls s", STATUS),
    ("uname -s", Everywhere),
    ("date +%Y", CLOCK),
    ("sed s/a/b/ s/data", Everywhere),
    ("awk {print} s/data", Everywhere),
    ("grep a s/data", Everywhere),
    ("find s -name data", STATUS),
    ("tar -cf - s/data", CLOCK),
    ("gcc -dumpversion", Everywhere),
    ("ld --version", Nowhere("it asks for its processor time")),
    ("sort s/data", Everywhere),
    ("head s/data", Everywhere),
    ("wc s/data", Everywhere),
    ("cut -c1 s/data", Everywhere),
    ("od s/data", Everywhere),
    ("diff s/data s/data", STATUS),
    ("sha256sum s/data", Everywhere),
    ("gzip -cn s/data", STATUS),
    ("dirname s/data", Everywhere),
    ("realpath s/data", Here("it prints a path")),
    ("id -u", Everywhere),
    ("nproc", Everywhere),
    ("hostname", Everywhere),
    ("test -f s/data", Everywhere),
    ("expr 1 + 1", Everywhere),
    ("stat -c %s s/data", STATUS),
    ("getconf PAGE_SIZE", Everywhere),
];

pub static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| PROGRAMS.iter().map(case).collect());

fn case(&(command, hits): &(&'static str, Hits)) -> Case {
    let (expect, why) = match hits {
        Everywhere => (Expect::Hits, None),
        Here(why) => (Expect::Right, Some(why)),
        Nowhere(why) => (Expect::Uncacheable, Some(why)),
    };
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    Case {
        name: format!("runs-{}", name(command)).leak(),
        about: format!("a macro starts `{command}`{why}, and another checkout is built").leak(),
        source: "https://man7.org/linux/man-pages/dir_section_1.html",
        expect,
        set_up,
        change: |s| s.elsewhere_at("another/checkout"),
    }
}

/// The command in the letters of a file's name.
fn name(command: &str) -> String {
    let words = command.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn set_up(s: &mut TestProject) -> &mut TestProject {
    let found = PROGRAMS.iter().find(|(command, _)| s.case.strip_prefix("runs-") == Some(&name(command)));
    let command = found.expect("made from one").0;
    let program = command.split(' ').next().unwrap_or_default();
    // The system's own programs, before shims of version managers.
    let path = format!("/usr/bin:/bin:{}", s.base().get("PATH").unwrap_or_default().display());
    s.env("PATH", &path);
    if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
        return s.skip(&format!("{program} is not installed"));
    }
    s.write("s/data", "a\n").write("s/script", "echo hello\n").write("s/rules", "all:\n\t@cat s/data\n");
    if program == "git" {
        s.remove(".git").write(".gitignore", "/out\n/l.rs\n");
        for words in ["init -q", "add s .gitignore", "commit -q -m first", "tag v1"] {
            s.plainly(&format!("git -c user.name=a -c user.email=a@b {words}"));
        }
    }
    let object = format!("--extern m={}/libm.so", super::shared_dir(s).display());
    s.write("l.rs", &format!("pub static SAID: &str = m::m!(\"command\" \"{command}\");\n"));
    s.rust_lib(&object).says("out/libl.rlib")
}

/// The table for people (`kache/docs/src/concepts/programs.md`).
#[cfg(test)]
fn table() -> String {
    let row = |(command, hits): &(&str, Hits)| match hits {
        Everywhere => format!("| `{command}` | everywhere | |\n"),
        Here(why) => format!("| `{command}` | in the same checkout | {why} |\n"),
        Nowhere(why) => format!("| `{command}` | nowhere | {why} |\n"),
    };
    let rows: String = PROGRAMS.iter().map(row).collect();
    format!("| command | hits | why |\n| --- | --- | --- |\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_documents_have_the_table() {
        let document = include_str!("../../../../kache/docs/src/concepts/programs.md");
        assert!(
            document.contains(&table()),
            "kache/docs/src/concepts/programs.md needs this table:\n{}",
            table()
        );
    }

    #[test]
    fn each_command_has_a_name_of_its_own() {
        let names: BTreeSet<_> = PROGRAMS.iter().map(|(command, _)| name(command)).collect();
        assert!(names.len() == PROGRAMS.len() && names.len() >= 30);
    }
}
