use super::*;
use std::ffi::OsString;

fn parsed(line: &str) -> Result<Invocation, Reason> {
    let args = line.split_whitespace().map(OsString::from).collect();
    parse(&Request::new("/cuda/bin/nvcc", args, "/w/build")).map_err(|why| why.reason)
}

#[test]
fn a_name_has_one_row_and_a_reason() {
    let mut names = BTreeSet::new();
    for row in TABLE {
        for name in row.aliases.iter().chain([&row.flag]) {
            assert!(names.insert(*name), "{name} has two rows");
            assert!(find(name).is_some_and(|found| found.flag == row.flag));
        }
        assert!(row.effect.why.len() > 10, "{} has no reason", row.flag);
    }
}

/// The options that nvcc lists have a row each, by both of their names.
#[test]
fn every_flag_that_nvcc_lists_has_a_row() {
    let Ok(help) = Command::new("nvcc").arg("--help").output() else {
        println!("skipped: nvcc is not installed");
        return;
    };
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let named = help.lines().filter(|line| line.starts_with("--"));
    let short =
        |line: &str| line.split_whitespace().last().unwrap_or_default().trim_matches(['(', ')']).to_string();
    let names: Vec<String> = named
        .flat_map(|line| [line.split([' ', '<']).next().unwrap_or_default().to_string(), short(line)])
        .collect();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| find(name).is_none() && *name != "--options-file" && *name != "-optf")
        .collect();
    assert!(names.len() > 200 && missing.is_empty(), "{missing:?}");
}

#[test]
fn outputs_are_planned_from_the_flags() {
    for (line, outputs, depfile) in [
        ("-c src/a.cu", "/w/build/a.o", None),
        ("-dc src/a.cu -o x.o", "/w/build/x.o", None),
        ("-ptx a.cu", "/w/build/a.ptx", None),
        ("--cubin a.cu -arch sm_80", "/w/build/a.cubin", None),
        ("-fatbin --output-file=dir/a.fb a.cu", "/w/build/dir/a.fb", None),
        ("-c a.cu -MD", "/w/build/a.o /w/build/a.d", Some("/w/build/a.d")),
        ("-c a.cu -o b.cu.o -MMD", "/w/build/b.cu.o /w/build/b.cu.d", Some("/w/build/b.cu.d")),
        ("-c a.cu -MD -MT a.o -MF deps", "/w/build/a.o /w/build/deps", Some("/w/build/deps")),
        ("-x cu -c a.cpp", "/w/build/a.o", None),
        ("-c a.cpp", "/w/build/a.o", None),
    ] {
        let invocation = parsed(line).unwrap();
        let exact: Vec<_> = invocation.outputs.exact.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(exact.join(" "), outputs, "{line}");
        assert_eq!(invocation.depinfo.as_deref().and_then(Path::to_str), depfile, "{line}");
    }
}

#[test]
fn a_flag_is_read_in_all_its_spellings() {
    let values = |line: &str| -> Vec<(&str, Option<String>)> {
        parsed(line).unwrap().flags.into_iter().map(|flag| (flag.row.flag, flag.value)).collect()
    };
    let some = |value: &str| Some(value.to_string());
    for line in ["-c -arch=sm_80 a.cu", "-c --gpu-architecture sm_80 a.cu", "--compile -arch sm_80 a.cu"] {
        assert_eq!(values(line), [("-c", None), ("-arch", some("sm_80"))], "{line}");
    }
    for line in ["-c -Ix,y a.cu", "-c -I=x -I y a.cu", "-c --include-path x,y a.cu"] {
        assert_eq!(values(line), [("-c", None), ("-I", some("x")), ("-I", some("y"))], "{line}");
    }
    // Whose flags have rows in another table.
    for line in ["-c -Xcompiler -fPIC,-O2 a.cu", "-c -Xcompiler=-fPIC --compiler-options -O2 a.cu"] {
        assert_eq!(values(line), [("-c", None), ("-fPIC", None), ("-O2", None)], "{line}");
    }
    let forwarded = values("-c -forward-unknown-to-host-compiler -fPIC -Wall -O3 a.cu");
    assert!(forwarded.iter().any(|(flag, _)| *flag == "-fPIC") && forwarded.contains(&("-O", some("3"))));
    // A comma in quotes separates nothing.
    assert_eq!(values("-c -DX=\"a,b\" a.cu"), [("-c", None), ("-D", some("X=\"a,b\""))]);
}

#[test]
fn paths_that_nothing_maps_are_left_as_they_are() {
    for (line, is_literal) in [
        ("-c a.cu", false),
        ("-c -g a.cu", false),
        ("-c -lineinfo a.cu", true),
        ("-c -G a.cu", true),
        ("-dc -dlto a.cu", true),
        ("-c -Xcompiler -fopenmp a.cu", true),
        ("-c -Xcompiler -gz a.cu", true),
        ("-c dir/a$b.cu", true),
    ] {
        assert_eq!(parsed(line).unwrap().literal_paths, is_literal, "{line}");
    }
}

