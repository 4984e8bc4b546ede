/* Putting kache in front of the compilers that a program starts.
 *
 * The program calls exec as ever. Where it names a compiler, kache is started with the compiler's command line, without the
 * observer, and with one variable more, of which nothing but kache sees anything: it holds the log, this object and the
 * compiler's own first argument. kache restores or stores the result and writes into the log what the compiler would have
 * looked at, or becomes the compiler, observed as if it had been started here (`observe/outer.rs`). */

#include "front.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "environ.h"
#include "kept.h"
#include "process.h"

#define OUTER "KACHE_OUTER="

static const char *front;

void kache_set_front(const char *texts) {
    front = texts;
    const char *name = texts;
    while (*name) name += __builtin_strlen(name) + 1;
    kache_keep_in(name + 1);
}

bool kache_fronts(void) {
    return front != NULL;
}

static const char *base_of(const char *path) {
    const char *base = path;
    for (const char *at = path; *at; at++)
        if (*at == '/') base = at + 1;
    return base;
}

/* Without `-12` or `-14.0` at its end. */
static size_t length_without_version(const char *name) {
    size_t length = __builtin_strlen(name), at = length;
    while (at > 0 && ((name[at - 1] >= '0' && name[at - 1] <= '9') || name[at - 1] == '.')) at--;
    return at > 1 && at < length && name[at - 1] == '-' ? at - 1 : length;
}

/* `x86_64-linux-gnu-name-12` is called `name`. */
static bool is_called(const char *base, size_t length, const char *name) {
    size_t size = __builtin_strlen(name);
    if (size > length || __builtin_strncmp(base + length - size, name, size)) return false;
    return size == length || base[length - size - 1] == '-';
}

static bool is_compiler(const char *program) {
    const char *base = base_of(program);
    size_t length = length_without_version(base);
    for (const char *name = front + __builtin_strlen(front) + 1; *name; name += __builtin_strlen(name) + 1)
        if (is_called(base, length, name)) return true;
    return false;
}

static bool is_named_alike(const char *one, const char *other) {
    return !__builtin_strncmp(base_of(one), base_of(other), __builtin_strlen(base_of(other)) + 1);
}

static bool is_kache(const char *program, bool search) {
    if (!is_named_alike(program, front)) return false;
    if (search && base_of(program) == program) return true;
    struct stat one, other;
    return RAW(SYS_newfstatat, AT_FDCWD, program, &one, 0) == 0 && RAW(SYS_newfstatat, AT_FDCWD, front, &other, 0) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static size_t count(char *const *array) {
    size_t entries = 0;
    while (array && array[entries]) entries++;
    return entries;
}

/* The arguments, the environment and the variable, in the log, as `kache_observed_environment` says. */
static bool rewrite(struct command *command, bool is_wrapped, const char *program) {
    char *const *environment = kache_variables(command->environment);
    size_t given = count(command->arguments), variables = count(environment);
    const char *log = kache_log_variable + sizeof LOG_VARIABLE - 1;
    const char *own = is_wrapped ? "" : command->arguments[0];
    size_t text = sizeof OUTER + __builtin_strlen(log) + 1 + __builtin_strlen(kache_object) + 1 + __builtin_strlen(own) + 1;
    char **room = kache_scratch((given + 2 + variables + 2) * sizeof(char *) + text);
    if (!room) return false;
    char **arguments = room, **at = room;
    if (!is_wrapped) {
        *at++ = (char *)front;
        *at++ = (char *)program;
        for (size_t i = 1; i < given; i++) *at++ = command->arguments[i];
    } else {
        for (size_t i = 0; i < given; i++) *at++ = command->arguments[i];
    }
    *at++ = NULL;
    char **to = at;
    for (size_t i = 0; i < variables; i++) *at++ = environment[i];
    *at++ = (char *)(to + variables + 2);
    *at++ = NULL;
    char *end = append((char *)at, OUTER);
    end = append(end, log);
    *end++ = '\n';
    end = append(end, kache_object);
    *end++ = '\n';
    end = append(end, own);
    *end = 0;
    *command = (struct command){front, arguments, to};
    return true;
}

static bool may_run(const char *path) {
    return RAW(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */, 0) == 0;
}

static bool is_there(const char *program, bool search) {
    if (!search || base_of(program) != program) return may_run(program);
    long fd = kache_open_by_search(program);
    if (fd >= 0) RAW(SYS_close, fd, 0, 0, 0);
    return fd >= 0;
}

bool kache_front(struct command *command, bool search, const char **asked) {
    if (!front || !command->program || !command->arguments || !command->arguments[0]) return false;
    /* One that was put in front is not observed, and asks for no second one. */
    for (char *const *entry = kache_variables(command->environment); entry && *entry; entry++)
        if (starts_with(*entry, LOG_VARIABLE) || starts_with(*entry, OUTER)) return false;
    int saved = errno;
    /* kache may be gone by now, or be another user's. */
    if (!may_run(front)) {
        errno = saved;
        return false;
    }
    const char *program = command->program;
    bool is_wrapped = is_kache(program, search), fronted = false;
    if (is_wrapped) {
        const char *compiler = command->arguments[1];
        if (compiler && is_called(compiler, __builtin_strlen(compiler), "exec")) {
            /* Any command may follow: what the record is about is kache itself. */
            *asked = program;
            fronted = rewrite(command, true, program);
        } else if (compiler && compiler[0] != '-' && (base_of(compiler) != compiler || is_compiler(compiler))) {
            *asked = compiler;
            fronted = rewrite(command, true, program);
        }
    } else if (is_compiler(program) && is_named_alike(program, command->arguments[0]) && is_there(program, search)) {
        /* Under another name than its file's, a compiler takes language or target from that name, which kache cannot hand on. */
        *asked = program;
        fronted = rewrite(command, false, program);
    }
    errno = saved;
    return fronted;
}
