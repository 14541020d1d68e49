/* SPDX-License-Identifier: MIT */
#include "diff/case_files.h"
#include "diff/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** A case that is not judged. */
static void skip(struct CaseFilesRun *r, uint64_t *count, const char *line) {
    if (r->bad + r->unfit + r->malformed < r->show)
        fprintf(r->report, "%s\n", line);
    ++*count;
}

void case_files_unfit(struct CaseFilesRun *r, const char *reason) {
    char line[512];
    const char *name = r->c->name;
    snprintf(line, sizeof(line), "%s:%u: %s%s%s", r->file, r->c->line, name, name[0] != '\0' ? ": " : "", reason);
    skip(r, &r->unfit, line);
}

static int run_file(struct CaseFilesRun *r, const char *path, char *why, size_t n) {
    struct CaseReader reader;
    size_t size;
    char *text = diff_read_file(path, &size, why, n), malformed[512];
    if (text == NULL)
        return -EINVAL;
    r->file = path;
    case_reader_init(&reader, path, text, size);
    int e = 0, got;
    while (e == 0 && (got = case_read(&reader, r->c, malformed, sizeof(malformed))) != 0) {
        if (got < 0)
            skip(r, &r->malformed, malformed);
        else if (r->only == NULL || diff_name_wanted(r->only, r->c->name))
            e = r->run(r, why, n);
    }
    free(text);
    return e;
}

int case_files_run(struct CaseFilesRun *r, const char *const *file, unsigned files, char *why, size_t n) {
    r->c = malloc(sizeof(*r->c));
    int e = r->c != NULL ? 0 : (snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM);
    for (unsigned k = 0; e == 0 && k < files; k++)
        e = run_file(r, file[k], why, n);
    free(r->c);
    r->c = NULL;
    if (e == 0 && r->cases + r->unfit + r->malformed == 0 && r->only != NULL)
        e = (snprintf(why, n, "--only '%s': no case has such a name", r->only), -EINVAL);
    return e;
}

int case_files_end(const struct CaseFilesRun *r, const char *bad, char *why, size_t n) {
    fprintf(r->report, "%llu cases, %llu %s", (unsigned long long)r->cases, (unsigned long long)r->bad, bad);
    if (r->unfit != 0)
        fprintf(r->report, ", %llu can't be run", (unsigned long long)r->unfit);
    if (r->malformed != 0)
        fprintf(r->report, ", %llu malformed", (unsigned long long)r->malformed);
    fputc('\n', r->report);
    if (r->malformed != 0)
        return snprintf(why, n, "%llu cases are malformed", (unsigned long long)r->malformed), -EINVAL;
    return r->bad != 0 || r->unfit != 0;
}
