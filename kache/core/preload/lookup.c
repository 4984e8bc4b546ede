/* Looking symbols up: for ourselves, and for the program.
 *
 * A program that looks a function up through a handle gets past the hooks: the handle of the C library leads straight
 * to it, and so does `RTLD_NEXT` from a library that was loaded later. Such a lookup is answered with the hook. Any
 * other is recorded, and the reader asks the table of symbols what the function could do.
 *
 * What `RTLD_NEXT` and `RTLD_DEFAULT` lead to depends on the object that asks, which the loader knows by the return
 * address: these calls jump to the loader's function and leave the address as it is. */

#include "core.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "jump.h"

/* The list of objects for debuggers: of glibc, and of musl. To walk it needs no function of the loader's. */
#pragma weak _r_debug
extern struct r_debug *debug_address __asm__("_dl_debug_addr") __attribute__((weak));

typedef void *find_function(void *handle, const char *name);
typedef void *find_version_function(void *handle, const char *name, const char *version);

static void *real_dlsym, *real_dlvsym;

/* ---- symbols of an object that is loaded ---- */

struct tables {
    uintptr_t base;
    const ElfW(Sym) *symbols;
    const char *names;
    const uint32_t *hash;
    const ElfW(Half) *versions;
};

/* The loader may or may not have made addresses of what the file has. */
static const void *at_address(const struct tables *tables, uintptr_t value) {
    return (const void *)(value < tables->base ? tables->base + value : value);
}

static bool read_tables(const struct link_map *map, struct tables *tables) {
    *tables = (struct tables){.base = map->l_addr};
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++) {
        const void *at = at_address(tables, entry->d_un.d_ptr);
        if (entry->d_tag == DT_SYMTAB) tables->symbols = at;
        if (entry->d_tag == DT_STRTAB) tables->names = at;
        if (entry->d_tag == DT_GNU_HASH) tables->hash = at;
        if (entry->d_tag == DT_VERSYM) tables->versions = at;
    }
    return tables->symbols && tables->names && tables->hash;
}

static bool is_same(const char *one, const char *other) {
    for (; *one && *one == *other; one++, other++) {}
    return *one == *other;
}

static void *find_in(const struct tables *tables, const char *name) {
    uint32_t hash = 5381;
    for (const char *c = name; *c; c++) hash = hash * 33 + (uint8_t)*c;
    uint32_t buckets = tables->hash[0], first = tables->hash[1], filter = tables->hash[2];
    const uint32_t *bucket = tables->hash + 4 + filter * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = bucket + buckets;
    uint32_t at = buckets ? bucket[hash % buckets] : 0;
    if (at < first) return NULL;
    for (;; at++) {
        uint32_t other = chain[at - first];
        const ElfW(Sym) *symbol = &tables->symbols[at];
        bool is_hidden = tables->versions && tables->versions[at] & 0x8000;
        if ((other | 1) == (hash | 1) && !is_hidden && symbol->st_shndx != SHN_UNDEF &&
            is_same(tables->names + symbol->st_name, name))
            return (void *)(tables->base + symbol->st_value);
        if (other & 1) return NULL;
    }
}

/* ---- the objects that matter ---- */

extern const char __ehdr_start __attribute__((visibility("hidden")));
static struct tables own_tables;
static uintptr_t c_low, c_high;

static const char *file_name(const char *path) {
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/') name = c + 1;
    return name;
}

/* Where a library lies: its headers are at its beginning. */
static void extent(uintptr_t base, uintptr_t *low, uintptr_t *high) {
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + header->e_phoff);
    *low = base;
    *high = base;
    for (int i = 0; i < header->e_phnum; i++, segment++) {
        uintptr_t end = base + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && end > *high) *high = end;
    }
}

static void note_object(const struct link_map *map) {
    struct tables tables;
    const char *name = file_name(map->l_name ? map->l_name : "");
    bool is_c = starts_with(name, "libc.so") || starts_with(name, "libc.musl-") || starts_with(name, "ld-musl-");
    bool is_own = map->l_addr == (uintptr_t)&__ehdr_start;
    if ((!is_c && !is_own && !starts_with(name, "libdl.so")) || !read_tables(map, &tables)) return;
    if (is_own) {
        own_tables = tables;
        return;
    }
    if (is_c) extent(map->l_addr, &c_low, &c_high);
    if (!real_dlsym) real_dlsym = find_in(&tables, "dlsym");
    if (!real_dlvsym) real_dlvsym = find_in(&tables, "dlvsym");
}

