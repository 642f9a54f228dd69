#include "sim/dice.h"

/* SplitMix64. */
static uint64_t mixed(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
    return bits ^ (bits >> 31);
}

sim_dice dice_of(uint64_t seed, uint64_t purpose)
{
    return (sim_dice){mixed(seed + 1) ^ mixed(~purpose)};
}

uint64_t dice_draw(sim_dice *dice)
{
    dice->state += 0x9E3779B97F4A7C15u;
    return mixed(dice->state);
}

uint64_t dice_below(sim_dice *dice, uint64_t below)
{
    return dice_draw(dice) % below;
}

int64_t dice_between(sim_dice *dice, int64_t least, int64_t most)
{
    return least + (int64_t)dice_below(dice, (uint64_t)(most - least) + 1);
}

bool dice_chance(sim_dice *dice, unsigned per_thousand)
{
    return per_thousand != 0 && dice_below(dice, 1000) < per_thousand;
}
