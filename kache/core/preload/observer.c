/* The observer: an object for LD_PRELOAD that writes down what a process looks at.
 *
 * It is C because of two things that stable Rust cannot do without its standard library: define variadic
 * functions (`open`, `execl`, `syscall`), and ask for the address that a function returns to, which is how a
 * proc macro's `getenv` is told from its compiler's. A Rust cdylib would also bring a runtime and an
 * allocator into every process of a build.
 *
 * Records go to a log in shared memory (`log.c`). Nothing is ever flushed, so they survive `_exit` and SIGKILL, and
 * nothing is locked, so hooks may run in signal handlers and in the children of `fork` and `vfork`. For the same reason
 * nothing here allocates memory, and no frame is larger than a few hundred bytes.
 *
 * The object is linked against nothing: a symbol version taken from the libc it was built with would keep
 * programs with an older one from starting.
 *
 * Where the log cannot be had, every hook passes straight through. */

#include "core.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>

#include "calls.h"
#include "descriptors.h"
#include "dispatch.h"
#include "environ.h"
#include "identity.h"
#include "log.h"

bool kache_active;
bool kache_quiet;
bool kache_keeps_spelling;
char kache_log_variable[sizeof LOG_VARIABLE + 64];
const char *kache_object;

static uint32_t own_pid;
static uint32_t announced_pid;
static bool has_begun;
/* The program began after such code was loaded somewhere in the run. */
static bool began_late;

/* ---- system calls, past our own hooks and without touching errno ---- */

#if defined(__x86_64__)
__asm__(".text\n"
        "kache_own_gate:\n"
        "    syscall\n"
        "    ret\n"
        ".globl kache_raw\n"
        ".hidden kache_raw\n"
        ".type kache_raw, @function\n"
        "kache_raw:\n"
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %rcx, %rdx\n"
        "    movq %r8, %r10\n"
        "    movq %r9, %r8\n"
        "    movq 8(%rsp), %r9\n"
        "    jmp *kache_gate(%rip)\n"
        ".size kache_raw, . - kache_raw\n");
extern char kache_own_gate[] __attribute__((visibility("hidden")));
void *kache_gate = kache_own_gate;
#elif defined(__aarch64__)
__asm__(".text\n"
        "kache_own_gate:\n"
        "    svc #0\n"
        "    ret\n"
        ".globl kache_raw\n"
        ".hidden kache_raw\n"
        ".type kache_raw, %function\n"
        "kache_raw:\n"
        "    hint #34\n"
        "    mov x8, x0\n"
        "    mov x0, x1\n"
        "    mov x1, x2\n"
        "    mov x2, x3\n"
        "    mov x3, x4\n"
        "    mov x4, x5\n"
        "    mov x5, x6\n"
        "    adrp x16, kache_gate\n"
        "    ldr x16, [x16, #:lo12:kache_gate]\n"
        /* Not `br`, for which the gate is no landing pad. */
        "    ret x16\n"
        ".size kache_raw, . - kache_raw\n");
extern char kache_own_gate[] __attribute__((visibility("hidden")));
void *kache_gate = kache_own_gate;
#else
void *kache_gate;
long kache_raw(long nr, long a, long b, long c, long d, long e, long f) {
    static long (*call)(long, ...);
    int saved = errno;
    if (!call) call = (long (*)(long, ...))kache_next("syscall");
    long result = call ? call(nr, a, b, c, d, e, f) : -ENOSYS;
    if (call && result == -1) result = -errno;
    errno = saved;
    return result;
}
#endif

/* ---- finding what a hook stands in front of ---- */

long kache_missing(void) {
    errno = ENOSYS;
    return -1;
}

void *kache_missing_pointer(void) {
    errno = ENOSYS;
    return NULL;
}

#pragma weak dlerror

void *kache_real(void **slot, const char *name) {
    int saved = errno;
    void *found = kache_next(name);
    if (!found && name[0] == '_' && name[1] == '_') {
        /* A newer libc keeps `__xstat` and its like as hidden symbols, which only a lookup by version finds. */
#if defined(__aarch64__)
        found = kache_next_version(name, "GLIBC_2.17");
#else
        found = kache_next_version(name, "GLIBC_2.2.5");
        if (!found) found = kache_next_version(name, "GLIBC_2.4");
#endif
    }
    if (!found && dlerror) dlerror();
    errno = saved;
    if (!found) found = NOT_THERE;
    __atomic_store_n(slot, found, __ATOMIC_RELAXED);
    return found;
}

