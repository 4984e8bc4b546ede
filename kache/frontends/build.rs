//! Tells the sources which platform they are built for, and turns the flag tables (`flags/`) into rows.

use std::path::{Path, PathBuf};
use std::{env, fs};

const TABLES: &[(&str, &[&str])] = &[
    ("gnu", &["gnu/files", "gnu/language", "gnu/code", "gnu/target", "gnu/unsupported"]),
    ("link", &["link"]),
    ("msvc", &["msvc"]),
    ("nvcc", &["nvcc"]),
    ("rustc", &["rustc"]),
    ("rustdoc", &["rustdoc"]),
];

fn main() {
    println!("cargo::rerun-if-changed=script/starter.c");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=flags");
    println!("cargo::rustc-env=KACHE_HOST_TRIPLE={}", env::var("TARGET").expect("cargo sets TARGET"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (family, parts) in TABLES {
        let read = |part: &&str| fs::read_to_string(Path::new("flags").join(part).with_extension("txt"));
        let text: String = parts.iter().map(|part| read(part).expect("the flag table is readable")).collect();
        fs::write(out.join(family).with_extension("rs"), table(&text)).expect("OUT_DIR is writable");
    }
    starter(&out.join("starter.o"));
}

/// Compiles the object that is linked into build scripts. It needs nothing but the C library, and holds no path.
fn starter(out: &Path) {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return fs::write(out, b"").expect("OUT_DIR is writable");
    }
    let compiler = cc::Build::new().opt_level(2).debug(false).cargo_metadata(false).get_compiler();
    let mut command = compiler.to_command();
    command.args(["-c", "-fPIC", "-O2", "-g0", "-std=gnu11", "-Wall", "-Wextra", "-fno-lto"]);
    command.args(["-fno-stack-protector", "-U_FORTIFY_SOURCE", "script/starter.c", "-o"]).arg(out);
    let status = command.status().expect("the C compiler starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// The rows of a table as Rust. A line that is not indented is the reason of the groups below it. A line indented by two
/// begins a group: `takes bucket column…:`, where the bucket of a key-relevant flag is its form. The names follow, on the same
/// line or on lines with a deeper indent.
fn table(text: &str) -> String {
    let (mut why, mut group) = ("", String::new());
    let mut rows = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut names = line;
        match line.len() - line.trim_start().len() {
            0 => {
                why = line;
                continue;
            }
            2 => {
                let (head, rest) = line.split_once(':').expect("a group begins with its columns and a colon");
                (group, names) = (columns(why, head), rest);
            }
            _ => {}
        }
        for name in names.split_whitespace() {
            // `-C=name` stands for rustc's option `-C name`.
            let name = name.replacen("-C=", "-C ", 1).replacen("-Z=", "-Z ", 1);
            let (flag, aliases) = name.split_once('|').unwrap_or((&name, ""));
            let aliases: Vec<&str> = aliases.split('|').filter(|alias| !alias.is_empty()).collect();
            rows += &format!("Row {{ flag: {flag:?}, aliases: &{aliases:?}, {group} }},\n");
        }
    }
    format!("/// The rows of the flag table.\npub static TABLE: &[Row] = &[\n{rows}];\n")
}

/// The fields of a row that a group has in common.
fn columns(why: &str, head: &str) -> String {
    let mut words = head.split_whitespace();
    let (takes, bucket) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let bucket = match bucket {
        "Excluded" | "Unsupported" => bucket.to_string(),
        form => format!("Relevant(Form::{form})"),
    };
    let mut effect = format!("why: {why:?}");
    for column in words {
        effect += &match column.split_once('=') {
            None => format!(", {column}: true"),
            Some(("embeds_path", when)) => format!(", embeds_path: EmbedsPath::{when}"),
            Some(("value_rule", rule)) => format!(", value_rule: Some({rule})"),
            Some((name, value)) => format!(", {name}: Some({value:?})"),
        };
    }
    format!("takes: Takes::{takes}, bucket: Bucket::{bucket}, effect: &Effect {{ {effect}, ..Effect::NONE }}")
}
