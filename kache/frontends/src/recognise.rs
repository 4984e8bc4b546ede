//! Which family a program belongs to: by its name, by the name of the file that it leads to (`cc`), and where neither
//! says, by what it says of itself. That answer is kept with the program's identity, so that it is asked for once.

use super::{ADAPTERS, Adapter, gnu, msvc};
use kache_core::codec::{Reader, Writer};
use kache_core::digest::Digest;
use kache_core::platform::{self, StatId, disk};
use kache_core::store::{Area, Store};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

const MAGIC: &[u8; 8] = b"kachewh1";

/// The family of a program, by its file name.
pub fn by_name(program: &Path) -> Option<&'static Adapter> {
    let name = program.file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    ADAPTERS.iter().copied().find(|a| (a.recognises)(name))
}

/// The family that a program is told to be of, else its own.
pub fn dialect(adapter: &'static Adapter, args: &[OsString]) -> &'static Adapter {
    let msvc = std::ptr::eq(adapter, &raw const gnu::ADAPTER) && args.iter().any(|a| a == msvc::MODE);
    if msvc { &msvc::ADAPTER } else { adapter }
}

/// The family of a program that its own name does not tell.
pub fn by_file(store: &Store, program: &Path, args: &[OsString]) -> Option<&'static Adapter> {
    let real = program.canonicalize().ok()?;
    if let Some(adapter) = by_name(&real) {
        return Some(adapter);
    }
    // Only of what is told to compile is it worth asking: any program may be put behind a wrapper.
    if !args.iter().any(|a| a == "-c" || a == "-S") {
        return None;
    }
    let (_, id) = platform::file_type(&real).ok()??;
    let key = Digest::of(&[b"family ", real.as_os_str().as_encoded_bytes()].concat());
    let path = store.area(Area::Toolchains).join(key.hex());
    let known = disk::step("compiler: read", &path, || std::fs::read(&path)).ok();
    let known = known.and_then(|bytes| recall(&bytes, &id));
    let is_gnu = known.unwrap_or_else(|| {
        let answer = says_gnu(program);
        let _ = store.publish(&path, &record(&id, answer));
        answer
    });
    is_gnu.then_some(&gnu::ADAPTER)
}

fn record(id: &StatId, answer: bool) -> Vec<u8> {
    let mut w = Writer::new(MAGIC);
    for n in [id.dev, id.ino, id.size, id.mtime as u64, id.ctime as u64, u64::from(answer)] {
        w.num(n);
    }
    w.finish()
}

fn recall(bytes: &[u8], id: &StatId) -> Option<bool> {
    let mut r = Reader::open(bytes, MAGIC)?;
    let mut same = true;
    for n in [id.dev, id.ino, id.size, id.mtime as u64, id.ctime as u64] {
        same &= r.num()? == n;
    }
    let answer = r.num()? == 1;
    same.then_some(answer)
}

/// gcc and clang name themselves, whatever they are called.
fn says_gnu(program: &Path) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").env("KACHE_DISABLE", "1").stdin(Stdio::null());
    let Ok(answer) = ask.output() else { return false };
    let text = String::from_utf8_lossy(&answer.stdout);
    let says = text.contains("clang version") || text.contains("Free Software Foundation");
    if !answer.status.success() || !says {
        return false;
    }
    // So does `wc`, which knows a `-c` too.
    let mut ask = Command::new(program);
    ask.args(["-dM", "-E", "-x", "c", "/dev/null"]).env("KACHE_DISABLE", "1").stdin(Stdio::null());
    ask.output().is_ok_and(|macros| String::from_utf8_lossy(&macros.stdout).contains("#define __GNUC__ "))
}
