//! The origin of an invocation: the build that it belongs to. `kache-frontends` finds it.

/// The build that an invocation belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The process of the build: its id and its start time.
    pub build: String,
    /// The command that started the build; empty if no tool did, or if the system does not tell.
    pub command: String,
    /// The working directory of that command; empty if it is not known.
    pub directory: String,
}

impl Origin {
    /// The text form, for a file.
    pub fn encode(&self) -> String {
        format!("{}\n{}\n{}\n", self.build, self.command, self.directory)
    }

    /// The origin of a text form; `None` if the text is incomplete.
    pub fn decode(text: &[u8]) -> Option<Origin> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n').map(str::to_string);
        let origin = Origin { build: lines.next()?, command: lines.next()?, directory: lines.next()? };
        lines.next().is_none().then_some(origin)
    }
}