/* ---- modules ---- */

/* Entries are filled once, published by `ready`, and never used again after they died: lookups need no lock,
 * and an interrupted insertion blocks nobody. Two threads may both insert a module; it then has two ids. */
struct module {
    uintptr_t low;
    uintptr_t high;
    uintptr_t base;
    const char *name;
    bool is_late;
    uint32_t seen;
    uint32_t ready;
};

#define MODULE_LIMIT 2048
static struct module modules[MODULE_LIMIT];
static uint32_t module_count;
static uint32_t module_last;
static uintptr_t own_low, own_high;

/* glibc 2.35 has this lookup without locks. Declared here, so that older headers will do. */
struct found_object {
    unsigned long long flags;
    void *low;
    void *high;
    struct link_map *map;
    unsigned long long rest[12];
};
extern int find_object(void *address, struct found_object *found) __asm__("_dl_find_object") __attribute__((weak));

/* Past our own hook. */
static int walk_objects(int (*each)(struct dl_phdr_info *, size_t, void *), void *data) {
    static void *walk;
    void *found = __atomic_load_n(&walk, __ATOMIC_RELAXED);
    if (!found) found = kache_real(&walk, "dl_iterate_phdr");
    if (!found || found == NOT_THERE) return 0;
    return ((int (*)(int (*)(struct dl_phdr_info *, size_t, void *), void *))found)(each, data);
}

static const struct text own_program = {0, 0, 0, 0, FROM_EXE, 0};

static void emit_module(uint32_t id, struct module *module, const char *name) {
    struct place place = {own_program, false, true};
    if (name[0]) kache_locate(&place, AT_FDCWD, name);
    /* The log keeps the name for as long as we may need it; the loader frees its own with the module. */
    module->name = kache_emit(K_MODULE, 0, 0, id, (int64_t)module->base, place.text, NO_TEXT);
}

static uint32_t add_module(uintptr_t low, uintptr_t high, uintptr_t base, const char *name) {
    if (__atomic_load_n(&module_count, __ATOMIC_RELAXED) >= MODULE_LIMIT) return MODULE_UNKNOWN;
    uint32_t id = __atomic_fetch_add(&module_count, 1, __ATOMIC_RELAXED);
    if (id >= MODULE_LIMIT) {
        __atomic_store_n(&module_count, MODULE_LIMIT, __ATOMIC_RELAXED);
        return MODULE_UNKNOWN;
    }
    struct module *module = &modules[id];
    module->low = low;
    module->high = high;
    module->base = base;
    module->is_late = has_begun;
    emit_module(id, module, name);
    if (has_begun) kache_note_plugins();
    __atomic_store_n(&module->ready, 1, __ATOMIC_RELEASE);
    return id;
}

static inline bool holds(uint32_t id, uintptr_t address) {
    struct module *module = &modules[id];
    return __atomic_load_n(&module->ready, __ATOMIC_ACQUIRE) && address >= module->low && address < module->high;
}

static uint32_t find_module(uintptr_t address) {
    uint32_t last = __atomic_load_n(&module_last, __ATOMIC_RELAXED);
    if (holds(last, address)) return last;
    uint32_t count = __atomic_load_n(&module_count, __ATOMIC_RELAXED);
    for (uint32_t id = 0; id < count && id < MODULE_LIMIT; id++) {
        if (holds(id, address)) {
            __atomic_store_n(&module_last, id, __ATOMIC_RELAXED);
            return id;
        }
    }
    return MODULE_UNKNOWN;
}

static void extent(const struct dl_phdr_info *info, uintptr_t *low, uintptr_t *high) {
    *low = UINTPTR_MAX;
    *high = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if ((start & ~(uintptr_t)4095) < *low) *low = start & ~(uintptr_t)4095;
        if (start + segment->p_memsz > *high) *high = start + segment->p_memsz;
    }
}

static bool is_vdso(const char *name) {
    return __builtin_strncmp(name, "linux-vdso", 10) == 0 || __builtin_strncmp(name, "linux-gate", 10) == 0;
}

