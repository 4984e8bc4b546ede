use super::*;
use crate::system::strace::Reader;

fn tree(lines: &[&str]) -> Vec<String> {
    let mut reader = Reader::default();
    let calls: Vec<_> = lines.iter().filter_map(|l| reader.line(l.as_bytes()).unwrap()).collect();
    let tree = Tree::of(&calls, Path::new("/w"));
    let shown = |(a, made): (&Access, &bool)| {
        format!("{} {} {}{}", a.program, a.kind.word(), a.path.display(), if *made { " (made)" } else { "" })
    };
    tree.looks.iter().map(shown).collect()
}

const START: &[&str] = &[
    r#"10 execve("/k/kache", ["kache", "cc"], 0x1 /* 3 vars */) = 0"#,
    r#"10 openat(AT_FDCWD</w>, "kaches-own", O_RDONLY) = 3</w/kaches-own>"#,
    r#"10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 11"#,
    r#"11 stat("kaches-own-too", 0x1) = -1 ENOENT (No such file or directory)"#,
    r#"11 execve("/usr/bin/cc", ["cc"], 0x1 /* 3 vars */) = 0"#,
];

fn after_start(more: &[&str]) -> Vec<String> {
    let mut all = tree(&[START, more].concat());
    all.retain(|l| l != "cc read /usr/bin/cc");
    all
}

#[test]
fn only_what_is_no_longer_kache_counts() {
    assert_eq!(tree(START), ["cc read /usr/bin/cc"]);
}

#[test]
fn a_kache_within_counts_no_more_than_the_first_but_for_what_it_makes() {
    let looks = after_start(&[
        r#"11 vfork() = 12"#,
        r#"12 execve("/k/kache", ["kache", "cc"], 0x1 /* 3 vars */) = 0"#,
        r#"12 openat(AT_FDCWD</w>, "kaches-own", O_RDONLY) = 3</w/kaches-own>"#,
        r#"12 openat(AT_FDCWD</w>, "a.o", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</w/a.o>"#,
        r#"12 execve("/usr/bin/as", ["as"], 0x1 /* 3 vars */) = 0"#,
        r#"12 openat(AT_FDCWD</w>, "a.o", O_RDONLY) = 3</w/a.o>"#,
    ]);
    assert_eq!(looks, ["as read /usr/bin/as", "as read /w/a.o (made)"]);
}

#[test]
fn paths_are_meant_from_where_the_process_is() {
    let looks = after_start(&[
        r#"11 chdir("sub") = 0"#,
        r#"11 access("a.h", R_OK) = -1 ENOENT (No such file or directory)"#,
        r#"11 vfork() = 12"#,
        r#"12 chdir("..") = 0"#,
        r#"12 execve("../bin/as", ["as"], 0x1 /* 3 vars */) = 0"#,
        r#"12 openat(5</x>, "y", O_RDONLY) = 3</x/y>"#,
        r#"11 stat("./b.h", {st_mode=S_IFREG|0644, st_size=1, ...}) = 0"#,
    ]);
    let wanted = [
        "as read /w/sub/../../bin/as",
        "as read /x/y",
        "cc probed /w/sub",
        "cc not found /w/sub/a.h",
        "cc probed /w/sub/b.h",
        "cc probed /w/sub/..",
    ];
    assert_eq!(looks.iter().collect::<HashSet<_>>(), wanted.map(String::from).iter().collect());
}

#[test]
fn what_a_linker_links_is_told_from_what_it_runs_on() {
    let lines = [
        r#"11 execve("/usr/bin/ld", ["ld"], 0x1 /* 3 vars */) = 0"#,
        r#"11 openat(AT_FDCWD</w>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>"#,
        r#"11 openat(AT_FDCWD</w>, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</lib/libc.so.6>"#,
        r#"11 openat(AT_FDCWD</w>, "/lib/libz.so.1", O_RDONLY|O_CLOEXEC) = 3</lib/libz.so.1>"#,
        r#"11 openat(AT_FDCWD</w>, "a.o", O_RDONLY) = 3</w/a.o>"#,
        r#"11 openat(AT_FDCWD</w>, "/lib/libc.so.6", O_RDONLY) = 3</lib/libc.so.6>"#,
    ];
    let mut reader = Reader::default();
    let calls = START.iter().chain(&lines).filter_map(|l| reader.line(l.as_bytes()).unwrap());
    let tree = Tree::of(&calls.collect::<Vec<_>>(), Path::new("/w"));
    let own = |path: &str, program: &str| {
        tree.is_tools_own(&Access { path: path.into(), kind: AccessKind::Read, program: program.into() })
    };
    assert!(own("/lib/libc.so.6", "ld") && own("/w/a.o", "ld"));
    assert!(!own("/lib/libz.so.1", "ld") && !own("/lib/libc.so.6", "cc"));
}

