/* A double of NVIDIA's driver and of NVML, in one library under both names. $MNV2BENCH_DOUBLE_... say what it tells:
 * GPUS (1), CUDA (13000), CUINIT and NVML (0: error codes), SILENT (NVML functions that are not supported), REASONS (0),
 * SM_MHZ (1980), PROCESSES ("self": process:bytes, by commas; "self" is the asker). 300 W, always. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NOT_INITIALISED = 1, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };
static const char UUID[] = "GPU-d0b1e000-0000-0000-0000-0000000000%02d";
static const unsigned char RAW[16] = {0xd0, 0xb1, 0xe0};

static const char *told(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static long number(const char *name, const char *otherwise) { return strtol(told(name, otherwise), NULL, 0); }

static int started; /* nvmlInit was asked first */

static int silent(const char *function)
{
    return !started ? NOT_INITIALISED : strstr(told("MNV2BENCH_DOUBLE_SILENT", ""), function) ? NOT_SUPPORTED : 0;
}

/* the driver: it numbers GPUs by speed, and the fastest is NVML's last */

int cuInit(unsigned flags) { return number("MNV2BENCH_DOUBLE_CUINIT", "0"); }
int cuGetErrorName(int code, const char **name) { *name = code == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : 0; return 0; }
int cuDeviceGetCount(int *count) { *count = number("MNV2BENCH_DOUBLE_GPUS", "1"); return 0; }
int cuDriverGetVersion(int *version) { *version = number("MNV2BENCH_DOUBLE_CUDA", "13000"); return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "NVIDIA Double %d", device); return 0; }
int cuDeviceGetUuid_v2(unsigned char *raw, int device) { memcpy(raw, RAW, 16); raw[15] = device; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == 75 ? 9 : attribute == 16 ? 132 : 0;
    return 0;
}

/* NVML */

static int cuda_index(void *handle) { return number("MNV2BENCH_DOUBLE_GPUS", "1") - (int)(long)handle; }

int nvmlInitWithFlags(unsigned flags) { int code = number("MNV2BENCH_DOUBLE_NVML", "0"); started = !code; return code; }
int nvmlShutdown(void) { started = 0; return 0; }
const char *nvmlErrorString(int code) { return "a double's error"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = number("MNV2BENCH_DOUBLE_GPUS", "1"); return silent("GetCount"); }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.65.06"); return silent("SystemGetDriver"); }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { return cuDriverGetVersion(version), silent("CudaDriver"); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle)
{
    *handle = (void *)(long)(index + 1);
    return index < number("MNV2BENCH_DOUBLE_GPUS", "1") ? silent("HandleByIndex") : NOT_FOUND;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned size)
{
    snprintf(uuid, size, UUID, cuda_index(handle));
    return silent("GetUUID");
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle)
{
    char mine[80];
    for (long n = 1; n <= number("MNV2BENCH_DOUBLE_GPUS", "1"); n++) {
        snprintf(mine, sizeof mine, UUID, cuda_index(*handle = (void *)n));
        if (!strcmp(mine, uuid))
            return silent("HandleByUUID");
    }
    return NOT_FOUND;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned size)
{
    cuDeviceGetName(name, size, cuda_index(handle));
    return silent("GetName");
}

int nvmlDeviceGetMemoryInfo(void *handle, unsigned long long *memory) /* total, free, used: 1 MiB more, asked again */
{
    static unsigned long long used = 1ull << 30;
    memory[0] = 80ull << 30, memory[2] = used, memory[1] = memory[0] - used;
    used += 1 << 20;
    return silent("MemoryInfo");
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor)
{
    *major = 9, *minor = 0;
    return silent("Capability");
}

int nvmlDeviceGetMigMode(void *handle, unsigned *now, unsigned *next) { *now = *next = 0; return silent("Mig"); }
int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *mw) { *mw = 700000; return silent("PowerLimit"); }
int nvmlDeviceGetPersistenceMode(void *handle, int *on) { *on = 1; return silent("Persistence"); }
int nvmlDeviceGetComputeMode(void *handle, int *mode) { *mode = 0; return silent("ComputeMode"); }
int nvmlDeviceGetEccMode(void *handle, int *now, int *next) { *now = *next = 1; return silent("Ecc"); }

int nvmlDeviceGetClockInfo(void *handle, int clock, unsigned *mhz)
{
    *mhz = clock == 1 ? number("MNV2BENCH_DOUBLE_SM_MHZ", "1980") - cuda_index(handle) : 2619;
    return silent("ClockInfo");
}

int nvmlDeviceGetMaxClockInfo(void *handle, int clock, unsigned *mhz)
{
    *mhz = clock == 1 ? 1980 : 2619;
    return silent("MaxClock");
}

int nvmlDeviceGetTemperatureV(void *handle, int *version_sensor_value)
{
    version_sensor_value[2] = 45;
    return silent("TemperatureV");
}

int nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *reasons)
{
    *reasons = number("MNV2BENCH_DOUBLE_REASONS", "0");
    return silent("EventReasons");
}

/* by their older names */
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) { *celsius = 45; return silent("Temperature,"); }

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *reasons)
{
    *reasons = number("MNV2BENCH_DOUBLE_REASONS", "0");
    return silent("Throttle");
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *mj)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *mj = (now.tv_sec * 1000000000ull + now.tv_nsec) * 300 / 1000000;
    return silent("Energy");
}

struct process {
    unsigned pid;
    unsigned long long bytes;
    unsigned gpu_instance, compute_instance;
};

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, struct process *found)
{
    char *list = strdup(told("MNV2BENCH_DOUBLE_PROCESSES", "self:314572800")), *rest = list, *word;
    unsigned room = *count, n = 0;
    while ((word = strsep(&rest, ",")))
        if (*word && n++ < room) {
            char *bytes = strchr(word, ':');
            found[n - 1] = (struct process){strncmp(word, "self", 4) ? atoi(word) : getpid(),
                                            bytes ? strtoull(bytes + 1, NULL, 0) : ~0ull, ~0u, ~0u};
        }
    free(list);
    *count = n;
    return silent("ComputeRunning") ? silent("ComputeRunning") : n > room ? TOO_SMALL : 0;
}

int nvmlDeviceGetMPSComputeRunningProcesses_v3(void *handle, unsigned *count, struct process *found)
{
    *count = 0;
    return silent("MPS");
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, struct process *found)
{
    *count = 0;
    return silent("Graphics");
}
