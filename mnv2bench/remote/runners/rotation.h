/* The batches of images that a session is timed on, and its logits: the rules of mnv2bench/workers/rotation.py. */

#ifndef MNV2BENCH_ROTATION_H
#define MNV2BENCH_ROTATION_H

#define CHECKED 2 /* batches whose outputs are checked before anything is timed */
#define LAST 2    /* batches that are first put after the last round */
#define RESTED 3  /* calls after a pause, on images that the session holds */
#define LEAST (CHECKED + 2 + LAST)

/* Images are read when they are put, and not kept. */
static struct {
    const Job *job;
    FILE *inputs, *outputs;
    long batches, span;
    int64_t put_ns, get_ns, new_ns, rested_ns; /* the shortest of each */
} rotation = {NULL, NULL, NULL, 0, 0, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};

static inline void keep_shortest(int64_t *shortest, int64_t ns) {
    if (ns < *shortest) *shortest = ns;
}

static inline long turning(void) { return rotation.batches - CHECKED - LAST; }

static inline float *read_batch(long number) {
    const Job *job = rotation.job;
    float *images = (float *)grown(NULL, job->values * sizeof(float));
    if (fseeko(rotation.inputs, (off_t)number * (off_t)(job->values * sizeof(float)), SEEK_SET) ||
        fread(images, sizeof(float), job->values, rotation.inputs) != job->values)
        fail("cannot read the inputs", job->inputs);
    return images;
}

static inline void put_batch(long number) {
    const Job *job = rotation.job;
    float *images = read_batch(number);
    int64_t start = now_ns();
    model_put(images, job->values);
    keep_shortest(&rotation.put_ns, now_ns() - start);
    free(images);
}

static inline void keep_logits(void) {
    size_t values;
    int64_t start = now_ns();
    const float *logits = model_get(&values);
    keep_shortest(&rotation.get_ns, now_ns() - start);
    if (fwrite(logits, sizeof(float), values, rotation.outputs) != values)
        fail("cannot write the outputs", rotation.job->outputs);
}

static void next_batch(void) {
    keep_logits();
    rotation.span++;
    put_batch(CHECKED + rotation.span % turning());
}

static inline void open_files(const Job *job) {
    rotation.job = job;
    rotation.inputs = fopen(job->inputs, "rb");
    rotation.outputs = fopen(job->outputs, "wb");
    if (!rotation.inputs || fseeko(rotation.inputs, 0, SEEK_END)) fail("cannot read the inputs", job->inputs);
    if (!rotation.outputs) fail("cannot write the outputs", job->outputs);
    rotation.batches = (long)(ftello(rotation.inputs) / (off_t)(job->values * sizeof(float)));
    if (job->mode != EACH && rotation.batches < LEAST)
        fail("the inputs are shorter than six batches of --shape", job->inputs);
    if (!rotation.batches) fail("the inputs are shorter than a batch of --shape", job->inputs);
}

/* Runs the first two batches, writes their logits, and loads the third. `first_s` is of the very first run, and `first`
   the resident memory after it, which is not read while instructions are counted. */
static inline void check_outputs(const Job *job, double *first_s, long long *first) {
    for (int number = 0; number < CHECKED; number++) {
        put_batch(number);
        int64_t start = now_ns();
        model_run();
        if (!number) {
            *first_s = (double)(now_ns() - start) / 1e9;
            if (job->mode == TIME) *first = resident_bytes("VmRSS");
        }
        keep_logits();
    }
    put_batch(CHECKED);
}

static inline void keep_call(int64_t *shortest) {
    int64_t start = now_ns();
    model_run();
    keep_shortest(shortest, now_ns() - start);
}

/* Runs each of the last batches once, and the last one again after as long a pause. The second is put before the logits
   of the first are read: model_get must return what model_run has computed. */
static inline void run_last_batches(void) {
    keep_logits();
    put_batch(rotation.batches - LAST);
    for (long number = rotation.batches - LAST; number < rotation.batches; number++) {
        keep_call(&rotation.new_ns);
        if (number + 1 < rotation.batches) put_batch(number + 1);
        keep_logits();
    }
    for (int call = 0; call < RESTED && rotation.job->mode == TIME; call++) {
        free(read_batch(rotation.batches - 1));
        keep_call(&rotation.rested_ns);
    }
}

/* Runs every batch once, and writes the logits of each. */
static inline void run_each_batch(void) {
    for (long number = 0; number < rotation.batches; number++) {
        put_batch(number);
        model_run();
        keep_logits();
    }
}

static inline void close_files(void) {
    if (fclose(rotation.outputs)) fail("cannot write the outputs", rotation.job->outputs);
    fclose(rotation.inputs);
}

static inline void keep_new_calls(const Rounds *rounds) {
    for (size_t i = 0; i < rounds->count && (long)i < turning() - 1; i++)
        keep_shortest(&rotation.new_ns, rounds->round[i].durations_ns[0]);
}

#endif
