//! `kache init` and its undoing: what else stands in cargo's configuration stays as it is.

use crate::KACHE;
use crate::tools::require_tool;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// As a running program knows it: a build directory may be a link.
fn resolved() -> String {
    std::fs::canonicalize(KACHE).unwrap().to_str().unwrap().to_string()
}

struct Home(TempDir);

impl Home {
    fn new(config: Option<&str>) -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.path(".cargo")).unwrap();
        if let Some(text) = config {
            fs::write(home.path(".cargo/config.toml"), text).unwrap();
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> Option<String> {
        fs::read_to_string(self.path(".cargo/config.toml")).ok()
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut c = Command::new(KACHE);
        for name in ["RUSTC_WRAPPER", "CARGO_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            c.env_remove(name);
        }
        c.args(args)
            .env("HOME", self.0.path())
            .envs(env.iter().copied())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn assert_success(&self, args: &[&str]) -> String {
        let out = self.run(args, &[]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }
}

#[test]
fn the_file_keeps_its_comments_and_undo_gives_back_every_byte() {
    for before in [
        "# mine\n[net]\nretry = 3 # often\n\n[build]\n# as many\njobs   =  2\n",
        "[alias]\nb = \"build\"\n",
        "# nothing but this\n",
        "build.jobs = 2\n",
    ] {
        let home = Home::new(Some(before));
        let shown = home.assert_success(&["init", "--dry-run"]);
        assert!(
            shown.contains("would change") && shown.contains("+ rustc-wrapper")
                || shown.contains("rustc-wrapper ="),
            "{shown}"
        );
        assert_eq!(home.config().as_deref(), Some(before), "--dry-run changes nothing");
        home.assert_success(&["init"]);
        let after = home.config().unwrap();
        let parsed: toml::Table = after.parse().unwrap();
        assert_eq!(parsed["build"]["rustc-wrapper"].as_str(), Some(&*resolved()), "{after}");
        assert!(before.lines().all(|line| after.contains(line)), "{after}");
        assert!(home.assert_success(&["init"]).contains("nothing to do"));
        assert_eq!(home.config().unwrap(), after, "a second time changes nothing");
        home.assert_success(&["init", "--undo"]);
        assert_eq!(home.config().as_deref(), Some(before));
        assert!(home.assert_success(&["init", "--undo"]).contains("nothing to do"));
    }
}

#[test]
fn what_init_made_undo_removes() {
    let home = Home::new(None);
    home.assert_success(&["init", "--shims", "--completions", "bash"]);
    let shims = home.path(".local/share/kache/shims");
    let script = home.path(".local/share/bash-completion/completions/kache");
    assert!(home.config().is_some() && shims.is_dir());
    assert!(fs::read_to_string(&script).unwrap().contains("_KACHE_COMPLETE"));
    home.assert_success(&["init", "--shims", "--completions", "bash"]);
    let said = home.assert_success(&["init", "--completions", "zsh"]);
    let functions = home.path(".local/share/zsh/site-functions");
    assert!(functions.join("_kache").exists() && said.contains("fpath=("), "{said}");
    home.assert_success(&["init", "--undo"]);
    assert!(home.config().is_none() && !shims.exists() && !script.exists());
    assert!(!functions.join("_kache").exists());
}

#[test]
fn another_wrapper_is_not_replaced() {
    let config = "[build]\nrustc-wrapper = \"sccache\"\n";
    let home = Home::new(Some(config));
    for args in [&["init"][..], &["init", "--dry-run"]] {
        let out = home.run(args, &[]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            out.status.code() == Some(2) && said.contains("sccache") && said.contains("remove the line"),
            "{said}"
        );
    }
    home.assert_success(&["init", "--undo"]);
    assert_eq!(home.config().as_deref(), Some(config), "undo takes away only what is ours");
    let home = Home::new(Some("[build]\nrustc-wrapper = \"/old/bin/kache\"\n"));
    assert!(String::from_utf8_lossy(&home.run(&["init"], &[]).stderr).contains("another kache"));
    let home = Home::new(None);
    let out = home.run(&["init"], &[("RUSTC_WRAPPER", "sccache")]);
    assert!(out.status.code() == Some(2) && home.config().is_none());
    let home = Home::new(Some("[build\n"));
    assert_eq!(home.run(&["init"], &[]).status.code(), Some(1));
}

#[test]
fn a_link_stays_a_link() {
    let home = Home::new(None);
    fs::create_dir_all(home.path("dotfiles")).unwrap();
    fs::write(home.path("dotfiles/cargo.toml"), "[net]\nretry = 3\n").unwrap();
    std::os::unix::fs::symlink("../dotfiles/cargo.toml", home.path(".cargo/config.toml")).unwrap();
    home.assert_success(&["init"]);
    assert!(home.path(".cargo/config.toml").symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_to_string(home.path("dotfiles/cargo.toml")).unwrap().contains("rustc-wrapper"));
}

#[test]
fn there_is_a_page_and_a_completion_for_every_command() {
    let home = Home::new(None);
    home.assert_success(&["man", "--dir", "man1"]);
    let pages: Vec<_> = fs::read_dir(home.path("man1"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    for command in kache::cli::COMMANDS.split(' ').filter(|c| !["help", "stats"].contains(c)) {
        assert!(pages.contains(&format!("kache-{command}.1")), "{command}");
        let page = home.assert_success(&["man", command]);
        assert!(page.contains(".SH SYNOPSIS") && page.contains(command), "{page}");
        let help = home.assert_success(&[command, "--help"]);
        let helps = help.contains("Examples:") || command == "monitor" && help.contains("Keys:");
        assert!(helps && help.contains(&format!("kache {command}")), "{help}");
    }
    for (typo, says) in [("raport", "report"), ("monitr", "monitor"), ("man raport", "did you mean `report`")]
    {
        let out = home.run(&typo.split(' ').collect::<Vec<_>>(), &[]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && said.contains(says), "{said}");
    }
}

/// cargo runs the link in place of rustdoc, and `--undo` removes the link and the line.
#[test]
fn rustdoc_is_set_up_and_undone() {
    let before = "[build]\njobs = 2\n";
    let home = Home::new(Some(before));
    home.assert_success(&["init", "--rustdoc", "--dry-run"]);
    assert_eq!(home.config().as_deref(), Some(before));
    home.assert_success(&["init", "--rustdoc"]);
    let parsed: toml::Table = home.config().unwrap().parse().unwrap();
    let link = PathBuf::from(parsed["build"]["rustdoc"].as_str().unwrap());
    assert_eq!(fs::canonicalize(&link).unwrap().to_str(), Some(&*resolved()));
    assert!(parsed["build"]["rustc-wrapper"].is_str());
    let version = Command::new(&link).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("rustdoc "), "{version:?}");
    let shown = home.assert_success(&["init", "--rustdoc"]);
    assert!(!shown.contains("changed  "), "{shown}");
    home.assert_success(&["init", "--undo"]);
    assert_eq!(home.config().as_deref(), Some(before));
    assert!(!link.exists() && link.symlink_metadata().is_err());
    let other = "[build]\nrustdoc = \"/opt/rustdoc\"\n";
    let home = Home::new(Some(other));
    let out = home.run(&["init", "--rustdoc"], &[]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("/opt/rustdoc"));
    assert_eq!(home.config().as_deref(), Some(other));
}

#[test]
fn colours_are_for_terminals_that_want_them_and_long_pages_are_paged() {
    if !require_tool("script", "bsdutils") {
        return;
    }
    let home = Home::new(None);
    let on_terminal = |command: &str, env: &[(&str, &str)]| {
        let mut c = Command::new("script");
        c.args(["-qec", &format!("{KACHE} {command}"), "/dev/null"]).env("HOME", home.0.path());
        c.env_remove("NO_COLOR").env("KACHE_PAGER", "cat").envs(env.iter().copied());
        String::from_utf8_lossy(&c.output().unwrap().stdout).into_owned()
    };
    assert!(on_terminal("report", &[]).contains("\x1b[1m"));
    assert!(!on_terminal("report", &[("NO_COLOR", "1")]).contains('\x1b'));
    assert!(!home.assert_success(&["report"]).contains('\x1b'), "not in a pipe");
    assert!(on_terminal("tables", &[("KACHE_PAGER", "sed s/^/paged:/")]).contains("paged:"));
    assert!(!on_terminal("--version", &[("KACHE_PAGER", "sed s/^/paged:/")]).contains("paged:"));
    assert!(on_terminal("tables", &[("KACHE_PAGER", "/no/such/pager")]).contains("CARGO_MAKEFLAGS"));
    let out = home.run(&["monitor"], &[]);
    assert_eq!(out.status.code(), Some(2), "there is nothing to draw on");
}
