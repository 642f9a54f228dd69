/* Two rules that no single stream can keep, under many commands at once: of the last seats none is
 * given twice, and no student takes a course too many. Judged by the log alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <pthread.h>

#include "neap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COMMANDS 10000
#else
#define COMMANDS 100000
#endif
#define THREADS      4
#define COURSES      40
#define STUDENTS     400
#define SEATS        15
#define MOST_COURSES 3

static atomic_uint accepted, rejected, others;

static void count(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    (void)user;
    (void)failure;
    neap_reply_free(reply);
    atomic_fetch_add(status == NEAP_OK         ? &accepted
                     : status == NEAP_REJECTED ? &rejected
                                               : &others,
                     1);
}

typedef struct sender {
    neap_runtime *runtime;
    uint64_t dice;
    pthread_t thread;
    bool failed;
} sender;

static unsigned dice(sender *self, unsigned sides)
{
    self->dice = self->dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(self->dice >> 33) % sides;
}

static void *send_enrolments(void *argument)
{
    sender *self = argument;
    for (unsigned i = 0; i < COMMANDS / THREADS; i++) {
        char json[100];
        bool leaves = dice(self, 16) == 0;
        int size = snprintf(json, sizeof json, "{\"course\":\"c-%u\",\"student\":\"s-%u\"}",
                            dice(self, COURSES), dice(self, STUDENTS));
        if (neap_send(self->runtime, leaves ? "Leave" : "Enrol", json, (size_t)size, NULL, count,
                      NULL, NULL) != NEAP_OK)
            self->failed = true;
    }
    return NULL;
}

static void open_courses(neap_runtime *runtime)
{
    for (unsigned i = 0; i < COURSES; i++) {
        char json[100];
        int size = snprintf(json, sizeof json, "{\"course\":\"c-%u\",\"seats\":%d}", i, SEATS);
        neap_error error;
        if (neap_dispatch(runtime, "OpenCourse", json, (size_t)size, NULL, NULL, &error) != NEAP_OK)
            fail_msg("%s", error.message);
    }
}

static unsigned number_of(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(name), NULL, 10);
}

/* Goes through the log and counts; gives how many events there are beside the courses' own. */
static unsigned check_log(neap_runtime *runtime)
{
    static bool enrolled[COURSES][STUDENTS];
    static int taken[COURSES], courses[STUDENTS];
    memset(enrolled, 0, sizeof enrolled);
    memset(taken, 0, sizeof taken);
    memset(courses, 0, sizeof courses);
    neap_filter filter;
    neap_filter_init(&filter);
    filter.from = COURSES + 1;
    neap_cursor *cursor;
    const neap_event *event;
    unsigned events = 0;
    assert_int_equal(neap_read(runtime, &filter, &cursor, NULL), NEAP_OK);
    while (neap_cursor_next(cursor, &event, NULL) == NEAP_OK && event != NULL) {
        char json[200];
        snprintf(json, sizeof json, "%.*s", (int)event->data.size, event->data.data);
        unsigned course = number_of(json, "\"course\":\"c-");
        unsigned student = number_of(json, "\"student\":\"s-");
        bool enrols = event->type.size == strlen("Enrolled");
        assert_true(enrolled[course][student] != enrols);
        enrolled[course][student] = enrols;
        taken[course] += enrols ? 1 : -1;
        courses[student] += enrols ? 1 : -1;
        assert_true(taken[course] <= SEATS && courses[student] <= MOST_COURSES);
        events++;
    }
    neap_cursor_close(cursor);
    return events;
}

static void enrol_at_once(const char *store, unsigned lanes)
{
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.lanes = lanes;
    neap_runtime *runtime;
    neap_error error;
    if (neap_open(COURSES_DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    accepted = rejected = others = 0;
    open_courses(runtime);
    sender senders[THREADS] = {0};
    for (unsigned i = 0; i < THREADS; i++) {
        senders[i] = (sender){.runtime = runtime, .dice = i + 1};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_enrolments, &senders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_false(senders[i].failed);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(others, 0);
    assert_int_equal(accepted + rejected, COMMANDS);
    unsigned events = check_log(runtime);
    assert_true(events > COURSES * SEATS / 2 && events <= accepted);
    neap_close(runtime);
}

static void no_seat_is_given_twice_in_memory(void **unused)
{
    (void)unused;
    enrol_at_once("memory:", 1);
}

static void no_seat_is_given_twice_by_several_lanes(void **unused)
{
    (void)unused;
    enrol_at_once("memory:", 3);
}

static void no_seat_is_given_twice_on_sqlite(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/neap-enrolment-XXXXXX", store[80], clean[80];
    assert_non_null(mkdtemp(folder));
    snprintf(store, sizeof store, "sqlite:%s/courses.db", folder);
    enrol_at_once(store, 2);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    assert_int_equal(system(clean), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_seat_is_given_twice_in_memory),
        cmocka_unit_test(no_seat_is_given_twice_by_several_lanes),
        cmocka_unit_test(no_seat_is_given_twice_on_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
