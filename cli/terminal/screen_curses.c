/* SPDX-License-Identifier: MIT */
/*
 * ncurses draws into a pipe that is emptied after each frame: it never waits for the terminal, and what it draws takes
 * its turn with whatever else is written there. See screen.h.
 */
#define NCURSES_WIDECHAR 1
#include "screen.h"

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20, ESCAPE_MS = 25, COLOURS = 16, ANSI_COLOURS = 8 };
enum { CELL_BLINK = 0x8000, CELL_FORE = 8, CELL_BACK = 12 };

struct Screen {
    Twin86Machine *machine;
    struct Output *out;
    int in, pipe[2]; /* the pipe's read end, and the one that ncurses writes */
    FILE *input, *output;
    SCREEN *screen;
    unsigned colours; /* of the terminal: 0, 8, 16 */
    bool hidden;
    Twin86Screen text, next; /* what is drawn, and what may be */
};

/* Code page 437 below and above ASCII, as its glyphs look. */
static const wchar_t low[32] = L" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
static const wchar_t high[129] = L"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
                                 L"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

static wchar_t character(unsigned code) {
    if (code < 32)
        return low[code];
    if (code == 127)
        return L'⌂';
    return code < 128 ? (wchar_t)code : high[code - 128];
}

bool screen_is_there(void) { return true; }

/* ---- colours ---- */

/* VGA's bits are blue, green, red from the lowest; ANSI's red, green, blue. */
static unsigned ansi(unsigned vga) { return (vga & 8) | (vga & 2) | (vga & 1) << 2 | (vga >> 2 & 1); }

static void make_colours(struct Screen *s) {
    s->colours = 0;
    if (!has_colors() || start_color() == ERR)
        return;
    if (COLORS >= COLOURS && COLOR_PAIRS > COLOURS * COLOURS)
        s->colours = COLOURS;
    else if (COLORS >= ANSI_COLOURS && COLOR_PAIRS > ANSI_COLOURS * ANSI_COLOURS)
        s->colours = ANSI_COLOURS;
    for (unsigned fore = 0; fore < s->colours; fore++)
        for (unsigned back = 0; back < s->colours; back++)
            init_pair((short)(1 + fore * s->colours + back), (short)ansi(fore), (short)ansi(back));
}

/* With eight colours bright ones are bold, and bright backgrounds are not seen. */
static attr_t attributes(const struct Screen *s, uint16_t cell, short *pair) {
    unsigned fore = cell >> CELL_FORE & 0xf, back = cell >> CELL_BACK & 0xf;
    attr_t a = 0;
    if (s->text.blinks) {
        a = cell & CELL_BLINK ? A_BLINK : 0;
        back &= 7;
    }
    *pair = 0;
    if (s->colours == 0)
        return a | (back != 0 && fore == 0 ? A_REVERSE : fore & 8 ? A_BOLD : 0);
    if (s->colours == ANSI_COLOURS) {
        a |= fore & 8 ? A_BOLD : 0;
        fore &= 7;
        back &= 7;
    }
    *pair = (short)(1 + fore * s->colours + back);
    return a;
}

/* ---- drawing ---- */

static void put_cell(const struct Screen *s, int y, int x, uint16_t cell) {
    const wchar_t text[2] = {character(cell & 0xff), 0};
    cchar_t c;
    short pair;
    attr_t a = attributes(s, cell, &pair);
    if (setcchar(&c, text, a, pair, NULL) == OK)
        mvadd_wch(y, x, &c);
}

static void put_text(const struct Screen *s) {
    int rows = (int)s->text.rows, columns = (int)s->text.columns;
    int row = s->text.cursor >= 0 ? s->text.cursor / columns : 0;
    int top = row >= LINES ? row - LINES + 1 : 0; /* a small terminal follows the cursor */
    for (int y = 0; y < LINES && y + top < rows; y++)
        for (int x = 0; x < COLS && x < columns; x++)
            put_cell(s, y, x, s->text.cell[(y + top) * columns + x]);
    int at = s->text.cursor >= 0 ? s->text.cursor % columns : COLS;
    curs_set(at < COLS);
    move(row - top, at < COLS ? at : COLS - 1);
}

static void put_notice(void) {
    static const char text[] = "(no text mode; Ctrl-A C, then screendump FILE.png)";
    curs_set(0);
    mvaddnstr(LINES / 2, COLS > (int)sizeof(text) ? (COLS - (int)sizeof(text)) / 2 : 0, text, COLS);
}

/* What ncurses has drawn goes to the terminal. */
static void drain(struct Screen *s) {
    char data[4096];
    ssize_t n;
    while ((n = read(s->pipe[0], data, sizeof(data))) > 0)
        output_put(s->out, data, (size_t)n);
}

static void draw(struct Screen *s) {
    erase();
    if (s->text.columns != 0)
        put_text(s);
    else
        put_notice();
    refresh();
    drain(s);
}

static size_t cells_size(const Twin86Screen *t) { return (size_t)t->rows * t->columns * sizeof(t->cell[0]); }

static bool is_drawn(const Twin86Screen *now, const Twin86Screen *t) {
    return now->columns == t->columns && now->rows == t->rows && now->cursor == t->cursor && now->blinks == t->blinks &&
           memcmp(now->cell, t->cell, cells_size(t)) == 0;
}

/* Look at what the guest shows. True: something else than what is drawn. */
static bool look(struct Screen *s) {
    if (twin86_screen(s->machine, &s->next) != 0)
        s->next.columns = s->next.rows = 0;
    if (is_drawn(&s->text, &s->next))
        return false;
    memcpy(&s->text, &s->next, offsetof(Twin86Screen, cell) + cells_size(&s->next));
    return true;
}

