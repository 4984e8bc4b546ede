//! The parsers that are fuzzed, over the corpus that is kept: what random bytes once found is tried with any compiler.

#[path = "../../fuzz/src/lib.rs"]
mod parsers;

use std::fs;
use std::path::Path;

#[test]
fn every_parser_takes_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, _) in parsers::ALL {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).expect(name).map(|e| e.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            // The name of the file in a panic's output: libtest shows it with the failure.
            println!("{}", file.display());
            let bytes = fs::read(&file).unwrap();
            parsers::run(name, &bytes);
            for end in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
                parsers::run(name, &bytes[..end]);
            }
        }
    }
}

#[test]
fn every_parser_has_a_target() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
    let mut targets: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string())
        .collect();
    let mut names: Vec<String> = parsers::ALL.iter().map(|(name, _)| name.to_string()).collect();
    targets.sort();
    names.sort();
    assert_eq!(targets, names);
}
