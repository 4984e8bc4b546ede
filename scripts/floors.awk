# Reads the lines of arrows.awk (LEVEL FROM TO FILE), prints the floors of each level, and exits 1 on a cycle or on an
# arrow between crates that `below` does not allow. Written for any POSIX awk.

BEGIN {
    rows = split(below, row, ";")
    for (r = 1; r <= rows; r++) {
        m = split(row[r], word, " ")
        if (m) declared[word[1]] = 1
        for (k = 2; k <= m; k++) allowed[word[1], word[k]] = 1
    }
}

{
    if (!($1 in node_count)) levels[++level_count] = $1
    node($1, $2)
    node($1, $3)
    if (($1, $2, $3) in files) {
        files[$1, $2, $3] = files[$1, $2, $3] ", " $4
        next
    }
    files[$1, $2, $3] = $4
    arrows++
    count[$1]++
    from[$1, count[$1]] = $2
    to[$1, count[$1]] = $3
}

function node(level, name) {
    if ((level, name) in floor) return
    floor[level, name] = 0
    names[level, ++node_count[level]] = name
}

END {
    for (l = 1; l <= level_count; l++) draw(levels[l])
    if (!wrong) printf "%d arrows at %d levels, and each goes down\n", arrows, level_count
    exit wrong
}

function draw(level,    n, a, f, k, changed, round, highest) {
    if (level == "workspace") check_crates()
    n = node_count[level]
    # A module is one floor above the highest module that it imports from. With a cycle the floors rise for ever.
    for (round = 0; round <= n; round++) {
        changed = 0
        for (a = 1; a <= count[level]; a++) {
            f = floor[level, to[level, a]] + 1
            if (floor[level, from[level, a]] < f) { floor[level, from[level, a]] = f; changed = 1 }
        }
        if (!changed) break
    }
    if (changed) { cycle(level); return }
    highest = 0
    for (k = 1; k <= n; k++) if (floor[level, names[level, k]] > highest) highest = floor[level, names[level, k]]
    printf "%s: %d modules, %d arrows\n", level, n, count[level]
    for (f = highest; f >= 0; f--) {
        for (k = 1; k <= n; k++) if (floor[level, names[level, k]] == f) show(level, f, names[level, k])
    }
}

# One module, and where its arrows lead.
function show(level, f, name,    a, line) {
    for (a = 1; a <= count[level]; a++) if (from[level, a] == name) line = line " " to[level, a]
    printf "  %2d  %s%s\n", f, name, line == "" ? "" : " ->" line
}

# Takes away the modules that no arrow leaves or none enters, until only cycles, and ways between them, are left.
function cycle(level,    a, k, changed, leaves, enters, gone, name) {
    do {
        changed = 0
        split("", leaves); split("", enters)
        for (a = 1; a <= count[level]; a++) {
            if ((from[level, a] in gone) || (to[level, a] in gone)) continue
            leaves[from[level, a]] = 1
            enters[to[level, a]] = 1
        }
        for (k = 1; k <= node_count[level]; k++) {
            name = names[level, k]
            if (!(name in gone) && (!(name in leaves) || !(name in enters))) { gone[name] = 1; changed = 1 }
        }
    } while (changed)
    printf "%s: A CYCLE\n", level
    for (a = 1; a <= count[level]; a++) {
        if ((from[level, a] in gone) || (to[level, a] in gone)) continue
        printf "    %s -> %s (%s)\n", from[level, a], to[level, a], files[level, from[level, a], to[level, a]]
    }
    wrong = 1
}

function check_crates(    a, key) {
    for (a = 1; a <= count["workspace"]; a++) {
        key = from["workspace", a] SUBSEP to["workspace", a]
        if (key in allowed) continue
        printf "workspace: %s must not import from %s (%s)\n", from["workspace", a], to["workspace", a], \
            files["workspace", key]
        wrong = 1
    }
}
