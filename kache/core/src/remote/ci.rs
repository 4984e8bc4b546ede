//! What started a job of a CI system, by that system's own variables. `remote.write_from` decides by it who may write.
//!
//! | system | pushes to a branch or tag | pull requests |
//! | --- | --- | --- |
//! | GitHub Actions | `GITHUB_REF`, for the events `push`, `schedule` and `workflow_dispatch` | `GITHUB_REF=refs/pull/N/merge` |
//! | GitLab CI | `CI_COMMIT_BRANCH` or `CI_COMMIT_TAG`, for the sources `push`, `schedule` and `web` | `CI_MERGE_REQUEST_IID` |
//! | Azure Pipelines | `BUILD_SOURCEBRANCH`, for the reasons `IndividualCI`, `BatchedCI`, `Schedule` and `Manual` | `BUILD_SOURCEBRANCH=refs/pull/N/merge` |
//!
//! Everything else is unknown, and unknown jobs do not write. GitHub's `pull_request_target`, `workflow_run` and
//! `issue_comment` have the ref of the default branch, and often check out the code of a pull request. GitLab's child
//! and multi-project pipelines do not say what started the first pipeline.
//!
//! Text that the author of a pull request chooses is never used: names of source branches (`GITHUB_HEAD_REF`; and
//! `CI_COMMIT_REF_NAME`, which is the source branch in a merge request's pipeline), titles and messages.

/// What started a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A push to this ref, or a run on it: `refs/heads/main`.
    Ref(String),
    /// A pull request or merge request, by its number.
    PullRequest(u64),
}

struct System {
    /// The variable and the value by which the system is known.
    mark: (&'static str, &'static str),
    /// The variable that says why the job runs.
    event: &'static str,
    /// Its values for jobs that run the code of a ref.
    pushes: &'static [&'static str],
    /// Its value for jobs that run the code of a pull request.
    pull_request: &'static str,
}

const GITHUB: System = System {
    mark: ("GITHUB_ACTIONS", "true"),
    event: "GITHUB_EVENT_NAME",
    pushes: &["push", "schedule", "workflow_dispatch"],
    pull_request: "pull_request",
};
const GITLAB: System = System {
    mark: ("GITLAB_CI", "true"),
    event: "CI_PIPELINE_SOURCE",
    pushes: &["push", "schedule", "web"],
    pull_request: "merge_request_event",
};
const AZURE: System = System {
    mark: ("TF_BUILD", "True"),
    event: "BUILD_REASON",
    pushes: &["IndividualCI", "BatchedCI", "Schedule", "Manual"],
    pull_request: "PullRequest",
};

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What started this job.
///
/// # Errors
/// If this is not a job of a known system, or the system's variables do not say what started it: why.
pub fn trigger(variables: Variables) -> Result<Trigger, String> {
    let is_set = |system: &&System| variables(system.mark.0).as_deref() == Some(system.mark.1);
    let systems: Vec<&System> = [&GITHUB, &GITLAB, &AZURE].into_iter().filter(is_set).collect();
    let [system] = systems[..] else {
        return Err(match systems.len() {
            0 => "this is not a job of GitHub Actions, GitLab CI or Azure Pipelines".to_string(),
            _ => "the variables of more than one CI system are set".to_string(),
        });
    };
    let event = variables(system.event).unwrap_or_default();
    let found = match &*event {
        event if event == system.pull_request => pull_request(system, variables).map(Trigger::PullRequest),
        event if system.pushes.contains(&event) => pushed_ref(system, variables).map(Trigger::Ref),
        _ => return Err(format!("{}=`{event}` does not say whose code the job runs", system.event)),
    };
    found.ok_or_else(|| format!("the job's variables do not name the ref of {}=`{event}`", system.event))
}

fn pushed_ref(system: &System, variables: Variables) -> Option<String> {
    let named = |variable: &str| variables(variable).filter(|name| !name.is_empty());
    let found = match system.event {
        "GITHUB_EVENT_NAME" => named("GITHUB_REF"),
        "CI_PIPELINE_SOURCE" => {
            // GitLab sets one of the two, and neither for a merge request.
            let (branch, tag) = (named("CI_COMMIT_BRANCH"), named("CI_COMMIT_TAG"));
            match (branch, tag) {
                (Some(branch), None) => Some(format!("refs/heads/{branch}")),
                (None, Some(tag)) => Some(format!("refs/tags/{tag}")),
                _ => None,
            }
        }
        _ => named("BUILD_SOURCEBRANCH"),
    };
    found.filter(|name| name.starts_with("refs/heads/") || name.starts_with("refs/tags/"))
}

fn pull_request(system: &System, variables: Variables) -> Option<u64> {
    let of_ref = |variable: &str| {
        let name = variables(variable)?;
        Some(name.strip_prefix("refs/pull/")?.strip_suffix("/merge")?.to_string())
    };
    let number = match system.event {
        "GITHUB_EVENT_NAME" => of_ref("GITHUB_REF"),
        "CI_PIPELINE_SOURCE" => variables("CI_MERGE_REQUEST_IID"),
        _ => of_ref("BUILD_SOURCEBRANCH"),
    }?;
    // The number becomes a part of a path.
    number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())?
}

