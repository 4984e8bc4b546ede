//! Passages of scripts: words for times that are known for what they are used for.
//!
//! A script that has a word for the times of files may do anything with them, so one is looked for word by word. Some scripts
//! of packages that many builds contain compare the times of two files and do no more. Their text is listed. A script
//! whose words are all in listed passages, and which names the passages' variables nowhere else, compares.

use crate::template;

/// A part of a script that has a word for times, and only compares them, or means none.
#[derive(Debug)]
pub struct Passage {
    /// The text, with one space for each run of blanks and ends of lines. Begins and ends where a statement, a comment or a
    /// string does.
    pub text: &'static str,
    /// The variables that hold times there.
    pub names: &'static [&'static str],
}

/// A line of a script that asks for the time, for a value that another replaces.
#[derive(Debug)]
pub struct UnusedClock {
    /// The line. It asks for the time once in each run of the script: a process that asks more often is refused.
    pub line: &'static str,
    /// Texts one of which is in a script that was read before, if there is another value.
    pub replaced: &'static [&'static [&'static str]],
}

/// Whether a text has any of the words, or a name of a passage that is there, outside these passages.
pub fn has_word(text: &[u8], words: &[&str], beside: &[Passage]) -> bool {
    let has =
        |text: &[u8], words: &[&str]| words.iter().any(|word| template::has_word(text, word.as_bytes()));
    if beside.is_empty() || !has(text, words) {
        return has(text, words);
    }
    let mut rest = with_single_spaces(text);
    let mut names = words.to_vec();
    for passage in beside {
        if template::contains(&rest, passage.text.as_bytes()) {
            rest = without(&rest, passage.text.as_bytes());
            names.extend(passage.names);
        }
    }
    has(&rest, &names)
}

/// A text with one space for each run of blanks and ends of lines.
fn with_single_spaces(text: &[u8]) -> Vec<u8> {
    let mut single: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        match byte.is_ascii_whitespace() {
            false => single.push(*byte),
            true if single.last() != Some(&b' ') => single.push(b' '),
            true => {}
        }
    }
    single
}

/// A text with a space in the place of each passage.
fn without(text: &[u8], passage: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, passage) {
        rest.extend_from_slice(&text[from..at]);
        rest.push(b' ');
        from = at + passage.len();
    }
    rest.extend_from_slice(&text[from..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPARES: &[Passage] = &[
        Passage { text: "my $a = (stat($f))[9]; return $a > (stat($g))[9];", names: &["a"] },
        Passage { text: "# Uses stat() to compare.", names: &[] },
    ];

    #[test]
    fn a_word_counts_outside_the_passages() {
        let compares = "sub newer {\n\tmy $a = (stat($f))[9];\n    return $a > (stat($g))[9];\n}\n";
        for (text, expected) in [
            (compares.to_string(), false),
            (format!("# Uses stat() to compare.\n{compares}"), false),
            (format!("{compares}{compares}"), false),
            (format!("{compares}print((stat($f))[9]);"), true),
            (format!("{compares}print $a;"), true),
            (format!("{compares}print $all;"), false),
            (compares.replace("> (", "- ("), true),
            ("print 1;".to_string(), false),
            ("print $a;".to_string(), false),
        ] {
            assert_eq!(has_word(text.as_bytes(), &["stat"], COMPARES), expected, "{text}");
        }
        assert!(has_word(compares.as_bytes(), &["stat"], &[]));
    }
}
