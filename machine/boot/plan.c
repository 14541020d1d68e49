/* SPDX-License-Identifier: MIT */
#include "machine/boot/plan.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one step may do: fw_cfg gives no more zeroes at once, and machine's devices wait for it. */
#define STEP_MOST (32u << 20)

int plan_init(struct BootPlan *p) {
    *p = (struct BootPlan){0};
    p->bytes = calloc(1, PLAN_STEPS_AT);
    return p->bytes != NULL ? 0 : -ENOMEM;
}

void plan_free(struct BootPlan *p) {
    free(p->pieces);
    free(p->bytes);
    *p = (struct BootPlan){0};
}

void plan_add_source(struct BootPlan *p, uint16_t key, const void *data, size_t size) {
    if (p->sources < sizeof(p->source) / sizeof(p->source[0]))
        p->source[p->sources++] = (struct PlanSource){key, data, size};
}

size_t plan_size(const struct BootPlan *p) { return PLAN_STEPS_AT + p->steps * STEP_SIZE; }

void plan_set(struct BootPlan *p, unsigned field, uint32_t value) { put_le32(p->bytes + field, value); }

uint8_t *plan_info(struct BootPlan *p) { return p->bytes + PLAN_HEAD_SIZE; }

static int add_step(struct BootPlan *p, uint64_t to, uint16_t key, uint64_t offset, uint64_t size) {
    uint8_t *bytes = realloc(p->bytes, plan_size(p) + STEP_SIZE);
    if (bytes == NULL)
        return -ENOMEM;
    uint8_t *step = bytes + plan_size(p);
    p->bytes = bytes;
    put_le32(step + STEP_KEY, key);
    put_le32(step + STEP_OFFSET, (uint32_t)offset);
    put_le32(step + STEP_LENGTH, (uint32_t)size);
    put_le32(step + STEP_TO, (uint32_t)to);
    plan_set(p, PLAN_STEPS, (uint32_t)++p->steps);
    return 0;
}

static int add_steps(struct BootPlan *p, uint64_t to, uint16_t key, uint64_t offset, uint64_t size) {
    int r = 0;
    for (uint64_t done = 0; r == 0 && done < size; done += STEP_MOST) {
        uint64_t part = size - done < STEP_MOST ? size - done : STEP_MOST;
        r = add_step(p, to + done, key, key == PLAN_KEY_ZEROES ? 0 : offset + done, part);
    }
    return r;
}

int plan_copy(struct BootPlan *p, uint64_t to, const void *data, uint64_t size) {
    if (data == NULL)
        return add_steps(p, to, PLAN_KEY_ZEROES, 0, size);
    uintptr_t at = (uintptr_t)data;
    for (unsigned i = 0; i < p->sources; i++) {
        const struct PlanSource *s = &p->source[i];
        uintptr_t from = (uintptr_t)s->data;
        if (at >= from && at - from < s->size && size <= s->size - (at - from))
            return add_steps(p, to, s->key, at - from, size);
    }
    uint8_t *pieces = realloc(p->pieces, p->pieces_size + size);
    if (pieces == NULL)
        return -ENOMEM;
    memcpy(pieces + p->pieces_size, data, size);
    p->pieces = pieces;
    p->pieces_size += size;
    return add_steps(p, to, PLAN_KEY_PIECES, p->pieces_size - size, size);
}
