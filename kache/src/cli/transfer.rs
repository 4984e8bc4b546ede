//! `kache push`, `pull` and `prefetch`: transfer results to or from the remote, for CI set-ups with explicit steps.
//!
//! The agent's program does the work. JSON: `{"v":2,"dry_run","transferred","known","failed","errors":[…]}`. The exit
//! status is 1 if a transfer failed.

use super::output::{Answer, CliError, Format, cache_dir, cwd, failed, settings};
use kache_core::remote::client::{self, AgentConfig, CONFIG_VARIABLE, Task, TaskKind};
use kache_core::settings::Settings;
use std::process::{Command, Stdio};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Report how much would be transferred, and transfer nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What failed if the agent does not start.
pub const START: &str = "cannot start the agent";

/// The examples in the help of a command.
pub fn examples(command: &str, what: &str) -> String {
    format!(
        "Examples:
  kache {command:<24} {what}
  kache {:<24} report how much that is
  kache {:<24} for scripts; exit status 1 if any part failed",
        format!("{command} --dry-run"),
        format!("{command} --format json")
    )
}

/// The agent's configuration, from the settings. An error if no remote is set.
pub(super) fn agent_config(settings: &Settings) -> Result<AgentConfig, CliError> {
    let cache = cache_dir(settings)?;
    let Some(levels) = settings.remote.clone() else {
        let warnings = settings.warnings.iter().map(|w| format!("\n  {w}")).collect::<String>();
        return Err(CliError::usage(format!(
            "no remote is set: give its address in KACHE_REMOTE_URL, or as `url` of [remote] in kache.toml{warnings}"
        )));
    };
    let max_bytes = settings.max_bytes(&cache);
    Ok(AgentConfig { levels, cache, max_bytes, idle: Duration::from_secs(120) })
}

/// The agent's program, without a task.
pub(super) fn agent(config: Option<&AgentConfig>) -> Result<Command, CliError> {
    let mut command = Command::new(client::program().map_err(failed(START))?);
    if let Some(config) = config {
        command.env(CONFIG_VARIABLE, serde_json::to_string(config).map_err(failed(START))?);
    }
    Ok(command)
}

pub fn run(options: &Options, kind: TaskKind) -> Result<Answer, CliError> {
    let settings = settings()?;
    let config = agent_config(&settings)?;
    if kind == TaskKind::Push {
        config.levels.written().map_err(|why| CliError::usage(format!("nothing is pushed: {why}")))?;
    }
    let json = options.format == Format::Json;
    let task = Task { kind, dry_run: options.dry_run, json, cwd: cwd()? };
    let text = serde_json::to_string(&task).map_err(failed(START))?;
    let mut agent = agent(Some(&config))?;
    let done = agent.args(["run", &text]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.map_err(failed(START))?;
    let status = done.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Answer { text: String::from_utf8_lossy(&done.stdout).into_owned(), status })
}
