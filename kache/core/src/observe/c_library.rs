//! What a symbol of the C library means for a program that imports it.
//!
//! A program looks at the machine through the C library, and the preload object stands in front of the functions that
//! look. The table (`c_library/symbols.txt`) accounts for every symbol that the C library exports. A symbol without a row
//! has not been judged yet: a program that imports the symbol may look at something that no event shows, and the program's
//! results are not stored.
//!
//! - *harmless*: the function looks at nothing, or only at what an earlier call has recorded (an open file, say).
//! - *observed*: the preload object records what the function looks at.
//! - *host fact*: the preload object records the call, which becomes a dependency on a fact of the machine.
//! - *changing*: the answer changes from call to call. A rule says what that means.
//! - *refuse when called*: the preload object records the call, and the result is not stored.
//! - *refuse*: the result is not stored if a program imports the symbol.
//!
//! After a colon, a class may name the rule that takes the place of a hook.

use std::cmp::Ordering;
use std::sync::LazyLock;

/// The table, as it was written.
const TEXT: &str = include_str!("c_library/symbols.txt");

/// A line for each symbol, sorted by their bytes: the symbol, a space, and the number of its group in the table. The build script
/// makes the lines: a map made at run time took an eighth of a miss's instructions.
const SORTED: &str = include_str!(concat!(env!("OUT_DIR"), "/symbols.sorted"));

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// What the table calls it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            fn of_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// What a symbol means.
    Class {
        Harmless = "harmless",
        Observed = "observed",
        HostFact = "host fact",
        Changing = "changing",
        RefusedWhenCalled = "refuse when called",
        Refused = "refuse",
    }
}

words! {
    /// What accounts for a symbol in the place of a hook.
    Rule {
        /// A module that imports the array of variables may read all of them.
        Environment = "environment",
        /// A plugin that imports a variable with the path of the program depends on its place.
        Place = "place",
        /// Random numbers do not matter.
        Random = "random",
        /// A hook keeps the process observed, and records nothing by itself.
        Upkeep = "upkeep",
    }
}

/// Symbols that are judged alike.
#[derive(Debug)]
pub struct Group {
    pub class: Class,
    pub rule: Option<Rule>,
    pub why: &'static str,
    /// The lines with the symbols.
    lines: &'static str,
}

impl Group {
    /// The symbols, in the order of the table.
    pub fn symbols(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.lines.lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace)
    }

    /// Whether the preload object has hooks in front of the symbols.
    pub fn is_hooked(&self) -> bool {
        match self.rule {
            None => HOOKED.contains(&self.class),
            Some(rule) => rule == Rule::Upkeep,
        }
    }
}

const HOOKED: [Class; 4] = [Class::Observed, Class::HostFact, Class::Changing, Class::RefusedWhenCalled];

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| parse(TEXT).expect("the tests parse the table"));

/// Every group, in the order of the table.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

/// The group of a symbol; `None` where the table does not have it.
pub fn group(symbol: &[u8]) -> Option<&'static Group> {
    let mut rest = SORTED.as_bytes();
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = memchr::memrchr(b'\n', &rest[..middle]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &rest[start..]).map_or(rest.len(), |at| start + at);
        let mut words = rest[start..end].split(|b| *b == b' ');
        match words.next()?.cmp(symbol) {
            Ordering::Less => rest = rest.get(end + 1..).unwrap_or_default(),
            Ordering::Greater => rest = &rest[..start],
            Ordering::Equal => {
                let number = str::from_utf8(words.next()?).ok()?;
                return groups().get(number.parse::<usize>().ok()?);
            }
        }
    }
    None
}

fn parse(text: &'static str) -> Result<Vec<Group>, String> {
    let (before, mut rest) = match text.strip_prefix('[') {
        Some(rest) => ("", rest),
        None => text.split_once("\n[").unwrap_or((text, "")),
    };
    if before.lines().any(|line| !line.is_empty() && !line.starts_with('#')) {
        return Err("symbols before the first group".to_string());
    }
    let mut groups = Vec::new();
    while !rest.is_empty() {
        let (group, after) = rest.split_once("\n[").unwrap_or((rest, ""));
        groups.push(parse_group(group)?);
        rest = after;
    }
    Ok(groups)
}

