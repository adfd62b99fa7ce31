/* The timing loop of the runners: the rules of mnv2bench/workers/loop.py, workers/noise.py and records.rounds. */

#ifndef MNV2BENCH_ROUNDS_H
#define MNV2BENCH_ROUNDS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define UNREADABLE (-1)
#define STEADY_ROUNDS 4
#define RETRIES 2 /* at most this many times the rounds that were asked for */
#define MAX_RUN_QUEUE 0.01
#define MIN_CPU_ONE_THREAD 0.97
#define MIN_CPU_OF_USUAL 0.95

typedef struct {
    int64_t *durations_ns;
    size_t count, capacity;
    int64_t wall_ns, cpu_ns, run_queue_ns; /* run_queue_ns is UNREADABLE where the kernel does not tell */
    int64_t involuntary_switches, major_faults, minor_faults, system_ns;
} Round;

typedef struct {
    Round *round;
    size_t count;
} Rounds;

typedef struct {
    int64_t cpu_ns, run_queue_ns, involuntary_switches, major_faults, minor_faults, system_ns;
} Counters;

typedef struct {
    int rounds, warmup_runs, warmup_cap_rounds;
    double round_s, warmup_s, warmup_cap_s, steady_slope;
} Plan;

static void fail(const char *problem, const char *subject); /* prints both and ends the process; in runner.h */
static void model_run(void); /* one inference, complete on return; in each runner */
static void next_batch(void); /* keeps the logits of the last call, and puts the next batch; in runner.h */

static inline int64_t clock_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t now_ns(void) { return clock_of(CLOCK_MONOTONIC); }

static inline void *grown(void *block, size_t bytes) {
    void *larger = realloc(block, bytes);
    if (!larger) fail("out of memory", "durations");
    return larger;
}

/* Time that threads of this process waited for a core, all of them: /proc/self/schedstat has only one thread's. */
static inline int64_t read_run_queue_ns(void) {
    int64_t total = UNREADABLE;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    while (tasks && (task = readdir(tasks))) {
        char path[300];
        unsigned long long ran, waited;
        snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file && fscanf(file, "%llu %llu", &ran, &waited) == 2)
            total = (total == UNREADABLE ? 0 : total) + (int64_t)waited;
        if (file) fclose(file);
    }
    if (tasks) closedir(tasks);
    return total;
}

/* CPU time is read next to the round: last before it, first after it. */
static inline Counters read_counters(int before) {
    Counters seen;
    struct rusage usage;
    seen.cpu_ns = before ? 0 : clock_of(CLOCK_PROCESS_CPUTIME_ID);
    if (!before) getrusage(RUSAGE_SELF, &usage);
    seen.run_queue_ns = read_run_queue_ns();
    if (before) getrusage(RUSAGE_SELF, &usage);
    seen.involuntary_switches = usage.ru_nivcsw;
    seen.major_faults = usage.ru_majflt;
    seen.minor_faults = usage.ru_minflt;
    seen.system_ns = (int64_t)usage.ru_stime.tv_sec * 1000000000 + (int64_t)usage.ru_stime.tv_usec * 1000;
    if (before) seen.cpu_ns = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    return seen;
}

static inline void keep_duration(Round *round, int64_t ns) {
    if (round->count == round->capacity) {
        round->capacity = round->capacity ? 2 * round->capacity : 1024;
        round->durations_ns = (int64_t *)grown(round->durations_ns, round->capacity * sizeof(int64_t));
    }
    round->durations_ns[round->count++] = ns;
}

/* Back-to-back inferences for `seconds`, at least one. */
static inline Round time_round(double seconds) {
    Round round;
    memset(&round, 0, sizeof round);
    Counters before = read_counters(1);
    int64_t begin = now_ns(), end = begin, deadline = begin + (int64_t)(seconds * 1e9);
    while (end < deadline || !round.count) {
        int64_t start = now_ns();
        model_run();
        end = now_ns();
        keep_duration(&round, end - start);
    }
    Counters after = read_counters(0);
    round.wall_ns = end - begin;
    round.cpu_ns = after.cpu_ns - before.cpu_ns;
    round.run_queue_ns = UNREADABLE;
    if (before.run_queue_ns != UNREADABLE && after.run_queue_ns != UNREADABLE)
        round.run_queue_ns = after.run_queue_ns > before.run_queue_ns ? after.run_queue_ns - before.run_queue_ns : 0;
    round.involuntary_switches = after.involuntary_switches - before.involuntary_switches;
    round.major_faults = after.major_faults - before.major_faults;
    round.minor_faults = after.minor_faults - before.minor_faults;
    round.system_ns = after.system_ns > before.system_ns ? after.system_ns - before.system_ns : 0;
    return round;
}

