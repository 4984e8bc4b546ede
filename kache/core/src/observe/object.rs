//! Which symbols an object imports, which functions it has, and whether it calls the kernel by itself.

use crate::platform;
use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, EM_AARCH64, EM_X86_64, FileHeader64, SHF_EXECINSTR, SHN_ABS, SHN_UNDEF,
    SHT_DYNSYM, SHT_INIT_ARRAY, SHT_PROGBITS, SHT_SYMTAB, STT_FUNC,
};
use object::read::ReadCache;
use object::read::elf::{Dyn, FileHeader, SectionHeader, SectionTable, Sym, SymbolTable};
use object::{LittleEndian, SectionIndex, SymbolIndex};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

type Header = FileHeader64<LittleEndian>;
type Data = ReadCache<File>;

const LE: LittleEndian = LittleEndian;

/// The parts of an object that are asked for are read, and no others.
struct Object {
    data: Data,
}

impl Object {
    fn open(path: &Path) -> Option<Object> {
        Some(Object { data: ReadCache::new(platform::open_regular(path).ok()?) })
    }

    fn sections(&self) -> Option<(&Header, SectionTable<'_, Header, &Data>)> {
        let header = Header::parse(&self.data).ok()?;
        header.endian().ok()?;
        Some((header, header.sections(LE, &self.data).ok()?))
    }
}

/// A symbol table and the names of its symbols, read at once; `None` where the object has no such table.
fn symbols<'a>(
    object: &'a Object,
    sections: &SectionTable<'a, Header, &'a Data>,
    kind: u32,
) -> Option<(SymbolTable<'a, Header, &'a Data>, &'a [u8])> {
    let table = sections.symbols(LE, &object.data, kind).ok()?;
    if table.section() == SectionIndex(0) {
        return None;
    }
    let names = sections.section(table.string_section()).ok()?.data(LE, &object.data).ok()?;
    Some((table, names))
}

/// What an object takes from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// The libraries that it needs, by the names under which the loader looks for them.
    pub libraries: Vec<Vec<u8>>,
    /// The lists of directories in which the loader looks for those: RPATH, RUNPATH.
    pub directories: Vec<Vec<u8>>,
    pub symbols: Vec<Import>,
}

/// A symbol that an object takes from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub name: Vec<u8>,
    /// The library that the object expects it from, where the object says so: by the version of the symbol.
    pub library: Option<Vec<u8>>,
}

/// What an object takes from others. `None` where it cannot be read.
pub fn imports(path: &Path) -> Option<Imports> {
    let object = Object::open(path)?;
    let (_, sections) = object.sections()?;
    let (table, names) = symbols(&object, &sections, SHT_DYNSYM)?;
    let versions = sections.versions(LE, &object.data).ok()?;
    let library = |index: SymbolIndex| {
        let versions = versions.as_ref()?;
        let version = versions.version(versions.version_index(LE, index)).ok()??;
        version.file().map(<[u8]>::to_vec)
    };
    let undefined = table.enumerate().filter(|(_, symbol)| symbol.st_shndx(LE) == SHN_UNDEF);
    let import = |(index, symbol): (SymbolIndex, &<Header as FileHeader>::Sym)| Import {
        name: text_at(names, symbol.st_name(LE)).to_vec(),
        library: library(index),
    };
    let symbols = undefined.map(import).filter(|import| !import.name.is_empty()).collect();
    let entries = |tags: &[i64]| dynamic_texts(&object, &sections, tags);
    let (libraries, directories) = (entries(&[DT_NEEDED])?, entries(&[DT_RPATH, DT_RUNPATH])?);
    Some(Imports { libraries, directories, symbols })
}

/// The texts of an object's entries for the loader.
fn dynamic_texts<'a>(
    object: &'a Object,
    sections: &SectionTable<'a, Header, &'a Data>,
    tags: &[i64],
) -> Option<Vec<Vec<u8>>> {
    let Some((entries, strings)) = sections.dynamic(LE, &object.data).ok()? else { return Some(Vec::new()) };
    let names = sections.section(strings).ok()?.data(LE, &object.data).ok()?;
    let needed = entries.iter().filter(|entry| tags.contains(&entry.tag(LE)));
    Some(needed.map(|entry| text_at(names, entry.val32(LE).unwrap_or(u32::MAX)).to_vec()).collect())
}

/// The symbols that a library exports, without the names of its versions. `None` where it cannot be read.
pub fn exports(path: &Path) -> Option<BTreeSet<Vec<u8>>> {
    let object = Object::open(path)?;
    let (_, sections) = object.sections()?;
    let (table, names) = symbols(&object, &sections, SHT_DYNSYM)?;
    let defined = table.iter().filter(|symbol| ![SHN_UNDEF, SHN_ABS].contains(&symbol.st_shndx(LE)));
    Some(defined.map(|symbol| text_at(names, symbol.st_name(LE)).to_vec()).collect())
}

