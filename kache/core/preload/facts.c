/* Hooks for facts about the host: who runs the program, its limits, the machine.
 *
 * What was answered is recorded, since it is what the program may have used. A fact that stays the same is recorded
 * once for each module and answer. What a program sets itself (its umask, a limit) is recorded too: an answer that
 * the run gave itself is not a fact about the host. */

#include "facts.h"

#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "calls.h"
#include "dispatch.h"
#include "files.h"

/* ---- records ---- */

/* A program may ask in a loop. A fact that another one displaces is recorded again, which is harmless. */
#define SEEN_LIMIT 512
static uint64_t seen_facts[SEEN_LIMIT];

static bool is_new(uint32_t module, const struct text *name, const struct text *about, uint64_t hash) {
    struct answer answer = {hash};
    const struct text *const texts[] = {name, about};
    add_number(&answer, module);
    /* With an end to each part: what is told apart by where one ends is not the same. */
    for (size_t i = 0; i < 2; i++) {
        add_bytes(&answer, texts[i]->head, texts[i]->head_len);
        add_bytes(&answer, "\n", 1);
        add_bytes(&answer, texts[i]->tail, texts[i]->tail ? texts[i]->tail_len : 0);
        add_bytes(&answer, "\n", 1);
    }
    uint64_t *slot = &seen_facts[(answer.hash >> 32) % SEEN_LIMIT];
    if (__atomic_load_n(slot, __ATOMIC_RELAXED) == answer.hash) return false;
    __atomic_store_n(slot, answer.hash, __ATOMIC_RELAXED);
    return true;
}

void kache_note_fact(unsigned flags, uint32_t module, struct text name, struct text about, struct answer answer) {
    /* What a relative path or a descriptor leads to may change. */
    if (about.source == IN_MEMORY && !is_new(module, &name, &about, answer.hash + flags)) return;
    int saved = errno;
    kache_emit(K_HOST_FACT, flags, 0, module, (int64_t)answer.hash, name, about);
    errno = saved;
}

void kache_note_number(const char *name, int64_t number, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    add_number(&answer, number);
    kache_note_fact(0, module, text_of(name), NO_TEXT, answer);
}

void kache_note_numbered(unsigned flags, const char *name, int64_t number, struct answer answer, uint32_t module) {
    struct digits digits;
    kache_note_fact(flags, module, fact(name, print_number(&digits, number)), NO_TEXT, answer);
}

struct answer kache_of_number(int64_t number) {
    struct answer answer = NEW_ANSWER;
    add_number(&answer, number);
    return answer;
}

/* ---- users and groups ---- */

#define NUMBER(type, name, number)                                                                           \
    HOOK(type, name, void) {                                                                                 \
        type result = REAL(name)();                                                                          \
        if (kache_active) kache_note_number(number, (int64_t)result, kache_module(CALLER));                  \
        return result;                                                                                       \
    }
NUMBER(uid_t, getuid, "uid")
NUMBER(uid_t, geteuid, "euid")
NUMBER(gid_t, getgid, "gid")
NUMBER(gid_t, getegid, "egid")
NUMBER(long, gethostid, "hostid")

static void note_three(const char *name, const unsigned *a, const unsigned *b, const unsigned *c, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    add_number(&answer, *a);
    add_number(&answer, *b);
    add_number(&answer, *c);
    kache_note_fact(0, module, text_of(name), NO_TEXT, answer);
}

#define THREE(name, fact_name)                                                                               \
    HOOK(int, name, unsigned *real, unsigned *effective, unsigned *saved) {                                  \
        int result = REAL(name)(real, effective, saved);                                                     \
        if (kache_active && result == 0) note_three(fact_name, real, effective, saved, kache_module(CALLER)); \
        return result;                                                                                       \
    }
THREE(getresuid, "resuid")
THREE(getresgid, "resgid")

static void note_groups(int size, const gid_t *list, int count, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    for (int i = 0; size && i < count; i++) add_number(&answer, list[i]);
    kache_note_fact(size && count >= 0 ? 0 : F_UNANSWERED, module, text_of("groups"), NO_TEXT, answer);
}