static __attribute__((noinline)) void find_loader(void) {
    const struct r_debug *list = &_r_debug ? &_r_debug : &debug_address ? debug_address : NULL;
    for (const struct link_map *map = list ? list->r_map : NULL; map; map = map->l_next) note_object(map);
    if (!real_dlsym) real_dlsym = NOT_THERE;
    if (!real_dlvsym) real_dlvsym = NOT_THERE;
}

static inline find_function *loader(void) {
    if (!real_dlsym) find_loader();
    return real_dlsym == NOT_THERE ? NULL : (find_function *)real_dlsym;
}

static inline find_version_function *version_loader(void) {
    if (!real_dlvsym) find_loader();
    return real_dlvsym == NOT_THERE ? NULL : (find_version_function *)real_dlvsym;
}

void *kache_next(const char *name) {
    find_function *find = loader();
    return find ? find(RTLD_NEXT, name) : NULL;
}

void *kache_next_version(const char *name, const char *version) {
    find_version_function *find = version_loader();
    return find ? find(RTLD_NEXT, name, version) : NULL;
}

/* ---- lookups by the program ---- */

#ifdef HAS_JUMPS

static inline bool is_of_c(const void *address) {
    return (uintptr_t)address >= c_low && (uintptr_t)address < c_high;
}

/* The hook in front of what was found, where that is what the hook itself leads to. */
static void *hook_of(const char *name, const void *found) {
    for (struct real *real = __start_kache_reals; real < __stop_kache_reals; real++) {
        if (!is_same(real->name, name)) continue;
        void *behind = __atomic_load_n(real->slot, __ATOMIC_RELAXED);
        if ((uintptr_t)behind <= 1 || !is_of_c(behind) || (found && found != behind)) return NULL;
        return own_tables.symbols ? find_in(&own_tables, name) : NULL;
    }
    return NULL;
}

static void note_lookup(const char *name, const char *version, bool of_c, void *caller) {
    int saved = errno;
    kache_emit(K_LOOKUP, of_c ? F_OF_C_LIBRARY : 0, 0, kache_module(caller), 0, text_of(name), text_of(version));
    errno = saved;
}

static inline void *outside(void *real) {
    return (uintptr_t)real <= 1 ? (void *)kache_missing_pointer : real;
}

ASKED void *kache_before_dlsym(struct registers *registers, void *caller, struct real *real) {
    void *handle = registers->argument[0];
    const char *name = registers->argument[1];
    find_function *find = loader();
    if (!find || !kache_active || !name) return outside(*real->slot);
    if (handle == RTLD_NEXT || handle == RTLD_DEFAULT) {
        void *hook = handle == RTLD_NEXT ? hook_of(name, NULL) : NULL;
        if (hook) return answer(registers, hook);
        note_lookup(name, NULL, false, caller);
        return (void *)find;
    }
    void *found = find(handle, name);
    if (!found) return answer(registers, NULL);
    void *hook = hook_of(name, found);
    if (hook) return answer(registers, hook);
    note_lookup(name, NULL, is_of_c(found), caller);
    return answer(registers, found);
}

/* A function may have a version that no hook leads to. */
ASKED void *kache_before_dlvsym(struct registers *registers, void *caller, struct real *real) {
    void *handle = registers->argument[0];
    const char *name = registers->argument[1], *version = registers->argument[2];
    find_version_function *find = version_loader();
    if (!find || !kache_active || !name || !version) return outside(*real->slot);
    if (handle == RTLD_DEFAULT) {
        note_lookup(name, version, false, caller);
        return (void *)find;
    }
    /* Past every hook: from here, the next object is past us. */
    void *found = find(handle, name, version);
    void *hook = found ? hook_of(name, found) : NULL;
    if (hook) return answer(registers, hook);
    note_lookup(name, version, found && is_of_c(found), caller);
    return handle == RTLD_NEXT ? (void *)find : answer(registers, found);
}

JUMP(dlsym, kache_before_dlsym);
JUMP(dlvsym, kache_before_dlvsym);

#endif
