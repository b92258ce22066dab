/* The connections: opened a bounded number at a time, signed in, read, and written once a turn. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The example of RFC 6455, so that a server made for the purpose needs no SHA-1; masks are what must differ. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

enum { EVENTS = 512, READ_BYTES = 1 << 18 };

static int epoll;
static struct addrinfo *address;
static int *queue, queue_first, queue_end; /* numbers of those still to be connected */
static int connecting;
static char arrived[READ_BYTES];

static void dial(connection *c);
static void dial_next(void);
static void sign_in(connection *c);

void wire_start(void) {
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    int fault = getaddrinfo(settings.host, settings.port, &wanted, &address);
    if (fault != 0)
        fail("%s: %s", settings.host, gai_strerror(fault));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    queue = calloc((size_t)settings.connections, sizeof *queue);
    connections = calloc((size_t)settings.connections, sizeof *connections);
    for (int i = 0; i < settings.connections; i++)
        connections[i] = (connection){.fd = -1, .number = i};
}

void wire_open(int first, int count, bool resumes) {
    for (int i = first; i < first + count; i++) {
        connections[i].resumes = resumes;
        connections[i].wanted_ns = now_ns;
        queue[queue_end++ % settings.connections] = i;
    }
    dial_next();
}

static void dial_next(void) {
    while (queue_first < queue_end && connecting < settings.connecting)
        dial(&connections[queue[queue_first++ % settings.connections]]);
}

static void watch(connection *c, int how, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, how, c->fd, &event) != 0)
        fail("epoll: %s", strerror(errno));
}

static void dial(connection *c) {
    c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("connection %d: %s; see `ulimit -n`", c->number, strerror(errno));
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        fail("connection %d: %s", c->number, strerror(errno));
    c->phase = CONNECTING;
    connecting++;
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void lose(connection *c, const char *why) {
    if (c->phase != OPEN)
        fail("connection %d was lost before it was open: %s", c->number, why);
    total.lost++;
    wire_close(c);
}

void wire_close(connection *c) {
    if (c->phase == CLOSED)
        return;
    struct linger none = {.l_onoff = 1}; /* a reset: no port is kept waiting */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c->fd);
    open_count -= c->phase == OPEN;
    c->phase = CLOSED;
    c->fd = -1;
    c->wants_to_write = false;
    buffer_drop(&c->unread, c->unread.size);
    buffer_drop(&c->unsent, c->unsent.size);
}

static void flush(connection *c) {
    ssize_t sent = send(c->fd, c->unsent.bytes, c->unsent.size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        lose(c, strerror(errno));
        return;
    }
    if (sent > 0)
        buffer_drop(&c->unsent, (size_t)sent);
    bool wants = c->unsent.size > 0;
    if (wants != c->wants_to_write) {
        c->wants_to_write = wants;
        watch(c, EPOLL_CTL_MOD, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static connection *touched[EVENTS]; /* connections with something to send at the end of the turn */
static int touched_count;

void wire_send(connection *c, const char *text, size_t size) {
    if (c->phase == CLOSED)
        return;
    if (c->unsent.size == 0) {
        if (touched_count == EVENTS)
            for (; touched_count > 0; touched_count--)
                flush(touched[touched_count - 1]);
        touched[touched_count++] = c;
    }
    frame_text(&c->unsent, text, size);
}

static void upgrade(connection *c) {
    int fault = 0;
    socklen_t size = sizeof fault;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &fault, &size);
    if (fault != 0)
        fail("connection %d: %s", c->number, strerror(fault));
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          settings.path, settings.host, settings.port);
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->phase = UPGRADING;
    if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        lose(c, strerror(errno));
}

/* The size of the HTTP answer that `bytes` begin with; 0 while its end has not come. */
static size_t upgraded(connection *c, const char *bytes, size_t size) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (strncmp(bytes, "HTTP/1.1 101", 12) != 0)
        fail("connection %d was refused: %.*s", c->number, (int)(end - bytes), bytes);
    c->phase = AUTHENTICATING;
    sign_in(c);
    return (size_t)(end - bytes) + 4;
}

static void sign_in(connection *c) {
    buffer text = {0};
    char part[256];
    if (settings.tokens != NULL) {
        buffer_append(&text, "{\"type\":\"auth\",\"token\":\"", 24);
        buffer_append(&text, settings.tokens[c->number], strlen(settings.tokens[c->number]));
        buffer_append(&text, "\"", 1);
    } else {
        bool is_mentor = strcmp(settings.people, "pairs") == 0 && c->number >= settings.connections / 2;
        int64_t id = settings.base + 1 + (is_mentor ? c->number - settings.connections / 2 : c->number);
        int size = snprintf(part, sizeof part, "{\"type\":\"auth\",\"participant_type\":\"%s\",\"participant_id\":%lld",
                            is_mentor ? "mentor" : "user", (long long)id);
        buffer_append(&text, part, (size_t)size);
    }
    for (int i = 0; c->resumes && i < c->conversation_count; i++) {
        int64_t cursor = c->conversations[i].head;
        if (i == 0 && cursor > 0) {
            cursor -= settings.missed;
            total.missed += settings.missed;
        }
        int size = snprintf(part, sizeof part, "%s\"%lld\":%lld", i == 0 ? ",\"resume\":{" : ",",
                            (long long)c->conversations[i].id, (long long)cursor);
        buffer_append(&text, part, (size_t)size);
    }
    buffer_append(&text, "}}", c->resumes && c->conversation_count > 0 ? 2 : 1);
    wire_send(c, text.bytes, text.size);
    buffer_drop(&text, text.size);
}

