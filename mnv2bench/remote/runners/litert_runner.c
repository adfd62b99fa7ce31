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

enum { CPU = 1, FLOAT32 = 1, LOCK_READ = 0, LOCK_WRITE = 1 };

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

static Handle environment, compiled, input, output;
static size_t input_bytes, output_bytes;
static int threads_asked, threads_started;

static void require(Status status, const char *call) {
    char text[32];
    if (!status) return;
    snprintf(text, sizeof text, "status %d", status);
    fail(call, text);
}

#define REQUIRE(call) require(call, #call)

static Handle compile_options(void) {
    Handle options, xnnpack;
    char toml[80];
    snprintf(toml, sizeof toml, "kernel_mode = \"delegate\"\nnum_threads = %d\n", threads_asked);
    REQUIRE(LiteRtCreateOptions(&options));
    REQUIRE(LiteRtSetOptionsHardwareAccelerators(options, CPU));
    REQUIRE(LiteRtCreateOpaqueOptions("xnnpack", strdup(toml), free, &xnnpack));
    REQUIRE(LiteRtAddOpaqueOptions(options, xnnpack));
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
    Handle model;
    threads_asked = job->threads;
    REQUIRE(LiteRtCreateEnvironment(0, NULL, &environment));
    REQUIRE(LiteRtCreateModelFromFile(environment, job->model, &model));
    int before = tasks();
    REQUIRE(LiteRtCreateCompiledModel(environment, model, compile_options(), &compiled));
    threads_started = tasks() - before;
    make_buffers();
    if (input_bytes != job->values * sizeof(float)) fail("the model's input has another size than --shape", job->model);
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

int main(int argc, char **argv) { return serve(argc, argv, "litert"); }
