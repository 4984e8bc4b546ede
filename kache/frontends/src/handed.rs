//! Words that a flag of a compiler hands to another part of it (`-Xclang`, `-Wp,`, `-Wa,` and the like), or to the system.

use super::flags::ValueEffect;

/// Whether clang runs the code of a plugin because of a word.
pub fn loads_code(word: &str) -> bool {
    ["-load", "-add-plugin", "-plugin"].contains(&word) || word.starts_with("-fpass-plugin")
}

/// Words by which clang does something else than the step that the driver asks for, whatever that is (`-E -Xclang -emit-pch`).
const ACTIONS: &[&str] = &[
    "-E",
    "-Eonly",
    "-S",
    "-analyze",
    "-extract-api",
    "-fixit",
    "-fsyntax-only",
    "-init-only",
    "-migrate",
    "-templight-dump",
    "-verify-pch",
];
/// What more such words begin with.
const ACTIONS_BY_KIND: &[&str] =
    &["-ast-", "-dump-", "-emit-", "-fixit=", "-generate-", "-print-", "-rewrite-"];

/// `-Xclang` and `-Xpreprocessor`.
pub fn handed_to_clang(word: &str) -> ValueEffect {
    let begins_with = |kind: &&str| word.starts_with(kind);
    let is_action = ACTIONS.contains(&word) || ACTIONS_BY_KIND.iter().any(begins_with);
    if is_action || word.starts_with("-M") || word.starts_with("-fmodule") {
        return ValueEffect::Unsupported("it selects outputs that are not planned");
    }
    if loads_code(word) { ValueEffect::LoadsCode } else { ValueEffect::Plain }
}

/// `-Wp,`: the parser plans for `-MD` and `-MMD`, and for no other request for a depfile. clang takes all words here as well.
pub fn handed_to_preprocessor(word: &str) -> ValueEffect {
    match word {
        "-M" | "-MM" | "-MF" | "-MG" => ValueEffect::Unsupported("it selects a depfile that is not planned"),
        _ if word.starts_with("-M") => ValueEffect::Plain,
        _ => handed_to_clang(word),
    }
}

/// `-arch=native`, and clang's `--offload-arch=native`.
pub fn for_this_machine(value: &str) -> ValueEffect {
    match value {
        "native" => ValueEffect::Unsupported("it asks for the devices of this machine"),
        _ => ValueEffect::Plain,
    }
}

/// `-Wa,` and `-Xassembler`.
pub fn handed_to_assembler(word: &str) -> ValueEffect {
    if is_listing(word) {
        return ValueEffect::Unsupported("it makes a listing, which names a temporary file of the driver");
    }
    if word.contains("compress") { ValueEffect::Compresses } else { ValueEffect::Plain }
}

/// `-a`, `-alh=file`, and not `-arch` or `-am33`.
fn is_listing(word: &str) -> bool {
    let Some(letters) = word.strip_prefix("-a") else { return false };
    letters.split('=').next().unwrap_or("").chars().all(|c| "cdghilmns".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_told_from_an_architecture() {
        let unsupported = |word| matches!(handed_to_assembler(word), ValueEffect::Unsupported(_));
        assert!(["-a", "-al", "-adhln=list"].into_iter().all(unsupported));
        assert!(!["-arch", "-am33", "-march=x", "--gdwarf-5"].into_iter().any(unsupported));
        assert_eq!(handed_to_assembler("--compress-debug-sections"), ValueEffect::Compresses);
    }

    #[test]
    fn words_for_clang_are_judged() {
        let unsupported = |word| matches!(handed_to_clang(word), ValueEffect::Unsupported(_));
        let others = ["-emit-pch", "-emit-module-interface", "-ast-dump-all", "-ast-dump=json", "-S", "-E"];
        assert!(others.into_iter().chain(["-MT", "-fmodules"]).all(unsupported));
        assert!(!["-emission", "-include", "-fno-builtin", "-dM"].into_iter().any(unsupported));
        assert_eq!(handed_to_clang("-load"), ValueEffect::LoadsCode);
        assert_eq!(handed_to_clang("-fpass-plugin=x.so"), ValueEffect::LoadsCode);
        assert_eq!(handed_to_clang("-fno-builtin"), ValueEffect::Plain);
        assert_eq!(handed_to_preprocessor("-MD"), ValueEffect::Plain);
        for word in ["-MF", "-emit-pch", "-ast-dump"] {
            assert!(matches!(handed_to_preprocessor(word), ValueEffect::Unsupported(_)), "{word}");
        }
    }
}