/// A group, from after its bracket.
fn parse_group(text: &'static str) -> Result<Group, String> {
    let (line, lines) = text.split_once('\n').unwrap_or((text, ""));
    let (class, why) = line.split_once("] ").ok_or_else(|| format!("no reason: {line}"))?;
    let (class, rule) = match class.split_once(": ") {
        Some((class, rule)) => (class, Some(Rule::of_word(rule).ok_or_else(|| format!("no rule: {rule}"))?)),
        None => (class, None),
    };
    let class = Class::of_word(class).ok_or_else(|| format!("no class: {class}"))?;
    Ok(Group { class, rule, why, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_is_found_in_its_group() {
        for (at, group) in groups().iter().enumerate() {
            for symbol in group.symbols() {
                let found = super::group(symbol.as_bytes()).expect(symbol);
                assert!(std::ptr::eq(found, &raw const groups()[at]), "{symbol}: {found:?}");
            }
        }
    }

    #[test]
    fn each_symbol_has_one_row() {
        let mut symbols: Vec<_> = groups().iter().flat_map(Group::symbols).collect();
        symbols.sort_unstable();
        let twice: Vec<_> =
            symbols.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert!(groups().iter().all(|group| group.symbols().next().is_some() && !group.why.is_empty()));
        assert_eq!(group(b"open").map(|group| group.class), Some(Class::Observed));
        assert_eq!(group(b"environ").and_then(|group| group.rule), Some(Rule::Environment));
        assert!(group(b"opens").is_none() && group(b"").is_none());
    }

    /// Files of the C library, beside the one that the test itself runs on.
    #[cfg(target_os = "linux")]
    fn installed() -> Vec<std::path::PathBuf> {
        const NAMES: [&str; 11] = [
            "libc.so.",
            "libm.so.",
            "libmvec.so.",
            "libpthread.so.",
            "librt.so.",
            "libdl.so.",
            "libutil.so.",
            "libresolv.so.",
            "libanl.so.",
            "libBrokenLocale.so.",
            "ld-linux",
        ];
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let own = maps.split_ascii_whitespace().find(|word| word.contains("/libc.so.")).unwrap();
        let dir = std::path::Path::new(own).parent().unwrap();
        let entries = dir.read_dir().unwrap().map(|entry| entry.unwrap());
        let is = |name: &str| NAMES.iter().any(|n| name.starts_with(n));
        entries.filter(|entry| is(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_symbol_of_the_installed_library_has_a_row() {
        let mut count = 0;
        for library in installed() {
            let exported = super::super::object::exports(&library).unwrap();
            let without: Vec<_> = exported.iter().filter(|symbol| group(symbol).is_none()).collect();
            let without: Vec<_> = without.iter().map(|symbol| String::from_utf8_lossy(symbol)).collect();
            assert!(without.is_empty(), "{}: give each a row in symbols.txt: {without:?}", library.display());
            count += exported.len();
        }
        assert!(count > 1000, "{count}");
    }

    /// The names that the preload object exports are its hooks.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_table_and_the_hooks_agree() {
        let dir = tempfile::tempdir().unwrap();
        let object = dir.path().join("observer.so");
        std::fs::write(&object, super::super::launch::OBJECT).unwrap();
        let mut hooks = super::super::object::exports(&object).unwrap();
        hooks.retain(|name| !name.starts_with(b"__start_") && !name.starts_with(b"__stop_"));
        for hook in &hooks {
            let row = group(hook).map(|group| (group.class, group.rule));
            let is_known =
                row.is_some_and(|(class, rule)| class != Class::Harmless || rule == Some(Rule::Upkeep));
            let name = String::from_utf8_lossy(hook);
            assert!(is_known, "{name} has a hook, and a row that says otherwise in symbols.txt: {row:?}");
        }
        for group in groups().iter().filter(|group| group.is_hooked()) {
            let without: Vec<_> = group.symbols().filter(|s| !hooks.contains(s.as_bytes())).collect();
            assert!(without.is_empty(), "{}: no hook, and a row that claims one: {without:?}", group.why);
        }
    }

    #[test]
    fn a_line_that_says_nothing_known_is_refused() {
        for (text, why) in [
            ("open", "before the first"),
            ("[observed] ", "no reason"),
            ("[observed]", "no reason"),
            ("[looked at] files\nopen", "no class"),
            ("[observed: luck] files\nopen", "no rule"),
        ] {
            match parse(text) {
                Err(error) => assert!(error.contains(why), "{text}: {error}"),
                Ok(groups) => assert!(why == "no reason" && groups[0].why.is_empty(), "{text}"),
            }
        }
    }
}