static int scan_one(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    bool *first = data;
    bool is_first = *first;
    *first = false;
    uintptr_t low, high;
    extent(info, &low, &high);
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    if (low >= high || is_vdso(name) || (name[0] == 0 && !is_first)) return 0;
    if ((uintptr_t)modules >= low && (uintptr_t)modules < high) {
        kache_object = info->dlpi_name;
        own_low = low;
        own_high = high;
        return 0;
    }
    if (kache_active && find_module(low) == MODULE_UNKNOWN) add_module(low, high, info->dlpi_addr, name);
    return 0;
}

void kache_scan_modules(void) {
    bool first = true;
    walk_objects(scan_one, &first);
}

bool kache_is_own_process(void) {
    return kache_process() == own_pid;
}

uint32_t kache_module(void *return_address) {
    if (!kache_active) return MODULE_UNKNOWN;
    uintptr_t address = (uintptr_t)return_address - 1;
    /* A hook calls what another preloaded object has in libc's place, and that jumped here. */
    if (address >= own_low && address < own_high) return MODULE_UNKNOWN;
    uint32_t id = find_module(address);
    if (id != MODULE_UNKNOWN) return id;
    if (find_object) {
        struct found_object found;
        if (find_object((void *)address, &found) != 0 || !found.map) return MODULE_UNKNOWN;
        const char *name = found.map->l_name ? found.map->l_name : "";
        if (is_vdso(name)) return MODULE_UNKNOWN;
        return add_module((uintptr_t)found.low, (uintptr_t)found.high, found.map->l_addr, name);
    }
    /* The loader's lock may be held for good in the child of a fork: better not to know there. */
    if (!kache_is_own_process()) return MODULE_UNKNOWN;
    kache_scan_modules();
    return find_module(address);
}

bool kache_status_counts(uint32_t module) {
    return began_late || (module < MODULE_LIMIT && modules[module].is_late);
}

uintptr_t kache_module_base(uint32_t module) {
    return module < MODULE_LIMIT ? modules[module].base : 0;
}

struct present {
    uintptr_t low;
    bool found;
};

static int match_one(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    struct present *present = data;
    uintptr_t low, high;
    extent(info, &low, &high);
    present->found |= low == present->low;
    return present->found;
}

void kache_prune_modules(void) {
    uint32_t count = __atomic_load_n(&module_count, __ATOMIC_RELAXED);
    for (uint32_t id = 1; id < count && id < MODULE_LIMIT; id++) {
        struct module *module = &modules[id];
        if (!__atomic_load_n(&module->ready, __ATOMIC_ACQUIRE)) continue;
        struct present present = {module->low, false};
        if (find_object) {
            struct found_object found;
            present.found = find_object((void *)module->low, &found) == 0;
        } else {
            walk_objects(match_one, &present);
        }
        if (!present.found) __atomic_store_n(&module->ready, 0, __ATOMIC_RELEASE);
    }
}

bool kache_first_time(uint32_t id, unsigned bit) {
    static uint32_t unknown_seen;
    uint32_t *seen = id < MODULE_LIMIT ? &modules[id].seen : &unknown_seen;
    if (__atomic_load_n(seen, __ATOMIC_RELAXED) & (1u << bit)) return false;
    return !(__atomic_fetch_or(seen, 1u << bit, __ATOMIC_RELAXED) & (1u << bit));
}

void kache_forget_first_times(void) {
    for (uint32_t id = 0; id < module_count && id < MODULE_LIMIT; id++) modules[id].seen = 0;
}

/* ---- records ---- */

static void emit_start(uint32_t pid, unsigned flags) {
    const struct text cwd = {0, 0, 0, 0, FROM_CWD, 0};
    flags |= kache_dispatched ? F_DISPATCHED : 0;
    kache_append(K_START, flags, 0, pid, MODULE_UNKNOWN, RAW(SYS_getppid, 0, 0, 0, 0), own_program, cwd);
}

/* A forked child inherits our tables but has said nothing yet under its own id. A vforked one shares them with
 * its parent, which is why the last stranger is remembered beside the owner and not instead of it. */
