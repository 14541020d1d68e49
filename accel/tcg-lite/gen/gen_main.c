/* SPDX-License-Identifier: MIT */
/**
 * x86gen TABLE HEADER-FOLDER BUILD-FOLDER: from x86.tab to the decoder's tables (isa/) and exec functions.
 * See isa/README.md and the engine's README.md for the formats.
 */
#include "accel/tcg-lite/gen/gen_fn.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void gen_error(struct Gen *g, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: error: ", g->tab, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    g->errors++;
}

static char *append_file(char *text, size_t *len, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f)
        return text;
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    text = realloc(text, *len + n + 2);
    n = fread(text + *len, 1, n, f);
    *len += n;
    text[(*len)++] = '\n';
    text[*len] = 0;
    fclose(f);
    return text;
}

/** Take note of where the header `name`, `rel` below the header folder, belongs to a unit. */
static void assign_header(struct Gen *g, const char *rel, const char *name) {
    for (int u = 0; u < g->unit_count; u++) {
        struct Unit *unit = &g->unit[u];
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "shapes_%s.h", unit->headers);
        if (!strcmp(wanted, name))
            snprintf(unit->shapes, sizeof(unit->shapes), "%s", rel);
        snprintf(wanted, sizeof(wanted), "kernels_%s.h", unit->headers);
        if (!strcmp(wanted, name))
            snprintf(unit->kernels, sizeof(unit->kernels), "%s", rel);
    }
}

/**
 * Read every header below `rel` that may define a shape, kernel or helper, so that a row that names a missing one is
 * refused.
 */
static void read_headers(struct Gen *g, const char *rel, size_t *len) {
    static const char *const prefixes[] = {"shapes", "kernels", "helpers"};
    char folder[4096];
    snprintf(folder, sizeof(folder), "%s/%s", g->headers, rel);
    DIR *d = opendir(folder);
    if (!d) {
        fprintf(stderr, "x86gen: cannot open folder %s\n", folder);
        exit(2);
    }
    for (struct dirent *e; (e = readdir(d));) {
        char below[sizeof(g->unit[0].shapes)], path[8192];
        if (e->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(below, sizeof(below), "%s%s%s", rel, *rel ? "/" : "", e->d_name) >= sizeof(below)) {
            fprintf(stderr, "x86gen: the path %s/%s is too long\n", folder, e->d_name);
            exit(2);
        }
        if (e->d_type == DT_DIR) {
            read_headers(g, below, len);
            continue;
        }
        const char *dot = strrchr(e->d_name, '.');
        for (unsigned p = 0; p < 3; p++) {
            if (!dot || strcmp(dot, ".h") || strncmp(e->d_name, prefixes[p], strlen(prefixes[p])))
                continue;
            snprintf(path, sizeof(path), "%s/%s", g->headers, below);
            g->text = append_file(g->text, len, path);
            assign_header(g, below, e->d_name);
        }
    }
    closedir(d);
}

static bool ident_char(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** True when some header of the engine mentions `name` followed by '('. */
static bool known(const struct Gen *g, const char *name) {
    size_t n = strlen(name);
    for (const char *p = g->text; (p = strstr(p, name)); p += n)
        if ((p == g->text || !ident_char(p[-1])) && (p[n] == '(' || p[n] == ','))
            return true;
    return false;
}

static bool check_name(struct Gen *g, const struct Row *r, const char *prefix, const char *name, const char *suffix) {
    char full[2 * NAME_MAX_LEN];
    snprintf(full, sizeof(full), "%s%s%s", prefix, name, suffix);
    if (known(g, full))
        return true;
    if (g->lenient)
        fprintf(stderr, "%s:%d: warning: %s: no header has %s(): #UD for now\n", g->tab, r->line, r->mnemonic, full);
    else
        gen_error(g, r->line, "%s: no header has %s()", r->mnemonic, full);
    return false;
}

static bool check_names(struct Gen *g, const struct Row *r) {
    if (gen_is_help(r))
        return check_name(g, r, "helper_", r->kernel, "");
    bool ok = true;
    if (strcmp(r->kernel, "-"))
        ok &= check_name(g, r, "kernel_", r->kernel, "");
    if (r->has_reg)
        ok &= check_name(g, r, "", r->shape, "_r");
    if (r->has_mem)
        ok &= check_name(g, r, "", r->shape, "_m");
    if (r->form.attr & ATTR_LOCK)
        ok &= check_name(g, r, "", r->shape, "_l");
    if (r->xmchk && r->has_reg)
        ok &= check_name(g, r, "", r->shape, "_rc");
    if (r->xmchk && r->has_mem)
        ok &= check_name(g, r, "", r->shape, "_mc");
    return ok;
}

/** Refuse rows that name a shape, kernel or helper that does not exist; with --lenient leave them out. */
static void check(struct Gen *g) {
    int kept = 1;
    for (int k = 1; k < g->row_count; k++) {
        if (!check_names(g, &g->row[k]) && g->lenient)
            continue;
        if (kept != k)
            g->row[kept] = g->row[k];
        kept++;
    }
    g->row_count = kept;
    gen_check_overlaps(g);
}

int main(int argc, char **argv) {
    struct Gen *g = calloc(1, sizeof(*g));
    int a = 1;
    bool good = true;
    for (; a < argc && !strncmp(argv[a], "--", 2); a++) {
        if (!strcmp(argv[a], "--lenient"))
            g->lenient = true;
        else if (!strcmp(argv[a], "--general"))
            g->general = true;
        else
            good = false;
    }
    if (!good || argc - a != 3) {
        fprintf(stderr, "usage: x86gen [--lenient] [--general] TABLE HEADER-FOLDER BUILD-FOLDER\n");
        return 2;
    }
    g->tab = argv[a], g->headers = argv[a + 1], g->out = argv[a + 2];
    gen_parse(g);
    size_t len = 0;
    g->text = calloc(1, 1);
    read_headers(g, "", &len);
    check(g);
    if (g->errors)
        return 1;
    gen_emit_tables(g);
    gen_emit_functions(g);
    return g->errors ? 1 : 0;
}
