#include "meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "table.h"

#define SAID_EVERY_US 5000000 /* where there is no terminal */
#define BAR_CELLS     24
#define STEPS         1024

void cli_meter_init(cli_meter *it, const char *name)
{
    *it = (cli_meter){.name = name, .terminal = isatty(STDERR_FILENO) == 1};
}

bool cli_meter_due(cli_meter *it)
{
    return it->steps++ % STEPS == 0;
}

/* Positions a second since this process took it up; 0: not known yet. */
static double rate_of(const neap_progress *progress)
{
    double passed = (double)progress->elapsed_us * 1e-6;
    return passed > 0 && progress->position > progress->since
               ? (double)(progress->position - progress->since) / passed
               : 0;
}

static void format_left(char text[32], double seconds)
{
    uint64_t whole = (uint64_t)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, 32, "%" PRIu64 ":%02u:%02u", whole / 3600, (unsigned)(whole / 60 % 60),
                 (unsigned)(whole % 60));
    else
        snprintf(text, 32, "%u:%02u", (unsigned)(whole / 60), (unsigned)(whole % 60));
}

/* How far it is, in words: "1,000 of 2,000 events, 900/s, 0:01 left". */
static void describe(const neap_progress *progress, char *text, size_t size)
{
    char position[32], head[32], rate_text[32], left[32];
    double rate = rate_of(progress);
    int used = snprintf(text, size, "%s of %s events", cli_grouped(position, progress->position),
                        cli_grouped(head, progress->head));
    if (rate < 1)
        return;
    format_left(left, (double)(progress->head - progress->position) / rate);
    snprintf(text + used, size - (size_t)used, ", %s/s, %s left",
             cli_grouped(rate_text, (uint64_t)rate), left);
}

static void draw(cli_meter *it, const neap_progress *progress)
{
    char words[160], bar[BAR_CELLS + 1];
    double part = progress->head != 0 ? (double)progress->position / (double)progress->head : 1;
    size_t full = (size_t)(part * BAR_CELLS);
    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', full < BAR_CELLS ? full : BAR_CELLS);
    bar[BAR_CELLS] = '\0';
    describe(progress, words, sizeof words);
    fprintf(stderr, "\r\033[K%s [%s] %3u %%  %s", it->name, bar, (unsigned)(part * 100), words);
    fflush(stderr);
    it->shown = true;
}

void cli_meter_clear(cli_meter *it)
{
    if (it->shown)
        fputs("\r\033[K", stderr);
    it->shown = false;
}

void cli_meter_show(cli_meter *it, const neap_progress *progress)
{
    char words[160];
    bool due = !it->shown || progress->elapsed_us - it->shown_us >= CLI_METER_MS * 1000;
    if (it->terminal && due) {
        it->shown_us = progress->elapsed_us;
        draw(it, progress);
    } else if (!it->terminal && progress->elapsed_us - it->said_us >= SAID_EVERY_US) {
        it->said_us = progress->elapsed_us;
        describe(progress, words, sizeof words);
        cli_say("%s: %s", it->name, words);
    }
}

void cli_meter_sum(const neap_progress *progress, char *text, size_t size)
{
    char events[32], rate[32];
    double passed = (double)progress->elapsed_us * 1e-6;
    uint64_t handled = progress->handled;
    snprintf(text, size, "%s event%s in %.1f s (%s/s)", cli_grouped(events, handled),
             handled == 1 ? "" : "s", passed,
             cli_grouped(rate, passed > 0 ? (uint64_t)((double)handled / passed) : 0));
}