fn text_at(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The number of functions that the loader calls when the object is loaded; `None` where that cannot be read.
pub fn constructors(path: &Path) -> Option<u64> {
    let object = Object::open(path)?;
    let (_, sections) = object.sections()?;
    let arrays = sections.iter().filter(|section| section.sh_type(LE) == SHT_INIT_ARRAY);
    Some(arrays.map(|section| section.sh_size(LE) / 8).sum())
}

/// Which of the parts of names occur in the names of the object's functions. `None` where it has been stripped of them.
pub fn functions(path: &Path, parts: &[&'static str]) -> Option<Vec<&'static str>> {
    let object = Object::open(path)?;
    let (_, sections) = object.sections()?;
    let (_, names) = symbols(&object, &sections, SHT_SYMTAB)?;
    let text = String::from_utf8_lossy(names);
    Some(parts.iter().copied().filter(|part| text.contains(part)).collect())
}

/// The name of the function that an address lies in; `None` where the object has been stripped of names. Empty where no
/// function is known there.
pub fn function_at(path: &Path, address: u64) -> Option<Vec<u8>> {
    let object = Object::open(path)?;
    let (_, sections) = object.sections()?;
    let (table, names) = symbols(&object, &sections, SHT_SYMTAB)?;
    let holds = |symbol: &&<Header as FileHeader>::Sym| {
        let start = symbol.st_value(LE);
        symbol.st_type() == STT_FUNC && (start..start + symbol.st_size(LE)).contains(&address)
    };
    Some(table.iter().find(holds).map_or(Vec::new(), |symbol| text_at(names, symbol.st_name(LE)).to_vec()))
}

/// Whether the object has an instruction that calls the kernel. What has none does all its looking through libc. `None`
/// where it cannot be read.
pub fn calls_kernel(path: &Path) -> Option<bool> {
    let object = Object::open(path)?;
    let (header, sections) = object.sections()?;
    let calls: fn(&[u8]) -> bool = match header.e_machine(LE) {
        EM_X86_64 => x86_calls,
        EM_AARCH64 => aarch64_calls,
        _ => return None,
    };
    let executable = |section: &&_| -> bool {
        let section: &<Header as FileHeader>::SectionHeader = section;
        section.sh_type(LE) == SHT_PROGBITS && section.sh_flags(LE) & u64::from(SHF_EXECINSTR) != 0
    };
    for section in sections.iter().filter(executable) {
        if calls(section.data(LE, &object.data).ok()?) {
            return Some(true);
        }
    }
    Some(false)
}

/// Each instruction is four bytes. The immediate of `svc`, the number called by, does not matter.
fn aarch64_calls(code: &[u8]) -> bool {
    let mut instructions = code.chunks_exact(4).map(|i| u32::from_le_bytes([i[0], i[1], i[2], i[3]]));
    instructions.any(|instruction| instruction & 0xffe0_001f == 0xd400_0001)
}

/// The bytes of `syscall`, `sysenter` or `int 0x80` stand in any larger program by chance, within other instructions: it
/// counts whether one begins there.
fn x86_calls(code: &[u8]) -> bool {
    let calls = |w: &[u8]| matches!(w, [0x0f, 0x05] | [0x0f, 0x34] | [0xcd, 0x80]);
    code.windows(2).enumerate().any(|(at, w)| calls(w) && x86_begins(code, at))
}

/// Whether an instruction begins at `at`. Wherever one starts to read machine code, one is in step with it a few
/// instructions later; from a number of starts, so that none is overlooked.
fn x86_begins(code: &[u8], at: usize) -> bool {
    const BEFORE: usize = 256;
    (0..16).any(|shift| {
        let from = at.saturating_sub(BEFORE + shift);
        let mut decoder = iced_x86::Decoder::new(64, &code[from..], iced_x86::DecoderOptions::NONE);
        while decoder.can_decode() && decoder.position() < at - from {
            let _ = decoder.decode();
        }
        decoder.position() == at - from
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_the_kernel_is_told_from_bytes_that_look_so() {
        let padding = [0x90; 300];
        let with = |code: &[u8]| x86_calls(&[&padding[..], code, &padding].concat());
        // mov eax, 2; syscall; ret
        assert!(with(&[0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3]));
        assert!(x86_calls(&[0x0f, 0x05]), "at the very beginning");
        // xor eax, eax; int 0x80 and sysenter
        assert!(with(&[0x31, 0xc0, 0xcd, 0x80]) && with(&[0x0f, 0x34]));
        // lea rax, [rip + 0x50f]; mov ecx, 0x80cd; call +0x340f
        assert!(!with(&[0x48, 0x8d, 0x05, 0x0f, 0x05, 0, 0, 0xb9, 0xcd, 0x80, 0, 0, 0xe8, 0x0f, 0x34, 0, 0]));
    }

    #[test]
    fn a_call_of_the_kernel_by_arm() {
        // mov w8, 56; svc 0; ret
        let code = [0x080780d2_u32, 0x010000d4, 0xc0035fd6].map(u32::to_be_bytes).concat();
        assert!(aarch64_calls(&code) && !aarch64_calls(&code[8..]));
    }

    // Reads an ELF object that `cc` makes.
    #[cfg(unix)]
    #[test]
    fn the_c_library_calls_kernel_and_a_program_that_uses_it_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("p.c");
        std::fs::write(&source, "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }").unwrap();
        let made = |flags: &[&str]| {
            let out = dir.path().join("p");
            let mut cc = std::process::Command::new("cc");
            assert!(cc.arg(&source).arg("-o").arg(&out).args(flags).status().unwrap().success());
            calls_kernel(&out)
        };
        assert_eq!(made(&[]), Some(false));
        assert_eq!(made(&["-static"]), Some(true));
        let out = dir.path().join("p");
        assert_eq!(functions(&out, &["main", "nowhere"]), Some(vec!["main"]));
        assert_eq!(made(&["-s"]), Some(false));
        assert_eq!(functions(&out, &["main"]), None, "stripped");
        let taken = imports(&out).unwrap();
        assert_eq!(taken.libraries, [b"libc.so.6"]);
        let puts = Import { name: b"puts".to_vec(), library: Some(b"libc.so.6".to_vec()) };
        assert!(taken.symbols.contains(&puts), "{taken:?}");
        assert!(taken.symbols.iter().all(|symbol| symbol.name != b"main"));
        assert_eq!(calls_kernel(&source), None);
        assert_eq!(imports(&source), None);
        assert_eq!(functions(&source, &["main"]), None);
    }
}