HOOK(int, getgroups, int size, gid_t *list) {
    int count = REAL(getgroups)(size, list);
    if (kache_active) note_groups(size, list, count, kache_module(CALLER));
    return count;
}
HOOK(int, __getgroups_chk, int size, gid_t *list, size_t limit) {
    int count = REAL(__getgroups_chk)(size, list, limit);
    if (kache_active) note_groups(size, list, count, kache_module(CALLER));
    return count;
}
HOOK(int, group_member, gid_t group) {
    if (kache_active) note_groups(0, NULL, 0, kache_module(CALLER));
    return REAL(group_member)(group);
}

/* ---- what a process inherits, and may set ---- */

static void note_umask(mode_t old, mode_t mask, uint32_t module) {
    kache_note_number("umask", old, module);
    if (mask != old) kache_note_fact(F_SET, module, text_of("umask"), NO_TEXT, kache_of_number(mask));
}

HOOK(mode_t, umask, mode_t mask) {
    mode_t old = REAL(umask)(mask);
    if (kache_active) note_umask(old, mask & 0777, kache_module(CALLER));
    return old;
}

struct limit {
    uint64_t soft;
    uint64_t hard;
};

static void note_limit(unsigned flags, int resource, const struct limit *limit, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    if (limit) {
        add_number(&answer, (int64_t)limit->soft);
        add_number(&answer, (int64_t)limit->hard);
    }
    kache_note_numbered(limit ? flags : F_UNANSWERED, "rlimit", resource, answer, module);
}

/* Whether a limit may be set depends on the limit that there is and, where it is raised, on what the process may do. */
static void note_set_limit(int resource, const struct limit *new, const struct limit *old, bool is_set, uint32_t module) {
    int saved = errno;
    note_limit(0, resource, old, module);
    if (is_set) note_limit(F_SET, resource, new, module);
    if (new->hard > old->hard) kache_note_volatile("setrlimit", module, FIRST_OTHERS);
    errno = saved;
}

#define GETRLIMIT(name)                                                                                      \
    HOOK(int, name, int resource, struct limit *limit) {                                                     \
        int result = REAL(name)(resource, limit);                                                            \
        if (kache_active && result == 0) note_limit(0, resource, limit, kache_module(CALLER));               \
        return result;                                                                                       \
    }
#define SETRLIMIT(name)                                                                                      \
    HOOK(int, name, int resource, const struct limit *limit) {                                               \
        struct limit old;                                                                                    \
        bool is_known = kache_active && limit && RAW(SYS_prlimit64, 0, resource, 0, &old) == 0;              \
        int result = REAL(name)(resource, limit);                                                            \
        if (is_known) note_set_limit(resource, limit, &old, result == 0, kache_module(CALLER));              \
        return result;                                                                                       \
    }
static bool is_other(pid_t pid) { return pid && pid != kache_raw(SYS_getpid, 0, 0, 0, 0, 0, 0); }

static void note_prlimit(pid_t pid, int resource, const struct limit *old, uint32_t module) {
    if (is_other(pid))
        kache_note_volatile("prlimit", module, FIRST_OTHERS);
    else if (old)
        note_limit(0, resource, old, module);
}

#define PRLIMIT(name)                                                                                        \
    HOOK(int, name, pid_t pid, int resource, const struct limit *new, struct limit *old) {                   \
        struct limit before;                                                                                 \
        bool is_known = kache_active && new && RAW(SYS_prlimit64, 0, resource, 0, &before) == 0;             \
        int result = REAL(name)(pid, resource, new, old);                                                    \
        if (!kache_active) return result;                                                                    \
        uint32_t module = kache_module(CALLER);                                                              \
        note_prlimit(pid, resource, result ? NULL : old, module);                                            \
        if (is_known && !is_other(pid)) note_set_limit(resource, new, &before, result == 0, module);         \
        return result;                                                                                       \
    }

/* A system call past the hooks: what the limit was is not known by now. Whether it was raised only root can say. */
static void note_raw_limit(int resource, const struct limit *new, int err, uint32_t module) {
    note_limit(0, resource, NULL, module);
    if (!err) note_limit(F_SET, resource, new, module);
    if (err || kache_raw(SYS_geteuid, 0, 0, 0, 0, 0, 0) == 0)
        kache_note_volatile("setrlimit", module, FIRST_OTHERS);
}

