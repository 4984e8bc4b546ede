//! `kache push`, `pull` and `prefetch`: results to the remote and back, for CI set-ups that prefer explicit steps.
//!
//! The work is done by the agent's program, which has the storage in it. JSON: `{"v":2,"dry_run","transferred","known","failed",
//! "errors":[…]}`. The exit status is 1 where anything could not be transferred.

use super::{Answer, Format, Trouble};
use kache_core::remote::client::{self, AgentConfig, CONFIG_VARIABLE, Task, TaskKind};
use kache_core::settings::Settings;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What was asked.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Say how much would be transferred, and transfer nothing
    #[arg(long)]
    dry_run: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What an agent is told, as the settings say.
///
/// # Errors
/// Where no remote is set.
pub(super) fn agent_config(settings: &Settings) -> Result<AgentConfig, Trouble> {
    let cache = super::cache_dir(settings)?;
    let Some(remote) = settings.remote.clone() else {
        let warned = settings.warnings.iter().map(|w| format!("\n  {w}")).collect::<String>();
        return Err(Trouble::request(format!(
            "no remote is set: give its address in KACHE_REMOTE_URL, or as `url` of [remote] in kache.toml{warned}"
        )));
    };
    let max_bytes = settings.max_bytes(&cache);
    Ok(AgentConfig { remote, cache, max_bytes, idle: Duration::from_secs(120) })
}

/// The agent's program, to be given a task.
pub(super) fn agent(config: Option<&AgentConfig>) -> Result<Command, Trouble> {
    let program =
        client::program().map_err(|e| Trouble::here(format!("the agent cannot be started: {e}")))?;
    let mut command = Command::new(program);
    if let Some(config) = config {
        let text = serde_json::to_string(config).map_err(|e| Trouble::here(e.to_string()))?;
        command.env(CONFIG_VARIABLE, text);
    }
    Ok(command)
}

/// Transfers.
pub fn run(options: &Options, kind: TaskKind) -> Result<Answer, Trouble> {
    let settings = super::settings()?;
    let config = agent_config(&settings)?;
    if kind == TaskKind::Push && !config.remote.write {
        return Err(Trouble::request(format!(
            "the remote {} is read-only (`remote.mode`): nothing is pushed",
            config.remote.shown()
        )));
    }
    let cwd = std::env::current_dir()
        .map_err(|e| Trouble::here(format!("the working directory cannot be found: {e}")))?;
    let json = options.format == Format::Json;
    let task = Task { kind, dry_run: options.dry_run, json, cwd };
    let text = serde_json::to_string(&task).map_err(|e| Trouble::here(e.to_string()))?;
    let done =
        agent(Some(&config))?.args(["run", &text]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let done = done.map_err(|e| Trouble::here(format!("the agent cannot be started: {e}")))?;
    let status = done.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Answer { text: String::from_utf8_lossy(&done.stdout).into_owned(), status })
}
