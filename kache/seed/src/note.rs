//! A note of a unit that was just restored or stored: what cargo called, for the next build to do ahead.

use crate::build::Build;
use crate::harvest;
use crate::layout;
use crate::manifests;
use crate::places::Places;
use crate::records::{self, Note};
use kache_core::action::Request;
use kache_core::digest::Digest;
use kache_core::events::{Event, Kind, Outcome};
use kache_core::platform;
use kache_core::settings::{Settings, is_own_variable};
use kache_core::store::Store;
use kache_frontends::script;
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
    let compiler = compiler.as_deref().unwrap_or(&request.program);
    let Some(build) = Build::of_parent(store, compiler) else { return };
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
    let text = |text: &OsString| places.portable(text.as_encoded_bytes());
    Some(Note {
        fingerprint: dirs.fingerprint,
        script: dirs.script,
        workspace: places.workspace.as_os_str().as_encoded_bytes().to_vec(),
        program: text(&request.program.clone().into_os_string())?,
        args: request.args.iter().map(text).collect::<Option<_>>()?,
        cwd: text(&request.cwd.clone().into_os_string())?,
        variables: variables(places)?,
        manifests: manifests::digest(store)?,
        result: Digest::from_hex(event.result.as_ref()?)?,
        time_us: event.time_us,
    })
}

/// How the variables of this process differ from those that cargo was started with.
fn variables(places: &Places) -> Option<Vec<records::Variable>> {
    let cargo = platform::variables_of(platform::parent_id())?;
    let own: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let counts = |name: &OsString| !is_own_variable(name.as_encoded_bytes());
    let mut changes = Vec::new();
    for (name, value) in own.iter().filter(|pair| counts(&pair.0) && !cargo.contains(pair)) {
        let value = places.portable(value.as_encoded_bytes())?;
        changes.push((name.as_encoded_bytes().to_vec(), Some(value)));
    }
    for (name, _) in cargo.iter().filter(|pair| counts(&pair.0)) {
        if !own.iter().any(|(known, _)| known == name) {
            changes.push((name.as_encoded_bytes().to_vec(), None));
        }
    }
    Some(changes)
}