void screen_show(struct Screen *s) {
    if (!s->hidden && look(s))
        draw(s);
}

void screen_resized(struct Screen *s) {
    struct winsize size;
    if (s->hidden)
        return;
    if (ioctl(s->in, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0)
        resizeterm(size.ws_row, size.ws_col);
    clearok(curscr, TRUE);
    look(s);
    draw(s);
}

void screen_hide(struct Screen *s) {
    if (s->hidden)
        return;
    s->hidden = true;
    endwin();
    drain(s);
    terminal_translate(true);
}

void screen_again(struct Screen *s) {
    terminal_translate(false);
    s->hidden = false;
    screen_resized(s);
}

/* ---- keys ---- */

static const struct {
    int code;
    const char *key;
    unsigned modifiers;
} special[] = {
    {KEY_UP, "up", 0},
    {KEY_DOWN, "down", 0},
    {KEY_LEFT, "left", 0},
    {KEY_RIGHT, "right", 0},
    {KEY_HOME, "home", 0},
    {KEY_END, "end", 0},
    {KEY_PPAGE, "pgup", 0},
    {KEY_NPAGE, "pgdn", 0},
    {KEY_IC, "insert", 0},
    {KEY_DC, "delete", 0},
    {KEY_ENTER, "kp_enter", 0},
    {KEY_BACKSPACE, "backspace", 0},
    {KEY_F(1), "f1", 0},
    {KEY_F(2), "f2", 0},
    {KEY_F(3), "f3", 0},
    {KEY_F(4), "f4", 0},
    {KEY_F(5), "f5", 0},
    {KEY_F(6), "f6", 0},
    {KEY_F(7), "f7", 0},
    {KEY_F(8), "f8", 0},
    {KEY_F(9), "f9", 0},
    {KEY_F(10), "f10", 0},
    {KEY_F(11), "f11", 0},
    {KEY_F(12), "f12", 0},
    {KEY_A1, "kp_7", 0},
    {KEY_A3, "kp_9", 0},
    {KEY_B2, "kp_5", 0},
    {KEY_C1, "kp_1", 0},
    {KEY_C3, "kp_3", 0},
    {KEY_BTAB, "tab", STROKE_SHIFT},
    {KEY_SLEFT, "left", STROKE_SHIFT},
    {KEY_SRIGHT, "right", STROKE_SHIFT},
    {KEY_SR, "up", STROKE_SHIFT},
    {KEY_SF, "down", STROKE_SHIFT},
    {KEY_SHOME, "home", STROKE_SHIFT},
    {KEY_SEND, "end", STROKE_SHIFT},
    {KEY_SDC, "delete", STROKE_SHIFT},
};

static struct Stroke special_stroke(int code) {
    for (unsigned i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (special[i].code == code)
            return (struct Stroke){special[i].key, special[i].modifiers, -1};
    return (struct Stroke){NULL, 0, -1};
}

static bool read_one(struct Stroke *stroke) {
    wint_t c;
    int kind = get_wch(&c);
    if (kind == ERR)
        return false;
    *stroke = kind == KEY_CODE_YES ? special_stroke((int)c) : stroke_of(c < 0x80 ? (int)c : -1);
    return true;
}

/* Esc and something right behind it is what terminals make of Alt. */
bool screen_read(struct Screen *s, struct Stroke *stroke) {
    struct Stroke next;
    (void)s;
    if (!read_one(stroke))
        return false;
    if (stroke->byte == 0x1b && read_one(&next)) {
        *stroke = next;
        stroke->modifiers |= STROKE_ALT;
        stroke->byte = -1;
    }
    return true;
}

/* ---- life ---- */

/* Characters beyond ASCII as UTF-8, which is what terminals take. */
static void set_locale(void) {
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static bool make_pipe(struct Screen *s) {
    if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    fcntl(s->pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* more than any frame has */
    s->output = fdopen(s->pipe[1], "w");
    int in = dup(s->in);
    s->input = in >= 0 ? fdopen(in, "r") : NULL;
    return s->output != NULL && s->input != NULL;
}

struct Screen *screen_open(Twin86Machine *machine, struct Output *out, int in, char *why, size_t n) {
    const char *term = getenv("TERM");
    struct Screen *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        snprintf(why, n, "-display curses: %s", strerror(ENOMEM));
        return NULL;
    }
    *s = (struct Screen){.machine = machine, .out = out, .in = in, .pipe = {-1, -1}, .hidden = true};
    set_locale();
    if (!isatty(in) || !isatty(STDOUT_FILENO))
        snprintf(why, n, "-display curses: standard input and output are no terminal");
    else if (!make_pipe(s))
        snprintf(why, n, "-display curses: %s", strerror(errno));
    else if (term == NULL || (s->screen = newterm(term, s->output, s->input)) == NULL)
        snprintf(why, n, "-display curses: TERM=%s is no terminal that ncurses knows", term != NULL ? term : "");
    if (s->screen == NULL) {
        screen_close(s);
        return NULL;
    }
    set_escdelay(ESCAPE_MS);
    make_colours(s);
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    screen_again(s);
    return s;
}

void screen_close(struct Screen *s) {
    if (s == NULL)
        return;
    if (s->screen != NULL) {
        screen_hide(s);
        delscreen(s->screen);
    }
    if (s->output != NULL)
        fclose(s->output);
    else if (s->pipe[1] >= 0)
        close(s->pipe[1]);
    if (s->pipe[0] >= 0)
        close(s->pipe[0]);
    if (s->input != NULL)
        fclose(s->input);
    free(s);
}
