/* The kernel's limit: one room in C. What a message costs here is send() to each socket, and nothing else.
 *
 * It speaks just enough for the load generator: whoever signs in is in the room; the messages that one read() brings
 * are put into frames once, and the same bytes go to every socket by one send() each. Nothing is stored.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The accept value of the one key that the load generator sends (RFC 6455, section 1.3). */
static const char UPGRADED[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char SIGNED_IN[] = "{\"type\":\"auth_success\",\"user_id\":\"\",\"conversations\":[1]}";

enum { MAX_SOCKETS = 1 << 20, PART = 1 << 16 };

static int room[MAX_SOCKETS], place[MAX_SOCKETS], members; /* place: of a socket in the room */
static char told[PART * 4], replies[PART];
static size_t told_size, replies_size;

static void stop(const char *what) {
    perror(what);
    exit(1);
}

static size_t put_frame(char *out, const char *text, size_t size) {
    out[0] = (char)0x81;
    if (size < 126) {
        out[1] = (char)size;
        memcpy(out + 2, text, size);
        return size + 2;
    }
    out[1] = 126;
    out[2] = (char)(size >> 8);
    out[3] = (char)size;
    memcpy(out + 4, text, size);
    return size + 4;
}

static void write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* lost; its read() will tell */
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        }
    }
}

static void leave(int fd) {
    if (place[fd] > 0) {
        int last = room[--members];
        room[place[fd] - 1] = last;
        place[last] = place[fd];
        place[fd] = 0;
    }
    close(fd);
}

static void hear_message(const char *text) {
    const char *content = strstr(text, "\"content\":\""), *temp_id = strstr(text, "\"temp_id\":");
    if (content == NULL || temp_id == NULL)
        return;
    content += 11;
    char body[2048];
    int size = snprintf(body, sizeof body,
                        "{\"type\":\"new_message\",\"conversation_id\":1,\"seq\":1,\"message_id\":1,\"sender_type\":"
                        "\"user\",\"sender_id\":1,\"sender_name\":\"User 1\",\"content\":\"%.*s\",\"created_at\":"
                        "\"2026-01-31T12:00:00.000Z\"}",
                        (int)strcspn(content, "\""), content);
    told_size += put_frame(told + told_size, body, (size_t)size);
    size = snprintf(body, sizeof body, "{\"type\":\"message_sent\",\"temp_id\":%ld}", atol(temp_id + 10));
    replies_size += put_frame(replies + replies_size, body, (size_t)size);
}

static void hear(int fd, unsigned char *bytes, size_t size) {
    while (size >= 6) {
        size_t length = bytes[1] & 127, start = 6;
        if (length == 126) {
            length = (size_t)bytes[2] << 8 | bytes[3];
            start = 8;
        }
        if (size < start + length)
            stop("a frame in two parts");
        char text[2048];
        for (size_t i = 0; i < length && i < sizeof text - 1; i++)
            text[i] = (char)(bytes[start + i] ^ bytes[start - 4 + i % 4]);
        text[length < sizeof text ? length : sizeof text - 1] = 0;
        if (strstr(text, "\"type\":\"auth\"") != NULL) {
            room[members++] = fd;
            place[fd] = members;
            replies_size += put_frame(replies + replies_size, SIGNED_IN, sizeof SIGNED_IN - 1);
        } else {
            hear_message(text);
        }
        bytes += start + length;
        size -= start + length;
    }
}

static void serve(int fd) {
    static char bytes[PART];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        leave(fd);
        return;
    }
    if (size > 4 && memcmp(bytes, "GET ", 4) == 0) {
        write_all(fd, UPGRADED, sizeof UPGRADED - 1);
        return;
    }
    told_size = replies_size = 0;
    hear(fd, (unsigned char *)bytes, (size_t)size);
    for (int i = 0; told_size > 0 && i < members; i++)
        write_all(room[i], told, told_size);
    if (replies_size > 0)
        write_all(fd, replies, replies_size);
}

int main(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4096) != 0)
        stop("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd);
                continue;
            }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
