/* The run: opens the connections, does the work, prints its figures as one JSON object a line.
 *
 * {"open": ...} once everybody is signed in (memory can be read then), then {"result": ...}. The CPU clocks of the watched
 * processes are read at the very edges of the measured part.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

options settings = {.work = "pairs", .host = "127.0.0.1", .port = "8080", .path = "/", .people = "pairs",
                    .connections = 200, .senders = 100, .window = 1, .connecting = 256, .warmup_s = 1, .seconds = 3,
                    .settle_s = 0.5, .patience_s = 30};
connection *connections;
tally total, counted;
bool is_counting;
histogram reply_times, delivery_times, open_times;
int open_count;
int64_t now_ns;

static int64_t started_ns;
static double cpu_s[MAX_WATCHED + 1]; /* of the watched, then our own */

int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - started_ns;
}

void fail(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    exit(1);
}

void count_reply(int64_t since_ns) {
    if (!is_counting)
        return;
    counted.operations++;
    histogram_add(&reply_times, now_ns - since_ns);
}

static double cpu_of(int pid) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    struct timespec t = {0};
    if (pid != 0 && clock_getcpuclockid(pid, &clock) != 0)
        fail("process %d cannot be watched", pid);
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_cpu(int sign) {
    for (int i = 0; i < settings.watched_count; i++)
        cpu_s[i] += sign * cpu_of(settings.watched[i]);
    cpu_s[settings.watched_count] += sign * cpu_of(0);
}

/* Works until that time, or until `done`. */
static void run_until(int64_t end_ns, bool (*done)(void)) {
    while (now_ns < end_ns && !(done != NULL && done())) {
        int64_t next_ns = work_next_ns();
        work_due();
        wire_turn(next_ns < end_ns ? next_ns : end_ns);
    }
}

static int64_t after(double seconds) { return now_ns + (int64_t)(seconds * 1e9); }

static bool all_open(void) { return open_count == settings.connections; }

static void open_all(bool resumes) {
    wire_open(0, settings.connections, resumes);
    while (!all_open())
        wire_turn(after(1));
}

static void print_times(const char *name, const histogram *h) {
    printf(",\"%s\":{\"count\":%llu,\"p50_ms\":%.4f,\"p95_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f}", name,
           (unsigned long long)h->total, histogram_ms(h, 0.5), histogram_ms(h, 0.95), histogram_ms(h, 0.99),
           (double)h->max_ns / 1e6);
}

static void print_result(double seconds) {
    printf("{\"result\":{\"seconds\":%.6f,\"operations\":%lld,\"deliveries\":%lld", seconds,
           (long long)counted.operations, (long long)counted.delivered);
    print_times("reply", &reply_times);
    print_times("delivery", &delivery_times);
    print_times("open", &open_times);
    printf(",\"sent\":%lld,\"acknowledged\":%lld,\"delivered\":%lld,\"replayed\":%lld,\"expected\":%lld",
           (long long)total.sent, (long long)total.acknowledged, (long long)total.delivered, (long long)total.replayed,
           (long long)work_expected());
    printf(",\"errors\":%lld,\"lost\":%lld,\"load_cpu_s\":%.6f,\"cpu_s\":[", (long long)total.errors,
           (long long)total.lost, cpu_s[settings.watched_count]);
    for (int i = 0; i < settings.watched_count; i++)
        printf("%s%.6f", i == 0 ? "" : ",", cpu_s[i]);
    printf("]}}\n");
}

/* Everybody's connection is cut at once, and everybody comes back at once. */
static void storm(void) {
    for (int i = 0; i < settings.connections; i++)
        wire_close(&connections[i]);
    for (int64_t end_ns = after(settings.settle_s); now_ns < end_ns;)
        wire_turn(end_ns);
    memset(&open_times, 0, sizeof open_times);
    memset(cpu_s, 0, sizeof cpu_s);
    read_cpu(-1);
    int64_t begin_ns = now_ns;
    open_all(!settings.plain);
    read_cpu(1);
    counted.operations = settings.connections;
    print_result((double)(now_ns - begin_ns) / 1e9);
}

