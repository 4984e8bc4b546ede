//! Path templates: text stored with the paths of the workspace replaced by placeholders.
//!
//! Dep-info, depfiles and diagnostics contain absolute paths. In the store, each path of a root is a placeholder (NUL, the
//! quoting, the root's name, NUL), which is rendered with the path of the restoring checkout. The quoting is that of the
//! surrounding format: none, two kinds of make rules, or a JSON string.

mod wrap;

use crate::paths::Roots;
use crate::platform;
use memchr::memmem;
use std::io::{self, Read};

/// In the place of the quoting of a placeholder at the start of a text: the line breaks of the text follow.
const WRAPPED: u8 = b'w';

/// The placeholder for the target of a depfile.
const TARGET: &[u8] = b"\0t\0";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Plain = b'p' as isize,
    Make = b'm' as isize,
    Rule = b'r' as isize,
    Json = b'j' as isize,
}

impl Quoting {
    fn of(byte: u8) -> Option<Quoting> {
        [Quoting::Plain, Quoting::Make, Quoting::Rule, Quoting::Json].into_iter().find(|s| *s as u8 == byte)
    }

    fn write(self, path: &[u8]) -> Vec<u8> {
        match self {
            Quoting::Plain => path.to_vec(),
            Quoting::Make => {
                let mut out = Vec::with_capacity(path.len());
                // Dep-info quotes blanks and nothing else.
                for b in path {
                    if *b == b' ' {
                        out.push(b'\\');
                    }
                    out.push(*b);
                }
                out
            }
            Quoting::Rule => {
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
            Quoting::Json => {
                let quoted = serde_json::to_string(&String::from_utf8_lossy(path)).unwrap_or_default();
                quoted.trim_matches('"').as_bytes().to_vec()
            }
        }
    }
}

/// The format of a text, which decides how paths are quoted: a path may need quotes in the restoring checkout even if it needs
/// none here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Dep-info: make rules, and comments with unquoted values.
    DepInfo,
    /// A depfile: make rules that quote more characters, in lines of 72 columns.
    NarrowDepfile,
    /// A depfile in lines of 75 columns.
    WideDepfile,
    /// Printed text: lines of JSON, or plain text.
    Printed,
}

impl Format {
    /// The parts of a line with their quoting.
    fn pieces(self, line: &[u8]) -> impl Iterator<Item = (Quoting, &[u8])> {
        let (quoting, rest) = match self {
            Format::DepInfo if line.starts_with(b"#") => (Quoting::Plain, None),
            // Quoted are the names after the colon, and the name of a rule with nothing after its colon.
            Format::DepInfo => match line.windows(2).position(|w| w == b": ") {
                Some(at) => (Quoting::Plain, Some(at)),
                None => (Quoting::Make, None),
            },
            Format::NarrowDepfile | Format::WideDepfile => (Quoting::Rule, None),
            Format::Printed => (printed(line), None),
        };
        let (first, rest) = line.split_at(rest.unwrap_or(line.len()));
        [(quoting, first), (Quoting::Make, rest)].into_iter().filter(|(_, piece)| !piece.is_empty())
    }
}

/// The quoting of paths in a printed line.
fn printed(line: &[u8]) -> Quoting {
    // Some compilers print all diagnostics as one array.
    if line.starts_with(b"{") || line.starts_with(b"[{\"") || line == b"[]\n" {
        Quoting::Json
    } else {
        Quoting::Plain
    }
}

/// Replaces each path of a root by a placeholder; `None` if the text contains NUL.
pub fn templatize(text: &[u8], roots: &Roots, format: Format) -> Option<Vec<u8>> {
    templatize_for(text, roots, format, None)
}

