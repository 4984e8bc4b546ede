//! The report of what a compiler read: make rules, and rustc's `# env-dep:` lines for `env!` and `option_env!`.

use kache_core::frontend::Declared;
use kache_core::template::Format;

/// Parses a report. Lines that are neither rules nor known comments are skipped: the observer's trace complements the
/// report.
pub fn parse(text: &[u8], format: Format) -> Declared {
    let mut out = Declared::default();
    if format != Format::DepInfo {
        out.files = rules(text);
        return out;
    }
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

/// The prerequisites of rules that may span several lines, as gcc and clang write them.
fn rules(text: &[u8]) -> Vec<Vec<u8>> {
    let joined = text.split(|b| *b == b'\n').fold(Vec::with_capacity(text.len()), |mut all, line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.strip_suffix(b"\\") {
            Some(goes_on) => all.extend([goes_on, b" "].concat()),
            None => all.extend([line, b"\n"].concat()),
        }
        all
    });
    let mut files = Vec::new();
    for line in joined.split(|b| *b == b'\n') {
        if let Some(at) = line.windows(2).position(|w| w == b": ") {
            files.extend(prerequisites(&line[at + 2..]));
        }
    }
    files.sort();
    files.dedup();
    files
}

fn prerequisites(list: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut one) = (Vec::new(), Vec::new());
    let mut bytes = list.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' if bytes.peek().is_some_and(|b| matches!(b, b' ' | b'#')) => one.extend(bytes.next()),
            b'$' if bytes.peek() == Some(&b'$') => one.extend(bytes.next()),
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
        let d = parse(b"/o/a.d: src/lib.rs /x/my\\ file.rs\n\nsrc/lib.rs:\n\n# env-dep:OUT_DIR=/o\n# env-dep:NO\n# checksum:x\n", Format::DepInfo);
        assert_eq!(d.files, [b"/x/my file.rs".to_vec(), b"src/lib.rs".to_vec()]);
        assert_eq!(d.env, [b"OUT_DIR".to_vec(), b"NO".to_vec()]);
    }

    #[test]
    fn rules_that_go_on() {
        let d =
            parse(b"a.o b.o: a.c /x/my\\ file.h \\\n  c$$d.h e\\#f.h\n\nc$$d.h:\n", Format::NarrowDepfile);
        let files = [&b"/x/my file.h"[..], b"a.c", b"c$d.h", b"e#f.h"];
        assert_eq!(d.files, files);
    }
}
