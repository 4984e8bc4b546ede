//! The languages of sources, by their names for `-x`, with the extensions of their files.

/// The language of sources for devices.
pub const CUDA: &str = "cuda";

/// The languages that are cached, by their names for `-x`, with the extensions of their files.
pub(crate) const LANGUAGES: &[(&str, &[&str])] = &[
    ("c", &["c"]),
    ("cpp-output", &["i"]),
    ("c++", &["cc", "cp", "cxx", "cpp", "CPP", "c++", "C"]),
    ("c++-cpp-output", &["ii"]),
    (CUDA, &["cu"]),
    ("objective-c", &["m"]),
    ("objective-c-cpp-output", &["mi"]),
    ("objective-c++", &["mm", "M"]),
    ("objective-c++-cpp-output", &["mii"]),
    ("assembler", &["s"]),
    ("assembler-with-cpp", &["S", "sx"]),
];

/// The languages of headers.
pub(crate) const HEADERS: &[(&str, &[&str])] = &[
    ("c-header", &["h"]),
    ("c++-header", &["hh", "H", "hp", "hxx", "hpp", "HPP", "h++", "tcc"]),
    ("objective-c-header", &[]),
    ("objective-c++-header", &[]),
];

/// The languages of C++20 modules: an interface, and its compiled form.
pub const MODULES: &[(&str, &[&str])] =
    &[("c++-module", &["cppm", "ccm", "cxxm", "c++m"]), ("pcm", &["pcm"])];

pub(crate) fn is_header(language: &str) -> bool {
    HEADERS.iter().any(|(header, _)| *header == language)
}
