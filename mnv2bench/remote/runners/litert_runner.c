/* LiteRT through the C API of libLiteRt.so, on its XNNPACK delegate.
 *
 * The wheel ships no headers: what follows is declared by hand and holds for ai-edge-litert 2.3.0 alone, which
 * mnv2bench/remote/runners/wheels.py requires.
 */

#include <stdbool.h>

#include "runner.h"

typedef int Status; /* 0 is success */
typedef struct LiteRtObject *Handle;

typedef struct {
    unsigned rank : 7, has_strides : 1;
    int32_t dimensions[8];
    uint32_t strides[8];
} Layout;

typedef struct {
    int32_t element_type;
    Layout layout;
} TensorType;

typedef struct {
    const char *name;
    int type;
    uint64_t start_us, us;
    size_t memory_before[3], memory_after[3];
    uint64_t metadata[2];
    int source;
} Event;

enum { CPU = 1, FLOAT32 = 1, LOCK_READ = 0, LOCK_WRITE = 1, DELEGATED_OPERATOR = 8 };
enum { FORCE_FP16 = 4 }; /* of XNNPACK's delegate */

Status LiteRtCreateEnvironment(int, const void *, Handle *);
Status LiteRtCreateModelFromFile(Handle environment, const char *path, Handle *);
Status LiteRtCreateOptions(Handle *);
Status LiteRtSetOptionsHardwareAccelerators(Handle options, int);
Status LiteRtCreateOpaqueOptions(const char *name, void *toml, void (*release)(void *), Handle *);
Status LiteRtAddOpaqueOptions(Handle options, Handle opaque);
Status LiteRtCreateCompiledModel(Handle environment, Handle model, Handle options, Handle *);
Status LiteRtCompiledModelIsFullyAccelerated(Handle compiled, bool *);
Status LiteRtGetCompiledModelInputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle *);
Status LiteRtGetCompiledModelOutputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle *);
Status LiteRtGetTensorBufferRequirementsBufferSize(Handle requirements, size_t *);
Status LiteRtGetCompiledModelInputTensorLayout(Handle compiled, size_t signature, size_t index, Layout *);
Status LiteRtGetCompiledModelOutputTensorLayouts(Handle compiled, size_t signature, size_t count, Layout *, bool);
Status LiteRtCreateManagedTensorBufferFromRequirements(Handle environment, const TensorType *, Handle, Handle *);
Status LiteRtLockTensorBuffer(Handle buffer, void **, int);
Status LiteRtUnlockTensorBuffer(Handle buffer);
Status LiteRtRunCompiledModel(Handle compiled, size_t signature, size_t, Handle *, size_t, Handle *);
Status LiteRtCompiledModelGetProfiler(Handle compiled, Handle *);
Status LiteRtStartProfiler(Handle profiler);
Status LiteRtGetNumProfilerEvents(Handle profiler, int *);
Status LiteRtGetProfilerEvents(Handle profiler, int, Event *);

static const Job *opened;
static Handle environment, model, compiled, input, output;
static size_t input_bytes, output_bytes;
static int threads_started;

static void require(Status status, const char *call) {
    char text[32];
    if (!status) return;
    snprintf(text, sizeof text, "status %d", status);
    fail(call, text);
}

#define REQUIRE(call) require(call, #call)

static void add_options(Handle options, const char *name, const char *toml) {
    Handle opaque;
    REQUIRE(LiteRtCreateOpaqueOptions(name, strdup(toml), free, &opaque));
    REQUIRE(LiteRtAddOpaqueOptions(options, opaque));
}

static Handle compile_options(void) {
    Handle options;
    char toml[80];
    int flags = strcmp(opened->precision, "fp16") ? 0 : FORCE_FP16;
    int length = snprintf(toml, sizeof toml, "kernel_mode = \"delegate\"\nnum_threads = %d\n", opened->threads);
    if (flags) snprintf(toml + length, sizeof toml - (size_t)length, "flags = %d\n", flags);
    REQUIRE(LiteRtCreateOptions(&options));
    REQUIRE(LiteRtSetOptionsHardwareAccelerators(options, CPU));
    add_options(options, "xnnpack", toml);
    return options;
}

