/* Latencies in buckets whose width grows with the value: 64 to each doubling. */
#include "load.h"

static int bucket_of(int64_t ns) {
    if (ns < 64)
        return ns < 0 ? 0 : (int)ns;
    int doublings = 63 - __builtin_clzll((uint64_t)ns) - 6;
    return (doublings + 1) * 64 + (int)((uint64_t)ns >> doublings) - 64;
}

static double middle_of(int bucket) {
    if (bucket < 128)
        return bucket;
    int doublings = bucket / 64 - 1;
    return ((double)(bucket % 64 + 64) + 0.5) * (double)(1ull << doublings);
}

void histogram_add(histogram *h, int64_t ns) {
    h->counts[bucket_of(ns)]++;
    h->total++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

double histogram_ms(const histogram *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->total), seen = 0;
    for (int i = 0; i < 64 * 64; i++) {
        seen += h->counts[i];
        if (seen > wanted)
            return middle_of(i) / 1e6;
    }
    return (double)h->max_ns / 1e6;
}
