//! rustdoc itself makes the search index of several crates from those of each, and so does all else that kache does not.

use super::index::{Files, Index};
use super::{pack, template};
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::platform;
use kache_core::reason::{NotCacheable, Reason, refuse};
use kache_core::store::{Area, Store};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::{fs, io};

/// A run of rustdoc as the caller asked for it.
pub(super) struct Command {
    program: OsString,
    args: Vec<OsString>,
    cwd: OsString,
    env: Vec<(OsString, OsString)>,
}

impl Command {
    pub(super) fn of_this_process(program: &Path, args: &[OsString], cwd: &Path) -> Command {
        let env = std::env::vars_os().collect();
        Command { program: program.into(), args: args.to_vec(), cwd: cwd.into(), env }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.bytes(self.program.as_encoded_bytes());
        out.bytes(self.cwd.as_encoded_bytes());
        out.num(self.args.len() as u64);
        self.args.iter().for_each(|arg| out.bytes(arg.as_encoded_bytes()));
        out.num(self.env.len() as u64);
        for (name, value) in &self.env {
            out.bytes(name.as_encoded_bytes());
            out.bytes(value.as_encoded_bytes());
        }
    }

    pub(super) fn read(bytes: &mut Reader) -> Option<Command> {
        let mut word = || Some(platform::os_str(bytes.bytes()?).to_os_string());
        let (program, cwd) = (word()?, word()?);
        let args = (0..bytes.count()?).map(|_| Some(platform::os_str(bytes.bytes()?).to_os_string()));
        let args = args.collect::<Option<_>>()?;
        let mut env = Vec::new();
        for _ in 0..bytes.count()? {
            let name = platform::os_str(bytes.bytes()?).to_os_string();
            env.push((name, platform::os_str(bytes.bytes()?).to_os_string()));
        }
        Some(Command { program, args, cwd, env })
    }

    /// Runs it. What it prints has been printed.
    pub(super) fn run(&self) -> io::Result<()> {
        let mut command = process::Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.cwd)
            .env_clear()
            .envs(self.env.iter().map(|(n, v)| (n, v)));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{}: {status}", Path::new(&self.program).display()))),
        }
    }
}

/// Has rustdoc make the search index of all parts, in the directory `work`.
pub(super) fn finish(rustdoc: &Path, parts: Vec<Index>, work: &Path) -> io::Result<()> {
    let unknown = || io::Error::other("the search index has an unknown format");
    let mut parts = Index::order(parts);
    Index::number_traits(&mut parts).map_err(io::Error::other)?;
    let mut command = process::Command::new(rustdoc);
    command.args(["-Zunstable-options", "--merge=finalize", "--emit=invocation-specific", "-o"]).arg(work);
    for (at, part) in parts.iter().enumerate() {
        let dir = work.join("parts").join(at.to_string());
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("crate.json"), part.part().ok_or_else(unknown)?)?;
        let mut arg = OsString::from("--include-parts-dir=");
        arg.push(&dir);
        command.arg(arg);
    }
    // The option is unstable. No crate is compiled here, so nothing else that is unstable is let in.
    command.env("RUSTC_BOOTSTRAP", "1").stdin(Stdio::null()).stdout(Stdio::null());
    let out = command.stderr(Stdio::piped()).output()?;
    match out.status.success() && work.join("search.index").is_dir() {
        true => Ok(()),
        false => Err(io::Error::other(format!("rustdoc: {}", String::from_utf8_lossy(&out.stderr).trim()))),
    }
}

