//! The macro and the program that make all calls.

use super::super::project;
use super::calls::{How, LINES, key};
use super::library::is_exported;
use crate::error::{Error, Result};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PRELUDE: &str = include_str!("prelude.c");

const PROGRAM: &str =
    "\nint main(int count, char **words) { return puts(run_case(words[1], words[2])) < 0; }\n";

const MACRO: &str = r#"extern crate proc_macro;
use std::ffi::{CStr, CString, c_char};
use std::process::{Command, Stdio};
unsafe extern "C" { fn run_case(name: *const c_char, path: *const c_char) -> *const c_char; }
fn run(program: &std::path::Path, words: &[String]) -> String {
    let done = Command::new(program).args(words).stdin(Stdio::inherit()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned() + if done.status.success() { "" } else { "failed" }
}
#[proc_macro]
pub fn m(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let words: Vec<_> = input.into_iter().map(|word| word.to_string().replace('"', "")).collect();
    let said = match &*words[0] {
        "program" => run(env!("PROGRAM").as_ref(), &words[1..]),
        "local" => run(&std::env::current_dir().unwrap().join("program"), &words[1..]),
        "command" => {
            let mut words = words[1].split(' ').map(str::to_owned);
            run(words.next().unwrap().as_ref(), &words.collect::<Vec<_>>())
        }
        "macro" => {
            let [name, path] = [1, 2].map(|at| CString::new(&*words[at]).unwrap());
            unsafe { CStr::from_ptr(run_case(name.as_ptr(), path.as_ptr())) }.to_str().unwrap().to_owned()
        }
        _ => "nothing".into(),
    };
    format!("{:?}", format!("SAID=<{}>", said.trim())).parse().unwrap()
}
"#;

/// The calls as C: a function for each, and one that finds it by name.
fn source() -> String {
    let (mut out, mut table) = (PRELUDE.to_owned(), String::new());
    let mut count = 0;
    for line in LINES.iter() {
        let How::Call { change, code, .. } = line.how else { continue };
        for function in line.functions.iter().filter(|function| is_exported(function)) {
            let code = code.replace('$', function);
            let _ = writeln!(out, "static void case_{count}(const char *P, const char *X) {{ {code} }}");
            let _ = writeln!(
                table,
                "    if (!strcmp(name, \"{}\")) case_{count}(path, below);",
                key(function, change)
            );
            count += 1;
        }
    }
    let _ = write!(
        out,
        "\nconst char *run_case(const char *name, const char *path) {{\n    char below[4096];\n    \
         snprintf(below, sizeof below, \"%s/x\", path);\n    noted[0] = 0;\n{table}    return noted;\n}}\n"
    );
    out
}

/// Compiles them into `dir`, which is next to the directories of the cases.
pub fn prepare(root: &Path) -> Result<()> {
    let dir = root.join("objects");
    fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
    for (name, text) in [("cases.c", source()), ("main.c", source() + PROGRAM), ("m.rs", MACRO.into())] {
        fs::write(dir.join(name), text).map_err(Error::io("write", &dir.join(name)))?;
    }
    const C: [&str; 6] = ["cc", "-w", "-O0", "-fPIC", "-fno-builtin", "-U_FORTIFY_SOURCE"];
    run(&dir, &[&C[..], &["-c", "cases.c"]].concat())?;
    run(&dir, &[&C[..], &["main.c", "-o", "program"]].concat())?;
    run(&dir, &["rustc", "--crate-type=proc-macro", "--edition=2024", "m.rs", "-Clink-arg=cases.o"])?;
    project::age(&dir).map_err(Error::io("set times below", &dir))
}

fn run(dir: &Path, words: &[&str]) -> Result<()> {
    let program: PathBuf = dir.join("program");
    let done = Command::new(words[0]).args(&words[1..]).current_dir(dir).env("PROGRAM", program).output();
    let done = done.map_err(|e| Error::run(format!("cannot run it: {e}")).at(words[0]))?;
    let said = String::from_utf8_lossy(&done.stderr);
    done.status.success().then_some(()).ok_or_else(|| Error::run(format!("the calls do not compile\n{said}")))
}