/// The same, with a placeholder for the target of a depfile that has this one target.
pub fn templatize_for(text: &[u8], roots: &Roots, format: Format, target: Option<&str>) -> Option<Vec<u8>> {
    if text.contains(&0) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let joined;
    let mut text = text;
    let likely = match format {
        Format::NarrowDepfile => Some(wrap::Style::Narrow),
        Format::WideDepfile => Some(wrap::Style::Wide),
        _ => None,
    };
    if let Some(likely) = likely {
        let (style, whole) = likely.recognise(text);
        out.extend([0, WRAPPED, style as u8, 0]);
        joined = whole;
        text = &joined;
        // Where the breaks are unknown, those for another target are.
        let target = target.filter(|_| style != wrap::Style::Other);
        let after = target.and_then(|target| text.strip_prefix(target.as_bytes()));
        if let Some(after) = after.filter(|after| after.starts_with(b":")) {
            out.extend(TARGET);
            text = after;
        }
    }
    let mut known: Vec<(Quoting, Vec<Needle>)> = Vec::new();
    for (quoting, piece) in text.split_inclusive(|b| *b == b'\n').flat_map(|line| format.pieces(line)) {
        let needles = match known.iter().position(|(s, _)| *s == quoting) {
            Some(i) => &known[i].1,
            None => {
                known.push((quoting, needles(roots, quoting)));
                &known.last().expect("just pushed").1
            }
        };
        templatize_piece(piece, needles, quoting, &mut out);
    }
    Some(out)
}

/// Whether a text contains the bytes.
pub fn contains(text: &[u8], bytes: &[u8]) -> bool {
    memmem::find(text, bytes).is_some()
}

/// Whether a text has a word: as it stands, with no letter, digit or underscore beside a letter, digit or underscore of its own.
pub fn has_word(text: &[u8], word: &[u8]) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let (begins, ends) = (is_part(word.first()), is_part(word.last()));
    let is_apart = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        !(begins && is_part(before) || ends && is_part(text.get(at + word.len())))
    };
    memchr::memmem::find_iter(text, word).any(is_apart)
}

/// The number of bytes that [`present`] reads at once.
const PIECE: usize = 256 * 1024;

/// Which of the byte strings are in a stream. Keeps only a part of it in memory.
pub fn present(from: &mut impl Read, any: &[&[u8]]) -> io::Result<Vec<bool>> {
    let mut found = vec![false; any.len()];
    let finders: Vec<_> = any.iter().map(memmem::Finder::new).collect();
    // A match may begin in one piece and end in the next.
    let overlap = any.iter().map(|bytes| bytes.len()).max().unwrap_or(0).saturating_sub(1);
    let mut window = Vec::new();
    while found.contains(&false) {
        window.drain(..window.len() - window.len().min(overlap));
        let read = from.by_ref().take(PIECE as u64).read_to_end(&mut window)?;
        for (found, finder) in found.iter_mut().zip(&finders) {
            *found = *found || finder.find(&window).is_some();
        }
        if read == 0 {
            break;
        }
    }
    Ok(found)
}

type Needle<'a> = (Vec<u8>, Quoting, &'a str);

/// The byte strings to search for in a line of that quoting: paths in this quoting first, then in any other.
fn needles(roots: &Roots, quoting: Quoting) -> Vec<Needle<'_>> {
    let mut needles: Vec<Needle> = Vec::new();
    for root in roots.iter() {
        let mut forms = vec![(root.path.as_os_str().as_encoded_bytes().to_vec(), root.name.as_str())];
        // Diagnostics contain the mapped paths of artifacts. `.` alone is ambiguous; `unmap` handles it.
        if let Some(m) = root.mapped.as_deref().filter(|m| m.starts_with('/')) {
            forms.push((m.as_bytes().to_vec(), root.name.as_str()));
        }
        for (path, name) in forms {
            for quoting in [quoting, Quoting::Plain, Quoting::Make, Quoting::Rule, Quoting::Json] {
                let bytes = quoting.write(&path);
                if !needles.iter().any(|(b, _, _)| *b == bytes) {
                    needles.push((bytes, quoting, name));
                }
            }
        }
    }
    needles.sort_by_key(|(b, _, _)| std::cmp::Reverse(b.len()));
    needles
}