/* On the systems that the log exists for, both have fields of 64 bits. */
_Static_assert(sizeof(struct rlimit) != sizeof(struct limit) || sizeof(rlim_t) == 8, "limits have two numbers");
GETRLIMIT(getrlimit)
GETRLIMIT(getrlimit64)
SETRLIMIT(setrlimit)
SETRLIMIT(setrlimit64)
PRLIMIT(prlimit)
PRLIMIT(prlimit64)

/* Of the first thread, it tells the limit of the stack. */
HOOK(int, pthread_getattr_np, unsigned long thread, void *attributes) {
    if (kache_active) note_limit(0, RLIMIT_STACK, NULL, kache_module(CALLER));
    return REAL(pthread_getattr_np)(thread, attributes);
}
HOOK(int, pthread_getattr_default_np, void *attributes) {
    if (kache_active) note_limit(0, RLIMIT_STACK, NULL, kache_module(CALLER));
    return REAL(pthread_getattr_default_np)(attributes);
}
HOOK(int, getdtablesize, void) {
    if (kache_active) note_limit(0, RLIMIT_NOFILE, NULL, kache_module(CALLER));
    return REAL(getdtablesize)();
}

static void note_priority(unsigned flags, int which, unsigned who, int priority, uint32_t module) {
    if (who)
        kache_note_volatile("getpriority", module, FIRST_OTHERS);
    else
        kache_note_numbered(flags, "priority", which, kache_of_number(priority), module);
}

HOOK(int, getpriority, int which, unsigned who) {
    int result = REAL(getpriority)(which, who);
    if (kache_active) note_priority(0, which, who, result, kache_module(CALLER));
    return result;
}
/* Only some processes may have a higher priority, which is a lower number. */
static void note_raised_priority(uint32_t module) { kache_note_volatile("setpriority", module, FIRST_OTHERS); }

HOOK(int, setpriority, int which, unsigned who, int priority) {
    /* The kernel gives 20 for 0, to tell a priority from an error. */
    bool is_raised = kache_active && (who || priority < 20 - RAW(SYS_getpriority, which, 0, 0, 0));
    int result = REAL(setpriority)(which, who, priority);
    if (kache_active && result == 0 && !who) note_priority(F_SET, which, 0, priority, kache_module(CALLER));
    if (is_raised) note_raised_priority(kache_module(CALLER));
    return result;
}
HOOK(int, nice, int change) {
    int result = REAL(nice)(change);
    if (!kache_active) return result;
    uint32_t module = kache_module(CALLER);
    /* The answer tells what the priority was before. */
    note_priority(change ? F_UNANSWERED : 0, PRIO_PROCESS, 0, change ? 0 : result, module);
    if (change) note_priority(F_SET, PRIO_PROCESS, 0, result, module);
    if (change < 0) note_raised_priority(module);
    return result;
}

static void note_affinity(unsigned flags, pid_t pid, const void *set, size_t size, uint32_t module) {
    if (pid && pid != kache_raw(SYS_gettid, 0, 0, 0, 0, 0, 0) && pid != kache_raw(SYS_getpid, 0, 0, 0, 0, 0, 0)) {
        kache_note_volatile("sched_getaffinity", module, FIRST_OTHERS);
        return;
    }
    struct answer answer = NEW_ANSWER;
    const uint8_t *bytes = set;
    while (set && size && !bytes[size - 1]) size--;
    for (size_t i = 0; set && i < size; i++) add_number(&answer, bytes[i]);
    kache_note_fact(set ? flags : F_UNANSWERED, module, text_of("affinity"), NO_TEXT, answer);
}

HOOK(int, sched_getaffinity, pid_t pid, size_t size, void *set) {
    int result = REAL(sched_getaffinity)(pid, size, set);
    if (kache_active) note_affinity(0, pid, result == 0 ? set : NULL, size, kache_module(CALLER));
    return result;
}
HOOK(int, pthread_getaffinity_np, unsigned long thread, size_t size, void *set) {
    int result = REAL(pthread_getaffinity_np)(thread, size, set);
    if (kache_active) note_affinity(0, 0, result == 0 ? set : NULL, size, kache_module(CALLER));
    return result;
}
/* Which processors there are, a failure tells. */
static void note_set_affinity(pid_t pid, int result, const void *set, size_t size, uint32_t module) {
    if (result == 0)
        note_affinity(F_SET, pid, set, size, module);
    else
        kache_note_volatile("sched_setaffinity", module, FIRST_OTHERS);
}

