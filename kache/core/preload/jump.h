/* A hook without a prototype, which leaves the return address as it is: the loader knows by it which object asks.
 *
 * It keeps the registers that hold arguments, asks a function where to go, and jumps there. */

#ifndef KACHE_OBSERVER_JUMP_H
#define KACHE_OBSERVER_JUMP_H

#include "core.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define HAS_JUMPS

/* The registers, as the hook keeps them. */
#if defined(__x86_64__)
struct registers {
    void *rax;
    void *argument[6];
};
#define ANSWER rax
#else
struct registers {
    void *argument[8];
    void *x8, *x30;
};
#define ANSWER argument[0]
#endif

/* What a hook asks: the function to jump to, or nothing where the answer is in the registers. */
typedef void *ask(struct registers *registers, void *caller, struct real *real);

static inline void *answer(struct registers *registers, void *value) {
    registers->ANSWER = value;
    return NULL;
}

#define ASKED __attribute__((used, visibility("hidden")))

#define JUMP_BEGINS(name, function)                                                                          \
    static void *real_##name;                                                                                \
    extern ask function;                                                                                     \
    __attribute__((used, visibility("hidden"))) struct real jump_##name                                      \
        __attribute__((section("kache_reals"))) = {#name, &real_##name};                                     \
    __asm__(".text\n"                                                                                        \
            ".globl " #name "\n"                                                                             \
            ".type " #name ", %function\n" #name ":\n"                                                       \
            "    .cfi_startproc\n"
#define JUMP_ENDS(name)                                                                                      \
    "    .cfi_endproc\n"                                                                                     \
    ".size " #name ", . - " #name "\n")

#if defined(__x86_64__)
#define JUMP(name, function)                                                                                 \
    JUMP_BEGINS(name, function)                                                                              \
    "    pushq %r9\n"                                                                                        \
    "    pushq %r8\n"                                                                                        \
    "    pushq %rcx\n"                                                                                       \
    "    pushq %rdx\n"                                                                                       \
    "    pushq %rsi\n"                                                                                       \
    "    pushq %rdi\n"                                                                                       \
    "    pushq %rax\n"                                                                                       \
    "    .cfi_adjust_cfa_offset 56\n"                                                                        \
    "    movq %rsp, %rdi\n"                                                                                  \
    "    movq 56(%rsp), %rsi\n"                                                                              \
    "    leaq jump_" #name "(%rip), %rdx\n"                                                                  \
    "    call " #function "\n"                                                                               \
    "    movq %rax, %r11\n"                                                                                  \
    "    popq %rax\n"                                                                                        \
    "    popq %rdi\n"                                                                                        \
    "    popq %rsi\n"                                                                                        \
    "    popq %rdx\n"                                                                                        \
    "    popq %rcx\n"                                                                                        \
    "    popq %r8\n"                                                                                         \
    "    popq %r9\n"                                                                                         \
    "    .cfi_adjust_cfa_offset -56\n"                                                                       \
    "    testq %r11, %r11\n"                                                                                 \
    "    je 1f\n"                                                                                            \
    "    jmp *%r11\n"                                                                                        \
    "1:  ret\n" JUMP_ENDS(name)
#else
#define JUMP(name, function)                                                                                 \
    JUMP_BEGINS(name, function)                                                                              \
    "    hint #34\n"                                                                                         \
    "    stp x0, x1, [sp, #-80]!\n"                                                                          \
    "    stp x2, x3, [sp, #16]\n"                                                                            \
    "    stp x4, x5, [sp, #32]\n"                                                                            \
    "    stp x6, x7, [sp, #48]\n"                                                                            \
    "    stp x8, x30, [sp, #64]\n"                                                                           \
    "    .cfi_def_cfa_offset 80\n"                                                                           \
    "    .cfi_offset x30, -8\n"                                                                              \
    "    mov x0, sp\n"                                                                                       \
    "    mov x1, x30\n"                                                                                      \
    "    adrp x2, jump_" #name "\n"                                                                          \
    "    add x2, x2, :lo12:jump_" #name "\n"                                                                 \
    "    bl " #function "\n"                                                                                 \
    "    mov x16, x0\n"                                                                                      \
    "    ldp x8, x30, [sp, #64]\n"                                                                           \
    "    ldp x6, x7, [sp, #48]\n"                                                                            \
    "    ldp x4, x5, [sp, #32]\n"                                                                            \
    "    ldp x2, x3, [sp, #16]\n"                                                                            \
    "    ldp x0, x1, [sp], #80\n"                                                                            \
    "    .cfi_restore x30\n"                                                                                 \
    "    .cfi_def_cfa_offset 0\n"                                                                            \
    "    cbz x16, 1f\n"                                                                                      \
    "    br x16\n"                                                                                           \
    "1:  ret\n" JUMP_ENDS(name)
#endif
#endif

#endif
