/* SPDX-License-Identifier: MIT */
/* Counting what one engine executes for another. See cpu.h. */
#include "cpu/cpu.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 8 };

static void count_kind(struct CpuStats *s, const char *mnemonic, uint64_t n) {
    for (unsigned i = 0; i < CPU_ASSIST_KINDS; i++) {
        struct CpuAssisted *a = &s->assisted[i];
        if (a->mnemonic == NULL)
            a->mnemonic = mnemonic;
        if (strcmp(a->mnemonic, mnemonic) != 0)
            continue;
        a->count += n;
        return;
    }
}

void cpu_count_assist(struct CpuStats *s, const char *mnemonic) {
    s->assists++;
    count_kind(s, mnemonic, 1);
}

void cpu_add_assists(struct CpuStats *sum, const struct CpuStats *s) {
    sum->assists += s->assists;
    for (unsigned i = 0; i < CPU_ASSIST_KINDS && s->assisted[i].mnemonic != NULL; i++)
        count_kind(sum, s->assisted[i].mnemonic, s->assisted[i].count);
}

int cpu_describe_assists(const struct CpuStats *s, char *buf, size_t n) {
    bool told[CPU_ASSIST_KINDS] = {false};
    uint64_t rest = s->assists;
    int used = 0;
    if (n > 0)
        buf[0] = '\0';
    for (unsigned shown = 0; shown < SHOWN; shown++) {
        int best = -1;
        for (int i = 0; i < CPU_ASSIST_KINDS; i++)
            if (s->assisted[i].count != 0 && !told[i] && (best < 0 || s->assisted[i].count > s->assisted[best].count))
                best = i;
        if (best < 0)
            break;
        told[best] = true;
        rest -= s->assisted[best].count;
        used += snprintf(buf + used, (size_t)used < n ? n - (size_t)used : 0, "%s%s %llu", shown == 0 ? "" : ", ",
                         s->assisted[best].mnemonic, (unsigned long long)s->assisted[best].count);
        if ((size_t)used >= n)
            return used;
    }
    if (rest > 0)
        used += snprintf(buf + used, n - (size_t)used, ", %llu others", (unsigned long long)rest);
    return used;
}
