/* Finds fields in JSON without reading the rest of it. */
#define _GNU_SOURCE
#include "load.h"

#include <stdlib.h>
#include <string.h>

const char *scan_field(const char *text, size_t size, const char *key) {
    const char *found = memmem(text, size, key, strlen(key));
    if (found == NULL)
        return NULL;
    found += strlen(key);
    while (found < text + size && *found == ' ')
        found++;
    return found < text + size ? found : NULL;
}

int64_t scan_number(const char *text, size_t size, const char *key, int64_t otherwise) {
    const char *value = scan_field(text, size, key);
    if (value == NULL)
        return otherwise;
    if (*value == '"')
        value++;
    if (*value < '0' || *value > '9')
        return otherwise;
    int64_t number = 0; /* every object ends with a brace, so this ends inside it */
    for (; *value >= '0' && *value <= '9'; value++)
        number = number * 10 + (*value - '0');
    return number;
}

bool scan_is(const char *value, const char *word) {
    size_t size = strlen(word);
    return *value == '"' && strncmp(value + 1, word, size) == 0 && value[size + 1] == '"';
}
