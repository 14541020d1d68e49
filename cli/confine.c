/* SPDX-License-Identifier: MIT */
/* What twin86 gives up before a guest runs: the host's other folders, its user, system calls. */
#include "options_internal.h"
#include "run.h"
#include "values.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

/* QEMU's keys. Its sandbox refuses what they name; ours refuses all that is not needed, and they make exceptions. */
static const struct {
    const char *name;
    size_t member;
    bool children; /* also takes "children": as allow, for what we start can't become another user in any case */
} exceptions[] = {
    {"obsolete", offsetof(Twin86Sandbox, obsolete), false},
    {"elevateprivileges", offsetof(Twin86Sandbox, elevate_privileges), true},
    {"spawn", offsetof(Twin86Sandbox, spawn), false},
    {"resourcecontrol", offsetof(Twin86Sandbox, resource_control), false},
};
enum { EXCEPTIONS = sizeof(exceptions) / sizeof(exceptions[0]) };

static bool set_exception(struct Context *c, const char *key, const char *value) {
    unsigned i = 0;
    while (i < EXCEPTIONS && strcmp(exceptions[i].name, key) != 0)
        i++;
    if (i == EXCEPTIONS)
        return wrong(c, "'%s' is not known; on, off, obsolete=, elevateprivileges=, spawn= and resourcecontrol= are",
                     key);
    bool children = exceptions[i].children && strcmp(value, "children") == 0;
    if (!children && strcmp(value, "allow") != 0 && strcmp(value, "deny") != 0)
        return wrong(c, "%s=%s is not known; allow and deny%s are", key, value,
                     exceptions[i].children ? " and children" : "");
    *(bool *)((char *)&c->o->confine.sandbox + exceptions[i].member) = children || strcmp(value, "allow") == 0;
    return true;
}

bool set_sandbox(struct Context *c, char *arg) {
    char *key, *value, *list = arg;
    bool on, good = true;
    for (bool first = true; good && next_item(&list, &key, &value); first = false) {
        const char *text = value == NULL && first ? key : value != NULL && strcmp(key, "enable") == 0 ? value : NULL;
        if (text == NULL)
            good = value != NULL ? set_exception(c, key, value) : wrong(c, "'%s' is not known; on and off are", key);
        else if ((good = parse_switch(text, &on)) != false)
            c->o->confine.off = !(c->o->confine.asked = on);
        else
            wrong(c, "'%s' is not known; on and off are", text);
    }
    return good;
}

bool set_run_as(struct Context *c, char *arg) { return c->o->confine.run_as = arg, true; }
bool set_root(struct Context *c, char *arg) { return c->o->confine.root = arg, true; }

/* ---- users and folders ---- */

/* Who we shall be. */
struct User {
    uid_t uid;
    gid_t gid;
    const char *name; /* NULL: by number; no groups but `gid` */
};

static bool by_number(const char *text, struct User *u) {
    char uid[16];
    uint64_t v[2];
    size_t n = strcspn(text, ":");
    if (text[n] == '\0' || n >= sizeof(uid))
        return false;
    memcpy(uid, text, n);
    uid[n] = '\0';
    /* the largest number means "no change" */
    if (!parse_number(uid, UINT32_MAX - 1, &v[0]) || !parse_number(text + n + 1, UINT32_MAX - 1, &v[1]))
        return false;
    *u = (struct User){.uid = (uid_t)v[0], .gid = (gid_t)v[1]};
    return true;
}

static bool by_name(const char *text, struct User *u) {
    const struct passwd *p = getpwnam(text);
    if (p != NULL)
        *u = (struct User){.uid = p->pw_uid, .gid = p->pw_gid, .name = text};
    return p != NULL;
}

static int change_root(struct Run *r, const char *root) {
    if (chroot(root) == 0 && chdir("/") == 0)
        return 0;
    complain(r, "-chroot: %s: %s%s", root, strerror(errno), errno == EPERM ? "; that takes root" : "");
    return EXIT_BAD_USAGE;
}

static int change_user(struct Run *r, const struct User *u) {
    int groups = u->name != NULL ? initgroups(u->name, u->gid) : setgroups(1, &u->gid);
    if (groups == 0 && setgid(u->gid) == 0 && setuid(u->uid) == 0) {
        if (u->uid == 0 || setuid(0) != 0)
            return 0;
        errno = EACCES; /* we could go back, and so could whoever takes us over */
    }
    complain(r, "-runas: %s: %s%s", r->options.confine.run_as, strerror(errno),
             errno == EPERM ? "; that takes root" : "");
    return EXIT_BAD_USAGE;
}

/* Users are looked up while the files are there in which they are; folders changed while we may. */
static int become_less(struct Run *r) {
    const struct ConfineOptions *o = &r->options.confine;
    struct User user;
    int e = 0;
    if (o->run_as != NULL && !by_number(o->run_as, &user) && !by_name(o->run_as, &user)) {
        complain(r, "-runas: there is no user '%s'; a name, or numbers UID:GID are right", o->run_as);
        return EXIT_BAD_USAGE;
    }
    if (o->root != NULL)
        e = change_root(r, o->root);
    if (e == 0 && o->run_as != NULL)
        e = change_user(r, &user);
    return e;
}

int confine(struct Run *r) {
    struct ConfineOptions *o = &r->options.confine;
    char why[512];
    int e = become_less(r);
    if (e != 0 || o->off)
        return e;
    o->sandbox.log_fd = r->err->fd;
    e = twin86_sandbox_close(r->machine, &o->sandbox, why, sizeof(why));
    if (e == -EPERM && !o->asked) { /* the command line wants programs, and says nothing of a sandbox */
        complain(r, "-sandbox: %s; so it does, and only dangerous system calls are refused", why);
        o->sandbox.spawn = true;
        e = twin86_sandbox_close(r->machine, &o->sandbox, why, sizeof(why));
    }
    bool without = !o->asked && (e == -ENOTSUP || e == -ENOSYS);
    if (e != 0 && (e != -ENOTSUP || o->asked)) /* how twin86 was built is known to who built it */
        complain(r, "-sandbox: %s%s", why, without ? "; the guest runs without" : "");
    return e == 0 || without ? 0 : EXIT_BAD_USAGE;
}
