/* SPDX-License-Identifier: MIT */
/*
 * libvncserver speaks the protocol; sockets, time and picture are ours. Nothing is drawn while nobody looks. Who looks
 * gets what has changed 30 times a second at most: the adapter's picture is compared with the one that was sent last.
 */
#include "control/vnc/password.h"
#include "control/vnc/vnc.h"
#include "machine/chardev/listen.h"
#include "machine/machine.h"

#include <errno.h>
#include <netdb.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 5900, DISPLAY_MOST = 65535 - FIRST_PORT, HELD_MOST = 16 };
enum { FRAME_NS = 1000000000 / 30, WAIT_MOST_MS = 2000, MAP_SIDE = 64, DARK_WIDTH = 640, DARK_HEIGHT = 480 };

struct VncServer {
    struct Machine *machine;
    struct VncServer *next; /* of the session */
    struct VncPassword password;
    pthread_mutex_t lock; /* of `present` */
    struct Viewer *present[VNC_VIEWERS_MOST];
    struct Loop loop; /* all below is its thread's, once it runs */
    struct LoopTimer frame;
    struct ListenSpec where;
    int fd;
    rfbScreenInfoPtr screen;
    uint32_t *pixels; /* what viewers have, in libvncserver's order: 00BBGGRRh */
    uint32_t width, height;
    unsigned viewers;
};

struct Viewer {
    struct VncServer *server;
    struct VncPlace place;
    int fd, x, y;
    bool placed; /* its pointer has been somewhere */
    uint8_t buttons;
    uint16_t held[HELD_MOST];
};

/* ---- hands ---- */

static void on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client) {
    struct Viewer *v = client->clientData;
    uint16_t code = vnc_key_of(keysym);
    unsigned i = 0;
    while (i < HELD_MOST && v->held[i] != code)
        i++;
    for (unsigned k = 0; i == HELD_MOST && down && k < HELD_MOST; k++)
        i = v->held[k] == 0 ? k : i;
    if (code == 0 || i == HELD_MOST)
        return; /* no such key, more at once than hands have, or one that is not down */
    struct InputEvent e = {INPUT_KEY, code, down != 0};
    if (input_send(v->server->machine, &e, 1) == 0)
        v->held[i] = down ? code : 0;
}

/* Where the pointer is on the guest's screen, for a tablet; how it has moved, for a mouse. */
static unsigned moved(const struct Viewer *v, int x, int y, struct InputEvent e[2]) {
    const struct VncServer *server = v->server;
    const int from[2] = {v->x, v->y}, to[2] = {x, y};
    const uint32_t last[2] = {server->width - 1, server->height - 1};
    bool positions = input_has_positions(server->machine);
    unsigned count = 0;
    for (uint16_t axis = 0; axis < 2; axis++) {
        if (v->placed && to[axis] == from[axis])
            continue;
        int64_t at = to[axis] < 0 ? 0 : to[axis] < (int64_t)last[axis] ? to[axis] : last[axis];
        if (positions && last[axis] > 0)
            e[count++] = (struct InputEvent){INPUT_AT, axis, (int32_t)(at * INPUT_AT_MOST / last[axis])};
        else if (v->placed)
            e[count++] = (struct InputEvent){INPUT_MOVE, axis, to[axis] - from[axis]};
    }
    return count;
}

/* Mouse buttons as RFB has them; 8 and 16 are the wheel's steps, away and towards. */
static void on_pointer(int mask, int x, int y, rfbClientPtr client) {
    static const uint16_t of_bit[] = {PS2_LEFT, PS2_MIDDLE, PS2_RIGHT};
    struct Viewer *v = client->clientData;
    struct InputEvent e[6];
    unsigned count = moved(v, x, y, e), pressed = (unsigned)mask & ~v->buttons;
    for (unsigned i = 0; i < 3; i++)
        if (((unsigned)mask ^ v->buttons) >> i & 1)
            e[count++] = (struct InputEvent){INPUT_BUTTON, of_bit[i], mask >> i & 1};
    if ((pressed & 24) != 0)
        e[count++] = (struct InputEvent){INPUT_MOVE, 2, (pressed & 8) != 0 ? -1 : 1};
    if (count != 0 && input_send(v->server->machine, e, count) != 0)
        return; /* the guest takes none: the next report has it all */
    v->x = x, v->y = y, v->placed = true, v->buttons = (uint8_t)mask;
}

