//! A note of a unit that was just restored or stored: what cargo called, for the next build to do ahead.

use crate::build::{self, Build};
use crate::harvest;
use crate::layout;
use crate::manifests;
use crate::places::Places;
use crate::records::{self, Note, Variable};
use kache_core::action::Request;
use kache_core::digest::Digest;
use kache_core::events::{Event, Kind, Outcome};
use kache_core::platform;
use kache_core::settings::{Settings, is_own_variable};
use kache_core::store::Store;
use kache_frontends::script;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Notes a unit of cargo, and gathers what cargo has finished meanwhile. Any error leaves the unit without a note.
///
/// The process has one thread.
pub fn note(store: &Store, settings: &Settings, request: &Request, event: &Event) {
    let is_kept = match event.outcome {
        Outcome::Hit => true,
        Outcome::Miss => event.stored,
        _ => false,
    };
    // A date for compilers is known to the wrapper alone, and would be a variable like any other here.
    let is_set_up = settings.seed && settings.write && settings.source_date_epoch.is_none();
    if !is_set_up || !is_kept || event.kind != Kind::Unit || !event.unit.is_of_package() {
        return;
    }
    // The variables as cargo gave them.
    platform::restore_variables();
    let is_script = script::is_run(&request.program, &request.args);
    let compiler = if is_script { std::env::var_os("RUSTC").map(PathBuf::from) } else { None };
    let compiler = compiler.unwrap_or_else(|| build::compiler(request).0);
    let Some(build) = Build::of_parent(store, &compiler) else { return };
    let notes = build.notes(store);
    if let Some(note) = made(store, request, event, is_script, &build.places) {
        let _ = records::append(&notes, [&note.encode()[..]].into_iter());
    }
    // By then, cargo has finished most of what this unit depends on.
    if std::env::var_os("CARGO_PRIMARY_PACKAGE").is_some() {
        harvest::gather(&build.dir(store), &notes, &build.places);
    }
}

fn made(store: &Store, request: &Request, event: &Event, is_script: bool, places: &Places) -> Option<Note> {
    let output = match is_script {
        true => std::env::var_os("OUT_DIR")?.into(),
        false => Path::new(event.outputs.first()?).to_path_buf(),
    };
    let below = output.strip_prefix(&places.target).ok()?;
    let package = event.unit.package.split(' ').next()?;
    let dirs = match is_script {
        true => layout::of_script(below)?,
        false => layout::of_compile(below, &format!("{package}{}", event.unit.extra))?,
    };
    let (_, begun) = platform::identity(&places.target.join(layout::begun(&dirs))).ok()?;
    let text = |text: &OsString| places.portable(text.as_encoded_bytes());
    Some(Note {
        begun: (begun.ino, begun.mtime),
        fingerprint: dirs.fingerprint,
        script: dirs.script,
        workspace: places.workspace.as_os_str().as_encoded_bytes().to_vec(),
        program: text(&request.program.clone().into_os_string())?,
        args: request.args.iter().map(text).collect::<Option<_>>()?,
        cwd: text(&request.cwd.clone().into_os_string())?,
        variables: variables(places)?,
        manifests: manifests::digest(store)?,
        result: Digest::from_hex(event.result.as_ref()?)?,
    })
}

/// How the variables of this process differ from those that cargo was started with.
fn variables(places: &Places) -> Option<Vec<Variable>> {
    let cargo = platform::variables_of(platform::parent_id())?;
    let own: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let names: BTreeSet<&OsString> = own.iter().chain(&cargo).map(|(name, _)| name).collect();
    let value = |all: &[(OsString, OsString)], name: &OsString| {
        all.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let portable = |value: Option<OsString>| match value {
        Some(value) => places.portable(value.as_encoded_bytes()).map(Some),
        None => Some(None),
    };
    let mut changes = Vec::new();
    for name in names.into_iter().filter(|name| !is_own_variable(name.as_encoded_bytes())) {
        let (value, of_cargo) = (value(&own, name), value(&cargo, name));
        if value != of_cargo {
            let name = name.as_encoded_bytes().to_vec();
            changes.push(Variable { name, value: portable(value)?, of_cargo: portable(of_cargo)? });
        }
    }
    Some(changes)
}
