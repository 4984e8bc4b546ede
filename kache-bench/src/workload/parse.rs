//! Parses a workload file and reports its errors.
//!
//! The shapes here match the file, with every key checked; they become [`Workload`] after the combinations of
//! keys are checked. Every error names file, line and key, and the nearest valid key for a misspelt one.

use super::{CcWiring, Expect, NondeterminismClaim, Source, Tools, UnitClaim, Units, Wiring, Workload};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    description: String,
    source: Spanned<SourceShape>,
    pull: Option<Spanned<PullShape>>,
    #[serde(default)]
    wiring: WiringShape,
    #[serde(default)]
    setup: CommandsShape,
    #[serde(default)]
    build: BuildShape,
    #[serde(default)]
    clean: CommandsShape,
    #[serde(default)]
    units: UnitsShape,
    #[serde(default)]
    tools: Tools,
    #[serde(default)]
    expect: ExpectShape,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceShape {
    kind: Spanned<String>,
    path: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    rev: Option<Spanned<String>>,
    history: Option<Spanned<bool>>,
    name: Option<Spanned<String>>,
    package: Option<Spanned<String>>,
    version: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PullShape {
    from: Option<String>,
    without_patches: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WiringShape {
    rustc: bool,
    cc: Option<Spanned<toml::Value>>,
}

impl Default for WiringShape {
    fn default() -> Self {
        WiringShape { rustc: true, cc: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandsShape {
    commands: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildShape {
    commands: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsShape {
    families: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectShape {
    units: Option<usize>,
    hit_rate: Option<Spanned<f64>>,
    third_hit_rate: Option<Spanned<f64>>,
    stability: Option<Spanned<f64>>,
    #[serde(default)]
    embedded_paths: Vec<UnitClaim>,
    #[serde(default)]
    nondeterministic: Vec<NondeterminismClaim>,
}

pub(super) fn parse(name: &str, file: &Path, text: &str) -> Result<Workload> {
    let complain = Complaints { file, text };
    let shape: FileShape = toml::from_str(text).map_err(|e| complain.of_parser(&e))?;
    let source = source(&complain, shape.source)?;
    let base = file.parent().unwrap_or(Path::new(""));
    let earlier = shape.pull.map(|pull| earlier(&complain, pull, &source, base)).transpose()?;
    let wiring = Wiring { rustc: shape.wiring.rustc, cc: cc_wiring(&complain, shape.wiring.cc)? };
    let families = shape.units.families.unwrap_or_else(|| {
        // A build script that cargo starts runs by kache, too, and every compiler in it.
        let all = ["rustc", "script", "cc", "link"];
        let counted = if wiring.rustc { &all[..] } else { &all[2..] };
        counted.iter().map(|family| family.to_string()).collect()
    });
    let hit_rate = complain.fraction("expect.hit_rate", shape.expect.hit_rate)?;
    Ok(Workload {
        name: name.to_owned(),
        description: shape.description.trim().to_owned(),
        source,
        earlier,
        wiring,
        setup: shape.setup.commands.unwrap_or_default(),
        build: shape.build.commands.unwrap_or_else(|| vec!["cargo build --locked".into()]),
        environment: shape.build.env,
        clean: shape.clean.commands.unwrap_or_else(|| vec!["cargo clean".into()]),
        units: Units { families },
        tools: shape.tools,
        expect: Expect {
            units: shape.expect.units.unwrap_or(1),
            hit_rate: hit_rate.unwrap_or(1.0),
            third_hit_rate: complain
                .fraction("expect.third_hit_rate", shape.expect.third_hit_rate)?
                .or(hit_rate)
                .unwrap_or(1.0),
            stability: complain.fraction("expect.stability", shape.expect.stability)?.unwrap_or(1.0),
            embedded_paths: shape.expect.embedded_paths,
            nondeterministic: shape.expect.nondeterministic,
        },
    })
}

fn earlier(complain: &Complaints, pull: Spanned<PullShape>, source: &Source, base: &Path) -> Result<Source> {
    let start = pull.span().start;
    let PullShape { from, without_patches } = pull.into_inner();
    match (from, without_patches, source.clone()) {
        (Some(from), None, source) => Ok(source.at(&from, base)),
        (None, Some(without), Source::Debian { package, version, .. }) if without > 0 => {
            Ok(Source::Debian { package, version, without })
        }
        (None, Some(0), _) => Err(complain.at(
            start,
            "with 0 patches left out it is the same source".into(),
            "set `pull.without_patches` to 1",
        )),
        (None, Some(_), _) => {
            let what = "only a source of kind `debian` has patches to leave out";
            Err(complain.at(start, what.into(), "set `pull.from` instead"))
        }
        _ => {
            let what = "[pull] has one of the keys `from` and `without_patches`";
            Err(complain.at(start, what.into(), "set one, and remove the other"))
        }
    }
}

/// Values of `wiring.cc`.
const CC_WIRINGS: &[(&str, CcWiring)] = &[
    ("env", CcWiring::Environment),
    ("launcher", CcWiring::Launcher),
    ("run", CcWiring::Run),
    ("shims", CcWiring::Shims),
];

fn cc_wiring(complain: &Complaints, value: Option<Spanned<toml::Value>>) -> Result<Option<CcWiring>> {
    let Some(value) = value else { return Ok(None) };
    let start = value.span().start;
    let given = match value.into_inner() {
        toml::Value::Boolean(on) => return Ok(on.then_some(CcWiring::Environment)),
        toml::Value::String(name) => name,
        other => other.to_string(),
    };
    match CC_WIRINGS.iter().find(|(name, _)| *name == given) {
        Some((_, wiring)) => Ok(Some(*wiring)),
        None => {
            let choices: Vec<_> = CC_WIRINGS.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let remedy =
                format!("choose one of {}, or true (the same as \"env\") or false", choices.join(", "));
            Err(complain.at(start, format!("`wiring.cc` is `{given}`"), &remedy))
        }
    }
}

/// Values of `source.kind`.
const KINDS: &[&str] = &["path", "git", "crate", "debian"];

fn source(complain: &Complaints, source: Spanned<SourceShape>) -> Result<Source> {
    let start = source.span().start;
    let SourceShape { kind, path, url, rev, mut history, name, package, version } = source.into_inner();
    let given = [
        ("path", path),
        ("url", url),
        ("rev", rev),
        ("name", name),
        ("package", package),
        ("version", version),
    ];
    let mut given: BTreeMap<_, _> =
        given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let kind_start = kind.span().start;
    let kind = kind.into_inner();
    let mut take = |key: &str| {
        given.remove(key).map(Spanned::into_inner).ok_or_else(|| {
            let what = format!("a source of kind `{kind}` needs the key `{key}`");
            complain.at(start, what, &format!("add `{key} = \"…\"` to [source]"))
        })
    };
    let source = match kind.as_str() {
        "path" => {
            let base = complain.file.parent().unwrap_or(Path::new(""));
            Source::Path(base.join(take("path")?))
        }
        "git" => {
            let history = history.take().is_none_or(Spanned::into_inner);
            Source::Git { url: take("url")?, rev: take("rev")?, history }
        }
        "crate" => Source::Crate { name: take("name")?, version: take("version")? },
        "debian" => {
            let package = take("package")?;
            Source::Debian { package, version: take("version").ok(), without: 0 }
        }
        other => {
            let meant = similar::get_close_matches(other, KINDS, 1, 0.5);
            let remedy = meant.first().map(|m| format!("did you mean `{m}`?"));
            let remedy = remedy.unwrap_or_else(|| format!("the kinds are: {}", KINDS.join(", ")));
            return Err(complain.at(kind_start, format!("`{other}` is not a kind of source"), &remedy));
        }
    };
    let spare = given.iter().map(|(key, value)| (*key, value.span()));
    match spare.chain(history.map(|value| ("history", value.span()))).next() {
        None => Ok(source),
        Some((key, span)) => {
            let what = format!("a source of kind `{kind}` has no key `{key}`");
            Err(complain.at(span.start, what, "remove it, or change `kind`"))
        }
    }
}

/// Builds error messages for one file.
struct Complaints<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Complaints<'_> {
    fn at(&self, offset: usize, what: String, remedy: &str) -> Error {
        let line = self.text[..offset.min(self.text.len())].matches('\n').count() + 1;
        Error::input(what).at(format!("{}, line {line}", self.file.display())).remedy(remedy)
    }

    fn of_parser(&self, error: &toml::de::Error) -> Error {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message();
        let remedy = match nearest_key(message) {
            Some(key) => format!("did you mean `{key}`?"),
            None => "fix the file; workloads/README.md lists the keys of a workload".into(),
        };
        self.at(offset, message.to_owned(), &remedy)
    }

    fn fraction(&self, key: &str, value: Option<Spanned<f64>>) -> Result<Option<f64>> {
        let Some(value) = value else { return Ok(None) };
        let start = value.span().start;
        let value = value.into_inner();
        if (0.0..=1.0).contains(&value) {
            return Ok(Some(value));
        }
        Err(self.at(start, format!("`{key}` is {value}"), "use a share from 0.0 to 1.0"))
    }
}

/// The nearest of the fields in "unknown field `x`, expected one of `a`, `b`".
fn nearest_key(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("unknown field ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let known: Vec<_> = quoted.collect();
    similar::get_close_matches(wrong, &known, 1, 0.5).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::definition::CommonLines;

    const MINIMAL: &str =
        "description = \"d\"\n[source]\nkind = \"crate\"\nname = \"eza\"\nversion = \"0.23.5\"\n";

    fn read(text: &str) -> Result<Workload> {
        parse("w", Path::new("dir/w.toml"), text)
    }

    fn complaint(text: &str) -> String {
        let error = read(text).unwrap_err();
        assert_eq!(error.status(), 2);
        error.to_string()
    }

    #[test]
    fn the_least_is_enough() {
        let workload = read(MINIMAL).unwrap();
        assert_eq!(workload.source, Source::Crate { name: "eza".into(), version: "0.23.5".into() });
        assert_eq!(workload.build, ["cargo build --locked"]);
        assert_eq!(workload.units.families, ["rustc", "script", "cc", "link"]);
        assert_eq!((workload.expect.hit_rate, workload.expect.third_hit_rate), (1.0, 1.0));
        let floor = read(&format!("{MINIMAL}[expect]\nhit_rate = 0.5\n")).unwrap().expect;
        assert_eq!(floor.third_hit_rate, 0.5);
        let both =
            read(&format!("{MINIMAL}[expect]\nhit_rate = 0.5\nthird_hit_rate = 0.9\n")).unwrap().expect;
        assert_eq!((both.hit_rate, both.third_hit_rate), (0.5, 0.9));
    }

    #[test]
    fn a_misspelt_key_is_answered_with_file_line_and_the_nearest() {
        let text = complaint(&format!("{MINIMAL}[expect]\nhit_rat = 1.0\n"));
        assert!(text.contains("dir/w.toml, line 7"), "{text}");
        assert!(text.contains("unknown field `hit_rat`"), "{text}");
        assert!(text.contains("did you mean `hit_rate`?"), "{text}");
    }

    #[test]
    fn a_misspelt_table_too() {
        let text = complaint(&format!("{MINIMAL}[wirring]\nrustc = true\n"));
        assert!(text.contains("line 6") && text.contains("did you mean `wiring`?"), "{text}");
    }

    #[test]
    fn a_key_of_another_kind_or_a_missing_one_is_named() {
        let text = complaint(&format!("{MINIMAL}rev = \"v1\"\n"));
        assert!(text.contains("line 6") && text.contains("has no key `rev`"), "{text}");
        let text = complaint("description = \"d\"\n[source]\nkind = \"git\"\nurl = \"u\"\n");
        assert!(text.contains("needs the key `rev`") && text.contains("line 2"), "{text}");
        let text = complaint("description = \"d\"\n[source]\nkind = \"crates\"\n");
        assert!(text.contains("line 3") && text.contains("did you mean `crate`?"), "{text}");
    }

    #[test]
    fn c_compilers_are_wired_in_one_of_four_ways() {
        let wired = |value: &str| read(&format!("{MINIMAL}[wiring]\ncc = {value}\n")).map(|w| w.wiring.cc);
        assert_eq!(wired("false").unwrap(), None);
        assert_eq!(wired("true").unwrap(), Some(CcWiring::Environment));
        assert_eq!(wired("\"env\"").unwrap(), Some(CcWiring::Environment));
        assert_eq!(wired("\"launcher\"").unwrap(), Some(CcWiring::Launcher));
        assert_eq!(wired("\"run\"").unwrap(), Some(CcWiring::Run));
        assert_eq!(wired("\"shims\"").unwrap(), Some(CcWiring::Shims));
        let text = wired("\"cmake\"").unwrap_err().to_string();
        assert!(
            text.contains("line 7") && text.contains("\"env\", \"launcher\", \"run\", \"shims\""),
            "{text}"
        );
        let text = wired("3").unwrap_err().to_string();
        assert!(text.contains("`wiring.cc` is `3`"), "{text}");
        let families =
            read(&format!("{MINIMAL}[wiring]\nrustc = false\ncc = \"shims\"\n")).unwrap().units.families;
        assert_eq!(families, ["cc", "link"]);
    }

    #[test]
    fn a_debian_source_has_a_package_and_perhaps_a_version() {
        let source = |keys: &str| {
            read(&format!("description = \"d\"\n[source]\nkind = \"debian\"\n{keys}")).map(|w| w.source)
        };
        let any = Source::Debian { package: "zstd".into(), version: None, without: 0 };
        assert_eq!(source("package = \"zstd\"\n").unwrap(), any);
        let one = Source::Debian { package: "zstd".into(), version: Some("1.5-1".into()), without: 0 };
        assert_eq!(source("package = \"zstd\"\nversion = \"1.5-1\"\n").unwrap(), one);
        let text = source("name = \"zstd\"\n").unwrap_err().to_string();
        assert!(text.contains("needs the key `package`"), "{text}");
    }

    #[test]
    fn what_is_pulled_from_is_of_the_sources_kind() {
        let earlier = |text: &str| read(&format!("{text}[pull]\nfrom = \"old\"\n")).unwrap().earlier.unwrap();
        assert_eq!(earlier(MINIMAL), Source::Crate { name: "eza".into(), version: "old".into() });
        let path = "description = \"d\"\n[source]\nkind = \"path\"\npath = \"new\"\n";
        assert_eq!(earlier(path), Source::Path("dir/old".into()));
        let git = "description = \"d\"\n[source]\nkind = \"git\"\nurl = \"u\"\nrev = \"new\"\n";
        let old = |history| Source::Git { url: "u".into(), rev: "old".into(), history };
        assert_eq!(earlier(git), old(true));
        assert_eq!(earlier(&format!("{git}history = false\n")), old(false));
        assert!(complaint(&format!("{MINIMAL}history = false\n")).contains("has no key `history`"));
        assert_eq!(read(MINIMAL).unwrap().earlier, None);
        let debian = "description = \"d\"\n[source]\nkind = \"debian\"\npackage = \"zstd\"\n[pull]\n";
        let less = read(&format!("{debian}without_patches = 2\n")).unwrap().earlier.unwrap();
        assert_eq!(less, Source::Debian { package: "zstd".into(), version: None, without: 2 });
        assert!(complaint(&format!("{debian}without_patches = 0\n")).contains("it is the same source"));
        assert!(complaint(debian).contains("one of the keys `from`"));
        assert!(complaint(&format!("{MINIMAL}[pull]\nwithout_patches = 1\n")).contains("kind `debian`"));
        assert!(complaint(&format!("{MINIMAL}[pull]\nform = \"old\"\n")).contains("did you mean `from`?"));
    }

    #[test]
    fn lines_may_be_in_any_order_only_where_nondeterminism_is_claimed() {
        let claim = |table: &str, lines: &str| {
            format!("{MINIMAL}[[expect.{table}]]\nunit = \"u\"\nreason = \"r\"\n{lines}")
        };
        let lines =
            |text: &str| read(&claim("nondeterministic", text)).unwrap().expect.nondeterministic[0].lines;
        assert_eq!(lines(""), None);
        assert_eq!(lines("lines = \"any-order\"\n"), Some(CommonLines::AnyOrder));
        let text = complaint(&claim("nondeterministic", "lines = \"sorted\"\n"));
        assert!(text.contains("line 9") && text.contains("`any-order`"), "{text}");
        let text = complaint(&claim("embedded_paths", "lines = \"any-order\"\n"));
        assert!(text.contains("unknown field `lines`"), "{text}");
    }

    #[test]
    fn a_share_is_a_share() {
        let text = complaint(&format!("{MINIMAL}[expect]\nstability = 99.0\n"));
        assert!(text.contains("line 7") && text.contains("expect.stability"), "{text}");
    }
}
