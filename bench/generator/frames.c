/* WebSocket frames, RFC 6455 section 5.2. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

void buffer_append(buffer *b, const void *bytes, size_t size) {
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2;
        b->bytes = realloc(b->bytes, b->capacity);
        if (b->bytes == NULL)
            fail("out of memory");
    }
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

void buffer_drop(buffer *b, size_t size) {
    b->size -= size;
    if (b->size > 0) {
        memmove(b->bytes, b->bytes + size, b->size);
        return;
    }
    free(b->bytes); /* thousands of connections are idle most of the time */
    *b = (buffer){0};
}

static uint32_t next_mask(void) { /* xorshift: unpredictable enough for a server that has no cache in front */
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void frame_append(buffer *out, int opcode, const char *text, size_t size) {
    unsigned char head[8] = {(unsigned char)(0x80 | opcode)};
    size_t head_size = 2;
    if (size < 126) {
        head[1] = (unsigned char)(0x80 | size);
    } else if (size < MAX_FRAME) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(size >> 8);
        head[3] = (unsigned char)size;
        head_size = 4;
    } else {
        fail("a frame of %zu bytes is longer than this generator sends", size);
    }
    uint32_t mask = next_mask();
    memcpy(head + head_size, &mask, 4);
    buffer_append(out, head, head_size + 4);
    size_t start = out->size;
    buffer_append(out, text, size);
    char *bytes = out->bytes + start;
    size_t i = 0;
    for (uint64_t wide = (uint64_t)mask << 32 | mask, part; i + 8 <= size; i += 8) {
        memcpy(&part, bytes + i, 8);
        part ^= wide;
        memcpy(bytes + i, &part, 8);
    }
    for (; i < size; i++)
        bytes[i] ^= (char)(mask >> 8 * (i % 4));
}

void frame_text(buffer *out, const char *text, size_t size) { frame_append(out, 1, text, size); }

void frame_pong(buffer *out, const char *text, size_t size) { frame_append(out, 10, text, size); }

size_t frame_parse(const char *bytes, size_t size, frame *found) {
    const unsigned char *head = (const unsigned char *)bytes;
    if (size < 2)
        return 0;
    if ((head[0] & 0xf0) != 0x80 || head[1] & 0x80)
        fail("a frame that is masked, in parts or compressed, which was not asked for");
    size_t length = head[1], start = 2;
    if (length == 126) {
        if (size < 4)
            return 0;
        length = (size_t)head[2] << 8 | head[3];
        start = 4;
    } else if (length == 127) {
        if (size < 10)
            return 0;
        length = 0;
        for (int i = 2; i < 10; i++)
            length = length << 8 | head[i];
        start = 10;
    }
    if (size - start < length)
        return 0;
    *found = (frame){.opcode = head[0] & 15, .text = bytes + start, .size = length};
    return start + length;
}
