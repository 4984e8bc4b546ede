//! Passages of known scripts that have a word for times, and compare them or mean none.

use kache_core::policy::{Passage, UnusedClock};

/// Of OpenSSL 3: `Configure`, `configdata.pm`, `util/add-depends.pl`, `apps/progs.pl`, the makefile's template and a loader of
/// keys from files.
pub const OF_PERL: &[Passage] = &[
    Passage {
        text: "# Check if all paths are one and the same, using stat. They must both exist",
        names: &[],
    },
    Passage {
        text: "my @stat0 = stat($_[0]); # First argument my @stat1 = stat($_[1]); # Second argument \
               die \"Couldn't stat $_[0]\" unless @stat0; die \"Couldn't stat $_[1]\" unless @stat1; \
               # Compare device number return 0 unless ($stat0[0] == $stat1[0]); \
               # Compare \"inode\". The perl manual recommends comparing as # string rather than as number. \
               return 0 unless ($stat0[1] eq $stat1[1]);",
        names: &["stat0", "stat1"],
    },
    Passage { text: "# handle $cc -M before clang support (but claims __GNUC__ = 3)", names: &[] },
    Passage { text: "\"-Wl,-M,\"", names: &[] },
    Passage { text: "'\"-M'.$m.'\"' if $m;", names: &[] },
    Passage { text: "# When using stat() on Windows, we can get it to perform better by", names: &[] },
    Passage {
        text: "my $configuration_h_mtime = (stat($configuration_h))[9]; \
               my $configuration_h_in_mtime = (stat($configuration_h_in))[9];",
        names: &["configuration_h_mtime", "configuration_h_in_mtime"],
    },
    Passage {
        text: "if ($configuration_h_mtime < $configuration_h_in_mtime || compare_text(",
        names: &["configuration_h_mtime", "configuration_h_in_mtime"],
    },
    Passage {
        text: "my $build_mtime = (stat($buildfile))[9]; my $configdata_mtime = (stat('configdata.pm'))[9];",
        names: &["build_mtime", "configdata_mtime"],
    },
    Passage {
        text: "my @st = stat($_); $rebuild = 1 \
               if @st && ($st[9] > $build_mtime || $st[9] < $configdata_mtime); \
               scalar @st > 0; # Determines the grep result",
        names: &["st", "build_mtime", "configdata_mtime"],
    },
    Passage {
        text: "die \"Unrecognised option, must be -C or -H\\n\" unless ($opt eq '-H' || $opt eq '-C');",
        names: &[],
    },
    Passage { text: "if ($opt eq '-C') {", names: &[] },
    // With a time that it is given, `gmtime` asks for none.
    Passage { text: "my $date = gmtime($ENV{'SOURCE_DATE_EPOCH'} // time()) . \" UTC\";", names: &[] },
    Passage {
        text: "RELEASE_DATE={- my $t = localtime; if ($config{\"release_date\"}) { \
               # Provide the user with a more meaningful error message \
               # than the default internal parsing error from # `Time::Piece->strptime(..)`. \
               eval { $t = Time::Piece->strptime($config{\"release_date\"}, \"%d %b %Y\"); } ||",
        names: &[],
    },
    // How `apps/progs.pl` is called: in `build.info` and the makefile, in `configdata.pm`, and by make.
    Passage { text: "progs.pl \"-C\" $(APPS_OPENSSL)", names: &[] },
    Passage { text: r#""apps/progs.pl", "\"-C\"", "\$(APPS_OPENSSL)""#, names: &[] },
    Passage { text: "apps/progs.pl -C apps/", names: &[] },
    // In comments, and in what `tsget` prints of its options.
    Passage { text: "Armv8.3-A PAuth:", names: &[] },
    Passage { text: "rfc5480#appendix-A", names: &[] },
    Passage { text: "rfc8017.html#appendix-C", names: &[] },
    Passage { text: "Ctrl-C, for example", names: &[] },
    Passage { text: "[-C <CA_certs.pem>]", names: &[] },
    // C in a template.
    Passage { text: "#include <sys/stat.h>", names: &[] },
    Passage { text: "#define stat _stat #endif", names: &[] },
    Passage { text: "struct stat st; const char *path_data[2];", names: &[] },
    Passage {
        text: "if (stat(path_data[i], &st) < 0) { ERR_raise_data(ERR_LIB_SYS, errno, \"calling stat(%s)\",",
        names: &[],
    },
];

/// OpenSSL's makefile names the date of the release, or of today where `configdata.pm` has none.
pub const UNUSED_CLOCK: &[UnusedClock] = &[UnusedClock {
    line: "RELEASE_DATE={- my $t = localtime;",
    replaced: &[
        &["    \"release_date\" => \"1"],
        &["    \"release_date\" => \"2"],
        &["    \"release_date\" => \"3"],
        &["    \"release_date\" => \"4"],
        &["    \"release_date\" => \"5"],
        &["    \"release_date\" => \"6"],
        &["    \"release_date\" => \"7"],
        &["    \"release_date\" => \"8"],
        &["    \"release_date\" => \"9"],
    ],
}];
