#include "sim/states.h"

#include "sim/trace.h"

int64_t states_number(const char *json, size_t size, const char *name)
{
    int64_t value = -1;
    if (json != NULL && !ledger_number(json, size, name, &value))
        trace_fail("no %s in %.*s", name, (int)size, json);
    return json != NULL ? value : 0;
}

bool states_is_account(const ledger_account *account, const char *json, size_t size)
{
    return account->balance == states_number(json, size, "balance") &&
           account->count == (uint64_t)states_number(json, size, "count") &&
           account->digest == (uint64_t)states_number(json, size, "digest");
}

static bool same_enrolment(const ledger_enrolment *enrolment, const char *json, size_t size)
{
    return enrolment->seats == states_number(json, size, "seats") &&
           enrolment->courses == states_number(json, size, "courses") &&
           enrolment->count == (uint64_t)states_number(json, size, "count") &&
           enrolment->digest == (uint64_t)states_number(json, size, "digest");
}

bool states_was_account(const char *stream, uint64_t first, const char *json, size_t size,
                        ledger_account *found)
{
    ledger_account account = ledger_account_at(stream, first);
    for (uint64_t at = first;; ledger_fold_account(&account, stream, ledger_at(at))) {
        if (states_is_account(&account, json, size)) {
            *found = account;
            return true;
        }
        if (++at > ledger_head())
            return false;
    }
}

bool states_was_enrolment(const char *course, const char *student, uint64_t first, const char *json,
                          size_t size, ledger_enrolment *found)
{
    ledger_enrolment enrolment = ledger_enrolment_at(course, student, first);
    for (uint64_t at = first;; ledger_fold_enrolment(&enrolment, course, student, ledger_at(at))) {
        if (same_enrolment(&enrolment, json, size)) {
            *found = enrolment;
            return true;
        }
        if (++at > ledger_head())
            return false;
    }
}
