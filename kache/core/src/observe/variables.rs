//! Whether an object reads the array of all variables, or only passes it on to programs that it starts.
//!
//! Rust's standard library is linked into each proc macro and program, and refers to `environ` for two things:
//! `std::process` hands the variables to a child, and `std::env::vars` hands them to its caller. The object imports
//! `environ` for either. So the code is searched for who refers to it:
//!
//! 1. the slot of the global offset table that the loader fills with the address of `environ`;
//! 2. the functions whose code refers to the slot;
//! 3. for those that hand the variables on (`std::env`), the functions that refer to them in turn.
//!
//! The object only passes the variables on where all of 2 and 3 belong to `std::process`. Where one of them belongs to the `cc`
//! crate, the object copies the variables, finds some by their names, and passes all on. A reference is four bytes
//! which, taken as a distance from where they end, lead to the target and come after the code of an instruction
//! that can have one: some are found by chance, and none is missed.
//! What has no symbols, refers to a function by data, or is for another processor than x86-64 counts as reading.
//!
//! The loader hands the array to each function that it calls when it loads an object. The C runtime has one such function,
//! and Rust's standard library one, which takes the arguments of the command. An object with more of them counts as
//! reading.

use super::object::{constructors, imports};
use crate::platform;
use object::LittleEndian as LE;
use object::elf::{
    EM_X86_64, FileHeader64, R_X86_64_GLOB_DAT, R_X86_64_RELATIVE, SHF_EXECINSTR, SHT_DYNSYM, SHT_PROGBITS,
    SHT_SYMTAB, STT_FUNC,
};
use object::read::elf::{FileHeader, Rela, SectionHeader, SectionTable, Sym};
use std::collections::BTreeSet;
use std::path::Path;

type Header = FileHeader64<LE>;

/// The names under which libc exports the array.
const NAMES: [&[u8]; 3] = [b"environ", b"__environ", b"_environ"];

/// Parts of the names of functions of the standard library that read the array to start a program.
const PASS_ON: [&str; 3] = ["3std7process", "3std3sys7process", "3std10sys_common7process"];
/// Those that hand what they read to their callers.
const HAND_OUT: [&str; 4] = ["3std3env4vars", "3std3env7vars_os", "3std3sys3env", "3std3sys3pal4unix2os3env"];
/// Parts of the names of functions that copy the array to find variables in the copy by their names, and to pass all on.
const COPIES: [[&str; 2]; 1] = [["2cc9build_env", "11EnvSnapshot"]];
/// What only a program has whose `main` is Rust's, which is not given the array.
const RUST_MAIN: &str = "3std2rt10lang_start";

/// What Rust's standard library imports, and hardly any other code.
const RUST_STD: &[u8] = b"_Unwind_Backtrace";

/// What an object does with the array of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// It does not import the array.
    #[default]
    None,
    /// It passes the array on to programs that it starts; `in_rust` where its `main` is Rust's.
    PassesOn { in_rust: bool },
    /// It copies the array, finds variables in the copy by their names, and passes all on to compilers.
    Copies,
    /// It may read all variables.
    Reads,
}

/// What the object at a path does with the array of variables. `known` is how many constructors it has that are known not to
/// read the array.
pub fn used_by(path: &Path, known: u64) -> Use {
    let Some(imports) = imports(path) else { return Use::Reads };
    let imports_array = imports.symbols.iter().any(|import| NAMES.contains(&import.name.as_slice()));
    let in_rust = imports.symbols.iter().any(|import| import.name == RUST_STD);
    let usual = known + if in_rust { 2 } else { 1 };
    if constructors(path).is_none_or(|functions| functions > usual) {
        return Use::Reads;
    }
    if !imports_array {
        return Use::None;
    }
    platform::read_regular(path).ok().and_then(|bytes| examine(&bytes)).unwrap_or(Use::Reads)
}

