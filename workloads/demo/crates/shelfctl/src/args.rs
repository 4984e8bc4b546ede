//! `TITLE=YEAR` arguments.

/// Those that can be read.
pub fn books(args: impl Iterator<Item = String>) -> Vec<(String, u32)> {
    args.filter_map(|arg| {
        let (title, year) = arg.rsplit_once('=')?;
        Some((title.to_owned(), year.parse().ok()?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_what_it_can() {
        let args = ["A=1", "B", "C=x"].map(String::from);
        assert_eq!(super::books(args.into_iter()), [("A".to_owned(), 1)]);
    }
}
