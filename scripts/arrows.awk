# Reads Rust sources and prints the arrows between modules and between crates, one a line: LEVEL FROM TO FILE.
# LEVEL is the module (with its crate) whose children FROM and TO are, or `workspace` for an arrow between crates.
#
# Input lines: `crate NAME DIRECTORY` for each crate, then `file CRATE MODULE PATH` for each of its sources. MODULE is the path
# of the module within the crate (`a::b`), or `-` for a crate root. Written for any POSIX awk.

$1 == "crate" { crates[$2] = 1; next }
$1 == "file"  { n++; of[n] = $2; module[n] = $3; path[n] = $4; known[$2, $3] = 1; next }

END { for (i = 1; i <= n; i++) read(i) }

function read(i,    text) {
    text = without_tests(code_of(path[i]))
    imports(i, text)
}

# The code of a file: no comments, no contents of strings.
function code_of(file,    line, out, state, hashes, rest, c, close_at, depth) {
    state = "code"
    while ((getline line < file) > 0) {
        rest = line
        while (rest != "" || state == "") {
            if (state == "code") {
                if (!match(rest, /\/\/|\/\*|"|'|r#*"/)) { out = out rest; break }
                # An identifier that ends in `r` before a quote starts no raw string.
                out = out substr(rest, 1, RSTART - 1)
                c = substr(rest, RSTART, RLENGTH)
                rest = substr(rest, RSTART + RLENGTH)
                if (c == "//") break
                if (c == "/*") { state = "comment"; depth = 1; continue }
                if (c == "\"") { state = "string"; continue }
                if (c == "'") {
                    if (match(rest, /^\\(u\{[0-9a-fA-F_]*\}|x[0-9a-fA-F][0-9a-fA-F]|.)'/)) rest = substr(rest, RLENGTH + 1)
                    else if (match(rest, /^[^\\]'/)) rest = substr(rest, 3)
                    else out = out c
                    continue
                }
                hashes = substr(c, 2, length(c) - 2)
                state = "raw"
            } else if (state == "string") {
                if (!match(rest, /\\|"/)) break
                c = substr(rest, RSTART, 1)
                rest = substr(rest, RSTART + (c == "\\" ? 2 : 1))
                if (c == "\"") { out = out "\"\""; state = "code" }
            } else if (state == "raw") {
                close_at = index(rest, "\"" hashes)
                if (!close_at) break
                rest = substr(rest, close_at + 1 + length(hashes))
                out = out "\"\""
                state = "code"
            } else {
                if (!match(rest, /\/\*|\*\//)) break
                depth += substr(rest, RSTART, 1) == "/" ? 1 : -1
                rest = substr(rest, RSTART + 2)
                if (depth == 0) state = "code"
            }
        }
        out = out "\n"
    }
    close(file)
    return out
}

# Leaves out items that are compiled for unit tests only.
function without_tests(text,    out, depth, c) {
    while (match(text, /#\[cfg\((all\()?test[^]]*\]/)) {
        out = out substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        depth = 0
        while (match(text, /[{};]/)) {
            c = substr(text, RSTART, 1)
            text = substr(text, RSTART + 1)
            if (c == "{") depth++
            if (c == "}") depth--
            if (depth == 0) break
        }
    }
    return out text
}

# Every path that starts at the crate, at a parent, or at another crate of the workspace.
function imports(i, text,    head, before, up, base) {
    src = text
    while (match(src, /[A-Za-z_][A-Za-z0-9_]*::/)) {
        before = substr(src, RSTART - 1, 1)
        head = substr(src, RSTART, RLENGTH - 2)
        src = substr(src, RSTART + RLENGTH)
        if (before == ":" || before == "'") continue
        # A module may have the name of a crate.
        if ((of[i], (module[i] == "-" ? "" : module[i] "::") head) in known) continue
        if (head in crates) {
            if (head != of[i]) print "workspace", of[i], head, path[i]
            # A program of a crate names its own library by the crate's name.
            else if (module[i] == "-") continue
        } else if (head == "crate") {
            from = i
            tree("")
        } else if (head == "super") {
            up = module[i]
            if (up == "-") continue
            up = parent(up)
            while (match(src, /^super::/)) { src = substr(src, RLENGTH + 1); up = parent(up) }
            from = i
            tree(up)
        }
    }
}

function parent(path) { return path !~ /::/ ? "" : substr(path, 1, match(path, /::[^:]*$/) - 1) }

function blanks() { sub(/^[ \t\n]+/, "", src) }

# Takes one import tree from the front of `src` (`a::{b, c::d}`), below a module.
function tree(base,    word) {
    for (;;) {
        blanks()
        if (substr(src, 1, 1) == "{") {
            src = substr(src, 2)
            for (;;) {
                blanks()
                if (substr(src, 1, 1) == "}" || src == "") { src = substr(src, 2); return }
                if (substr(src, 1, 1) == ",") { src = substr(src, 2); continue }
                tree(base)
                blanks()
                if (src !~ /^[,}]/) return
            }
        }
        if (!match(src, /^[A-Za-z_][A-Za-z0-9_]*/)) {
            if (substr(src, 1, 1) == "*") src = substr(src, 2)
            arrow(base)
            return
        }
        word = substr(src, 1, RLENGTH)
        src = substr(src, RLENGTH + 1)
        if (word == "self") { arrow(base); return }
        # A macro is exported at the root, wherever it is written.
        if (base == "" && substr(src, 1, 1) == "!") return
        base = base == "" ? word : base "::" word
        if (src ~ /^[ \t\n]+as[ \t\n]/) sub(/^[ \t\n]+as[ \t\n]+[A-Za-z0-9_]+/, "", src)
        if (substr(src, 1, 2) != "::") { arrow(base); return }
        src = substr(src, 3)
    }
}

# From the module that is read to the module that a path leads into.
function arrow(to,    have, want, m, k, crate, level) {
    crate = of[from]
    while (to != "" && !((crate, to) in known)) to = parent(to)
    if (module[from] == "-") return
    if (to == "") { print crate, top(module[from]), "(root)", path[from]; return }
    split(module[from], have, "::")
    m = split(to, want, "::")
    level = crate
    for (k = 1; k <= m && (k in have) && have[k] == want[k]; k++) level = level "::" have[k]
    # A module and one of its own children are one unit from above.
    if (k <= m && (k in have)) print level, have[k], want[k], path[from]
}

function top(path,    parts) { split(path, parts, "::"); return parts[1] }
