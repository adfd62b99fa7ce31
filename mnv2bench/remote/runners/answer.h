/* The one line of JSON that a runner prints: the fields of mnv2bench.records.Samples, or the marks of a count. */

#ifndef MNV2BENCH_ANSWER_H
#define MNV2BENCH_ANSWER_H

typedef struct {
    double open_s, first_s;
    long long floor, loaded, first, peak; /* bytes; 0 is unreadable */
    Rounds warmup, rounds;
} Answer;

static inline void print_text(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20 || *c > 0x7e) printf("\\u%04x", *c);
        else putchar(*c);
    }
    putchar('"');
}

static inline void print_count(const char *name, int64_t value) {
    if (value == UNREADABLE) printf(", \"%s\": null", name);
    else printf(", \"%s\": %lld", name, (long long)value);
}

/* Durations as one string a round, as in a saved Record. */
static inline void print_rounds(const char *name, const Rounds *rounds) {
    printf("\"%s\": [", name);
    for (size_t r = 0; r < rounds->count; r++) {
        const Round *round = &rounds->round[r];
        printf("%s{\"durations_ns\": \"", r ? ", " : "");
        for (size_t i = 0; i < round->count; i++) printf("%s%lld", i ? " " : "", (long long)round->durations_ns[i]);
        putchar('"');
        print_count("wall_ns", round->wall_ns);
        print_count("cpu_ns", round->cpu_ns);
        print_count("run_queue_ns", round->run_queue_ns);
        print_count("steal_ns", UNREADABLE);
        print_count("throttled_ns", UNREADABLE);
        print_count("involuntary_switches", round->involuntary_switches);
        print_count("major_faults", round->major_faults);
        print_count("minor_faults", round->minor_faults);
        print_count("system_ns", round->system_ns);
        putchar('}');
    }
    printf("], ");
}

static inline void print_memory(const Answer *answer) {
    if (!answer->floor || !answer->loaded || !answer->peak) {
        printf("\"memory\": null, ");
        return;
    }
    printf("\"memory\": {\"interpreter\": %lld, \"floor\": %lld, \"loaded\": %lld, \"peak\": %lld, ", answer->floor,
           answer->floor, answer->loaded, answer->peak);
    if (answer->first) printf("\"first\": %lld}, ", answer->first);
    else printf("\"first\": null}, ");
}

static inline void print_settings(void) {
    printf("\"settings\": {");
    for (int i = 0; i < setting_count; i++) {
        if (i) printf(", ");
        print_text(settings[i][0]);
        printf(": ");
        print_text(settings[i][1]);
    }
    putchar('}');
}

static inline void print_layers(void) {
    printf(", \"layers\": {");
    for (int i = 0; i < precision_count; i++) {
        if (i) printf(", ");
        print_text(layers[i].precision);
        printf(": %d", layers[i].number);
    }
    putchar('}');
}

/* Only an answer in mode time has times and memory. */
static inline void print_answer(const Answer *answer, const Job *job, const char *runner) {
    printf("\n{\"contract\": %d, \"runner\": ", CONTRACT);
    print_text(runner);
    printf(", \"samples\": {");
    if (job->mode == TIME) {
        print_rounds("warmup", &answer->warmup);
        print_rounds("rounds", &answer->rounds);
        printf("\"import_s\": null, \"open_s\": %.9f, \"cold_open_s\": null, \"cold\": false, ", answer->open_s);
        printf("\"first_s\": %.9f, \"error\": null, \"separation\": null, ", answer->first_s);
        print_memory(answer);
        printf("\"checks\": {\"put_ns\": %lld, \"get_ns\": %lld, \"new_ns\": %lld, \"rested_ns\": %lld}, ",
               (long long)rotation.put_ns, (long long)rotation.get_ns, (long long)rotation.new_ns,
               (long long)rotation.rested_ns);
    }
    print_settings();
    print_layers();
    putchar('}');
    if (job->mode == COUNT) printf(", \"marks\": {\"empty\": %d, \"runs\": %d}", EMPTY_PAIRS, job->runs);
    if (job->mode == EACH) printf(", \"batches\": %ld", rotation.batches);
    printf("}\n");
}

#endif