static void traffic(void) {
    if (strcmp(settings.work, "idle") != 0)
        work_start();
    else
        settings.rate = 0;
    run_until(after(settings.warmup_s), NULL);
    memset(cpu_s, 0, sizeof cpu_s);
    read_cpu(-1);
    is_counting = true;
    int64_t begin_ns = now_ns;
    run_until(after(settings.seconds), NULL);
    read_cpu(1);
    is_counting = false;
    double seconds = (double)(now_ns - begin_ns) / 1e9;
    work_stop();
    run_until(after(settings.patience_s), work_is_done);
    print_result(seconds);
}

static void read_tokens(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail("%s: %s", path, strerror(errno));
    settings.tokens = calloc((size_t)settings.connections, sizeof(char *));
    for (int i = 0; i < settings.connections; i++) {
        size_t capacity = 0;
        ssize_t size = getline(&settings.tokens[i], &capacity, file);
        if (size < 1)
            fail("%s has fewer tokens than there are connections", path);
        settings.tokens[i][strcspn(settings.tokens[i], "\n")] = 0;
    }
    fclose(file);
}

static void parse(int count, char **arguments) {
    static const struct option known[] = {
        {"work", 1, 0, 'w'},    {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},       {"path", 1, 0, 'P'},
        {"people", 1, 0, 'o'},  {"tokens", 1, 0, 't'},   {"connections", 1, 0, 'c'}, {"senders", 1, 0, 's'},
        {"window", 1, 0, 'f'},  {"rate", 1, 0, 'r'},     {"warmup", 1, 0, 'u'},      {"seconds", 1, 0, 'd'},
        {"settle", 1, 0, 'e'},  {"missed", 1, 0, 'm'},   {"plain", 0, 0, 'l'},       {"keys", 0, 0, 'k'},
        {"watch", 1, 0, 'W'},   {"connecting", 1, 0, 'C'}, {"base", 1, 0, 'b'}, {"patience", 1, 0, 'a'},
        {"talks", 1, 0, 'T'},   {0, 0, 0, 0}};
    const char *tokens = NULL;
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 'w': settings.work = optarg; break;
        case 'h': settings.host = optarg; break;
        case 'p': settings.port = optarg; break;
        case 'P': settings.path = optarg; break;
        case 'o': settings.people = optarg; break;
        case 't': tokens = optarg; break;
        case 'c': settings.connections = atoi(optarg); break;
        case 's': settings.senders = atoi(optarg); break;
        case 'f': settings.window = atoi(optarg); break;
        case 'r': settings.rate = atof(optarg); break;
        case 'u': settings.warmup_s = atof(optarg); break;
        case 'd': settings.seconds = atof(optarg); break;
        case 'e': settings.settle_s = atof(optarg); break;
        case 'm': settings.missed = atoi(optarg); break;
        case 'l': settings.plain = true; break;
        case 'k': settings.keys = true; break;
        case 'C': settings.connecting = atoi(optarg); break;
        case 'a': settings.patience_s = atof(optarg); break;
        case 'T': settings.talks = atoi(optarg); break;
        case 'b': settings.base = atoll(optarg); break;
        case 'W':
            if (settings.watched_count == MAX_WATCHED)
                fail("at most %d processes are watched", MAX_WATCHED);
            settings.watched[settings.watched_count++] = atoi(optarg);
            break;
        default: exit(2);
        }
    }
    if (settings.connections < 1 || settings.senders > settings.connections)
        fail("there must be connections, and no more senders than those");
    if (tokens != NULL)
        read_tokens(tokens);
}

int main(int count, char **arguments) {
    parse(count, arguments);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    started_ns = clock_ns();
    wire_start();
    read_cpu(-1);
    open_all(false);
    read_cpu(1);
    printf("{\"open\":{\"seconds\":%.6f,\"cpu_s\":[", (double)clock_ns() / 1e9);
    for (int i = 0; i < settings.watched_count; i++)
        printf("%s%.6f", i == 0 ? "" : ",", cpu_s[i]);
    printf("]}}\n");
    fflush(stdout);
    for (int64_t end_ns = after(settings.settle_s); now_ns < end_ns;)
        wire_turn(end_ns);
    if (strcmp(settings.work, "storm") == 0)
        storm();
    else
        traffic();
    return 0;
}
