/* What is sent when, and what is done with what comes: a window of messages in flight, or a fixed rate. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT "Good morning! Shall we look at the costs together on Thursday?"

enum { SLOTS = 4096 };
static const int64_t NEVER = INT64_MAX / 2;

static bool is_room, is_mixed, is_stopped;
static int64_t first_due_ns, due_count; /* of a fixed rate */
static int64_t arrivals[SLOTS];         /* in a room, by message: who has it, the sender's reply included */
static int64_t awaited;                 /* replies to requests that are no messages */

static uint32_t dice(uint32_t sides) {
    static uint64_t state = 88172645463325252ull; /* the same in every run */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) % sides);
}

static void say(connection *c, int64_t wanted_ns) {
    char text[512], key[64] = "";
    int talks = settings.talks > 0 && settings.talks < c->conversation_count ? settings.talks : c->conversation_count;
    const conversation *where = &c->conversations[c->turn++ % talks];
    if (settings.keys)
        snprintf(key, sizeof key, ",\"idempotency_key\":\"%016llx%08x\"", (long long)now_ns, dice(UINT32_MAX));
    int size = snprintf(text, sizeof text,
                        "{\"type\":\"message\",\"conversation_id\":%lld,\"content\":\"%lld %lld " TEXT
                        "\",\"temp_id\":%lld%s}",
                        (long long)where->id, (long long)wanted_ns, (long long)total.sent, (long long)wanted_ns, key);
    arrivals[total.sent % SLOTS] = 0;
    total.sent++;
    c->in_flight++;
    wire_send(c, text, (size_t)size);
}

static void ask(connection *c, int64_t wanted_ns, const char *request) {
    char text[512];
    int size = snprintf(text, sizeof text, "{%s,\"request_id\":\"%lld\"}", request, (long long)wanted_ns);
    awaited++;
    c->in_flight++;
    wire_send(c, text, (size_t)size);
}

/* One thing that somebody in a conversation does; `share` is out of 100. */
static void live(connection *c, int64_t wanted_ns, uint32_t share) {
    char text[256];
    long long id = (long long)c->conversations[0].id;
    if (share < 25) {
        say(c, wanted_ns);
    } else if (share < 55) {
        int size = snprintf(text, sizeof text, "{\"type\":\"typing_%s\",\"conversation_id\":%lld}",
                            share < 45 ? "start" : "stop", id);
        wire_send(c, text, (size_t)size);
        counted.operations += is_counting;
    } else if (share < 75 && c->message_id > 0) {
        snprintf(text, sizeof text, "\"type\":\"mark_read\",\"conversation_id\":%lld,\"message_id\":%lld", id,
                 (long long)c->message_id);
        ask(c, wanted_ns, text);
    } else if (share < 80) {
        snprintf(text, sizeof text, "\"type\":\"history\",\"conversation_id\":%lld,\"limit\":50", id);
        ask(c, wanted_ns, text);
    } else if (share < 85) {
        ask(c, wanted_ns, "\"type\":\"get_status\",\"participants\":[\"user_1\",\"mentor_1\",\"mentor_2\"]");
    } else if (share < 90) {
        ask(c, wanted_ns, dice(2) ? "\"type\":\"set_status\",\"status\":\"away\""
                                  : "\"type\":\"set_status\",\"status\":\"online\"");
    } else if (share < 99 || c->in_flight > 0) {
        ask(c, wanted_ns, "\"type\":\"ping\"");
    } else {
        wire_close(c);
        wire_open(c->number, 1, true);
    }
}

void work_start(void) {
    is_room = strcmp(settings.work, "room") == 0;
    is_mixed = strcmp(settings.work, "mixed") == 0;
    first_due_ns = now_ns;
    for (int i = 0; i < settings.senders; i++) {
        if (connections[i].conversation_count == 0)
            fail("participant %d is in no conversation", i);
        for (int j = 0; settings.rate == 0 && j < settings.window; j++)
            say(&connections[i], now_ns);
    }
}

int64_t work_next_ns(void) {
    if (settings.rate == 0 || is_stopped)
        return NEVER;
    return first_due_ns + (int64_t)((double)due_count * 1e9 / settings.rate);
}

void work_due(void) {
    for (int64_t due_ns; (due_ns = work_next_ns()) <= now_ns; due_count++) {
        if (!is_mixed) {
            say(&connections[due_count % settings.senders], due_ns);
            continue;
        }
        connection *c = &connections[dice((uint32_t)settings.connections)];
        if (c->phase == OPEN)
            live(c, due_ns, dice(100));
    }
}

void work_stop(void) { is_stopped = true; }

int64_t work_expected(void) { return total.sent * (is_room ? settings.connections : 2) + total.missed; }

bool work_is_done(void) {
    return total.acknowledged == total.sent && total.delivered + total.replayed == work_expected() && awaited == 0 &&
           open_count == settings.connections;
}

/* Sends the next message once nothing of the one before is on its way any more. */
static void one_less(connection *c) {
    c->in_flight--;
    if (settings.rate == 0 && !is_stopped)
        say(c, now_ns);
}

static void arrived_in_room(int64_t number) {
    if (++arrivals[number % SLOTS] == settings.connections + 1)
        one_less(&connections[0]);
}

static void delivered(connection *c, const char *text, size_t size) {
    const char *content = scan_field(text, size, "\"content\":");
    if (content == NULL)
        fail("a message without content: %.*s", (int)size, text);
    total.delivered++;
    counted.delivered += is_counting;
    char *after;
    int64_t wanted_ns = strtoll(content + 1, &after, 10), number = strtoll(after, NULL, 10);
    if (is_counting)
        histogram_add(&delivery_times, now_ns - wanted_ns);
    if (is_room)
        arrived_in_room(number);
    if (is_mixed) {
        c->message_id = scan_number(text, size, "\"message_id\":", 0);
        c->conversations[0].head = scan_number(text, size, "\"seq\":", c->conversations[0].head);
    }
}

static void acknowledged(connection *c, const char *text, size_t size) {
    int64_t wanted_ns = scan_number(text, size, "\"temp_id\":", -1);
    if (wanted_ns < 0)
        fail("an acknowledgement without temp_id: %.*s", (int)size, text);
    total.acknowledged++;
    counted.acknowledged += is_counting;
    count_reply(wanted_ns);
    if (!is_room)
        one_less(c);
    else
        arrived_in_room(total.acknowledged - 1); /* replies come in the order of the messages */
}

void work_received(connection *c, const char *text, size_t size) {
    const char *type = scan_field(text, size, "\"type\":");
    if (type == NULL)
        return;
    if (scan_is(type, "new_message")) {
        delivered(c, text, size);
    } else if (scan_is(type, "message_sent")) {
        acknowledged(c, text, size);
    } else if (scan_is(type, "error")) {
        if (total.errors++ == 0)
            fprintf(stderr, "load: an error: %.*s\n", (int)size, text);
    } else if (is_mixed) {
        int64_t wanted_ns = scan_number(text, size, "\"request_id\":", -1);
        if (wanted_ns >= 0) {
            awaited--;
            c->in_flight--;
            count_reply(wanted_ns);
        }
    }
}
