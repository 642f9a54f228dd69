#include "postgresql_runtime.h"

#include <stdio.h>
#include <stdlib.h>

#include "loop.h"
#include "measure.h"

#define STREAMS 1000

static neap_error error;

static neap_runtime *open_on(const char *url, bool caller_runs)
{
    char path[512];
    snprintf(path, sizeof path, "%s/shop.lua", FOLDER);
    neap_options options;
    neap_options_init(&options);
    options.store = url;
    options.caller_runs = caller_runs;
    options.lanes = caller_runs ? 1 : options.lanes;
    options.record_commands = true;
    neap_runtime *runtime;
    if (neap_open(path, &options, &runtime, &error) != NEAP_OK)
        die("open", error.message);
    return runtime;
}

static unsigned one_of_many(unsigned n)
{
    return n % STREAMS + 1;
}

double runtime_commands_s(const char *url, unsigned commands)
{
    neap_runtime *runtime = open_on(url, false);
    closed_loop(runtime, STREAMS, one_of_many); /* reads the streams */
    double rate = closed_loop(runtime, commands, one_of_many);
    neap_close(runtime);
    return rate;
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;
    return (one > two) - (one < two);
}

static double p50_us(neap_runtime *runtime, unsigned commands)
{
    double *taken = calloc(commands, sizeof *taken);
    if (taken == NULL)
        die("one at a time", "no memory");
    for (unsigned i = 0; i < commands; i++) {
        char json[JSON_ROOM];
        size_t size = add_line_json(json, i, one_of_many(i));
        double began = now_s();
        if (neap_dispatch(runtime, "AddLine", json, size, NULL, NULL, &error) != NEAP_OK)
            die("dispatch", error.message);
        taken[i] = (now_s() - began) * 1e6;
    }
    qsort(taken, commands, sizeof *taken, by_size);
    double p50 = taken[commands / 2];
    free(taken);
    return p50;
}

void runtime_single_us(const char *url, double *cold, double *warm)
{
    neap_runtime *runtime = open_on(url, true);
    *cold = p50_us(runtime, STREAMS);
    *warm = p50_us(runtime, STREAMS);
    neap_close(runtime);
}

void runtime_make_stream(const char *url)
{
    write_long_stream("shop.lua", url);
}

double runtime_folds_s(const char *url)
{
    neap_runtime *runtime = open_runtime("shop.lua", url, true);
    double taken = load_ms(runtime, 1) / 1000;
    neap_close(runtime);
    return LONG_STREAM / taken;
}
