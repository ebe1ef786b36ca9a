#include "base/nearest.h"

#include <stdint.h>

#define TEXT_MAX_BYTES 120

size_t nearest_distance(struct slice a, struct slice b)
{
    unsigned char row[TEXT_MAX_BYTES + 1];
    if (a.length > TEXT_MAX_BYTES || b.length > TEXT_MAX_BYTES) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.length; j++) {
        row[j] = (unsigned char)j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.length; j++) {
            size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t removal = (size_t)row[j] + 1, insertion = (size_t)row[j - 1] + 1;
            diagonal = row[j];
            size_t least = change < removal ? change : removal;
            row[j] = (unsigned char)(least < insertion ? least : insertion);
        }
    }
    return row[b.length];
}

/* How many words (between underscores) of `text` the candidate has: slugs are renamed by adding and dropping words. */
static size_t shared_words(const char *text, const char *candidate)
{
    size_t shared = 0;
    for (struct slice rest = slice_of(text); rest.data != NULL;) {
        struct slice word = slice_split(&rest, '_');
        for (struct slice other = slice_of(candidate); other.data != NULL && word.length > 0;) {
            if (slice_equal(slice_split(&other, '_'), word)) {
                shared++;
                break;
            }
        }
    }
    return shared;
}

const char *nearest_text(const char *text, const char *const *candidates)
{
    const char *best = NULL;
    size_t best_distance = strlen(text) / 2 + 1, best_shared = 1;
    for (; *candidates != NULL; candidates++) {
        size_t distance = nearest_distance(slice_of(text), slice_of(*candidates));
        size_t shared = shared_words(text, *candidates);
        bool closer =
                distance < best_distance || (distance == best_distance && shared > best_shared);
        if (closer || (best == NULL && shared > best_shared)) {
            best = *candidates;
            best_distance = distance;
            best_shared = shared;
        }
    }
    return best;
}
