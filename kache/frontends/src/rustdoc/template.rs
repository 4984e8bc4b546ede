//! Files that crates share: a text with a sorted list of fragments in it, one or more for each crate. The last line is a
//! comment that says where the list begins and how long each fragment is. rustdoc adds fragments to the file that it finds.

use std::collections::BTreeSet;

const COMMENT: &[u8] = b"\n//{\"start\":";
const LENGTHS: &[u8] = b",\"fragment_lengths\":[";
const END: &[u8] = b"]}";

/// A shared file, taken apart.
#[derive(PartialEq, Eq, Debug)]
struct Template<'a> {
    before: &'a [u8],
    fragments: BTreeSet<&'a [u8]>,
    after: &'a [u8],
}

impl<'a> Template<'a> {
    fn parse(file: &'a [u8]) -> Option<Template<'a>> {
        let at = memchr::memmem::rfind(file, COMMENT)?;
        let (text, comment) = file.split_at(at);
        let comment = comment[COMMENT.len()..].strip_suffix(END)?;
        let split = memchr::memmem::find(comment, LENGTHS)?;
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<usize>().ok();
        let (before, mut rest) = text.split_at_checked(number(&comment[..split])?)?;
        let mut fragments = BTreeSet::new();
        let lengths = &comment[split + LENGTHS.len()..];
        for length in lengths.split(|b| *b == b',').filter(|length| !length.is_empty()) {
            let (fragment, after) = rest.split_at_checked(number(length)?)?;
            let comma: &[u8] = if fragments.is_empty() { b"" } else { b"," };
            fragments.insert(fragment.strip_prefix(comma)?);
            rest = after;
        }
        let template = Template { before, fragments, after: rest };
        (template.write() == file).then_some(template)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = self.before.to_vec();
        let mut lengths = Vec::new();
        for fragment in &self.fragments {
            let begin = out.len();
            out.extend(if lengths.is_empty() { &b""[..] } else { b"," });
            out.extend(*fragment);
            lengths.push((out.len() - begin).to_string());
        }
        out.extend(self.after);
        out.extend(COMMENT);
        out.extend(self.before.len().to_string().bytes());
        out.extend(LENGTHS);
        out.extend(lengths.join(",").bytes());
        out.extend(END);
        out
    }
}

/// Whether a file can be joined with another of its name.
pub(super) fn is_template(file: &[u8]) -> bool {
    Template::parse(file).is_some()
}

/// A shared file with the fragments of a crate's own. `None` if the two are not the same text around different fragments.
pub(super) fn join(shared: &[u8], own: &[u8]) -> Option<Vec<u8>> {
    let (mut shared, own) = (Template::parse(shared)?, Template::parse(own)?);
    if (shared.before, shared.after) != (own.before, own.after) {
        return None;
    }
    shared.fragments.extend(own.fragments);
    Some(shared.write())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(crates: &[&str]) -> Vec<u8> {
        let fragments = crates.iter().map(|name| name.as_bytes()).collect();
        Template { before: b"window.ALL = [", fragments, after: b"];" }.write()
    }

    #[test]
    fn fragments_are_joined_in_order_and_once() {
        assert_eq!(
            String::from_utf8(file(&["\"a\"", "\"b\""])).unwrap(),
            "window.ALL = [\"a\",\"b\"];\n//{\"start\":14,\"fragment_lengths\":[3,4]}"
        );
        let both = file(&["\"a\"", "\"b\""]);
        assert_eq!(join(&file(&["\"b\""]), &file(&["\"a\""])), Some(both.clone()));
        assert_eq!(join(&both, &file(&["\"a\""])), Some(both.clone()));
        assert_eq!(join(&file(&[]), &both), Some(both));
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let good = file(&["\"a\""]);
        let text = String::from_utf8(good.clone()).unwrap();
        for (from, to) in [("start", "begin"), (":14", ":99"), ("[3]", "[3,4]"), ("]}", "]} ")] {
            assert!(!is_template(text.replace(from, to).as_bytes()), "{from}");
        }
        assert_eq!(join(text.replace("ALL", "ANY").as_bytes(), &good), None);
        assert_eq!(join(text.replace("[3]", "[]").as_bytes(), &good), None);
    }
}
