#include "message/time.h"

typedef struct reader {
    const char *at, *end;
} reader;

static bool take_number(reader *r, int digits, int most, int *number)
{
    int value = 0;
    if (r->end - r->at < digits)
        return false;
    for (int i = 0; i < digits; i++, r->at++) {
        if (*r->at < '0' || *r->at > '9')
            return false;
        value = value * 10 + (*r->at - '0');
    }
    *number = value;
    return value <= most;
}

static bool take_one_of(reader *r, const char *wanted, char *found)
{
    for (; r->at < r->end && *wanted != '\0'; wanted++) {
        if (*r->at == *wanted) {
            *found = *r->at++;
            return true;
        }
    }
    return false;
}

static bool take_fraction(reader *r, int64_t *us)
{
    int64_t unit = 100000;
    const char *first = r->at;
    *us = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, unit /= 10)
        *us += unit * (*r->at - '0');
    return r->at > first;
}

static bool take_offset(reader *r, int64_t *seconds)
{
    char sign;
    int hours, minutes;
    *seconds = 0;
    if (take_one_of(r, "Zz", &sign))
        return true;
    char colon;
    if (!take_one_of(r, "+-", &sign) || !take_number(r, 2, 23, &hours) ||
        !take_one_of(r, ":", &colon) || !take_number(r, 2, 59, &minutes))
        return false;
    *seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970. Years are counted from March, so that a leap day is a year's last. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t leaps = (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 - 97;
    return y * 365 + leaps + of_year - 719468;
}

bool neapi_time_read(neap_text text, int64_t *us)
{
    reader r = {text.data, text.data + text.size};
    int year, month, day, hour, minute, second;
    int64_t fraction = 0, offset;
    char mark;
    if (!take_number(&r, 4, 9999, &year) || !take_one_of(&r, "-", &mark) ||
        !take_number(&r, 2, 12, &month) || month == 0 || !take_one_of(&r, "-", &mark) ||
        !take_number(&r, 2, days_of_month(year, month), &day) || day == 0 ||
        !take_one_of(&r, "Tt ", &mark) || !take_number(&r, 2, 23, &hour) ||
        !take_one_of(&r, ":", &mark) || !take_number(&r, 2, 59, &minute) ||
        !take_one_of(&r, ":", &mark) || !take_number(&r, 2, 60, &second))
        return false;
    if (take_one_of(&r, ".", &mark) && !take_fraction(&r, &fraction))
        return false;
    if (!take_offset(&r, &offset) || r.at != r.end)
        return false;
    int64_t seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60;
    *us = (seconds + second - offset) * 1000000 + fraction;
    return true;
}
