/* The parts that all runners share: contract 3 of mnv2bench, an argument list in and one line of JSON out.
 *
 * A runner includes this file, defines the six model_ functions and calls serve() from main.
 * The arguments, the marks and the JSON are described in mnv2bench/remote/runners/contract.py.
 */

#ifndef MNV2BENCH_RUNNER_H
#define MNV2BENCH_RUNNER_H

#include <signal.h>
#include <sys/time.h>

#include "rounds.h"

#define CONTRACT 3
#define MARK 0x6d760000
#define EMPTY_PAIRS 3
#define FIRST_EMPTY_MARK 10
#define FIRST_RUN_MARK 100
#define LATE 124
#define MAX_SETTINGS 16
#define MAX_PRECISIONS 8

typedef enum { TIME, COUNT, EACH } Mode;

typedef struct {
    const char *model, *inputs, *outputs, *precision;
    long shape[4]; /* NCHW */
    size_t values; /* in one batch of images */
    Mode mode;
    int threads, runs;
    Plan plan;
    double limit_s;
} Job;

static void model_open(const Job *job);
static void model_put(const float *images, size_t values);   /* NCHW, where the next model_run reads them */
static const float *model_get(size_t *values);               /* logits of the last run */
static void model_settings(void);                            /* calls setting() for each real setting of the runtime */
static void model_layers(void); /* calls layer() for convolution and linear layers, by the runtime's own graph */

static const char *settings[MAX_SETTINGS][2];
static int setting_count = 0;

static struct {
    const char *precision;
    int number;
} layers[MAX_PRECISIONS];
static int precision_count = 0;

static void fail(const char *problem, const char *subject) {
    fprintf(stderr, "%s: %s\n", problem, subject);
    _exit(1);
}

static inline void setting(const char *name, const char *value) {
    if (setting_count == MAX_SETTINGS) fail("too many settings", name);
    settings[setting_count][0] = name;
    settings[setting_count++][1] = strdup(value);
}

static inline void number_setting(const char *name, long long value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    setting(name, text);
}

/* So many more layers run in this precision. */
static inline void layer(const char *precision, int number) {
    int i = 0;
    while (i < precision_count && strcmp(layers[i].precision, precision)) i++;
    if (i == MAX_PRECISIONS) fail("too many precisions", precision);
    if (i == precision_count) layers[precision_count++].precision = precision;
    layers[i].number += number;
}

/* A harmless ESRCH on a real kernel; under qemu the counting plugin takes a snapshot. */
static inline void mark(int label) { (void)getpgid(MARK + label); }

static inline void late(int signal_number) {
    static const char message[] = "the time limit passed: the runner ended itself\n";
    (void)signal_number;
    if (write(2, message, sizeof message - 1) < 0) _exit(LATE);
    _exit(LATE);
}

static inline void end_after(double seconds) {
    struct itimerval limit;
    memset(&limit, 0, sizeof limit);
    limit.it_value.tv_sec = (time_t)seconds;
    limit.it_value.tv_usec = (suseconds_t)((seconds - (double)limit.it_value.tv_sec) * 1e6) + 1;
    signal(SIGALRM, late);
    setitimer(ITIMER_REAL, &limit, NULL);
}

/* A field of /proc/self/status in bytes; 0 where there is none. */
static inline long long resident_bytes(const char *field) {
    char line[256];
    long long kilobytes = 0;
    size_t length = strlen(field);
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, field, length) && line[length] == ':') kilobytes = atoll(line + length + 1);
    if (status) fclose(status);
    return kilobytes * 1024;
}

static inline double number(const char *name, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value < 1e9)) fail("not a number from 0 to 1e9", name);
    return value;
}

static inline void read_shape(Job *job, const char *text) {
    char rest;
    long *n = job->shape;
    if (sscanf(text, "%ld,%ld,%ld,%ld%c", &n[0], &n[1], &n[2], &n[3], &rest) != 4) fail("--shape is not B,C,H,W", text);
    job->values = 1;
    for (int i = 0; i < 4; i++) {
        if (n[i] < 1 || n[i] > 4096) fail("--shape is out of range", text);
        job->values *= (size_t)n[i];
    }
}

static inline Mode mode_of(const char *text) {
    if (!strcmp(text, "time")) return TIME;
    if (!strcmp(text, "count")) return COUNT;
    if (strcmp(text, "each")) fail("--mode is not time, count or each", text);
    return EACH;
}

