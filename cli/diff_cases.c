/* SPDX-License-Identifier: MIT */
/* twin86 diff insn, vectors, replay: instructions, one by one. */
#include "diff.h"
#include "diff_options.h"
#include "options.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char usage_insn[] =
    "Usage: twin86 diff insn [options]      cases made from the instruction table, on two engines\n"
    "  --forms PATTERN[,PATTERN]...   mnemonics such as 'PADD*', or cpuid=FEATURE (all)\n"
    "  --cases N                      how many cases; 2M and 1G are understood (1M)\n"
    "  --mode MODE                    real, v86, pm16, pm32, compat16, compat32 or long (long)\n"
    "  --cpl N                        privilege level 0 or 3 (3)\n"
    "  --length N                     instructions of a case, up to 8 (1)\n"
    "  --seed N                       the same cases come of the same seed (1)\n"
    "  --cpu MODEL[,vendor=V]...      as -cpu, but with the host's vendor; what the host lacks is left out (max)\n"
    "  --engines A,B                  of tcg-lite, host (this processor), kvm, plain (plain=on),\n"
    "                                 jit (jit=eager): the first and tcg-lite with these options\n"
    "                                 (tcg-lite,host; in other modes than long at CPL 3 tcg-lite,kvm); host has long,\n"
    "                                 compat32 and compat16, the latter two where its kernel has them\n"
    "  --undefined                    flags that the SDM leaves undefined count, too\n"
    "  --coverage[=FILE.html]         list what was run of each form, or write it as a page\n"
    "  --shrink                       reduce differing cases to what matters\n"
    "  --save DIR                     where files of differing cases go (.)\n"
    "  --record FILE                  write cases, reduced, with what the second engine made of them\n"
    "  --each N                       with --record: of each form N that complete, half as many that fault (all)\n"
    "  --shard I/N                    the I-th of N parts of the run\n"
    "  --report FILE                  for `twin86 diff merge`\n"
    "Exit codes: 0 nothing differs but what is explained, 1 something differs, 2 bad usage, 6 could not go on.\n";

static const char usage_vectors[] =
    "Usage: twin86 diff vectors [options] FILE...      cases with expectations, on tcg-lite\n"
    "  --cpu MODEL[,+FEATURE]...      as -cpu, whatever the files say (what they name, else max)\n"
    "  --only PATTERN[,PATTERN]...    cases with such names, as in 'loopcc*' (all)\n"
    "  --show N|all                   how many failures are shown (20)\n"
    "Exit codes: 0 all expectations are met, 1 some are not, 2 bad usage or a malformed file.\n";

static const char usage_replay[] =
    "Usage: twin86 diff replay [options] FILE...       cases from files, on two engines\n"
    "  --cpu MODEL[,vendor=V]...      as -cpu, whatever the files say; else the host's vendor where they say nothing;\n"
    "                                 what the host lacks is left out\n"
    "  --only PATTERN[,PATTERN]...    cases with such names, as in 'loopcc*' (all)\n"
    "  --engines A,B                  of tcg-lite, host (this processor), kvm, plain (tcg-lite,host)\n"
    "  --shrink                       reduce differing cases to what matters, and print them\n"
    "  --record FILE                  write the cases, reduced, with what the second engine made of them\n"
    "Exit codes: 0 nothing differs but what is explained, 1 something differs, 2 bad usage, 6 could not go on.\n";

/** "2/4". */
static bool parse_shard(const char *text, unsigned *shard, unsigned *shards) {
    char number[24];
    uint64_t v[2];
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash - text >= (int)sizeof(number))
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)(slash - text), text);
    if (!diff_parse_count(number, &v[0]) || !diff_parse_count(slash + 1, &v[1]) || v[0] > UINT_MAX || v[1] > UINT_MAX ||
        v[0] == 0 || v[0] > v[1])
        return false;
    *shard = (unsigned)v[0];
    *shards = (unsigned)v[1];
    return true;
}

int diff_insn_main(int argc, char **argv) {
    Twin86DiffInsn o = {.cases = 1000000, .seed = 1, .save = "."};
    uint64_t length = 1, cpl = 3;
    const char *shard = NULL;
    const struct DiffOption options[DIFF_OPTIONS] = {{"--forms", &o.forms, NULL, NULL},
                                                     {"--cases", NULL, &o.cases, NULL},
                                                     {"--seed", NULL, &o.seed, NULL},
                                                     {"--length", NULL, &length, NULL},
                                                     {"--mode", &o.mode, NULL, NULL},
                                                     {"--cpl", NULL, &cpl, NULL},
                                                     {"--cpu", &o.cpu, NULL, NULL},
                                                     {"--engines", &o.engines, NULL, NULL},
                                                     {"--undefined", NULL, NULL, &o.undefined},
                                                     {"--coverage", &o.html, NULL, &o.coverage},
                                                     {"--shrink", NULL, NULL, &o.shrink},
                                                     {"--save", &o.save, NULL, NULL},
                                                     {"--record", &o.record, NULL, NULL},
                                                     {"--each", NULL, &o.each, NULL},
                                                     {"--shard", &shard, NULL, NULL},
                                                     {"--report", &o.report, NULL, NULL}};
    unsigned files;
    char why[512];
    int e = diff_parse(options, usage_insn, argc, argv, &files);
    if (e >= 0)
        return e;
    if (files != 0)
        return diff_complain("insn", "'%s' is no option; twin86 diff insn --help lists what there is", argv[1]);
    if (cpl != 0 && cpl != 3)
        return diff_complain("insn", "--cpl %llu: cases run at privilege level 0 or 3", (unsigned long long)cpl);
    if (shard != NULL && !parse_shard(shard, &o.shard, &o.shards))
        return diff_complain("insn", "--shard '%s': a part of the run is wanted, such as 1/4 to 4/4", shard);
    o.cpl = (int)cpl;
    o.length = length < 100 ? (unsigned)length : 100;
    return diff_result("insn", twin86_diff_insn(&o, stdout, why, sizeof(why)), why);
}

int diff_vectors_main(int argc, char **argv) {
    Twin86DiffVectors o = {.file = (const char *const *)(argv + 1), .show = 20};
    const char *show = NULL;
    const struct DiffOption options[DIFF_OPTIONS] = {
        {"--cpu", &o.cpu, NULL, NULL}, {"--only", &o.only, NULL, NULL}, {"--show", &show, NULL, NULL}};
    char why[512];
    int e = diff_parse(options, usage_vectors, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return diff_complain("vectors", "which FILE? docs/diff-cases.md describes them");
    if (show != NULL && strcmp(show, "all") == 0)
        o.show = UINT64_MAX;
    else if (show != NULL && !diff_parse_count(show, &o.show))
        return diff_complain("vectors", "--show '%s' is neither a number, such as 100, nor all", show);
    return diff_result("vectors", twin86_diff_vectors(&o, stdout, why, sizeof(why)), why);
}

int diff_replay_main(int argc, char **argv) {
    Twin86DiffReplay o = {.file = (const char *const *)(argv + 1)};
    const struct DiffOption options[DIFF_OPTIONS] = {{"--cpu", &o.cpu, NULL, NULL},
                                                     {"--only", &o.only, NULL, NULL},
                                                     {"--engines", &o.engines, NULL, NULL},
                                                     {"--shrink", NULL, NULL, &o.shrink},
                                                     {"--record", &o.record, NULL, NULL}};
    char why[512];
    int e = diff_parse(options, usage_replay, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return diff_complain("replay", "which FILE? diff insn saves such files");
    return diff_result("replay", twin86_diff_replay(&o, stdout, why, sizeof(why)), why);
}
