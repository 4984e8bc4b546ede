//! Requirements of a workload on the machine, and the errors if they are missing.
//!
//! Programs are searched on `PATH`. There is no common way to find headers and libraries, so they are checked
//! as Debian packages, if there is a `dpkg`; on other systems the build itself reports them.

use super::Tools;
use crate::error::{Error, Result};
use std::process::Command;

/// Fails if a program or a package is missing, with the command that installs it.
pub(super) fn require(workload: &str, tools: &Tools) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|dir| dir.join(tool).is_file());
    let programs: Vec<_> = tools.programs.iter().filter(|tool| !found(tool)).map(String::as_str).collect();
    let packages: Vec<_> =
        tools.debian.iter().map(String::as_str).filter(|package| is_missing(package)).collect();
    let (what, key, names) = match (programs.is_empty(), packages.is_empty()) {
        (true, true) => return Ok(()),
        (false, _) => ("programs that are not on PATH", "tools.required", &programs),
        (true, false) => ("Debian packages that are not installed", "tools.debian", &packages),
    };
    let install = if packages.is_empty() { &programs } else { &packages };
    Err(Error::input(format!("workload `{workload}` needs {what}: {}", names.join(", ")))
        .at(format!("key `{key}` in {workload}.toml"))
        .remedy(format!("install {} (on Debian: apt-get install {})", names.join(", "), install.join(" "))))
}

/// Whether dpkg exists and reports the package as not installed.
fn is_missing(package: &str) -> bool {
    let asked =
        Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}\n", package]).output();
    // A package of several architectures has several lines.
    asked.is_ok_and(|output| {
        let states = String::from_utf8_lossy(&output.stdout);
        !(output.status.success() && states.lines().any(|state| state == "installed"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named() {
        let tools = Tools { programs: vec!["no-such-tool".into(), "sh".into()], debian: Vec::new() };
        let text = require("w", &tools).unwrap_err().to_string();
        assert!(text.contains("no-such-tool") && text.contains("w.toml"), "{text}");
        assert!(text.contains("apt-get install no-such-tool)"), "{text}");
    }

    #[test]
    fn a_missing_package_is_named_where_there_is_a_dpkg() {
        let tools = Tools { programs: Vec::new(), debian: vec!["dpkg".into(), "no-such-package".into()] };
        let answer = require("w", &tools);
        if Command::new("dpkg-query").arg("--version").output().is_err() {
            return assert!(answer.is_ok());
        }
        let text = answer.unwrap_err().to_string();
        assert!(text.contains("tools.debian") && text.contains("apt-get install no-such-package)"), "{text}");
    }
}
