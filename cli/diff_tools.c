/* SPDX-License-Identifier: MIT */
/* twin86 diff merge, import: reports and cases from elsewhere. */
#include "diff.h"
#include "diff_options.h"
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage_merge[] =
    "Usage: twin86 diff merge [options] REPORT...      what the shards of a run have found, as if they were one\n"
    "  --coverage[=FILE.html]         list what was run of each form, or write it as a page\n"
    "  --report FILE                  write them as one report, which can be merged with others\n"
    "REPORTs are what `twin86 diff insn --shard I/N --report FILE` has written.\n"
    "Exit codes: 0 nothing differs but what is explained, 1 something differs or a shard is missing, 2 bad usage or\n"
    "files that are no parts of one run.\n";

static const char usage_import[] =
    "Usage: twin86 diff import [options] FILE.MOO...   SingleStepTests of old processors as cases\n"
    "  --output FILE                  where the cases go (standard output)\n"
    "  --cpu MODEL                    the CPU model that they shall name (none)\n"
    "Exit codes: 0 all files are read, 2 bad usage or a damaged file.\n";

int diff_merge_main(int argc, char **argv) {
    Twin86DiffMerge o = {.file = (const char *const *)(argv + 1)};
    const struct DiffOption options[DIFF_OPTIONS] = {{"--coverage", &o.html, NULL, &o.coverage},
                                                     {"--report", &o.report, NULL, NULL}};
    char why[512];
    int e = diff_parse(options, usage_merge, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return diff_complain("merge", "which REPORT? diff insn --report writes them");
    return diff_result("merge", twin86_diff_merge(&o, stdout, why, sizeof(why)), why);
}

int diff_import_main(int argc, char **argv) {
    Twin86DiffImport o = {.file = (const char *const *)(argv + 1)};
    const char *output = NULL;
    const struct DiffOption options[DIFF_OPTIONS] = {{"--output", &output, NULL, NULL}, {"--cpu", &o.cpu, NULL, NULL}};
    char why[512];
    int e = diff_parse(options, usage_import, argc, argv, &o.files);
    if (e >= 0)
        return e;
    if (o.files == 0)
        return diff_complain("import", "which FILE? MOO files are at github.com/SingleStepTests");
    FILE *out = output != NULL ? fopen(output, "we") : stdout;
    if (out == NULL)
        return diff_complain("import", "--output: %s can't be written: %s", output, strerror(errno));
    if (out == stdout) /* diff_parse has made it one of lines */
        setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    e = twin86_diff_import(&o, out, stderr, why, sizeof(why));
    if (out != stdout && fclose(out) != 0 && e == 0)
        return diff_complain("import", "--output: %s can't be written: %s", output, strerror(errno));
    return diff_result("import", e, why);
}