/* ---- the picture ---- */

static uint32_t swapped(uint32_t p) { return (p & 0xff) << 16 | (p & 0xff00) | (p >> 16 & 0xff); }

static bool resize(struct VncServer *server, uint32_t width, uint32_t height) {
    uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels)), *old = server->pixels;
    if (pixels == NULL)
        return false;
    server->pixels = pixels, server->width = width, server->height = height;
    rfbNewFramebuffer(server->screen, (char *)pixels, (int)width, (int)height, 8, 3, 4);
    free(old);
    return true;
}

/* Take over one row; what has changed of it in `first` and `end`. */
static bool take_row(uint32_t *to, const uint32_t *from, uint32_t width, uint32_t *first, uint32_t *end) {
    *first = width, *end = 0;
    for (uint32_t x = 0; x < width; x++) {
        uint32_t p = swapped(from[x]);
        if (to[x] == p)
            continue;
        to[x] = p;
        *first = x < *first ? x : *first;
        *end = x + 1;
    }
    return *first < *end;
}

/* Bands of rows, of each as much of its width as has changed. */
static void take_picture(struct VncServer *server, const struct Surface *s) {
    for (uint32_t top = 0; top < s->height; top += MAP_SIDE) {
        uint32_t left = s->width, right = 0, first = s->height, last = 0, a, b;
        for (uint32_t y = top; y < s->height && y < top + MAP_SIDE; y++)
            if (take_row(server->pixels + (size_t)y * s->width, surface_row(s, y), s->width, &a, &b)) {
                left = a < left ? a : left, right = b > right ? b : right;
                first = y < first ? y : first, last = y + 1;
            }
        if (left < right)
            rfbMarkRectAsModified(server->screen, (int)left, (int)first, (int)right, (int)last);
    }
}

static void look(struct VncServer *server) {
    struct Machine *m = server->machine;
    const struct Surface *s = &m->display.surface;
    char why[200];
    pthread_mutex_lock(&m->lock);
    if (display_update(m, why, sizeof(why)) == 0 && s->pixels != NULL &&
        ((s->width == server->width && s->height == server->height) || resize(server, s->width, s->height)))
        take_picture(server, s);
    pthread_mutex_unlock(&m->lock);
}

static void on_frame(void *opaque) {
    struct VncServer *server = opaque;
    look(server);
    rfbProcessEvents(server->screen, 0);
    if (server->viewers != 0)
        loop_timer_arm(&server->loop, &server->frame, loop_now() + FRAME_NS);
}

/* ---- viewers ---- */

/* The numeric address of a socket's other end, or of its own. */
static void place_of(int fd, bool peer, const char *path, struct VncPlace *place) {
    struct sockaddr_storage a;
    socklen_t size = sizeof(a);
    int r = peer ? getpeername(fd, (struct sockaddr *)&a, &size) : getsockname(fd, (struct sockaddr *)&a, &size);
    *place = (struct VncPlace){.family = "unix"};
    if (r == 0 && a.ss_family != AF_UNIX) {
        place->family = a.ss_family == AF_INET6 ? "ipv6" : "ipv4";
        r = getnameinfo((struct sockaddr *)&a, size, place->host, sizeof(place->host), place->service,
                        sizeof(place->service), NI_NUMERICHOST | NI_NUMERICSERV);
    } else {
        snprintf(place->host, sizeof(place->host), "%s", path);
    }
}

static void replace(struct VncServer *server, const struct Viewer *old, struct Viewer *by) {
    pthread_mutex_lock(&server->lock);
    unsigned i = 0;
    while (i < VNC_VIEWERS_MOST - 1 && server->present[i] != old)
        i++;
    server->present[i] = by;
    pthread_mutex_unlock(&server->lock);
}

static rfbBool on_password(rfbClientPtr client, const char *answer, int n) {
    struct VncServer *server = client->screen->screenData;
    return vnc_password_good(&server->password, client->authChallenge, answer, n > 0 ? (size_t)n : 0);
}

