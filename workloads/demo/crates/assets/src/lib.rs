//! What `env!`, `include_str!` and `include_bytes!` bring in: inputs that are in no source file.

/// The version of this package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A text.
pub const GREETING: &str = include_str!("../data/greeting.txt");
/// Bytes that are no text.
pub const PALETTE: &[u8] = include_bytes!("../data/palette.bin");
/// Set by nobody, as a rule: its absence is an input too.
pub const CHANNEL: Option<&str> = option_env!("DEMO_CHANNEL");

/// The greeting, from the given version.
pub fn greeting() -> String {
    format!("{} (assets {VERSION}, {})", GREETING.trim(), CHANNEL.unwrap_or("stable"))
}
