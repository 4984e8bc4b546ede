/* Linked into each build script that kache compiles: before `main`, the script hands over to kache, which runs the same file
 * again under observation, or restores what it made.
 *
 * The file stays the real script. Where kache is gone, or is not the wrapper of the build, the script runs as ever. Under
 * observation, the observer answers for a variable that is in no environment; where kache runs the script without the
 * observer, it sets another, which is removed here. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBSERVED "KACHE_OBSERVE_LOG"
#define PLAIN "KACHE_PLAIN_SCRIPT"

static int is_kache(const char *wrapper) {
    if (!wrapper || !*wrapper) return 0;
    const char *slash = strrchr(wrapper, '/');
    /* Another directory than the caller's is current here. */
    if (slash && *wrapper != '/') return 0;
    return !strcmp(slash ? slash + 1 : wrapper, "kache");
}

/* Leaves the environment as it would be without kache, also as the kernel shows it. `environ` is not named here: a program
 * that names it may read all of it. */
static int remove_plain(void) {
    char *value = getenv(PLAIN);
    if (!value) return 0;
    char *entry = value - sizeof PLAIN;
    size_t length = strlen(entry);
    unsetenv(PLAIN);
    memset(entry, 0, length);
    return 1;
}

static int is_run_by_cargo(void) {
    static const char *const names[] = {"OUT_DIR", "CARGO_MANIFEST_DIR", "TARGET", "HOST", "NUM_JOBS"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        if (!getenv(names[at])) return 0;
    return 1;
}

static __attribute__((constructor)) void hand_over(void) {
    if (getenv(OBSERVED) || remove_plain() || !is_run_by_cargo()) return;
    const char *wrapper = getenv("RUSTC_WRAPPER");
    if (!is_kache(wrapper)) wrapper = getenv("RUSTC_WORKSPACE_WRAPPER");
    if (!is_kache(wrapper)) return;
    char own[4096];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0 || length >= (ssize_t)sizeof own - 1) return;
    own[length] = 0;
    if (access(own, X_OK)) return;
    char *const arguments[] = {(char *)wrapper, own, NULL};
    execvp(wrapper, arguments);
    /* kache is gone. */
}