static __attribute__((noinline)) void announce(uint32_t pid) {
    __atomic_store_n(&announced_pid, pid, __ATOMIC_RELAXED);
    emit_start(pid, F_FORKED);
    uint32_t count = __atomic_load_n(&module_count, __ATOMIC_RELAXED);
    for (uint32_t id = 0; id < count && id < MODULE_LIMIT; id++) {
        struct module *module = &modules[id];
        if (!__atomic_load_n(&module->ready, __ATOMIC_ACQUIRE) || !module->name) continue;
        kache_append(K_MODULE, 0, 0, pid, id, (int64_t)module->base, text_of(module->name), NO_TEXT);
    }
}

static uint32_t announced(void) {
    uint32_t pid = kache_process();
    if (pid != own_pid && pid != __atomic_load_n(&announced_pid, __ATOMIC_RELAXED)) announce(pid);
    return pid;
}

char *kache_emit(enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux, struct text a, struct text b) {
    if (!kache_active) return NULL;
    return kache_append(kind, flags, err, announced(), module, aux, a, b);
}

void kache_hold(struct held *held) {
    held->record = NULL;
    if (kache_active) kache_hold_room(held);
}

void kache_release(struct held *held, enum kind kind, unsigned flags, int err, uint32_t module, int64_t aux,
                   const char *path) {
    if (held->record) kache_fill_held(held, kind, flags, err, announced(), module, aux, path);
}

/* ---- paths ---- */

void kache_locate_fd(struct place *place, int fd) {
    place->known = fd >= 0;
    kache_note_use(fd, MODULE_UNKNOWN);
    place->relative = false;
    place->text = (struct text){0, 0, 0, 0, FROM_FD, fd};
}

void kache_locate(struct place *place, int dirfd, const char *path) {
    place->known = path && path[0];
    place->relative = place->known && path[0] != '/';
    place->text = NO_TEXT;
    if (!place->known) return;
    if (!place->relative) {
        place->text = text_of(path);
        return;
    }
    if (dirfd != AT_FDCWD) kache_note_use(dirfd, MODULE_UNKNOWN);
    place->text = (struct text){0, 0, path, __builtin_strlen(path), dirfd == AT_FDCWD ? FROM_CWD : FROM_FD, dirfd};
}

/* ---- start and end ---- */

extern char **environ;

static void drop_entry(char **entry) {
    __builtin_memset(*entry, 0, __builtin_strlen(*entry));
    for (; *entry; entry++) entry[0] = entry[1];
}

/* What is observed must see the environment that it would have had, down to the order of its entries. */
static void hide(char **environment) {
    char **log = NULL, **preload = NULL;
    for (char **entry = environment; entry && *entry; entry++) {
        if (starts_with(*entry, LOG_VARIABLE)) log = entry;
        if (starts_with(*entry, PRELOAD_VARIABLE)) preload = entry;
    }
    if (!log) return;
    if (__builtin_strlen(*log) < sizeof kache_log_variable)
        __builtin_memcpy(kache_log_variable, *log, __builtin_strlen(*log) + 1);
    if (preload && kache_object) {
        char *value = *preload + sizeof PRELOAD_VARIABLE - 1;
        size_t ours = __builtin_strlen(kache_object);
        if (starts_with(value, kache_object) && value[ours] == ':') {
            char *rest = value + ours + 1;
            __builtin_memmove(value, rest, __builtin_strlen(rest) + 1);
        } else if (starts_with(value, kache_object) && value[ours] == 0) {
            drop_entry(preload);
            if (preload < log) log--;
        }
    }
    drop_entry(log);
}

static const char *after(const char *s, const char *text) {
    for (; *s; s++) {
        size_t at = 0;
        while (text[at] && s[at] == text[at]) at++;
        if (!text[at]) return s + at;
    }
    return NULL;
}

/* The map that an argument is, or that it announces in the next one. */
static const char *map_of(char **argv, int at) {
    const char *map = after(argv[at], "prefix-map");
    if (!map) map = after(argv[at], "remap-path-prefix");
    if (map && !*map && argv[at + 1]) return argv[at + 1];
    return map && *map == '=' ? map + 1 : map;
}

/* Maps of paths in what a compiler writes, each counted once: a script may have added some, and a driver may hand one on as
 * several arguments. */