static void learn_conversations(connection *c, const char *text, size_t size) {
    const char *at = scan_field(text, size, "\"conversations\":"), *end = text + size;
    int room = c->conversation_count = 0;
    free(c->conversations);
    c->conversations = NULL;
    for (at = at == NULL ? end : at + 1; at < end && *at != ']'; at++) {
        if (*at < '0' || *at > '9')
            continue;
        if (c->conversation_count == room) {
            room = room * 2 + 1;
            c->conversations = realloc(c->conversations, (size_t)room * sizeof *c->conversations);
        }
        char *after;
        c->conversations[c->conversation_count++] = (conversation){.id = strtoll(at, &after, 10)};
        at = after - 1;
    }
    for (int i = 0; i < c->conversation_count; i++) { /* the heads come in the order of the conversations */
        const char *head = scan_field(at, (size_t)(end - at), "\"last_seq\":");
        if (head == NULL)
            break;
        c->conversations[i].head = strtoll(head, NULL, 10);
        at = head;
    }
}

static void opened(connection *c) {
    c->phase = OPEN;
    c->in_flight = 0;
    open_count++;
    histogram_add(&open_times, now_ns - c->wanted_ns);
    connecting--;
    dial_next();
}

/* It was missed; whoever is cut off again must not ask for it once more. */
static void replayed(connection *c, const char *text, size_t size) {
    total.replayed++;
    int64_t id = scan_number(text, size, "\"conversation_id\":", 0), seq = scan_number(text, size, "\"seq\":", 0);
    for (int i = 0; i < c->conversation_count; i++)
        if (c->conversations[i].id == id && c->conversations[i].head < seq)
            c->conversations[i].head = seq;
}

static void signing_in(connection *c, const char *text, size_t size) {
    const char *type = scan_field(text, size, "\"type\":");
    if (type == NULL)
        return;
    if (scan_is(type, "error"))
        fail("connection %d was not let in: %.*s", c->number, (int)size, text);
    if (scan_is(type, "auth_success")) {
        if (!c->resumes) {
            learn_conversations(c, text, size);
            opened(c);
        }
    } else if (scan_is(type, "resumed")) {
        opened(c);
    } else if (scan_is(type, "new_message")) {
        replayed(c, text, size);
    }
}

static void take_frame(connection *c, const frame *f) {
    if (f->opcode == 9) {
        frame_pong(&c->unsent, f->text, f->size);
        flush(c);
    } else if (f->opcode == 8) {
        lose(c, "the server closed it");
    } else if (f->opcode == 1 && c->phase == AUTHENTICATING) {
        signing_in(c, f->text, f->size);
    } else if (f->opcode == 1) {
        work_received(c, f->text, f->size);
    }
}

/* Takes what is whole of `bytes`; how much that was. */
static size_t take(connection *c, const char *bytes, size_t size) {
    size_t taken = 0, step;
    if (c->phase == UPGRADING)
        taken = upgraded(c, bytes, size);
    if (c->phase == UPGRADING)
        return 0;
    frame f;
    while (c->phase != CLOSED && (step = frame_parse(bytes + taken, size - taken, &f)) > 0) {
        taken += step;
        take_frame(c, &f);
    }
    return taken;
}

static void receive(connection *c) {
    ssize_t size = recv(c->fd, arrived, sizeof arrived, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        lose(c, size == 0 ? "the server hung up" : strerror(errno));
        return;
    }
    if (c->unread.size == 0) {
        size_t taken = take(c, arrived, (size_t)size);
        if (c->phase != CLOSED && taken < (size_t)size)
            buffer_append(&c->unread, arrived + taken, (size_t)size - taken);
        return;
    }
    buffer_append(&c->unread, arrived, (size_t)size);
    size_t taken = take(c, c->unread.bytes, c->unread.size);
    if (c->phase != CLOSED && taken > 0)
        buffer_drop(&c->unread, taken);
}

static void flush_touched(void) {
    int count = touched_count;
    touched_count = 0;
    for (int i = 0; i < count; i++)
        if (touched[i]->unsent.size > 0)
            flush(touched[i]);
}

void wire_turn(int64_t until_ns) {
    flush_touched(); /* what became due without anything having come */
    struct epoll_event events[EVENTS];
    int64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
    now_ns = clock_ns();
    for (int i = 0; i < count; i++) {
        connection *c = events[i].data.ptr;
        if (c->phase == CONNECTING)
            upgrade(c);
        else if (c->phase != CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            receive(c);
        if (c->phase != CLOSED && events[i].events & EPOLLOUT && c->unsent.size > 0)
            flush(c);
    }
    flush_touched();
}