#[test]
fn a_command_line_is_not_cached_for_a_reason() {
    for (line, reason) in [
        ("a.cu", Reason::Link),
        ("-c", Reason::NoInput),
        ("-c a.cu b.cu", Reason::SeveralInputs),
        ("-c -ptx a.cu", Reason::UnsupportedFlag),
        ("-c -", Reason::Stdin),
        ("-c a.h", Reason::Language),
        ("-c -x ptx a.ptx", Reason::Language),
        ("-c -keep a.cu", Reason::UnsupportedFlag),
        ("-c --keep-dir x a.cu", Reason::UnsupportedFlag),
        ("-E a.cu", Reason::UnsupportedFlag),
        ("-M a.cu", Reason::UnsupportedFlag),
        ("-dlink a.o", Reason::UnsupportedFlag),
        ("-c -arch=native a.cu", Reason::UnsupportedFlag),
        ("-c -Xptxas -v a.cu", Reason::UnsupportedFlag),
        ("-c -Xptxas -O3,-o,x a.cu", Reason::UnsupportedFlag),
        ("-c -Xcudafe --orig_src_path_name=x a.cu", Reason::UnsupportedFlag),
        ("-c -Xcompiler -MD a.cu", Reason::UnsupportedFlag),
        ("-c -Xcompiler -fstack-usage a.cu", Reason::UnsupportedFlag),
        ("-c -Xcompiler -fplugin=p.so a.cu", Reason::UnsupportedFlag),
        ("-c -Xcompiler x a.cu", Reason::UnsupportedFlag),
        ("-c -Xcompiler -DX=\"a,b\" a.cu", Reason::UnsupportedFlag),
        ("-c -fPIC a.cu", Reason::UnknownFlag),
        ("-c -oa.o a.cu", Reason::UnknownFlag),
        ("-c a.cu -o", Reason::Malformed),
        ("-c @x a.cu", Reason::ResponseFile),
        ("-c -optf none a.cu", Reason::ResponseFile),
        ("-c a.cu -o /dev/null", Reason::OddOutput),
    ] {
        assert_eq!(parsed(line).err(), Some(reason), "{line}");
    }
    for line in ["-c -Xptxas -O3,-dlcm=ca a.cu", "-c -Xptxas --maxrregcount -Xptxas 32 a.cu", "-c -t 4 a.cu"]
    {
        assert!(parsed(line).is_ok(), "{line}");
    }
}

#[test]
fn an_options_file_is_read_unless_nvcc_may_read_it_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        let file = dir.path().join("x.rsp");
        std::fs::write(&file, text).unwrap();
        let invocation = parsed(&format!("-c --options-file {} a.cu", file.display()))?;
        let values = invocation.flags.iter().filter_map(|flag| flag.value.clone());
        Ok((values.collect::<Vec<_>>().join(" "), invocation.response_files.len()))
    };
    assert_eq!(read("-I/x -DA=1\n-isystem=/y\n"), Ok(("/x A=1 /y".to_string(), 1)));
    for text in ["-DA='x y'", "-DA=\\\"x\\\"", "-DA=1 # x", "-optf y"] {
        assert_eq!(read(text), Err(Reason::ResponseFile), "{text}");
    }
}

#[test]
fn the_names_of_temporary_files_are_known() {
    for (path, expected) in [
        ("/tmp/tmpxft_00007883_00000000", true),
        ("/tmp/tmpxft_00007883_00000000-6_a.cudafe1.cpp.gch", true),
        ("/tmp/tmpxft_0000788_00000000", false),
        ("/tmp/tmpxft_00007883", false),
        ("/tmp/tmpxft_00007883_00000000/a.h", false),
    ] {
        assert_eq!(is_temporary(path.as_bytes()), expected, "{path}");
    }
}

#[test]
fn a_use_of_a_path_is_told_from_a_definition() {
    let of = |text: &str| uses(text.as_bytes(), b"__builtin_FILE");
    let by = |name: &str| vec![Some(name.as_bytes().to_vec())];
    assert_eq!(of("#define F() __builtin_FILE()\n"), by("F"));
    assert_eq!(of("# define CAT(a) __builtin_##a\n"), by("CAT"));
    assert_eq!(of("#if HAS(__builtin_FILE)\n// a builtin\n#include <builtin.h>\n#endif\n"), []);
    assert_eq!(of("FILE *f = __builtin_fopen(); /* __builtin_FILE */"), []);
    for text in
        ["p = __builtin_FILE();", "x(__builtin, _FILE)", "__built\\\nin_FILE()", "_Pragma(\"x\") builtin"]
    {
        assert_eq!(of(text), [None], "{text}");
    }
    assert_eq!(uses(b"F(x)", b"F"), [None]);
    assert_eq!(uses(b"#define G F\n", b"F"), by("G"));
}