fn examine(bytes: &[u8]) -> Option<Use> {
    let header = Header::parse(bytes).ok()?;
    header.endian().ok()?;
    let sections = header.sections(LE, bytes).ok()?;
    let imported = imported(&sections, bytes)?;
    if header.e_machine(LE) != EM_X86_64 {
        return Some(Use::Reads);
    }
    let object = Object { code: code(&sections, bytes)?, functions: functions(&sections, bytes)?, bytes };
    let Relocations { slots, pointers } = relocations(&sections, bytes, &imported)?;
    let mut targets: Vec<Target> = slots.into_iter().map(Target::Slot).collect();
    let (mut seen, mut copies) = (BTreeSet::new(), false);
    while let Some(target) = targets.pop() {
        for at in object.references(target) {
            let function = object.function_at(at)?;
            match () {
                () if is_one_of(&PASS_ON, function.name) => {}
                () if is_one_of(&HAND_OUT, function.name) => {
                    if !seen.insert(function.start) {
                        continue;
                    }
                    // Called through a table of the object's own, or by the distance.
                    targets.push(Target::Function(function.start));
                    for (place, to) in pointers.iter().filter(|(_, to)| *to == function.start) {
                        debug_assert_eq!(*to, function.start);
                        targets.push(Target::Slot(is_in_table(&sections, *place).then_some(*place)?));
                    }
                }
                () if COPIES.iter().any(|parts| parts.iter().all(|part| function.name.contains(part))) => {
                    copies = true;
                }
                () => return Some(Use::Reads),
            }
        }
    }
    if copies {
        return Some(Use::Copies);
    }
    let in_rust = object.functions.iter().any(|function| function.name.contains(RUST_MAIN));
    Some(Use::PassesOn { in_rust })
}

struct Function<'a> {
    start: u64,
    end: u64,
    name: &'a str,
}

/// What code refers to.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// A place in memory, as the operand of an instruction.
    Slot(u64),
    /// The start of a function.
    Function(u64),
}

/// Whether the byte before a distance says that the distance leads from the next instruction to an operand in memory: no other
/// operand of x86-64 does.
fn takes_operand(before: &[u8]) -> bool {
    before.last().is_some_and(|operands| operands & 0xc7 == 0x05)
}

/// Whether the bytes before a distance begin an instruction that calls a function, jumps to it, or takes its address: no other
/// one has a function's start in it.
fn takes_function(before: &[u8]) -> bool {
    match before {
        [.., 0xe8 | 0xe9] | [.., 0x0f, 0x80..=0x8f] => true,
        [.., 0x8d, _] => takes_operand(before),
        _ => false,
    }
}

struct Object<'a> {
    bytes: &'a [u8],
    /// Where code lies in memory and in the file.
    code: Vec<(u64, std::ops::Range<usize>)>,
    /// By where they start.
    functions: Vec<Function<'a>>,
}

impl Object<'_> {
    /// Where four bytes lead to a target.
    fn references(&self, target: Target) -> Vec<u64> {
        let mut found = Vec::new();
        for (start, range) in &self.code {
            let code = &self.bytes[range.clone()];
            for (i, four) in code.windows(4).enumerate() {
                let at = start + i as u64;
                let distance = i32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                let leads_to = (at + 4).wrapping_add_signed(distance.into());
                let refers = match target {
                    // An operand may come after them.
                    Target::Slot(slot) => {
                        [0, 1, 2, 4].contains(&slot.wrapping_sub(leads_to)) && takes_operand(&code[..i])
                    }
                    Target::Function(start) => start == leads_to && takes_function(&code[..i]),
                };
                if refers {
                    found.push(at);
                }
            }
        }
        found
    }

    /// The function whose code an address is; `None` where no symbol says so.
    fn function_at(&self, at: u64) -> Option<&Function<'_>> {
        let next = self.functions.partition_point(|function| function.start <= at);
        self.functions.get(next.checked_sub(1)?).filter(|function| at < function.end)
    }
}

fn is_one_of(parts: &[&str], name: &str) -> bool {
    parts.iter().any(|part| name.contains(part))
}

/// The indices of the array's names in the table of dynamic symbols, where they are not defined.
fn imported(sections: &SectionTable<Header>, bytes: &[u8]) -> Option<Vec<u32>> {
    let table = sections.symbols(LE, bytes, SHT_DYNSYM).ok()?;
    let wanted = |symbol: &<Header as FileHeader>::Sym| {
        let name = table.symbol_name(LE, symbol).ok()?;
        Some(NAMES.contains(&name))
    };
    let all = table.enumerate().filter(|(_, symbol)| wanted(symbol).unwrap_or(true));
    Some(all.map(|(index, _)| index.0 as u32).collect())
}

