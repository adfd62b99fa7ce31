/* Counts guest instructions between marks: a TCG plugin for qemu-aarch64 (user mode, plugin API 1).
 *
 * Copyright (C) 2026 the mnv2bench authors
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
 * version. It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied
 * warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for details.
 *
 * It is loaded into QEMU, which is under that licence; the rest of mnv2bench is not, and does not contain it.
 *
 *     cc -O2 -shared -fPIC -fvisibility=hidden -o icount.so icount.c
 *     qemu-aarch64 -plugin file=icount.so,out=counts.jsonl PROGRAM
 *
 * A mark is the system call getpgid(0x6d760000 + label). At each one a line with every counter so far is written.
 * The counters are not atomic: a count is exact only while one thread runs, so each line says how many there are.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of qemu-plugin.h, which Debian does not package; API 1. */
#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
struct block;
struct instruction;
struct target {
    const char *name;
    struct {
        int minimum, current;
    } api;
};
enum { INLINE_ADD = 0 };
size_t qemu_plugin_tb_n_insns(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
const void *qemu_plugin_insn_data(const struct instruction *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int operation, void *counter, uint64_t by);
void qemu_plugin_register_vcpu_init_cb(plugin_id, void (*)(plugin_id, unsigned vcpu));
void qemu_plugin_register_vcpu_exit_cb(plugin_id, void (*)(plugin_id, unsigned vcpu));
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, void (*)(plugin_id, unsigned vcpu, int64_t number, uint64_t a1,
                                                              uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                                              uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
EXPORT int qemu_plugin_version = 1;

#define GETPGID 155 /* of aarch64 Linux */
#define MARK 0x6d760000u
#define LABELS 0xffffu

/* Every instruction is in one class from LDST to OTHER; FMA and DOT are also in SIMD_FP. */
enum { TOTAL, LDST, BRANCH_SYS, DP_IMM, DP_REG, SIMD_FP, SVE, OTHER, FMA, DOT, CLASSES };
static const char *const names[CLASSES] = {"instructions", "ldst", "branch_sys", "dp_imm", "dp_reg",
                                           "simd_fp",      "sve",  "other",      "fma",    "dot"};
static uint64_t counters[CLASSES];
static int threads;
static FILE *out;

/* By bits 28 to 25: Arm ARM, C4.1, the top-level encodings. Hints and system calls are among the branches there. */
static int class_of(uint32_t word) {
    unsigned group = (word >> 25) & 15;
    if ((group & 5) == 4) return LDST;
    if ((group & 14) == 10) return BRANCH_SYS;
    if ((group & 14) == 8) return DP_IMM;
    if ((group & 7) == 5) return DP_REG;
    if ((group & 7) == 7) return SIMD_FP;
    return group == 2 ? SVE : OTHER;
}

static int is(uint32_t word, uint32_t mask, uint32_t value) { return (word & mask) == value; }

/* Fused multiply-adds and -subtracts, scalar and Advanced SIMD; those of SVE are not told apart. */
static int is_fma(uint32_t word) {
    return is(word, 0xff000000, 0x1f000000)    /* scalar: fmadd, fmsub, fnmadd, fnmsub */
           || is(word, 0xbf20fc00, 0x0e20cc00) /* fmla, fmls, vector, single and double */
           || is(word, 0xbf60fc00, 0x0e400c00) /* the same, half */
           || is(word, 0xbf80b400, 0x0f801000) /* by element, single and double */
           || is(word, 0xbfc0b400, 0x0f001000); /* by element, half */
}

/* Dot products and 8-bit matrix multiplies, Advanced SIMD. */
static int is_dot(uint32_t word) {
    return is(word, 0x9f20fc00, 0x0e009400)    /* sdot, udot, vector */
           || is(word, 0xbfe0fc00, 0x0e809c00) /* usdot, vector */
           || is(word, 0x9f00f400, 0x0f00e000) /* sdot, udot, by element */
           || is(word, 0xbf40f400, 0x0f00f000) /* sudot, usdot, by element */
           || is(word, 0xdfe0f400, 0x4e80a400); /* smmla, ummla, usmmla */
}

static void translated(plugin_id id, struct block *block) {
    uint64_t here[CLASSES] = {0};
    size_t count = qemu_plugin_tb_n_insns(block);
    (void)id;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        here[TOTAL]++;
        here[class_of(word)]++;
        here[FMA] += (uint64_t)is_fma(word);
        here[DOT] += (uint64_t)is_dot(word);
    }
    for (int c = 0; c < CLASSES; c++)
        if (here[c]) qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &counters[c], here[c]);
}

static void write_line(unsigned label) {
    fprintf(out, "{\"label\": %u, \"threads\": %d", label, threads);
    for (int c = 0; c < CLASSES; c++) fprintf(out, ", \"%s\": %llu", names[c], (unsigned long long)counters[c]);
    fprintf(out, "}\n");
    fflush(out);
}

static void called(plugin_id id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                   uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == GETPGID && (a1 & ~(uint64_t)LABELS) == MARK) write_line((unsigned)(a1 & LABELS));
}

static void thread_began(plugin_id id, unsigned vcpu) {
    (void)id, (void)vcpu;
    __atomic_add_fetch(&threads, 1, __ATOMIC_SEQ_CST);
}

static void thread_ended(plugin_id id, unsigned vcpu) {
    (void)id, (void)vcpu;
    __atomic_sub_fetch(&threads, 1, __ATOMIC_SEQ_CST);
}

static void ended(plugin_id id, void *unused) {
    (void)id, (void)unused;
    fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const struct target *target, int argc, char **argv);

EXPORT int qemu_plugin_install(plugin_id id, const struct target *target, int argc, char **argv) {
    if (strcmp(target->name, "aarch64") != 0) return -1;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
    if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    qemu_plugin_register_vcpu_init_cb(id, thread_began);
    qemu_plugin_register_vcpu_exit_cb(id, thread_ended);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
