//! The facts that generated cases change, and how: a file, a variable, a limit, what a namespace shows.

use super::super::project::TestProject;

/// One fact, in the state before the change and after it.
pub struct Change {
    /// Its name in `calls.txt`.
    pub name: &'static str,
    /// What is changed, for the list of cases.
    pub about: &'static str,
    /// Puts the subject, a path in the checkout, into its first state.
    pub set_up: Step,
    pub change: Step,
}

type Step = for<'p> fn(&'p mut TestProject, &str) -> &'p mut TestProject;

/// A change of what stands in front of the command alone.
macro_rules! under {
    ($words:literal $(, $program:literal)?) => {
        |s, _| s$(.need($program))?.under($words)
    };
}

macro_rules! variable {
    ($name:literal, $value:literal) => {
        |s, _| s.env($name, $value)
    };
}

const NOTHING: Step = |s, _| s;

pub const CHANGES: &[Change] = &[
    Change {
        name: "file",
        about: "a file's contents and size",
        set_up: |s, at| s.write(at, "a"),
        change: |s, at| s.write(at, "bb"),
    },
    Change {
        name: "absent",
        about: "a file that was not there is",
        set_up: NOTHING,
        change: |s, at| s.write(at, "a"),
    },
    Change {
        name: "blocked",
        about: "a file is where a directory was missing",
        set_up: NOTHING,
        change: |s, at| s.write(at, "a"),
    },
    Change {
        name: "touched",
        about: "a file's modification time",
        set_up: |s, at| s.write(at, "a").date(at, 1_000_000_000),
        change: |s, at| s.date(at, 1_000_000_100),
    },
    Change {
        name: "mode",
        about: "whether a file may be executed",
        set_up: |s, at| s.write(at, "a"),
        change: |s, at| s.plainly(&format!("chmod +x {at}")),
    },
    Change {
        name: "link",
        about: "where a symbolic link leads",
        set_up: |s, at| s.write("s/one", "").write("s/two", "").link("one", at),
        change: |s, at| s.link("two", at),
    },
    Change {
        name: "listing",
        about: "the names in a directory",
        set_up: |s, at| s.write(&format!("{at}/one"), ""),
        change: |s, at| s.write(&format!("{at}/two"), ""),
    },
    Change {
        name: "program",
        about: "a script that is started",
        set_up: |s, at| s.script(at, "echo a"),
        change: |s, at| s.script(at, "echo b"),
    },
    Change {
        name: "library",
        about: "a library that is loaded",
        set_up: |s, at| library(s, at, "a"),
        change: |s, at| library(s, at, "b"),
    },
    Change {
        name: "directory",
        about: "the place of the checkout",
        set_up: NOTHING,
        change: |s, _| s.elsewhere_at("another/checkout"),
    },
    Change {
        name: "place",
        about: "the place of the object that asks",
        set_up: |s, _| {
            let objects = super::shared_dir(s).display().to_string();
            s.plainly(&format!("cp {objects}/libm.so {objects}/program ."))
        },
        change: |s, _| s.elsewhere_at("another/checkout"),
    },
    Change {
        name: "variable",
        about: "a variable",
        set_up: variable!("KNOB", "one"),
        change: variable!("KNOB", "two"),
    },
    Change {
        name: "options",
        about: "the variable that says how options are read",
        set_up: NOTHING,
        change: variable!("POSIXLY_CORRECT", "1"),
    },
    Change {
        name: "language",
        about: "the variable of the locale",
        set_up: variable!("LC_ALL", "C"),
        change: variable!("LC_ALL", "C.UTF-8"),
    },
    Change {
        name: "zone",
        about: "the variable of the time zone",
        set_up: variable!("TZ", "UTC0"),
        change: variable!("TZ", "XST-3"),
    },
    Change {
        name: "catalog",
        about: "the variable of the language of messages",
        set_up: |s, at| {
            catalog(s, at, "one", "hallo");
            catalog(s, at, "two", "salut");
            s.env("LANGUAGE", "one")
        },
        change: variable!("LANGUAGE", "two"),
    },
    Change {
        name: "translation",
        about: "a catalog of messages",
        set_up: |s, at| {
            catalog(s, at, "one", "hallo");
            s.env("LANGUAGE", "one")
        },
        change: |s, at| catalog(s, at, "one", "salut"),
    },
    Change {
        name: "converter",
        about: "the variable that names more character sets",
        set_up: |s, at| s.write(&format!("{at}/gconv-modules"), "alias KACHE-CODE// ISO-10646/UCS4/\n"),
        change: |s, at| s.env("GCONV_PATH", &format!("{{w}}/{at}")),
    },
    Change {
        name: "host",
        about: "the name of the host",
        set_up: NOTHING,
        change: under!("exec unshare -u sh -c 'hostname kache-other; exec \"$0\" \"$@\"'", "unshare"),
    },
    Change {
        name: "domain",
        about: "the domain's name",
        set_up: NOTHING,
        change: under!("exec unshare -u sh -c 'domainname kache-other; exec \"$0\" \"$@\"'", "unshare"),
    },
    Change {
        name: "processors",
        about: "the processors that may be used",
        set_up: NOTHING,
        change: under!("exec taskset -c 0", "taskset"),
    },
    Change {
        name: "user",
        about: "the user, his groups and what he may do",
        set_up: NOTHING,
        change: under!("exec unshare -U --map-user=1234 --map-group=4321", "unshare"),
    },
    Change {
        name: "groups",
        about: "the groups of the user",
        set_up: NOTHING,
        change: under!("exec setpriv --groups 4321", "setpriv"),
    },
    Change {
        name: "ceiling",
        about: "the highest value that a limit may be given",
        set_up: under!("exec unshare -U", "unshare"),
        change: under!("ulimit -n 250; exec unshare -U", "unshare"),
    },
    Change {
        name: "priority",
        about: "the priority",
        set_up: NOTHING,
        change: under!("exec nice -n 3", "nice"),
    },
    Change { name: "limit", about: "a limit", set_up: NOTHING, change: under!("ulimit -S -n 250; exec") },
    Change {
        name: "mask",
        about: "the umask",
        set_up: under!("umask 022; exec"),
        change: under!("umask 027; exec"),
    },
    Change {
        name: "ignored",
        about: "whether a signal is ignored",
        set_up: NOTHING,
        change: under!("trap '' HUP; exec"),
    },
    Change {
        name: "masked",
        about: "whether a signal is blocked",
        set_up: NOTHING,
        change: under!(
            "exec python3 -c 'import os, signal as s, sys; s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR1]); \
             os.execvp(sys.argv[1], sys.argv[1:])'",
            "python3"
        ),
    },
    Change {
        name: "rights",
        about: "whether programs may give more rights",
        set_up: NOTHING,
        change: under!("exec setpriv --no-new-privs", "setpriv"),
    },
    Change {
        name: "persona",
        about: "how the kernel places things in memory",
        set_up: NOTHING,
        change: under!("exec setarch -R", "setarch"),
    },
    Change {
        name: "stack",
        about: "the limit of the stack",
        set_up: under!("ulimit -S -s 4096; exec"),
        change: under!("ulimit -S -s 8000; exec"),
    },
    Change {
        name: "window",
        about: "the width of the terminal on standard input",
        set_up: |s, _| s.need("python3").under(&window(80)),
        change: |s, _| s.under(&window(133)),
    },
    Change {
        name: "terminal",
        about: "whether standard input is a terminal",
        set_up: NOTHING,
        change: under!(
            "exec python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'",
            "python3"
        ),
    },
    Change {
        name: "database",
        about: "an entry in each database below /etc",
        set_up: |s, _| {
            database(s, "one", 2);
            s.need("unshare").under(
                "exec unshare -m sh -c 'mount -t overlay -o lowerdir=s/etc:/etc overlay /etc; exec \"$0\" \"$@\"'",
            )
        },
        change: |s, _| database(s, "two", 3),
    },
    Change {
        name: "interface",
        about: "the interfaces of the network",
        set_up: NOTHING,
        change: under!("exec unshare -n sh -c 'ip link set lo name kache0; exec \"$0\" \"$@\"'", "unshare"),
    },
    Change {
        name: "system",
        about: "the file system that a directory is on",
        set_up: |s, at| s.directory(at),
        change: |s, at| {
            let mount = format!("mount -t tmpfs -o size=1m none {at}");
            s.need("unshare").under(&format!("exec unshare -m sh -c '{mount}; exec \"$0\" \"$@\"'"))
        },
    },
    Change {
        name: "attribute",
        about: "a file's extended attributes",
        set_up: |s, at| s.need("python3").write(at, "a"),
        change: |s, at| {
            s.shell(&format!("python3 -c 'import os; os.setxattr(\"{at}\", \"user.one\", b\"a\")'"))
        },
    },
];

