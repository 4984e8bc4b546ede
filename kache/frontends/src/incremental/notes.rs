//! What decides whether a state can be given to a compile of the same action in another place.

use crate::flags::{Flag, Form};
use crate::invocation::Invocation;
use kache_core::action::KeyHasher;
use kache_core::digest::Digest;
use kache_core::paths::Roots;

/// Flags that name places where rustc finds crates or writes files. rustc does not count them as arguments of a state: the
/// crates themselves count.
const PLACES: &[&str] =
    &["-L", "--extern", "--out-dir", "-o", "-C incremental", "-C linker", "-C link-arg", "-C link-args"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notes {
    /// The working directory and the mapped directories.
    places: Digest,
    /// The arguments with the path of a root in them, other than those that name places.
    arguments: Digest,
    /// Whether each path of the compile's own is mapped, so that no name that rustc gives to a file depends on the place.
    is_mapped: bool,
}

/// Whether a flag leaves paths in objects that are mapped elsewhere, or may.
pub(super) fn leaves_paths(flag: &Flag) -> bool {
    match flag.row.flag {
        "--remap-path-scope" => true,
        "-C split-debuginfo" => flag.value.as_deref() != Some("off"),
        _ => false,
    }
}

impl Notes {
    /// Nothing where a state of the action is of use to no other compile: an argument names a file whose contents rustc reads
    /// without noting in the state that it does (a profile), or maps paths in a way of the user's.
    pub(super) fn of(invocation: &Invocation, roots: &Roots) -> Option<Notes> {
        let unnoted = |flag: &&Flag| {
            let is_path = matches!(flag.row.form(), Some(Form::Path | Form::PathMap));
            (is_path || flag.row.effect.needs_observer) && !PLACES.contains(&flag.row.flag)
        };
        if invocation.flags.iter().any(|flag| unnoted(&flag)) || invocation.stdin.is_some() {
            return None;
        }
        let mapped = || roots.iter().filter(|root| root.mapped.is_some());
        let mut places = KeyHasher::default();
        places.put("cwd", invocation.cwd.as_os_str().as_encoded_bytes());
        mapped().for_each(|root| places.put("root", root.path.as_os_str().as_encoded_bytes()));
        let mut arguments = KeyHasher::default();
        let others = invocation.flags.iter().filter(|flag| !PLACES.contains(&flag.row.flag));
        for flag in others {
            if let Some(value) = flag.value.as_deref().filter(|value| roots.within(value)) {
                arguments.put(flag.row.flag, value.as_bytes());
            }
        }
        if roots.within(&invocation.input) {
            arguments.put("input", invocation.input.as_bytes());
        }
        let is_mapped = mapped().any(|root| invocation.cwd.starts_with(&root.path))
            && !invocation.flags.iter().any(leaves_paths);
        Some(Notes { places: places.finish(), arguments: arguments.finish(), is_mapped })
    }

    /// Whether rustc gets the same arguments in both places.
    pub(super) fn same_place(&self, other: &Notes) -> bool {
        self == other
    }

    /// Whether the arguments differ in nothing but the directories that are mapped to the same names.
    pub(super) fn fits(&self, other: &Notes) -> bool {
        self.is_mapped && other.is_mapped && self.arguments == other.arguments
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.places.0[..], &self.arguments.0, &[u8::from(self.is_mapped)]].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Notes> {
        let (places, rest) = bytes.split_at_checked(32)?;
        let (arguments, rest) = rest.split_at_checked(32)?;
        let [is_mapped] = rest else { return None };
        let digest = |bytes: &[u8]| Some(Digest(bytes.try_into().ok()?));
        Some(Notes { places: digest(places)?, arguments: digest(arguments)?, is_mapped: *is_mapped == 1 })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::rustc;
    use kache_core::action::Request;

    /// The notes of a compile in a checkout.
    fn notes(checkout: &str, more: &[&str]) -> Option<Notes> {
        let fixed = ["--crate-name=l", "l.rs", "--out-dir=target", "-C", "incremental=target/i"];
        let args = fixed.iter().chain(more).map(|arg| arg.replace("CHECKOUT", checkout).into()).collect();
        let invocation = (rustc::FAMILY.parse)(&Request::new("rustc", args, checkout)).unwrap();
        let mut roots = Roots::default();
        roots.add("workspace", checkout.into(), Some("."));
        Notes::of(&invocation, &roots)
    }

    /// Whether a state of the first checkout fits the second, and whether it fits the first as it is.
    fn fits(more: &[&str]) -> (bool, bool) {
        let [there, here] = ["/one", "/two"].map(|checkout| notes(checkout, more).unwrap());
        let same = notes("/one", more).unwrap();
        assert!(!here.same_place(&there));
        assert_eq!(Notes::decode(&there.encode()).as_ref(), Some(&there));
        (here.fits(&there), same.same_place(&there))
    }

    #[test]
    fn arguments_that_name_places_to_look_at_may_differ() {
        for more in [
            &[][..],
            &["-L", "dependency=CHECKOUT/target/deps"],
            &["--extern", "a=CHECKOUT/target/liba.rlib"],
            &["-C", "link-arg=-LCHECKOUT"],
            &["-C", "split-debuginfo=off"],
        ] {
            assert_eq!(fits(more), (true, true), "{more:?}");
        }
    }

    #[test]
    fn arguments_that_may_lead_a_path_into_objects_must_be_the_same() {
        for more in [
            &["--cfg=dir=\"CHECKOUT\""][..],
            &["-C", "profile-generate=CHECKOUT/p"],
            &["--remap-path-scope=macro"],
            &["-C", "split-debuginfo=packed"],
        ] {
            assert_eq!(fits(more), (false, true), "{more:?}");
        }
    }

    #[test]
    fn a_file_that_rustc_does_not_note_rules_out_every_state() {
        for more in [
            &["-C", "profile-use=p.profdata"][..],
            &["--sysroot=/sysroot"],
            &["--remap-path-prefix=CHECKOUT/a=/a"],
        ] {
            assert_eq!(notes("/one", more), None, "{more:?}");
        }
    }

    #[test]
    fn what_is_not_notes_is_refused() {
        for bytes in [&[][..], &[0; 64], &[0; 66]] {
            assert_eq!(Notes::decode(bytes), None);
        }
    }
}