static void on_gone(rfbClientPtr client) {
    struct Viewer *v = client->clientData;
    if (v == NULL)
        return;
    for (unsigned i = 0; i < HELD_MOST; i++)
        if (v->held[i] != 0)
            input_send(v->server->machine, &(struct InputEvent){INPUT_KEY, v->held[i], 0}, 1);
    on_pointer(0, v->x, v->y, client);
    loop_remove_fd(&v->server->loop, v->fd);
    replace(v->server, v, NULL);
    v->server->viewers--;
    client->clientData = NULL;
    free(v);
}

/* libvncserver takes WebSockets at the same port, from whatever page of whatever site a browser shows. */
static enum rfbNewClientAction on_new(rfbClientPtr client) {
    struct VncServer *server = client->screen->screenData;
    if (client->wsctx != NULL)
        return RFB_CLIENT_REFUSE;
    struct Viewer *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return RFB_CLIENT_REFUSE;
    *v = (struct Viewer){.server = server, .fd = client->sock};
    client->clientData = v;
    client->clientGoneHook = on_gone;
    place_of(v->fd, true, server->where.path, &v->place);
    replace(server, NULL, v);
    server->viewers++;
    return RFB_CLIENT_ACCEPT;
}

static void on_bytes(void *opaque, int fd, short revents) {
    struct VncServer *server = opaque;
    (void)fd, (void)revents;
    rfbProcessEvents(server->screen, 0);
}

static void on_viewer(void *opaque, int fd, short revents) {
    struct VncServer *server = opaque;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    (void)revents;
    if (client < 0)
        return;
    /* libvncserver keeps descriptors in an fd_set, which has no room for higher ones. */
    if (server->viewers >= VNC_VIEWERS_MOST || client >= FD_SETSIZE ||
        loop_add_fd(&server->loop, client, POLLIN, on_bytes, server) != 0) {
        close(client);
        return;
    }
    if (server->viewers == 0)
        look(server);
    if (rfbNewClient(server->screen, client) == NULL)
        loop_remove_fd(&server->loop, client);
    else
        loop_timer_arm(&server->loop, &server->frame, loop_now() + FRAME_NS);
}

/* ---- life ---- */

static void destroy(void *opaque) {
    struct VncServer *server = opaque;
    loop_stop(&server->loop);
    if (server->screen != NULL) {
        rfbShutdownServer(server->screen, TRUE);
        rfbScreenCleanup(server->screen);
    }
    loop_destroy(&server->loop);
    listen_close(&server->where, server->fd);
    vnc_password_destroy(&server->password);
    pthread_mutex_destroy(&server->lock);
    free(server->pixels);
    free(server);
}

/* What may stand behind the address. */
struct Words {
    bool everybody, password;
};

static bool take_word(struct Words *w, const char *word) {
    const struct {
        const char *word;
        bool *to, value;
    } words[] = {
        {"share=allow-exclusive", &w->everybody, false},
        {"share=ignore", &w->everybody, true},
        {"password=on", &w->password, true},
        {"password", &w->password, true},
        {"password=off", &w->password, false},
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i].word) == 0) {
            *words[i].to = words[i].value;
            return true;
        }
    return false;
}

/* "[HOST]:DISPLAY" or "unix:PATH", and words behind it, into the form that listen_parse takes. */
static int parse(struct VncServer *server, const char *spec, struct Words *words, char *why, size_t n) {
    char text[400], address[440], *rest, *end;
    if ((size_t)snprintf(text, sizeof(text), "%s", spec) >= sizeof(text))
        return snprintf(why, n, "that is too long"), -EINVAL;
    strtok_r(text, ",", &rest);
    for (char *word; (word = strtok_r(NULL, ",", &rest)) != NULL;)
        if (!take_word(words, word))
            return snprintf(why, n,
                            "'%.20s' is not supported; share=allow-exclusive, share=ignore, password=on and "
                            "password=off are",
                            word),
                   -EINVAL;
    if (strncmp(text, "unix:", 5) == 0)
        return listen_parse(text, &server->where, why, n);
    char *colon = strrchr(text, ':');
    unsigned long display = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9' || *end != '\0' || display > DISPLAY_MOST)
        return snprintf(why, n, "'%.40s' is neither [HOST]:DISPLAY nor unix:PATH", text), -EINVAL;
    *colon = '\0';
    snprintf(address, sizeof(address), "tcp:%s:%lu", text, FIRST_PORT + display);
    return listen_parse(address, &server->where, why, n);
}