static void make_buffers(void) {
    Handle wanted;
    TensorType type;
    memset(&type, 0, sizeof type);
    type.element_type = FLOAT32;
    REQUIRE(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, &wanted));
    REQUIRE(LiteRtGetTensorBufferRequirementsBufferSize(wanted, &input_bytes));
    REQUIRE(LiteRtGetCompiledModelInputTensorLayout(compiled, 0, 0, &type.layout));
    REQUIRE(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, wanted, &input));
    REQUIRE(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, 0, &wanted));
    REQUIRE(LiteRtGetTensorBufferRequirementsBufferSize(wanted, &output_bytes));
    REQUIRE(LiteRtGetCompiledModelOutputTensorLayouts(compiled, 0, 1, &type.layout, true));
    REQUIRE(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, wanted, &output));
}

static int tasks(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    struct dirent *task;
    while (folder && (task = readdir(folder))) count += task->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

static void model_open(const Job *job) {
    opened = job;
    REQUIRE(LiteRtCreateEnvironment(0, NULL, &environment));
    REQUIRE(LiteRtCreateModelFromFile(environment, job->model, &model));
    int before = tasks();
    REQUIRE(LiteRtCreateCompiledModel(environment, model, compile_options(), &compiled));
    threads_started = tasks() - before;
    make_buffers();
    if (input_bytes != job->values * sizeof(float))
        fail("the model's input has another size than --shape", job->model);
}

static void model_put(const float *images, size_t values) {
    void *memory;
    REQUIRE(LiteRtLockTensorBuffer(input, &memory, LOCK_WRITE));
    memcpy(memory, images, values * sizeof(float));
    REQUIRE(LiteRtUnlockTensorBuffer(input));
}

static void model_run(void) { REQUIRE(LiteRtRunCompiledModel(compiled, 0, 1, &input, 1, &output)); }

static const float *model_get(size_t *values) {
    static float *logits;
    void *memory;
    logits = (float *)grown(logits, output_bytes);
    REQUIRE(LiteRtLockTensorBuffer(output, &memory, LOCK_READ));
    memcpy(logits, memory, output_bytes);
    REQUIRE(LiteRtUnlockTensorBuffer(output));
    *values = output_bytes / sizeof(float);
    return logits;
}

static void model_settings(void) {
    bool all = false;
    REQUIRE(LiteRtCompiledModelIsFullyAccelerated(compiled, &all));
    setting("delegate", "XNNPACK");
    setting("fully accelerated", all ? "yes" : "no");
    number_setting("threads", 1 + threads_started); /* and the one that calls: the delegate has no getter */
}

/* The precision in the name of an XNNPACK operator: "Convolution (NHWC, F32) IGEMM", "Fully Connected (NC, QS8)". */
static const char *precision_of(const char *name) {
    if (strstr(name, ", F32)")) return "fp32";
    if (strstr(name, ", F16)")) return "fp16";
    if (strstr(name, ", QC8)") || strstr(name, ", QS8)") || strstr(name, ", QS8, QC8W)")) return "int8";
    return "another";
}

static int is_layer(const Event *event) {
    int is_named = !strncmp(event->name, "Convolution", 11) || !strncmp(event->name, "Fully Connected", 15);
    return event->type == DELEGATED_OPERATOR && is_named;
}

/* Opens the model once more with the profiler, which would slow a timed call down, and runs it once. */
static void model_layers(void) {
    Handle options = compile_options(), profiled, profiler;
    int count;
    add_options(options, "runtime_options_string", "enable_profiling = true\n");
    REQUIRE(LiteRtCreateCompiledModel(environment, model, options, &profiled));
    REQUIRE(LiteRtCompiledModelGetProfiler(profiled, &profiler));
    REQUIRE(LiteRtStartProfiler(profiler));
    REQUIRE(LiteRtRunCompiledModel(profiled, 0, 1, &input, 1, &output));
    REQUIRE(LiteRtGetNumProfilerEvents(profiler, &count));
    Event *events = (Event *)grown(NULL, (size_t)count * sizeof(Event));
    REQUIRE(LiteRtGetProfilerEvents(profiler, count, events));
    for (int i = 0; i < count; i++) {
        if (is_layer(&events[i])) layer(precision_of(events[i].name), 1);
    }
    free(events);
}

int main(int argc, char **argv) { return serve(argc, argv, "litert"); }
