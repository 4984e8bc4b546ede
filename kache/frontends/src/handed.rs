//! Words that a flag of a compiler hands to another part of it (`-Xclang`, `-Wp,`, `-Wa,` and the like), or to the system.

use super::flags::ValueEffect;

/// Whether clang runs the code of a plugin because of a word.
pub fn loads_code(word: &str) -> bool {
    ["-load", "-add-plugin", "-plugin"].contains(&word) || word.starts_with("-fpass-plugin")
}

/// `-Xclang` and `-Xpreprocessor`.
pub fn handed_to_clang(word: &str) -> ValueEffect {
    const OTHER_OUTPUT: &[&str] =
        &["-emit-pch", "-emit-module", "-emit-header-unit", "-generate-pch", "-ast-dump", "-E"];
    if OTHER_OUTPUT.contains(&word) || word.starts_with("-M") || word.starts_with("-fmodule") {
        return ValueEffect::Unsupported("it selects outputs that are not planned");
    }
    if loads_code(word) { ValueEffect::LoadsCode } else { ValueEffect::Plain }
}

/// `-Wp,`: the parser plans for `-MD` and `-MMD`, and for no other request for a depfile.
pub fn handed_to_preprocessor(word: &str) -> ValueEffect {
    match word {
        "-M" | "-MM" | "-MF" | "-MG" => ValueEffect::Unsupported("it selects a depfile that is not planned"),
        _ if loads_code(word) => ValueEffect::LoadsCode,
        _ => ValueEffect::Plain,
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
        assert!(["-emit-pch", "-E", "-MT", "-fmodules"].into_iter().all(unsupported));
        assert_eq!(handed_to_clang("-load"), ValueEffect::LoadsCode);
        assert_eq!(handed_to_clang("-fpass-plugin=x.so"), ValueEffect::LoadsCode);
        assert_eq!(handed_to_clang("-fno-builtin"), ValueEffect::Plain);
        assert_eq!(handed_to_preprocessor("-MD"), ValueEffect::Plain);
        assert!(matches!(handed_to_preprocessor("-MF"), ValueEffect::Unsupported(_)));
    }
}
