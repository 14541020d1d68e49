/* SPDX-License-Identifier: MIT */
/* twin86 diff insn, vectors, replay: instructions, one by one. */
#include "diff.h"
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DIFFERENT = 1, OPTIONS = 14 };

static const char usage_insn[] =
    "Usage: twin86 diff insn [options]      cases made from the instruction table, on two engines\n"
    "  --forms PATTERN[,PATTERN]...   mnemonics such as 'PADD*', or cpuid=FEATURE (all)\n"
    "  --cases N                      how many cases; 2M and 1G are understood (1M)\n"
    "  --mode MODE                    real, v86, pm16, pm32, compat16, compat32 or long (long)\n"
    "  --cpl N                        privilege level 0 or 3 (3)\n"
    "  --length N                     instructions of a case, up to 8 (1)\n"
    "  --seed N                       the same cases come of the same seed (1)\n"
    "  --cpu MODEL[,vendor=V]...      as -cpu, but with the host's vendor; what the host lacks is left out (max)\n"
    "  --engines A,B                  of tcg-lite, host (this processor), kvm, plain (tcg-lite with plain=on)\n"
    "                                 (tcg-lite,host; in other modes than 64-bit user mode, which host has, "
    "tcg-lite,kvm)\n"
    "  --coverage[=FILE.html]         list what was run of each form, or write it as a page\n"
    "  --shrink                       reduce differing cases to what matters\n"
    "  --save DIR                     where files of differing cases go (.)\n"
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
    "Exit codes: 0 nothing differs but what is explained, 1 something differs, 2 bad usage, 6 could not go on.\n";

/** An option and where it goes. */
struct Option {
    const char *name;
    const char **text;
    uint64_t *count;
    bool *flag;
};

__attribute__((format(printf, 2, 3))) static int complain(const char *command, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "twin86: diff %s: ", command);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_BAD_USAGE;
}

/** A number with an optional K, M or G (thousands). */
static bool parse_count(const char *s, uint64_t *v) {
    char *end;
    errno = 0;
    if (s[0] < '0' || s[0] > '9')
        return false;
    *v = strtoull(s, &end, 0);
    uint64_t unit = *end == 'K' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 1;
    end += unit != 1;
    return errno == 0 && *end == '\0' && !__builtin_mul_overflow(*v, unit, v);
}

/** One option at argv[*i]. 0, or the exit code. */
static int parse_option(const struct Option *options, char **argv, int argc, int *i) {
    const char *command = argv[0], *arg = argv[*i], *equals = strchr(arg, '=');
    size_t length = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct Option *o = options;
    while (o->name != NULL && (strlen(o->name) != length || strncmp(o->name, arg, length) != 0))
        o++;
    if (o->name == NULL)
        return complain(command, "unknown option '%s'; twin86 diff %s --help lists what there is", arg, command);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o->flag != NULL) {
        *o->flag = true;
        if (value != NULL && o->text == NULL)
            return complain(command, "%s takes no argument", o->name);
        if (value != NULL)
            *o->text = value;
        return 0;
    }
    if (value == NULL && ++*i == argc)
        return complain(command, "%s needs an argument", o->name);
    value = value != NULL ? value : argv[*i];
    if (o->text != NULL)
        *o->text = value;
    else if (!parse_count(value, o->count))
        return complain(command, "%s '%s' is no number, such as 1000 or 2M", o->name, value);
    return 0;
}

/** Options and files (argv[0] is the command; files are moved to the front of argv, from 1 on). -1: go on; else the
 * exit code. */
static int parse(const struct Option *options, const char *usage, int argc, char **argv, unsigned *files) {
    *files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
        }
        if (argv[i][0] != '-') {
            argv[1 + (*files)++] = argv[i];
            continue;
        }
        int e = parse_option(options, argv, argc, &i);
        if (e != 0)
            return e;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return -1;
}

static int result(const char *command, int e, const char *why) {
    if (e >= 0)
        return fflush(stdout) != 0 ? EXIT_INTERNAL : e == 0 ? EXIT_OK : EXIT_DIFFERENT;
    complain(command, "%s", why);
    return e == -EINVAL ? EXIT_BAD_USAGE : EXIT_INTERNAL;
}

int diff_insn_main(int argc, char **argv) {
    Twin86DiffInsn o = {.cases = 1000000, .seed = 1, .save = "."};
    uint64_t length = 1, cpl = 3;
    const struct Option options[OPTIONS] = {{"--forms", &o.forms, NULL, NULL},
                                            {"--cases", NULL, &o.cases, NULL},
                                            {"--seed", NULL, &o.seed, NULL},
                                            {"--length", NULL, &length, NULL},
                                            {"--mode", &o.mode, NULL, NULL},
                                            {"--cpl", NULL, &cpl, NULL},
                                            {"--cpu", &o.cpu, NULL, NULL},
                                            {"--engines", &o.engines, NULL, NULL},
                                            {"--coverage", &o.html, NULL, &o.coverage},
                                            {"--shrink", NULL, NULL, &o.shrink},
                                            {"--save", &o.save, NULL, NULL}};
    unsigned files;
    char why[512];
    int e = parse(options, usage_insn, argc, argv, &files);
    if (e >= 0)
        return e;
    if (files != 0)
        return complain("insn", "'%s' is no option; twin86 diff insn --help lists what there is", argv[1]);
    if (cpl != 0 && cpl != 3)
        return complain("insn", "--cpl %llu: cases run at privilege level 0 or 3", (unsigned long long)cpl);
    o.cpl = (int)cpl;
    o.length = length < 100 ? (unsigned)length : 100;
    return result("insn", twin86_diff_insn(&o, stdout, why, sizeof(why)), why);
}

int diff_vectors_main(int argc, char **argv) {
    Twin86DiffVectors o = {.file = (const char *const *)(argv + 1), .show = 20};
    const char *show = NULL;
    const struct Option options[OPTIONS] = {
        {"--cpu", &o.cpu, NULL, NULL}, {"--only", &o.only, NULL, NULL}, {"--show", &show, NULL, NULL}};
    char why[512];
    int e = parse(options, usage_vectors, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return complain("vectors", "which FILE? docs/diff-cases.md describes them");
    if (show != NULL && strcmp(show, "all") == 0)
        o.show = UINT64_MAX;
    else if (show != NULL && !parse_count(show, &o.show))
        return complain("vectors", "--show '%s' is neither a number, such as 100, nor all", show);
    return result("vectors", twin86_diff_vectors(&o, stdout, why, sizeof(why)), why);
}

int diff_replay_main(int argc, char **argv) {
    Twin86DiffReplay o = {.file = (const char *const *)(argv + 1)};
    const struct Option options[OPTIONS] = {
        {"--cpu", &o.cpu, NULL, NULL},
        {"--only", &o.only, NULL, NULL},
        {"--engines", &o.engines, NULL, NULL},
        {"--shrink", NULL, NULL, &o.shrink}};
    char why[512];
    int e = parse(options, usage_replay, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return complain("replay", "which FILE? diff insn saves such files");
    return result("replay", twin86_diff_replay(&o, stdout, why, sizeof(why)), why);
}