fn templatize_piece(text: &[u8], needles: &[Needle], quoting: Quoting, out: &mut Vec<u8>) {
    let mut i = 0;
    let make = matches!(quoting, Quoting::Make | Quoting::Rule);
    while i < text.len() {
        let goes_on = |n: &u8| part_of_a_name(*n) || *n == b'\\' && make && !platform::is_separator(b'\\');
        let hit = (platform::is_path_start(text[i]) && may_begin(&text[..i], quoting))
            .then(|| {
                needles
                    .iter()
                    .find(|(b, _, _)| text[i..].starts_with(b) && !text.get(i + b.len()).is_some_and(goes_on))
            })
            .flatten();
        if let Some((bytes, quoting, name)) = hit {
            out.push(0);
            out.push(*quoting as u8);
            out.extend(name.as_bytes());
            out.push(0);
            i += bytes.len();
        } else {
            out.push(text[i]);
            i += 1;
        }
    }
}

/// Whether a path can begin after this text: not within a name, but after a colour or an escaped end of line.
fn may_begin(before: &[u8], quoting: Quoting) -> bool {
    let Some(last) = before.last() else { return true };
    let escaped = quoting == Quoting::Json
        && [&b"\\n"[..], b"\\t", b"\\r"]
            .iter()
            .any(|e| before.ends_with(e) && !before.ends_with(&[b"\\", *e].concat()));
    escaped || without_colour(before).is_some() || !part_of_a_name(*last) && *last != b'/'
}

/// The text without the escape sequence, raw or in JSON, at its end.
fn without_colour(text: &[u8]) -> Option<&[u8]> {
    // Some compilers erase the rest of the line after each colour.
    let text = text.strip_suffix(b"\x1b[K").unwrap_or(text);
    let parameters = text.strip_suffix(b"m")?;
    let n = parameters.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let rest = &parameters[..parameters.len() - n];
    rest.strip_suffix(b"\x1b[").or_else(|| rest.strip_suffix(b"\\u001b["))
}

fn part_of_a_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'@' | b'~') || b >= 0x80
}

/// A name as the target of a depfile, with the quotes that compilers give it; `None` if they do not agree on these.
pub fn as_target(name: &str) -> Option<String> {
    let is_odd = name.is_empty() || name.bytes().any(|b| b"\\\t\n".contains(&b));
    let quoted = (!is_odd).then(|| Quoting::Rule.write(name.as_bytes()))?;
    String::from_utf8(quoted).ok()
}

/// Whether a text that [`templatize_for`] made has a placeholder for its target.
pub fn leaves_target_open(template: &[u8]) -> bool {
    matches!(template, [0, WRAPPED, _, 0, rest @ ..] if rest.starts_with(TARGET))
}

/// Replaces each placeholder by the path of its root; `None` if there is no such root here.
pub fn render(template: &[u8], roots: &Roots) -> Option<Vec<u8>> {
    render_for(template, roots, None)
}

/// The same, with a target for a depfile whose target is a placeholder.
pub fn render_for(template: &[u8], roots: &Roots, target: Option<&str>) -> Option<Vec<u8>> {
    if let [0, WRAPPED, style, 0, rest @ ..] = template {
        let rule = match rest.strip_prefix(TARGET) {
            Some(after) => [target?.as_bytes(), &render(after, roots)?].concat(),
            None => render(rest, roots)?,
        };
        return Some(wrap::Style::of(*style)?.wrap(&rule));
    }
    let mut out = Vec::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some(at) = rest.iter().position(|b| *b == 0) {
        out.extend(&rest[..at]);
        let quoting = Quoting::of(*rest.get(at + 1)?)?;
        let tail = &rest[at + 2..];
        let end = tail.iter().position(|b| *b == 0)?;
        let path = roots.get(std::str::from_utf8(&tail[..end]).ok()?)?;
        out.extend(quoting.write(path.as_os_str().as_encoded_bytes()));
        rest = &tail[end + 1..];
    }
    out.extend(rest);
    Some(out)
}