/// Whether a text is a full ref, or one with `/*` at its end.
pub fn is_pattern(text: &str) -> bool {
    let name = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
    name.is_some_and(|name| {
        let fixed = name.strip_suffix("/*").unwrap_or(name);
        name == "*" || !fixed.contains('*') && fixed.split('/').all(|part| !part.is_empty())
    })
}

/// Whether a ref is one of some patterns.
pub fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(folder) => name.strip_prefix(folder).is_some_and(|rest| !rest.is_empty()),
        None => pattern == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Trigger, String> {
        trigger(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_string()))
    }

    fn github(event: &str, name: &str) -> Result<Trigger, String> {
        of(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REF", name),
            // Names that the author of a pull request chooses.
            ("GITHUB_HEAD_REF", "refs/heads/main"),
            ("GITHUB_REF_NAME", "main"),
        ])
    }

    fn gitlab(source: &str, more: &[(&str, &str)]) -> Result<Trigger, String> {
        let fixed = [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", source), ("CI_COMMIT_REF_NAME", "main")];
        of(&[&fixed, more].concat())
    }

    fn azure(reason: &str, name: &str) -> Result<Trigger, String> {
        of(&[("TF_BUILD", "True"), ("BUILD_REASON", reason), ("BUILD_SOURCEBRANCH", name)])
    }

    fn main_branch() -> Result<Trigger, String> {
        Ok(Trigger::Ref("refs/heads/main".to_string()))
    }

    #[test]
    fn a_push_has_its_ref() {
        for event in ["push", "schedule", "workflow_dispatch"] {
            assert_eq!(github(event, "refs/heads/main"), main_branch());
        }
        for source in ["push", "schedule", "web"] {
            assert_eq!(gitlab(source, &[("CI_COMMIT_BRANCH", "main")]), main_branch());
        }
        let tag = gitlab("push", &[("CI_COMMIT_TAG", "v1")]);
        assert_eq!(tag, Ok(Trigger::Ref("refs/tags/v1".to_string())));
        assert_eq!(azure("IndividualCI", "refs/heads/main"), main_branch());
    }

    #[test]
    fn a_pull_request_has_its_number_whatever_its_branch_is_called() {
        assert_eq!(github("pull_request", "refs/pull/7/merge"), Ok(Trigger::PullRequest(7)));
        assert_eq!(
            gitlab("merge_request_event", &[("CI_MERGE_REQUEST_IID", "7"), ("CI_COMMIT_BRANCH", "main")]),
            Ok(Trigger::PullRequest(7))
        );
        assert_eq!(azure("PullRequest", "refs/pull/7/merge"), Ok(Trigger::PullRequest(7)));
    }

    #[test]
    fn what_the_variables_do_not_say_is_unknown() {
        for event in ["pull_request_target", "workflow_run", "issue_comment", "repository_dispatch", ""] {
            let found = github(event, "refs/heads/main");
            assert!(found.as_ref().is_err_and(|why| why.contains("does not say whose code")), "{found:?}");
        }
        for source in ["api", "trigger", "pipeline", "parent_pipeline", "external_pull_request_event"] {
            assert!(gitlab(source, &[("CI_COMMIT_BRANCH", "main")]).is_err(), "{source}");
        }
        for reason in ["ResourceTrigger", "BuildCompletion", "ValidateShelveset"] {
            assert!(azure(reason, "refs/heads/main").is_err(), "{reason}");
        }
        // A pull request without a number that is only digits, and a push without a ref.
        for name in ["refs/heads/main", "refs/pull/7/../../merge", "refs/pull//merge", "refs/pull/+7/merge"] {
            assert!(github("pull_request", name).is_err(), "{name}");
        }
        assert!(gitlab("merge_request_event", &[("CI_MERGE_REQUEST_IID", "7/../..")]).is_err());
        assert!(gitlab("push", &[]).is_err());
        assert!(gitlab("push", &[("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_TAG", "main")]).is_err());
        assert!(github("push", "refs/pull/7/merge").is_err());
        // No system, and more than one.
        assert!(of(&[("GITHUB_REF", "refs/heads/main"), ("GITHUB_EVENT_NAME", "push")]).is_err());
        let both = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITLAB_CI", "true"),
        ];
        assert!(of(&both).is_err_and(|why| why.contains("more than one")));
    }

    #[test]
    fn a_pattern_is_a_full_ref_or_a_folder_of_refs() {
        let patterns = ["refs/heads/main".to_string(), "refs/heads/release/*".to_string()];
        assert!(is_pattern("refs/tags/*") && patterns.iter().all(|pattern| is_pattern(pattern)));
        for bad in
            ["main", "refs/heads/*x", "*", "refs/*", "refs/heads", "refs/pull/7/merge", "refs/heads//x"]
        {
            assert!(!is_pattern(bad), "{bad}");
        }
        for (name, wanted) in [
            ("refs/heads/main", true),
            ("refs/heads/main2", false),
            ("refs/heads/main/x", false),
            ("refs/tags/main", false),
            ("refs/heads/release/1.0", true),
            ("refs/heads/release/1/x", true),
            ("refs/heads/release/", false),
            ("refs/heads/release", false),
        ] {
            assert_eq!(matches(&patterns, name), wanted, "{name}");
        }
        assert!(!matches(&[], "refs/heads/main"));
    }
}