/// Has a command run on a terminal of a width. Its output goes through the terminal.
fn window(columns: u8) -> String {
    format!(
        "exec python3 -c 'import fcntl, os, pty, struct, sys, termios\npid, fd = pty.fork()\nif not pid:\n  \
         fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack(\"HHHH\", 24, {columns}, 0, 0))\n  \
         os.execvp(sys.argv[1], sys.argv[1:])\ntry:\n  while os.read(fd, 4096): pass\nexcept OSError: pass\n\
         sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))'"
    )
}

fn library<'p>(s: &'p mut TestProject, at: &str, word: &str) -> &'p mut TestProject {
    s.write("s/word.c", &format!("const char *word = \"{word}\";\n"));
    s.plainly(&format!("cc -shared -fPIC s/word.c -o {at}"))
}

/// A catalog with one message, as `msgfmt` would write it.
fn catalog<'p>(s: &'p mut TestProject, at: &str, language: &str, word: &str) -> &'p mut TestProject {
    let dir = format!("{at}/{language}/LC_MESSAGES");
    let source = format!("msgid \"hello\"\nmsgstr \"{word}\"\n");
    s.need("msgfmt").write(&format!("{dir}/messages.po"), &source);
    s.plainly(&format!("msgfmt -o {dir}/messages.mo {dir}/messages.po"))
}

fn database<'p>(s: &'p mut TestProject, word: &str, number: u8) -> &'p mut TestProject {
    let files = [
        ("passwd", format!("root:x:0:0::/root:/bin/sh\nkache-user:x:777:777::/{word}:/bin/sh\n")),
        ("group", format!("root:x:0:\nkache-group:x:777:{word}\n")),
        ("hosts", format!("127.7.7.1 {word}\n127.7.7.{number} kache-host\n127.0.0.1 localhost\n")),
        ("networks", format!("kache-net 10.7.{number}.0\n{word} 10.8.0.0\n")),
        ("protocols", format!("kache-protocol 25{number}\n{word} 251\n")),
        ("services", format!("kache-service 777{number}/tcp\n{word} 7771/tcp\n")),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nnetworks: files\n".into()),
        ("hostid", format!("abc{number}")),
    ];
    for (name, text) in files {
        s.write(&format!("s/etc/{name}"), &text);
    }
    s
}