static int start(struct VncServer *server, const struct Words *words) {
    if (!resize(server, DARK_WIDTH, DARK_HEIGHT))
        return -ENOMEM;
    rfbScreenInfoPtr screen = server->screen;
    screen->screenData = server;
    screen->desktopName = "twin86";
    screen->port = screen->ipv6port = 0; /* it listens nowhere by itself */
    screen->autoPort = FALSE;
    screen->cursor = NULL;
    screen->alwaysShared = words->everybody;
    screen->authPasswdData = words->password ? server : NULL;
    screen->passwordCheck = on_password;
    screen->deferUpdateTime = 0;
    screen->maxClientWait = WAIT_MOST_MS;
    screen->kbdAddEvent = on_key;
    screen->ptrAddEvent = on_pointer;
    screen->newClientHook = on_new;
    rfbInitServer(screen);
    int r = loop_add_fd(&server->loop, server->fd, POLLIN, on_viewer, server);
    return r != 0 ? r : loop_start(&server->loop);
}

bool vnc_is_there(void) { return true; }

int vnc_serve(struct Session *s, const char *spec, char *why, size_t n) {
    struct VncServer *server = calloc(1, sizeof(*server));
    struct Words words = {0};
    if (server == NULL || loop_init(&server->loop, NULL) != 0) {
        free(server);
        snprintf(why, n, "out of memory");
        return -ENOMEM;
    }
    server->machine = session_machine(s);
    server->fd = -1;
    loop_timer_init(&server->frame, on_frame, server);
    loop_set_sandbox(&server->loop, &server->machine->sandbox);
    rfbLogEnable(FALSE);
    int r = parse(server, spec, &words, why, n);
    vnc_password_init(&server->password, words.password);
    pthread_mutex_init(&server->lock, NULL);
    if (r == 0 && (r = server->fd = listen_open(&server->where, true, why, n)) >= 0) {
        server->screen = rfbGetScreen(NULL, NULL, DARK_WIDTH, DARK_HEIGHT, 8, 3, 4);
        r = server->screen == NULL ? -ENOMEM : start(server, &words);
        if (r == 0 && (r = session_at_end(s, destroy, server)) == 0) {
            server->next = session_vnc(s);
            session_set_vnc(s, server);
            return 0;
        }
        snprintf(why, n, "VNC can't be started: %s", strerror(-r));
    }
    destroy(server);
    return r;
}

/* ---- what monitors ask ---- */

bool vnc_status(struct Session *s, struct VncStatus *status) {
    struct VncServer *server = session_vnc(s);
    if (server == NULL)
        return false;
    while (server->next != NULL) /* the first one is the last of the list */
        server = server->next;
    *status = (struct VncStatus){.password = server->password.wanted};
    place_of(server->fd, false, server->where.path, &status->where);
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < VNC_VIEWERS_MOST; i++)
        if (server->present[i] != NULL)
            status->viewer[status->viewers++] = server->present[i]->place;
    pthread_mutex_unlock(&server->lock);
    return true;
}

static const char no_password[] = "no VNC server asks for a password: -vnc ...,password=on";

int vnc_set_password(struct Session *s, const char *password, char *why, size_t n) {
    bool any = false;
    for (struct VncServer *server = session_vnc(s); server != NULL; server = server->next)
        any |= vnc_password_set(&server->password, password);
    return any ? 0 : (snprintf(why, n, no_password), -EINVAL);
}

int vnc_expire_password(struct Session *s, const char *when, char *why, size_t n) {
    bool any = false;
    for (struct VncServer *server = session_vnc(s); server != NULL; server = server->next) {
        if (vnc_password_expire(&server->password, when) != 0)
            return snprintf(why, n, "'%.30s' is no time: now, never, +SECONDS, or seconds since 1970", when), -EINVAL;
        any |= server->password.wanted;
    }
    return any ? 0 : (snprintf(why, n, no_password), -EINVAL);
}