#[test]
fn what_was_made_before_it_is_read_is_told_apart() {
    let looks = after_start(&[
        r#"11 openat(AT_FDCWD</w>, "old", O_RDONLY) = 3</w/old>"#,
        r#"11 openat(AT_FDCWD</w>, "old", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</w/old>"#,
        r#"11 openat(AT_FDCWD</w>, "old", O_RDONLY) = 3</w/old>"#,
        r#"11 mkdir("t", 0777) = 0"#,
        r#"11 openat(AT_FDCWD</w>, "t/x", O_RDONLY) = 3</w/t/x>"#,
        r#"11 openat(AT_FDCWD</w>, "log", O_RDWR|O_CREAT, 0666) = 3</w/log>"#,
        r#"11 rename("t", "u") = 0"#,
        r#"11 stat("u/x", {st_mode=S_IFREG|0644, ...}) = 0"#,
    ]);
    assert_eq!(
        looks,
        ["cc read /w/log", "cc read /w/old", "cc read /w/t/x (made)", "cc probed /w/u/x (made)"]
    );
}

#[test]
fn a_child_may_be_quicker_than_the_call_that_made_it() {
    let looks = after_start(&[
        r#"11 clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0} <unfinished ...>"#,
        r#"14 openat(AT_FDCWD</w>, "made", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</w/made>"#,
        r#"14 stat("seen", {st_mode=S_IFREG|0644, ...}) = 0"#,
        r#"11 <... clone3 resumed> => {parent_tid=[14]}, 88) = 14"#,
        r#"14 stat("made", {st_mode=S_IFREG|0644, ...}) = 0"#,
    ]);
    assert_eq!(looks, ["cc probed /w/made (made)", "cc probed /w/seen"]);
}

#[test]
fn listings_links_and_threads() {
    let looks = after_start(&[
        r#"11 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0}, 88) = 13"#,
        r#"13 getdents64(3</w/inc>, 0x1 /* 2 entries */, 32768) = 48"#,
        r#"13 readlink("l", "to", 1023) = 2"#,
        r#"13 readlink("n", 0x1, 1023) = -1 EINVAL (Invalid argument)"#,
        r#"13 newfstatat(3</w/inc>, "", {st_mode=S_IFDIR|0755, ...}, AT_EMPTY_PATH) = 0"#,
    ]);
    assert_eq!(
        looks.iter().collect::<HashSet<_>>(),
        ["cc listed /w/inc", "cc read as a link /w/l", "cc found to be no link /w/n"]
            .map(String::from)
            .iter()
            .collect()
    );
}

#[test]
fn attributes_sockets_changes_and_inherited_descriptors() {
    let looks = after_start(&[
        r#"11 getxattr("a", "user.x", 0x1, 9) = -1 ENODATA (No data available)"#,
        r#"11 openat(AT_FDCWD</w>, "b", O_RDONLY) = 3</w/b>"#,
        r#"11 fgetxattr(3</w/b>, "user.x", 0x1, 9) = 1"#,
        r#"11 read(0x3, 0x7fff, 0x9) = 0x9"#,
        r#"11 pipe2([5<pipe:[1]>, 6<pipe:[1]>], 0) = 0"#,
        r#"11 vfork() = 12"#,
        r#"12 read(0x5, 0x7fff, 0x9) = 0x9"#,
        r#"12 read(0, 0x7fff, 0x9) = 0x9"#,
        r#"12 pread64(0x9, 0x7fff, 0x9, 0) = 0x9"#,
        r#"11 socket(AF_UNIX, SOCK_STREAM, 0) = 7<socket:[4]>"#,
        r#"11 connect(7<socket:[4]>, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0"#,
        r#"11 chmod("c", 0755) = 0"#,
        r#"11 unlink("d") = -1 ENOENT (No such file or directory)"#,
    ]);
    let wanted = [
        "cc asked for attributes /w/a",
        "cc asked for attributes /w/b",
        "cc read /w/b",
        "cc read as inherited /descriptor/9",
        "cc connected to /run/x",
        "cc changed /w/c",
        "cc not found /w/d",
    ];
    assert_eq!(looks.iter().collect::<HashSet<_>>(), wanted.map(String::from).iter().collect());
}