static inline int read_plan_argument(Plan *plan, const char *name, const char *text) {
    if (!strcmp(name, "--rounds")) plan->rounds = (int)number(name, text);
    else if (!strcmp(name, "--round-s")) plan->round_s = number(name, text);
    else if (!strcmp(name, "--warmup-s")) plan->warmup_s = number(name, text);
    else if (!strcmp(name, "--warmup-runs")) plan->warmup_runs = (int)number(name, text);
    else if (!strcmp(name, "--warmup-cap-s")) plan->warmup_cap_s = number(name, text);
    else if (!strcmp(name, "--warmup-cap-rounds")) plan->warmup_cap_rounds = (int)number(name, text);
    else if (!strcmp(name, "--steady-slope")) plan->steady_slope = number(name, text);
    else return 0;
    return 1;
}

static inline void read_argument(Job *job, const char *name, const char *text) {
    if (!strcmp(name, "--model")) job->model = text;
    else if (!strcmp(name, "--inputs")) job->inputs = text;
    else if (!strcmp(name, "--outputs")) job->outputs = text;
    else if (!strcmp(name, "--shape")) read_shape(job, text);
    else if (!strcmp(name, "--threads")) job->threads = (int)number(name, text);
    else if (!strcmp(name, "--precision")) job->precision = text;
    else if (!strcmp(name, "--mode")) job->mode = mode_of(text);
    else if (!strcmp(name, "--runs")) job->runs = (int)number(name, text);
    else if (!strcmp(name, "--limit-s")) job->limit_s = number(name, text);
    else if (!read_plan_argument(&job->plan, name, text)) fail("unknown argument", name);
}

static inline Job read_arguments(int argc, char **argv) {
    static const Plan plan = {15, 3, 20, 0.15, 0.5, 3.0, 0.005};
    Job job;
    memset(&job, 0, sizeof job);
    job.precision = "fp32";
    job.threads = 1;
    job.runs = 3;
    job.limit_s = 300;
    job.plan = plan;
    if (argc % 2 == 0) fail("no value for the last argument", argv[argc - 1]);
    for (int i = 1; i < argc; i += 2) read_argument(&job, argv[i], argv[i + 1]);
    if (!job.model || !job.inputs || !job.outputs || !job.values)
        fail("missing one of", "--model FILE --inputs FILE --outputs FILE --shape B,C,H,W");
    if (job.threads < 1 || job.runs < 1 || job.plan.rounds < 1 || job.limit_s <= 0)
        fail("must be above 0", "--threads, --runs, --rounds, --limit-s");
    if (job.mode == COUNT && job.threads != 1) fail("instructions are counted of one thread", "--threads 1");
    return job;
}

#include "rotation.h"

static inline void count_runs(const Job *job) {
    for (int i = 0; i < job->plan.warmup_runs; i++) model_run();
    for (int i = 0; i < 2 * EMPTY_PAIRS; i++) mark(FIRST_EMPTY_MARK + i);
    for (int i = 0; i < job->runs; i++) {
        mark(FIRST_RUN_MARK + 2 * i);
        model_run();
        mark(FIRST_RUN_MARK + 2 * i + 1);
    }
}

#include "answer.h"

static inline int serve(int argc, char **argv, const char *runner) {
    Answer answer;
    memset(&answer, 0, sizeof answer);
    answer.floor = resident_bytes("VmRSS");
    Job job = read_arguments(argc, argv);
    end_after(job.limit_s);
    int64_t opening = now_ns();
    model_open(&job);
    answer.open_s = (double)(now_ns() - opening) / 1e9;
    answer.loaded = resident_bytes("VmRSS");
    open_files(&job);
    if (job.mode == EACH) {
        run_each_batch();
    } else {
        check_outputs(&job, &answer.first_s, &answer.first);
        if (job.mode == COUNT) {
            count_runs(&job);
        } else {
            answer.warmup = warm_up(&job.plan);
            answer.rounds = measure(&job.plan, job.threads);
            keep_new_calls(&answer.rounds);
        }
        run_last_batches();
    }
    close_files();
    answer.peak = resident_bytes("VmHWM");
    model_settings();
    model_layers();
    print_answer(&answer, &job, runner);
    if (fflush(stdout)) fail("cannot write the result", "stdout");
    _exit(0); /* some runtimes crash while they are taken down; the result is already out */
}

#endif
