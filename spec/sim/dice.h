/* Chance that follows from a seed: the same draws in every build and on every machine. Whoever
 * draws has dice of his own, so that one more draw here changes nothing there. */
#ifndef NEAP_SPEC_DICE_H
#define NEAP_SPEC_DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_dice {
    uint64_t state;
} sim_dice;

/* purpose: different for each user of the same seed. */
sim_dice dice_of(uint64_t seed, uint64_t purpose);

uint64_t dice_draw(sim_dice *dice);
/* From 0 to below - 1; below is at least 1. */
uint64_t dice_below(sim_dice *dice, uint64_t below);
/* Both inclusive. */
int64_t dice_between(sim_dice *dice, int64_t least, int64_t most);
bool dice_chance(sim_dice *dice, unsigned per_thousand);
/* One of the items, each as likely. */
#define DICE_PICK(dice, items) ((items)[dice_below((dice), sizeof(items) / sizeof *(items))])

#endif