struct Relocations {
    /// Where the loader puts the array's address.
    slots: Vec<u64>,
    /// Where the object refers to itself, and to what.
    pointers: Vec<(u64, u64)>,
}

/// `None` where the array is referred to in any other way.
fn relocations(sections: &SectionTable<Header>, bytes: &[u8], imported: &[u32]) -> Option<Relocations> {
    let (mut slots, mut pointers) = (Vec::new(), Vec::new());
    for section in sections.iter() {
        let Some((all, _)) = section.rela(LE, bytes).ok()? else { continue };
        for relocation in all {
            let kind = relocation.r_type(LE, false);
            if imported.contains(&relocation.r_sym(LE, false)) {
                slots.push((kind == R_X86_64_GLOB_DAT).then_some(relocation.r_offset(LE))?);
            } else if kind == R_X86_64_RELATIVE {
                pointers.push((relocation.r_offset(LE), relocation.r_addend(LE) as u64));
            }
        }
    }
    Some(Relocations { slots, pointers })
}

fn is_in_table(sections: &SectionTable<Header>, place: u64) -> bool {
    sections.iter().any(|section| {
        let start = section.sh_addr(LE);
        let name = sections.section_name(LE, section).unwrap_or_default();
        name.starts_with(b".got") && (start..start + section.sh_size(LE)).contains(&place)
    })
}

fn code(sections: &SectionTable<Header>, bytes: &[u8]) -> Option<Vec<(u64, std::ops::Range<usize>)>> {
    let mut code = Vec::new();
    for section in sections.iter() {
        if section.sh_type(LE) == SHT_PROGBITS && section.sh_flags(LE) & u64::from(SHF_EXECINSTR) != 0 {
            let start = usize::try_from(section.sh_offset(LE)).ok()?;
            let end = start.checked_add(usize::try_from(section.sh_size(LE)).ok()?)?;
            bytes.get(start..end)?;
            code.push((section.sh_addr(LE), start..end));
        }
    }
    Some(code)
}

/// The object's functions; `None` where it has been stripped of their names.
fn functions<'a>(sections: &SectionTable<'a, Header>, bytes: &'a [u8]) -> Option<Vec<Function<'a>>> {
    let table = sections.symbols(LE, bytes, SHT_SYMTAB).ok()?;
    let mut functions: Vec<_> = table
        .iter()
        .filter(|symbol| symbol.st_type() == STT_FUNC && symbol.st_size(LE) > 0)
        .filter_map(|symbol| {
            let name = std::str::from_utf8(table.symbol_name(LE, symbol).ok()?).ok()?;
            let start = symbol.st_value(LE);
            Some(Function { start, end: start + symbol.st_size(LE), name })
        })
        .collect();
    functions.sort_by_key(|function| function.start);
    (!functions.is_empty()).then_some(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each instruction, followed by the distance from its end to address 0, and whether it refers to a function and to an operand
    /// there.
    #[test]
    fn a_function_is_called_jumped_to_or_taken_and_an_operand_is_any_instructions() {
        let cases: [(&[u8], bool, bool); 10] = [
            (&[0xe8], true, false),
            (&[0xe9], true, false),
            (&[0x0f, 0x84], true, false),
            (&[0x48, 0x8d, 0x3d], true, true),
            (&[0x4c, 0x8d, 0x05], true, true),
            (&[0x48, 0x8b, 0x05], false, true),
            (&[0xff, 0x15], false, true),
            // A field of a structure, and a constant.
            (&[0x48, 0x8b, 0xb3], false, false),
            (&[0x48, 0x8d, 0xb3], false, false),
            (&[0xb8], false, false),
        ];
        for (instruction, takes_function, takes_operand) in cases {
            let distance = -(0x1000 + instruction.len() as i32 + 4);
            let bytes = [instruction, &distance.to_le_bytes()].concat();
            let object =
                Object { bytes: &bytes, code: vec![(0x1000, 0..bytes.len())], functions: Vec::new() };
            let at = 0x1000 + instruction.len() as u64;
            let expected = |refers| if refers { vec![at] } else { Vec::new() };
            assert_eq!(object.references(Target::Function(0)), expected(takes_function), "{instruction:x?}");
            assert_eq!(object.references(Target::Slot(0)), expected(takes_operand), "{instruction:x?}");
        }
    }
}