static void emit_maps(int argc, char **argv) {
    int64_t maps = 0;
    for (int at = 1; at < argc && argv[at]; at++) {
        const char *map = map_of(argv, at);
        bool is_new = map;
        for (int before = 1; is_new && before < at; before++) {
            const char *other = map_of(argv, before);
            size_t length = __builtin_strlen(map);
            is_new = !other || __builtin_strlen(other) != length || __builtin_strncmp(other, map, length);
        }
        maps += is_new;
    }
    if (maps) kache_emit(K_MAPS, 0, 0, MODULE_UNKNOWN, maps, NO_TEXT, NO_TEXT);
}

static size_t length_of(char **environment) {
    size_t length = 0;
    while (environment && environment[length]) length++;
    return length;
}

/* The name by which the kernel was asked for this program (a script's where its interpreter runs), and where the loader
 * searched besides. */
static void emit_name(char *const *environment) {
    static void *real;
    /* libc's own: there is a hook of this name. */
    void *found = kache_real(&real, "getauxval");
    unsigned long (*auxiliary)(unsigned long) = (unsigned long (*)(unsigned long))found;
    const char *directories = NULL;
    for (char *const *entry = environment; entry && *entry && !directories; entry++)
        if (starts_with(*entry, "LD_LIBRARY_PATH=")) directories = *entry + sizeof "LD_LIBRARY_PATH=" - 1;
    const char *name = found == NOT_THERE ? "" : (const char *)auxiliary(AT_EXECFN);
    kache_emit(K_NAMED, 0, 0, MODULE_UNKNOWN, 0, text_of(name), text_of(directories));
}

/* How a program that a plugin's code may have started was called: a reader asks what it does with the clock. */
static void emit_arguments(int argc, char **argv) {
    const int most = 1000;
    for (int at = 0; at < argc && at < most && argv[at]; at++)
        kache_emit(K_ARGUMENT, 0, 0, MODULE_UNKNOWN, argc > most ? -1 : at, text_of(argv[at]), NO_TEXT);
}

/* What the loader was asked for by variables: it goes on without an object that it does not find. */
static void emit_preloads(char *const *environment) {
    for (char *const *entry = environment; entry && *entry; entry++) {
        if (!starts_with(*entry, PRELOAD_VARIABLE) && !starts_with(*entry, "LD_AUDIT=")) continue;
        const char *at = *entry;
        while (*at != '=') at++;
        while (*at) {
            const char *name = ++at;
            while (*at && *at != ':' && *at != ' ') at++;
            if (at > name) kache_emit(K_DLOPEN, 0, 0, 0, 0, text_len(name, (size_t)(at - name)), NO_TEXT);
        }
    }
}

static __attribute__((constructor)) void begin(int argc, char **argv, char **envp) {
    int saved = errno;
    kache_scan_modules();
    /* All at once, and when inert too: a forked child of a threaded process must not need the loader's lock, and
     * a later lookup would clear the program's pending `dlerror`. */
    for (struct real *real = __start_kache_reals; real < __stop_kache_reals; real++)
        if (!*real->slot) kache_real(real->slot, real->name);
    /* glibc passes us the environment, but may not have set `environ` yet; other libcs do it the other way round. */
    char **environment = environ ? environ : envp;
    size_t given = length_of(environment);
    hide(environment);
    if (kache_object && kache_open_log() && !kache_quiet) {
        kache_keep_identity();
        own_pid = kache_process();
        kache_dispatch_begin();
        /* What the kernel says of the machine lies behind the environment. */
        if (environment) kache_hide_vdso(environment + given + 1, given - length_of(environment));
        kache_active = true;
        began_late = kache_plugins_loaded();
        emit_start(own_pid, 0);
        emit_maps(argc, argv);
        emit_name(environment);
        if (began_late) emit_arguments(argc, argv);
        kache_scan_modules();
        emit_preloads(environment);
        has_begun = true;
    }
    errno = saved;
}

static __attribute__((destructor)) void end(void) {
    if (!kache_active || !kache_is_own_process()) return;
    int saved = errno;
    kache_scan_modules();
    kache_emit(K_EXIT, kache_variables_unread() ? F_EXIT_UNREAD : 0, 0, MODULE_UNKNOWN, 0, NO_TEXT, NO_TEXT);
    errno = saved;
}