static inline void add_round(Rounds *rounds, double seconds) {
    rounds->round = (Round *)grown(rounds->round, (rounds->count + 1) * sizeof(Round));
    rounds->round[rounds->count] = time_round(seconds);
    rounds->count++;
}

static inline int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the numbers it is given. */
static inline double median(double *numbers, size_t count) {
    qsort(numbers, count, sizeof(double), ascending);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}

static inline double median_duration(const Round *round) {
    double *sorted = (double *)grown(NULL, round->count * sizeof(double));
    for (size_t i = 0; i < round->count; i++) sorted[i] = (double)round->durations_ns[i];
    double middle = median(sorted, round->count);
    free(sorted);
    return middle;
}

/* Theil-Sen: the median slope between the last four medians is under the limit, or slopes lie on both sides of 0. */
static inline int steady(const Rounds *rounds, double slope_limit) {
    double medians[STEADY_ROUNDS], slopes[STEADY_ROUNDS * (STEADY_ROUNDS - 1) / 2];
    size_t count = 0;
    if (rounds->count < STEADY_ROUNDS) return 0;
    for (int i = 0; i < STEADY_ROUNDS; i++)
        medians[i] = median_duration(&rounds->round[rounds->count - STEADY_ROUNDS + (size_t)i]);
    for (int i = 0; i < STEADY_ROUNDS; i++)
        for (int j = i + 1; j < STEADY_ROUNDS; j++) slopes[count++] = (medians[j] - medians[i]) / (j - i);
    double slope = median(slopes, count), level = median(medians, STEADY_ROUNDS);
    if (slopes[0] <= 0 && slopes[count - 1] >= 0) return 1;
    return (slope < 0 ? -slope : slope) < slope_limit * level;
}

/* Rounds until enough runs, enough time and steady, or a cap. */
static inline Rounds warm_up(const Plan *plan) {
    Rounds rounds = {NULL, 0};
    size_t runs = 0;
    double seconds = 0;
    for (;;) {
        add_round(&rounds, plan->round_s);
        runs += rounds.round[rounds.count - 1].count;
        seconds += (double)rounds.round[rounds.count - 1].wall_ns / 1e9;
        if (runs < (size_t)plan->warmup_runs) continue;
        if (seconds >= plan->warmup_s && steady(&rounds, plan->steady_slope)) break;
        if (seconds >= plan->warmup_cap_s || rounds.count >= (size_t)plan->warmup_cap_rounds) break;
    }
    return rounds;
}

static inline double cpu_share(const Round *round) {
    return round->wall_ns ? (double)round->cpu_ns / (double)round->wall_ns : 0;
}

static inline double usual_cpu_share(const Rounds *rounds) {
    if (!rounds->count) return 0;
    double *shares = (double *)grown(NULL, rounds->count * sizeof(double));
    for (size_t i = 0; i < rounds->count; i++) shares[i] = cpu_share(&rounds->round[i]);
    double usual = median(shares, rounds->count);
    free(shares);
    return usual;
}

/* How many rounds nothing contended with. */
static inline int kept(const Rounds *rounds, int threads) {
    double floor = threads == 1 ? MIN_CPU_ONE_THREAD : MIN_CPU_OF_USUAL * usual_cpu_share(rounds);
    int count = 0;
    for (size_t i = 0; i < rounds->count; i++) {
        const Round *round = &rounds->round[i];
        int waited = (double)round->run_queue_ns > MAX_RUN_QUEUE * (double)round->wall_ns;
        count += cpu_share(round) >= floor && !waited && round->major_faults <= 0;
    }
    return count;
}

/* Rounds until the plan's count of them ran undisturbed; every round is returned. */
static inline Rounds measure(const Plan *plan, int threads) {
    Rounds rounds = {NULL, 0};
    while (kept(&rounds, threads) < plan->rounds && rounds.count < (size_t)(RETRIES * plan->rounds)) {
        next_batch();
        add_round(&rounds, plan->round_s);
    }
    return rounds;
}

#endif
