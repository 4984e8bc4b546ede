//! Recognising the family of a program: by its name, by the name of the file that a link leads to (`cc`), or by what the
//! program prints. The printed answer is stored with the program's identity, so that each program is asked once.

use crate::family::Family;
use crate::{FAMILIES, gnu, msvc};
use kache_core::action::Request;
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::platform::{self, StatId, disk};
use kache_core::store::{Area, Store};
use std::path::Path;
use std::process::{Command, Stdio};

const MAGIC: &[u8; 8] = b"kachewh1";

/// The names of the compilers that kache is put in front of within an observed run, without a target and a version.
pub const FRONTED: &[&str] = &["rustc", "cc", "c++", "gcc", "g++", "clang", "clang++", "nvcc"];

/// The family of a program, by its file name.
pub fn by_name(program: &Path) -> Option<&'static Family> {
    let name = program.file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    FAMILIES.iter().copied().find(|a| (a.recognises)(name))
}

/// The family of the compiler that a request names.
pub fn family(request: &Request, store: &Store) -> Option<&'static Family> {
    let family = by_name(&request.program).or_else(|| by_file(store, request))?;
    let cl = std::ptr::eq(family, &raw const gnu::FAMILY) && request.args.iter().any(|a| a == msvc::MODE);
    Some(if cl { &msvc::FAMILY } else { family })
}

/// The family of a program whose own name does not say it.
fn by_file(store: &Store, request: &Request) -> Option<&'static Family> {
    let (program, real) = (request.file()?, request.real_file()?);
    if let Some(family) = by_name(real) {
        return Some(family);
    }
    // Any program may be called through a wrapper: only one that is asked to compile is worth a question.
    if !request.args.iter().any(|a| a == "-c" || a == "-S") {
        return None;
    }
    let (_, id) = platform::file_type(real).ok()??;
    let key = Digest::of(&[b"family ", real.as_os_str().as_encoded_bytes()].concat());
    let path = store.area(Area::Toolchains).join(key.hex());
    let known = disk::step("compiler: read", &path, || std::fs::read(&path)).ok();
    let known = known.and_then(|bytes| recall(&bytes, &id));
    let is_gnu = known.unwrap_or_else(|| {
        let answer = says_gnu(program);
        let _ = store.publish(&path, &record(&id, answer));
        answer
    });
    is_gnu.then_some(&gnu::FAMILY)
}

fn record(id: &StatId, answer: bool) -> Vec<u8> {
    let mut w = Writer::new(MAGIC);
    w.stat_id(id);
    w.num(u64::from(answer));
    w.finish()
}

fn recall(bytes: &[u8], id: &StatId) -> Option<bool> {
    let mut r = Reader::open(bytes, MAGIC)?;
    let same = r.stat_id()? == *id;
    let answer = r.num()? == 1;
    same.then_some(answer)
}

/// gcc and clang print their names, whatever their files are called.
fn says_gnu(program: &Path) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").env("KACHE_DISABLE", "1").stdin(Stdio::null());
    let Ok(answer) = ask.output() else { return false };
    let text = String::from_utf8_lossy(&answer.stdout);
    let says = text.contains("clang version") || text.contains("Free Software Foundation");
    if !answer.status.success() || !says {
        return false;
    }
    // `wc` prints one of these too, and has a `-c`.
    let mut ask = Command::new(program);
    ask.args(["-dM", "-E", "-x", "c", "/dev/null"]).env("KACHE_DISABLE", "1").stdin(Stdio::null());
    ask.output().is_ok_and(|macros| String::from_utf8_lossy(&macros.stdout).contains("#define __GNUC__ "))
}