/// Refuses a rustdoc that adds a crate to a directory in another way than kache does. Each toolchain is asked once: two small
/// crates are documented into one directory by rustdoc alone, and by kache, and all files must be equal.
pub(super) fn is_proved(store: &Store, rustdoc: &Path, toolchain: &Digest) -> Result<(), NotCacheable> {
    let key = Digest::of(&[b"rustdoc 1 ", &toolchain.0[..]].concat());
    let path = store.area(Area::Toolchains).join(key.hex());
    let known = fs::read(&path).ok();
    let answer = known.unwrap_or_else(|| {
        let dir = store.temporary();
        let answer = match compare(rustdoc, &dir) {
            Ok(()) => Vec::new(),
            Err(e) => e.to_string().into_bytes(),
        };
        let _ = platform::remove_dir_all(&dir);
        let _ = store.publish(&path, &answer);
        answer
    });
    match answer.is_empty() {
        true => Ok(()),
        false => {
            let why = String::from_utf8_lossy(&answer);
            refuse(Reason::Toolchain, format!("this rustdoc joins crates in another way: {why}"))
        }
    }
}

/// Sources of two crates that share names, paths and traits.
const SOURCES: [(&str, &str); 2] = [
    (
        "one",
        "//! One.\n/// A.\npub struct A<T>(pub T);\npub trait Walk { fn walk(&self) -> u32; }\n\
         impl<T> Walk for A<T> { fn walk(&self) -> u32 { 1 } }\npub type Bytes = A<u8>;\n\
         impl Iterator for A<u8> { type Item = u8; fn next(&mut self) -> Option<u8> { None } }\npub fn both() {}\n",
    ),
    (
        "two",
        "//! Two.\n/// B.\npub enum B { C { d: u8 } }\nimpl From<u8> for B { fn from(d: u8) -> B { B::C { d } } }\n\
         impl Iterator for B { type Item = u8; fn next(&mut self) -> Option<u8> { None } }\n\
         #[doc(alias = \"both\")]\npub fn also(b: &[B], f: fn(B) -> u8) -> Result<u8, std::fmt::Error> { todo!() }\n",
    ),
];

fn compare(rustdoc: &Path, dir: &Path) -> io::Result<()> {
    let document = |name: &str, to: &Path| {
        let mut command = process::Command::new(rustdoc);
        command.args(["--edition=2021", "--crate-type=lib", "--crate-name", name]);
        command.arg(dir.join(name).with_extension("rs")).arg("-o").arg(to);
        let out = command.stdin(Stdio::null()).output()?;
        match out.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(String::from_utf8_lossy(&out.stderr).trim().to_string())),
        }
    };
    fs::create_dir_all(dir)?;
    let (plain, mut joined, mut parts) = (dir.join("plain"), Files::new(), Vec::new());
    for (name, source) in SOURCES {
        fs::write(dir.join(name).with_extension("rs"), source)?;
        document(name, &plain)?;
        let alone = dir.join(format!("{name}-alone"));
        document(name, &alone)?;
        let files = pack::read(&alone)?;
        let other = |what: &str| io::Error::other(format!("{what} has another format"));
        if let Some(path) = pack::unknown(&files, name) {
            return Err(other(&path));
        }
        parts.push(Index::read(&files).ok_or_else(|| other("the search index"))?);
        for (path, file) in files {
            match pack::sort(&path, name) {
                Some(pack::Sort::Index) => {}
                Some(pack::Sort::Template) => {
                    let there = joined
                        .get(&path)
                        .map_or_else(|| Some(file.clone()), |there| template::join(there, &file));
                    joined.insert(path.clone(), there.ok_or_else(|| other(&path))?);
                }
                _ => _ = joined.insert(path, file),
            }
        }
    }
    let made: PathBuf = dir.join("made");
    finish(rustdoc, parts, &made)?;
    joined.extend(
        pack::read(&made.join("search.index"))?
            .into_iter()
            .map(|(path, file)| (format!("search.index/{path}"), file)),
    );
    let plain = pack::read(&plain)?;
    let differs = plain.iter().find(|(path, file)| joined.get(*path) != Some(file));
    match (differs, plain.len() == joined.len()) {
        (None, true) => Ok(()),
        (Some((path, _)), _) => Err(io::Error::other(format!("{path} differs"))),
        (None, false) => Err(io::Error::other("there are files that rustdoc does not write")),
    }
}