/// A line of diagnostics as the command would have printed it without prefix maps.
///
/// Only unambiguous paths are replaced: `/kache/…` anywhere, and `./` at the position of a file name in a diagnostic.
pub fn unmap(line: &[u8], roots: &Roots) -> Vec<u8> {
    let quoting = printed(line);
    let mut out = line.to_vec();
    for root in roots.iter() {
        let Some(mapped) = &root.mapped else { continue };
        let real = quoting.write(root.path.as_os_str().as_encoded_bytes());
        if mapped.starts_with('/') {
            out = replace(&out, mapped.as_bytes(), &real, |_| true);
        } else {
            for separator in platform::SEPARATORS {
                let separator = quoting.write(&[*separator]);
                let (from, to) = ([mapped.as_bytes(), &separator].concat(), [&real[..], &separator].concat());
                out = replace(&out, &from, &to, names_a_file);
            }
        }
    }
    out
}

/// A directory that the arguments of a command spell otherwise than its caller did.
#[derive(Clone, Debug)]
pub struct Respelled {
    /// As the command spells it where it announces outputs.
    pub told: String,
    /// As the caller spelled it.
    pub own: String,
}

/// An announcement of an output as the command would have printed it with the caller's own arguments; any other line as it is.
pub fn respell(line: &[u8], respelled: &Respelled) -> Vec<u8> {
    let quoting = printed(line);
    let from = [&quoting.write(respelled.told.as_bytes())[..], b"/"].concat();
    let to = [&quoting.write(respelled.own.as_bytes())[..], b"/"].concat();
    replace(line, &from, &to, |before| before.ends_with(b"\"artifact\":\""))
}

/// Whether the text, without colours, ends with what a diagnostic prints before a file name.
fn names_a_file(mut before: &[u8]) -> bool {
    while let Some(rest) = without_colour(before) {
        before = rest;
    }
    // The type of a closure is `{closure@src/lib.rs:1:20}`, and those of other bodies likewise.
    [&b"--> "[..], b"::: ", b"\"file_name\":\"", b"closure@", b"block@", b"body@", b"coroutine@"]
        .iter()
        .any(|lead| before.ends_with(lead))
}

