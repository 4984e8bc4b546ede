//! Text that names paths of a checkout, stored so that another checkout can have it with its own.
//!
//! Dep-info, depfiles and diagnostics are full of absolute paths. In the store each mention of a root is a mark,
//! NUL, the spelling, the root's name, NUL, and is written out again for the checkout that asks. The spelling says
//! how the surrounding format quotes a path: plainly, with make's backslashes, or inside a JSON string.

use crate::paths::Roots;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Plain = b'p' as isize,
    Make = b'm' as isize,
    Json = b'j' as isize,
}

impl Spelling {
    fn of(byte: u8) -> Option<Spelling> {
        [Spelling::Plain, Spelling::Make, Spelling::Json].into_iter().find(|s| *s as u8 == byte)
    }

    fn write(self, path: &[u8]) -> Vec<u8> {
        match self {
            Spelling::Plain => path.to_vec(),
            Spelling::Make => {
                let mut out = Vec::with_capacity(path.len());
                for b in path {
                    match b {
                        b' ' | b'#' => out.push(b'\\'),
                        b'$' => out.push(b'$'),
                        _ => {}
                    }
                    out.push(*b);
                }
                out
            }
            Spelling::Json => {
                let quoted = serde_json::to_string(&String::from_utf8_lossy(path)).unwrap_or_default();
                quoted.trim_matches('"').as_bytes().to_vec()
            }
        }
    }
}

/// The text with each root replaced by its mark; `None` where it has NULs of its own and cannot be marked.
pub fn mark(text: &[u8], roots: &Roots) -> Option<Vec<u8>> {
    if text.contains(&0) {
        return None;
    }
    let mut needles: Vec<(Vec<u8>, Spelling, &str)> = Vec::new();
    for root in roots.iter() {
        let mut forms = vec![(root.path.as_os_str().as_encoded_bytes().to_vec(), root.name.as_str())];
        // What we put into artifacts comes back in diagnostics. `.` alone says nothing; it is handled by `unmap`.
        if let Some(m) = root.mapped.as_deref().filter(|m| m.starts_with('/')) {
            forms.push((m.as_bytes().to_vec(), root.name.as_str()));
        }
        for (path, name) in forms {
            for spelling in [Spelling::Plain, Spelling::Make, Spelling::Json] {
                let bytes = spelling.write(&path);
                if !needles.iter().any(|(b, _, _)| *b == bytes) {
                    needles.push((bytes, spelling, name));
                }
            }
        }
    }
    needles.sort_by_key(|(b, _, _)| std::cmp::Reverse(b.len()));
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let inside = i > 0 && (part_of_a_name(text[i - 1]) || text[i - 1] == b'/');
        let hit = (text[i] == b'/' && !inside)
            .then(|| {
                needles.iter().find(|(b, _, _)| {
                    text[i..].starts_with(b) && !text.get(i + b.len()).is_some_and(|n| part_of_a_name(*n))
                })
            })
            .flatten();
        if let Some((bytes, spelling, name)) = hit {
            out.push(0);
            out.push(*spelling as u8);
            out.extend(name.as_bytes());
            out.push(0);
            i += bytes.len();
        } else {
            out.push(text[i]);
            i += 1;
        }
    }
    Some(out)
}

fn part_of_a_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'@' | b'~') || b >= 0x80
}

/// The text with each mark replaced by the root here; `None` where it names a root that is not known here.
pub fn render(marked: &[u8], roots: &Roots) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(marked.len() + 256);
    let mut rest = marked;
    while let Some(at) = rest.iter().position(|b| *b == 0) {
        out.extend(&rest[..at]);
        let spelling = Spelling::of(*rest.get(at + 1)?)?;
        let tail = &rest[at + 2..];
        let end = tail.iter().position(|b| *b == 0)?;
        let path = roots.get(std::str::from_utf8(&tail[..end]).ok()?)?;
        out.extend(spelling.write(path.as_os_str().as_encoded_bytes()));
        rest = &tail[end + 1..];
    }
    out.extend(rest);
    Some(out)
}

/// One line of a compiler's diagnostics as the compiler would have printed it had no prefix been mapped.
///
/// Only what can be told apart is undone: `/kache/…` anywhere, and `./` where a diagnostic puts a file's name.
pub fn unmap(line: &[u8], roots: &Roots) -> Vec<u8> {
    let mut out = line.to_vec();
    for root in roots.iter() {
        let Some(mapped) = &root.mapped else { continue };
        let real = root.path.as_os_str().as_encoded_bytes();
        if mapped.starts_with('/') {
            out = replace(&out, mapped.as_bytes(), real);
        } else {
            for lead in ["--> ", "::: ", "\"file_name\":\""] {
                let from = format!("{lead}{mapped}/");
                let mut to = lead.as_bytes().to_vec();
                to.extend(real);
                to.push(b'/');
                out = replace(&out, from.as_bytes(), &to);
            }
        }
    }
    out
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        if text[i..].starts_with(from) {
            out.extend(to);
            i += from.len();
        } else {
            out.push(text[i]);
            i += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(ws: &str) -> Roots {
        let mut r = Roots::default();
        r.add("workspace", ws.into(), Some("."));
        r.add("target", format!("{ws}/target").into(), Some("./target"));
        r.add("cargo", "/c".into(), Some("/kache/cargo"));
        r
    }

    #[test]
    fn marks_move_to_another_checkout() {
        let (a, b) = (roots("/a/my ws"), roots("/elsewhere/b"));
        let text = br#"/a/my\ ws/target/x.d: /a/my\ ws/src/l.rs /z/a/my /c/r "p":"/a/my ws/target"
# env-dep:OUT=/a/my ws/target/o"#;
        let marked = mark(text, &a).unwrap();
        assert_eq!(render(&marked, &a).unwrap(), text);
        let moved = String::from_utf8(render(&marked, &b).unwrap()).unwrap();
        assert_eq!(
            moved,
            "/elsewhere/b/target/x.d: /elsewhere/b/src/l.rs /z/a/my /c/r \"p\":\"/elsewhere/b/target\"\n# env-dep:OUT=/elsewhere/b/target/o"
        );
    }

    #[test]
    fn a_name_that_only_begins_alike_is_left() {
        let r = roots("/a/ws");
        assert_eq!(mark(b"/a/ws2 /a/ws-x /b/a/ws x/a/ws", &r).unwrap(), b"/a/ws2 /a/ws-x /b/a/ws x/a/ws");
        assert_eq!(mark(b"a\0b", &r), None);
    }

    #[test]
    fn diagnostics_get_their_paths_back() {
        let r = roots("/a/ws");
        let line = unmap(b"--> ./target/o/g.rs:1 \"file_name\":\"./x.rs\" /kache/cargo/r ./y", &r);
        assert_eq!(line, b"--> /a/ws/target/o/g.rs:1 \"file_name\":\"/a/ws/x.rs\" /c/r ./y");
    }
}