HOOK(int, sched_setaffinity, pid_t pid, size_t size, const void *set) {
    int result = REAL(sched_setaffinity)(pid, size, set);
    if (kache_active) note_set_affinity(pid, result, set, size, kache_module(CALLER));
    return result;
}
HOOK(int, pthread_setaffinity_np, unsigned long thread, size_t size, const void *set) {
    int result = REAL(pthread_setaffinity_np)(thread, size, set);
    if (kache_active) note_set_affinity(0, result, set, size, kache_module(CALLER));
    return result;
}

/* ---- the machine ---- */

static void note_sysconf(int name, int64_t value, uint32_t module) {
    switch (name) {
#if defined(__x86_64__)
    case _SC_PAGESIZE:
#endif
    /* The same on each machine with this libc. */
    case _SC_CLK_TCK:
    case _SC_IOV_MAX:
    case _SC_NGROUPS_MAX:
    case _SC_LINE_MAX:
    case _SC_HOST_NAME_MAX:
    case _SC_GETPW_R_SIZE_MAX:
    case _SC_GETGR_R_SIZE_MAX:
        return;
    case _SC_AVPHYS_PAGES:
        kache_note_volatile("sysconf/memory", module, FIRST_MEMORY);
        return;
    default:
        kache_note_numbered(0, "sysconf", name, kache_of_number(value), module);
    }
}

#define SYSCONF(name)                                                                                        \
    HOOK(long, name, int variable) {                                                                         \
        long result = REAL(name)(variable);                                                                  \
        if (kache_active) note_sysconf(variable, result, kache_module(CALLER));                              \
        return result;                                                                                       \
    }
#define LIKE_SYSCONF(type, name, variable)                                                                   \
    HOOK(type, name, void) {                                                                                 \
        type result = REAL(name)();                                                                          \
        if (kache_active) note_sysconf(variable, (int64_t)result, kache_module(CALLER));                     \
        return result;                                                                                       \
    }
SYSCONF(sysconf)
SYSCONF(__sysconf)
LIKE_SYSCONF(int, getpagesize, _SC_PAGESIZE)
LIKE_SYSCONF(int, __getpagesize, _SC_PAGESIZE)
LIKE_SYSCONF(int, get_nprocs, _SC_NPROCESSORS_ONLN)
LIKE_SYSCONF(int, get_nprocs_conf, _SC_NPROCESSORS_CONF)
LIKE_SYSCONF(long, get_phys_pages, _SC_PHYS_PAGES)
LIKE_SYSCONF(long, get_avphys_pages, _SC_AVPHYS_PAGES)

static void note_uname(const struct utsname *name, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    add_text(&answer, name->sysname);
    add_text(&answer, name->nodename);
    add_text(&answer, name->release);
    add_text(&answer, name->version);
    add_text(&answer, name->machine);
    add_text(&answer, name->domainname);
    kache_note_fact(0, module, text_of("uname"), NO_TEXT, answer);
}

HOOK(int, uname, struct utsname *name) {
    int result = REAL(uname)(name);
    if (kache_active && result == 0) note_uname(name, kache_module(CALLER));
    return result;
}

/* A name that was cut, or may have been, is not compared. */
static void note_name(const char *name, int result, const char *text, size_t size, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    bool whole = result == 0 && text && __builtin_strnlen(text, size) < size;
    if (whole) add_text(&answer, text);
    kache_note_fact(whole ? 0 : F_UNANSWERED, module, text_of(name), NO_TEXT, answer);
}

#define NAME(name, fact_name)                                                                                \
    HOOK(int, name, char *text, size_t size) {                                                               \
        int result = REAL(name)(text, size);                                                                 \
        if (kache_active) note_name(fact_name, result, text, size, kache_module(CALLER));                    \
        return result;                                                                                       \
    }
