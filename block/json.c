/* SPDX-License-Identifier: MIT */
/* See json.h. */
#include "block/json.h"
#include "base/why.h"

#include <errno.h>

#ifdef HAVE_JSON_C
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 16, PREFIX_MOST = 256 };

/* Where the text goes, and how deep in the object we are. */
struct Flat {
    FILE *out;
    char prefix[PREFIX_MOST]; /* "file.", "file.server." */
    char *why;
    size_t n;
};

static void put_value(struct Flat *f, const char *value) {
    for (; *value != '\0'; value++) {
        if (*value == ',')
            fputc(',', f->out);
        fputc(*value, f->out);
    }
}

static int put_object(struct Flat *f, struct json_object *o);

static int put_member(struct Flat *f, const char *key, struct json_object *value) {
    size_t used = strlen(f->prefix), more = strlen(key) + 1;
    enum json_type type = json_object_get_type(value);
    if (strpbrk(key, ",=") != NULL || used + more >= sizeof(f->prefix))
        return why_set(f->why, f->n, -EINVAL, "'%.64s%.64s' is no name of an option", f->prefix, key);
    if (type == json_type_array)
        return why_set(f->why, f->n, -EINVAL, "%s%s is a list, which no option takes", f->prefix, key);
    if (type == json_type_object) {
        snprintf(f->prefix + used, sizeof(f->prefix) - used, "%s.", key);
        int r = put_object(f, value);
        f->prefix[used] = '\0';
        return r;
    }
    fprintf(f->out, "%s%s%s=", ftell(f->out) > 0 ? "," : "", f->prefix, key);
    if (type == json_type_boolean)
        put_value(f, json_object_get_boolean(value) ? "on" : "off");
    else if (type != json_type_null)
        put_value(f, json_object_get_string(value));
    return 0;
}

static int put_object(struct Flat *f, struct json_object *o) {
    struct json_object_iterator i = json_object_iter_begin(o), end = json_object_iter_end(o);
    int r = 0;
    for (; r == 0 && !json_object_iter_equal(&i, &end); json_object_iter_next(&i))
        r = put_member(f, json_object_iter_peek_name(&i), json_object_iter_peek_value(&i));
    return r;
}

static struct json_object *parse(const char *json, char *why, size_t n) {
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MOST);
    if (t == NULL) {
        why_set(why, n, 0, "out of memory");
        return NULL;
    }
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    struct json_object *o = json_tokener_parse_ex(t, json, (int)strlen(json) + 1);
    enum json_tokener_error e = json_tokener_get_error(t);
    json_tokener_free(t);
    if (e == json_tokener_success && json_object_is_type(o, json_type_object))
        return o;
    why_set(why, n, 0, "this is no JSON object: %s",
            e == json_tokener_success ? "something else is" : json_tokener_error_desc(e));
    json_object_put(o);
    return NULL;
}

int block_json_flatten(const char *json, char **text, char *why, size_t n) {
    struct Flat f = {.why = why, .n = n};
    struct json_object *o = parse(json, why, n);
    size_t size;
    if (o == NULL)
        return -EINVAL;
    f.out = open_memstream(text, &size);
    int r = f.out != NULL ? put_object(&f, o) : why_set(why, n, -ENOMEM, "out of memory");
    json_object_put(o);
    if (f.out != NULL && fclose(f.out) != 0 && r == 0)
        r = why_set(why, n, -ENOMEM, "out of memory");
    if (f.out != NULL && r != 0) {
        free(*text);
        *text = NULL;
    }
    return r;
}
#else
int block_json_flatten(const char *json, char **text, char *why, size_t n) {
    (void)json, (void)text;
    return why_set(why, n, -ENOTSUP, "JSON needs a twin86 that was built with json-c; write key=value,key=value");
}
#endif
