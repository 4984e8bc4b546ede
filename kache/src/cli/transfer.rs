//! `kache push`, `pull` and `prefetch`: results to the remote and back, for CI set-ups that prefer explicit steps.
//!
//! The work is done by the agent's program, which has the storage in it. JSON: `{"v":2,"dry_run","transferred","known","failed",
//! "errors":[…]}`. The exit status is 1 where anything could not be transferred.

use super::output::{Answer, CliError, Format, cache_dir, settings};
use kache_core::remote::client::{self, AgentConfig, CONFIG_VARIABLE, Task, TaskKind};
use kache_core::settings::Settings;
use std::process::{Command, Stdio};
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Report how much would be transferred, and transfer nothing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The agent's configuration, from the settings.
///
/// # Errors
/// Where no remote is set.
pub(super) fn agent_config(settings: &Settings) -> Result<AgentConfig, CliError> {
    let cache = cache_dir(settings)?;
    let Some(remote) = settings.remote.clone() else {
        let warned = settings.warnings.iter().map(|w| format!("\n  {w}")).collect::<String>();
        return Err(CliError::usage(format!(
            "no remote is set: give its address in KACHE_REMOTE_URL, or as `url` of [remote] in kache.toml{warned}"
        )));
    };
    let max_bytes = settings.max_bytes(&cache);
    Ok(AgentConfig { remote, cache, max_bytes, idle: Duration::from_secs(120) })
}

/// The agent's program, to be given a task.
pub(super) fn agent(config: Option<&AgentConfig>) -> Result<Command, CliError> {
    let program = client::program().map_err(|e| CliError::failed(format!("cannot start the agent: {e}")))?;
    let mut command = Command::new(program);
    if let Some(config) = config {
        let text = serde_json::to_string(config).map_err(|e| CliError::failed(e.to_string()))?;
        command.env(CONFIG_VARIABLE, text);
    }
    Ok(command)
}

/// Transfers.
pub fn run(options: &Options, kind: TaskKind) -> Result<Answer, CliError> {
    let settings = settings()?;
    let config = agent_config(&settings)?;
    if kind == TaskKind::Push && !config.remote.write {
        return Err(CliError::usage(format!(
            "the remote {} is read-only (`remote.mode`): nothing is pushed",
            config.remote.shown()
        )));
    }
    let cwd = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("cannot find the working directory: {e}")))?;
    let json = options.format == Format::Json;
    let task = Task { kind, dry_run: options.dry_run, json, cwd };
    let text = serde_json::to_string(&task).map_err(|e| CliError::failed(e.to_string()))?;
    let done =
        agent(Some(&config))?.args(["run", &text]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.map_err(|e| CliError::failed(format!("cannot start the agent: {e}")))?;
    let status = done.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Answer { text: String::from_utf8_lossy(&done.stdout).into_owned(), status })
}
