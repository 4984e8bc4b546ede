//! Text that a C compiler makes of sources: the preprocessed source (`-E`), and rules for make (`-M`).
//!
//! Programs read such text, so it is what the compiler writes in this checkout, to the byte: no argument of kache's maps a
//! path. A result whose text names a root is for the place of that root. Rules in a file are stored as a template, as they are
//! beside an object. Any other text is not: in the line that says which file follows, a compiler quotes other characters than in
//! rules, and rules are broken into lines by the lengths of paths.

use crate::compile_plan::CompilePlan;
use kache_core::action::Action;
use kache_core::collected::Collected;
use kache_core::dependency::{Dependency, Kind};
use kache_core::frontend::Completed;
use kache_core::named_roots::NamedRoots;
use kache_core::paths::Root;
use kache_core::platform;

/// Adds the places of the roots that the text names.
pub(crate) fn add_places(
    plan: &CompilePlan,
    action: &Action,
    completed: &Completed,
    collected: &mut Collected,
) {
    if !plan.invocation.keeps_paths() {
        return;
    }
    let mut named = NamedRoots::of_all(&action.roots);
    let ran = &completed.ran;
    for printed in [&ran.stdout, &ran.stderr] {
        named.search(&printed[..]);
    }
    for path in &collected.outputs {
        let text = platform::read_regular(path).ok();
        let text = text.and_then(|text| match action.outputs.template(path) {
            Some(format) => action.outputs.marked(&text, &action.roots, format),
            None => Some(text),
        });
        match text {
            Some(text) => named.search(&text[..]),
            None => named.name_all(),
        }
    }
    let quoted = action.roots.iter().filter(|root| may_be_quoted(root)).map(|root| root.name.as_str());
    let places = named.found().into_iter().chain(quoted);
    collected.dependencies.extend(places.map(|root| Dependency::new(Kind::Place, root)));
}

/// Whether compilers may write the path of the root in another form.
fn may_be_quoted(root: &Root) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-.+,@~=".contains(byte);
    !root.path.as_os_str().as_encoded_bytes().iter().all(is_plain)
}
