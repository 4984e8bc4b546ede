//! What rustc reports of its own reading: make rules, and `# env-dep:` lines for `env!` and `option_env!`.

/// The files and variables that a dep-info names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DepInfo {
    /// Prerequisites, as written.
    pub files: Vec<Vec<u8>>,
    /// Variables.
    pub env: Vec<Vec<u8>>,
}

/// Reads a dep-info. Lines that are neither rules nor known comments are passed over: the observer's record stands
/// beside this one.
pub fn parse(text: &[u8]) -> DepInfo {
    let mut out = DepInfo::default();
    for line in text.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(env) = line.strip_prefix(b"# env-dep:") {
            let name = env.split(|b| *b == b'=').next().unwrap_or(env);
            out.env.push(name.to_vec());
        } else if !line.starts_with(b"#")
            && let Some(at) = line.windows(2).position(|w| w == b": ")
        {
            out.files.extend(prerequisites(&line[at + 2..]));
        }
    }
    out.files.sort();
    out.files.dedup();
    out
}

fn prerequisites(list: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    let mut bytes = list.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' if bytes.peek() == Some(&b' ') => one.extend(bytes.next()),
            b' ' => {
                if !one.is_empty() {
                    all.push(std::mem::take(&mut one));
                }
            }
            _ => one.push(b),
        }
    }
    if !one.is_empty() {
        all.push(one);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_comments_and_variables() {
        let d = parse(b"/o/a.d: src/lib.rs /x/my\\ file.rs\n\nsrc/lib.rs:\n\n# env-dep:OUT_DIR=/o\n# env-dep:NO\n# checksum:x\n");
        assert_eq!(d.files, [b"/x/my file.rs".to_vec(), b"src/lib.rs".to_vec()]);
        assert_eq!(d.env, [b"OUT_DIR".to_vec(), b"NO".to_vec()]);
    }
}
