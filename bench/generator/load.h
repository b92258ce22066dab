/* What the parts of the load generator share.
 *
 * One thread, one epoll, no library. wire.c keeps the connections, frames.c is RFC 6455, scan.c finds fields in JSON,
 * histogram.c counts latencies, work.c decides what is sent when, load.c is the run from its arguments to its figures.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_WATCHED = 64, MAX_FRAME = 1 << 16 };

/* Latencies, within 1 %. */
typedef struct {
    uint64_t counts[64 * 64];
    uint64_t total;
    int64_t max_ns;
} histogram;

void histogram_add(histogram *h, int64_t ns);
double histogram_ms(const histogram *h, double share); /* below which that share of the latencies lies */

typedef struct {
    char *bytes;
    size_t size, capacity;
} buffer;

void buffer_append(buffer *b, const void *bytes, size_t size);
void buffer_drop(buffer *b, size_t size); /* its first bytes */

/* Appends a text frame as a client sends it, masked. */
void frame_text(buffer *out, const char *text, size_t size);
void frame_pong(buffer *out, const char *text, size_t size);

typedef struct {
    int opcode;
    const char *text;
    size_t size;
} frame;

/* The size of the frame that `bytes` begin with, which it describes; 0 while its end has not come. Ends the program at
 * what no server may send. */
size_t frame_parse(const char *bytes, size_t size, frame *found);

/* The value behind "key": in a flat JSON object, or NULL. A quote inside a string has a backslash before it, so what is
 * found is a key, of the first object that has it. */
const char *scan_field(const char *text, size_t size, const char *key);
int64_t scan_number(const char *text, size_t size, const char *key, int64_t otherwise);
bool scan_is(const char *value, const char *word); /* whether a value is that string */

typedef enum { CLOSED, CONNECTING, UPGRADING, AUTHENTICATING, OPEN } phase;

typedef struct {
    int64_t id, head;
} conversation;

typedef struct {
    int fd, number; /* its place among the participants, from 0 */
    phase phase;
    bool resumes; /* authenticates with its cursors */
    bool wants_to_write;
    buffer unread, unsent;
    conversation *conversations;
    int conversation_count, turn, in_flight;
    int64_t wanted_ns; /* since when it is to be open */
    int64_t message_id; /* the last one it saw */
} connection;

typedef struct {
    const char *work, *host, *port, *path, *people;
    char **tokens; /* one a participant; NULL in trusted mode */
    int connections, senders, window, connecting, missed;
    int talks; /* only in so many of its conversations does each sender talk; 0: in all, in turn */
    int64_t base; /* the participants' ids begin after it */
    double rate, warmup_s, seconds, settle_s, patience_s;
    bool plain, keys;
    int watched[MAX_WATCHED], watched_count;
} options;

typedef struct {
    int64_t sent, acknowledged, delivered, replayed, missed, operations, errors, lost;
} tally;

extern options settings;
extern connection *connections;
extern tally total;         /* of the whole run */
extern tally counted;       /* of the measured part */
extern bool is_counting;    /* whether this is the measured part */
extern histogram reply_times, delivery_times, open_times;
extern int open_count;
extern int64_t now_ns;      /* since the start; read once a turn */

int64_t clock_ns(void);
void count_reply(int64_t since_ns);

void wire_start(void);
void wire_open(int first, int count, bool resumes); /* connects those, a bounded number at a time */
void wire_close(connection *c);
void wire_send(connection *c, const char *text, size_t size); /* in the same write as what else this turn sends */
void wire_turn(int64_t until_ns); /* waits for the network at most until then, and serves it */

/* The work: what is sent, and what is done with what comes. */
void work_start(void);
void work_due(void);             /* sends what is due by now_ns */
int64_t work_next_ns(void);      /* when something is due again */
void work_stop(void);            /* nothing new from here on */
bool work_is_done(void);         /* whether all that was sent has been answered and delivered */
void work_received(connection *c, const char *text, size_t size);
int64_t work_expected(void);     /* how many deliveries what was sent, or missed before a storm, makes */

void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
