/* A double of libcuda.so.1: one GPU of CUDA 13.0, and a stream that is captured. $FAKE_CUDA names a call that fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM ((void *)0x7f5700000003) /* more than 32 bits hold, as all handles here */

static char said[4096];
static int capturing;
static void (*launched)(void);

static int call(const char *name, int error)
{
    const char *fails = getenv("FAKE_CUDA");
    strncat(said, name, sizeof said - strlen(said) - 2);
    strcat(said, " ");
    return fails && !strcmp(fails, name) ? error : 0;
}

const char *double_said(void) { return said; }
void double_reset(void) { said[0] = 0; }
int double_capturing(void) { return capturing; }
void double_on_launch(void (*function)(void)) { launched = function; }

int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "NVIDIA Double"); return 0; }
int cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 7, 16); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 8 : 9; return 0; }

int cuGetErrorName(int error, const char **name)
{
    *name = error == 901 ? "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED" : "CUDA_ERROR_UNKNOWN";
    return 0;
}

int cuStreamBeginCapture_v2(void *stream, int mode)
{
    int error = call("begin", 900);
    if (mode != 1 || stream != STREAM)
        return 1;
    capturing = !error;
    return error;
}

int cuStreamEndCapture(void *stream, void **graph)
{
    int error = call("end", 901);
    if (!capturing || stream != STREAM)
        return 1;
    capturing = 0;
    *graph = error ? 0 : (void *)0x9a9000000001;
    return error;
}

int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags)
{
    if (graph != (void *)0x9a9000000001 || flags)
        return 1;
    int error = call("instantiate", 999);
    *executable = error ? 0 : (void *)0xe8e000000002;
    return error;
}

int cuGraphDestroy(void *graph)
{
    return graph == (void *)0x9a9000000001 ? call("destroy", 1) : 1;
}

int cuGraphLaunch(void *executable, void *stream)
{
    int error = call("launch", 719);
    if (executable != (void *)0xe8e000000002 || stream != STREAM)
        return 1;
    if (!error)
        launched();
    return error;
}

int cuGraphExecDestroy(void *executable)
{
    return executable == (void *)0xe8e000000002 ? call("close", 1) : 1;
}