#define NAME_CHECKED(name, fact_name)                                                                        \
    HOOK(int, name, char *text, size_t size, size_t limit) {                                                 \
        int result = REAL(name)(text, size, limit);                                                          \
        if (kache_active) note_name(fact_name, result, text, size, kache_module(CALLER));                    \
        return result;                                                                                       \
    }
NAME(gethostname, "hostname")
NAME_CHECKED(__gethostname_chk, "hostname")
NAME(getdomainname, "domainname")
NAME_CHECKED(__getdomainname_chk, "domainname")

static void note_auxiliary(unsigned long type, unsigned long value, uint32_t module) {
    struct answer answer = NEW_ANSWER;
    switch (type) {
    case AT_EXECFN:
        kache_note_volatile("getauxval", module, FIRST_PLACE);
        return;
    /* Where things lie in memory, which differs from run to run. */
    case AT_PHDR:
    case AT_BASE:
    case AT_ENTRY:
    case AT_RANDOM:
        return;
    case AT_SYSINFO_EHDR:
        if (!kache_dispatched) kache_note_vdso(module);
        return;
#if defined(__x86_64__)
    case AT_PAGESZ:
        return;
#endif
    case AT_PLATFORM:
    case AT_BASE_PLATFORM:
        add_text(&answer, (const char *)value);
        break;
    default:
        add_number(&answer, (int64_t)value);
    }
    kache_note_numbered(0, "auxv", (int64_t)type, answer, module);
}

#define GETAUXVAL(name)                                                                                      \
    HOOK(unsigned long, name, unsigned long type) {                                                          \
        unsigned long result = REAL(name)(type);                                                             \
        if (kache_active) note_auxiliary(type, result, kache_module(CALLER));                                \
        return result;                                                                                       \
    }
GETAUXVAL(getauxval)
GETAUXVAL(__getauxval)

/* ---- system calls without their functions ---- */

static bool note_identity_call(long number, const long *a, long result, uint32_t module) {
    static const struct {
        long number;
        const char *name;
    } numbers[] = {{SYS_getuid, "uid"}, {SYS_geteuid, "euid"}, {SYS_getgid, "gid"}, {SYS_getegid, "egid"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (number != numbers[i].number) continue;
        kache_note_number(numbers[i].name, result, module);
        return true;
    }
    if (number == SYS_getresuid || number == SYS_getresgid) {
        const char *name = number == SYS_getresuid ? "resuid" : "resgid";
        if (result == 0) note_three(name, (unsigned *)a[0], (unsigned *)a[1], (unsigned *)a[2], module);
        return true;
    }
    if (number == SYS_getgroups) note_groups((int)a[0], (const gid_t *)a[1], (int)result, module);
    return number == SYS_getgroups;
}

static bool note_inherited_call(long number, const long *a, long result, int err, uint32_t module) {
    switch (number) {
    case SYS_umask:
        note_umask((mode_t)result, (mode_t)a[0] & 0777, module);
        return true;
#ifdef SYS_getrlimit
    case SYS_getrlimit:
        if (!err) note_limit(0, (int)a[0], (const struct limit *)a[1], module);
        return true;
    case SYS_setrlimit:
        note_raw_limit((int)a[0], (const struct limit *)a[1], err, module);
        return true;
#endif
    case SYS_prlimit64:
        note_prlimit((pid_t)a[0], (int)a[1], err ? NULL : (const struct limit *)a[3], module);
        if (a[2] && !is_other((pid_t)a[0])) note_raw_limit((int)a[1], (const struct limit *)a[2], err, module);
        return true;
    case SYS_getpriority:
        /* The kernel answers with a number above zero. */
        if (!err) note_priority(0, (int)a[0], (unsigned)a[1], 20 - (int)result, module);
        return true;
    case SYS_sched_getaffinity:
        note_affinity(0, (pid_t)a[0], err ? NULL : (const void *)a[2], err ? 0 : (size_t)result, module);
        return true;
    case SYS_uname:
        if (!err) note_uname((const struct utsname *)a[0], module);
        return true;
    default:
        return false;
    }
}

bool kache_note_fact_call(long number, const long *a, long result, int err, uint32_t module) {
    return note_identity_call(number, a, result, module) || note_inherited_call(number, a, result, err, module) ||
           kache_note_file_fact_call(number, a, result, err, module);
}