fn replace(text: &[u8], from: &[u8], to: &[u8], matches_after: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        if text[i..].starts_with(from) && matches_after(&text[..i]) {
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

    #[test]
    fn a_word_stands_apart() {
        for (text, word, expected) in [
            ("my @s = stat($f);", "stat", true),
            ("static int status;", "stat", false),
            ("File::stat", "stat", true),
            ("$^T - 3", "^T", true),
            ("[^Tx]", "^T", false),
            ("if (-M $f > 1)", "-M", true),
            ("-MFile::Copy", "-M", false),
            ("file(TIMESTAMP x y)", "TIMESTAMP", true),
            ("lstat fstat stat", "stat", true),
        ] {
            assert_eq!(has_word(text.as_bytes(), word.as_bytes()), expected, "{word} in {text}");
        }
    }

    fn roots(ws: &str) -> Roots {
        let mut r = Roots::default();
        r.add("workspace", ws.into(), Some("."));
        r.add("target", format!("{ws}/target").into(), Some("./target"));
        r.add("cargo", "/c".into(), Some("/kache/cargo"));
        r
    }

    #[test]
    fn a_match_across_two_pieces_is_found() {
        for at in [0, 1, PIECE - 5, PIECE - 1, PIECE, 3 * PIECE - 3, 4 * PIECE - 4] {
            let mut text = vec![b'.'; 4 * PIECE];
            text[at..at + 4].copy_from_slice(b"here");
            let found = present(&mut &text[..], &[b"longer than that", b"here", b"there"]).unwrap();
            assert_eq!(found, [false, true, false], "{at}");
        }
        assert_eq!(present(&mut &b""[..], &[b"x"]).unwrap(), [false]);
        assert!(present(&mut &b"x"[..], &[]).unwrap().is_empty());
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn marks_move_to_another_checkout() {
        let (a, b) = (roots("/a/my ws"), roots("/elsewhere/b"));
        let text = br#"/a/my ws/target/x.d: /a/my\ ws/src/l.rs /z/a/my /c/r "p":"/a/my ws/target"
# env-dep:OUT=/a/my ws/target/o"#;
        let template = templatize(text, &a, Format::DepInfo).unwrap();
        assert_eq!(render(&template, &a).unwrap(), text);
        let moved = String::from_utf8(render(&template, &b).unwrap()).unwrap();
        assert_eq!(
            moved,
            "/elsewhere/b/target/x.d: /elsewhere/b/src/l.rs /z/a/my /c/r \"p\":\"/elsewhere/b/target\"\n# env-dep:OUT=/elsewhere/b/target/o"
        );
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn a_depfile_gets_another_target() {
        let r = roots("/a/ws");
        let text = b"out/a.o: /a/ws/a.c /a/ws/a-header-with-a-name-that-is-as-long.h a.h\n\na.h:\n";
        let open = |target| templatize_for(text, &r, Format::NarrowDepfile, Some(target)).unwrap();
        let template = open("out/a.o");
        assert!(leaves_target_open(&template) && !contains(&template, b"a.o"));
        assert_eq!(render_for(&template, &r, Some("out/a.o")).unwrap(), text);
        let moved = render_for(&template, &r, Some("another-out/b.o")).unwrap();
        let wanted =
            "another-out/b.o: /a/ws/a.c /a/ws/a-header-with-a-name-that-is-as-long.h \\\n a.h\n\na.h:\n";
        assert_eq!(String::from_utf8(moved).unwrap(), wanted);
        // No command without a target of its own takes it.
        assert_eq!(render(&template, &r), None);
        for other in ["a.o", "out/a", "out/b.o"] {
            assert!(!leaves_target_open(&open(other)), "{other}");
            assert_eq!(render(&open(other), &r).unwrap(), text);
        }
        // Where the rule for line breaks is not known, neither is where they would be.
        let odd = b"out/a.o: a.c \\\n   a.h\n";
        let template = templatize_for(odd, &r, Format::NarrowDepfile, Some("out/a.o")).unwrap();
        assert!(!leaves_target_open(&template));
    }

    #[test]
    fn a_name_that_only_begins_alike_is_left() {
        let r = roots("/a/ws");
        assert_eq!(
            templatize(b"/a/ws2 /a/ws-x /b/a/ws x/a/ws", &r, Format::Printed).unwrap(),
            b"/a/ws2 /a/ws-x /b/a/ws x/a/ws"
        );
        assert_eq!(templatize(b"a\0b", &r, Format::Printed), None);
    }

    // The paths are spelled as Unix does.
    #[cfg(unix)]
    #[test]
    fn diagnostics_get_their_paths_back() {
        let r = roots("/a/ws");
        let line = unmap(b"--> ./target/o/g.rs:1 \"file_name\":\"./x.rs\" /kache/cargo/r ./y", &r);
        assert_eq!(line, b"--> /a/ws/target/o/g.rs:1 \"file_name\":\"/a/ws/x.rs\" /c/r ./y");
        let line = unmap(b"`{closure@./x.rs:1:2: 3:4}` a@./x.rs", &r);
        assert_eq!(line, b"`{closure@/a/ws/x.rs:1:2: 3:4}` a@./x.rs");
        let line = unmap(b"\x1b[1;94m--> \x1b[0m./x.rs {\"--> \\u001b[0m./y.rs ./z.rs", &r);
        assert_eq!(line, b"\x1b[1;94m--> \x1b[0m/a/ws/x.rs {\"--> \\u001b[0m/a/ws/y.rs ./z.rs");
        let b = roots("/b");
        for line in [&b"\x1b[0m/a/ws/x"[..], b"{\"t\":\"in:\\n/a/ws/x \\u001b[0m/a/ws/x\""] {
            let moved = render(&templatize(line, &r, Format::Printed).unwrap(), &b).unwrap();
            assert!(!moved.windows(5).any(|w| w == b"/a/ws"), "{}", moved.escape_ascii());
        }
    }
}
