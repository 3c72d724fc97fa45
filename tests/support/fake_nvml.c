/* A simulated libnvidia-ml.so.1, and beside it the few calls of libcuda that list devices.

   gcc -shared -fPIC -O1 -Wl,-soname,libnvidia-ml.so.1 -o libnvidia-ml.so.1 fake_nvml.c

   The file that FAKE_NVML_SCRIPT names says what there is, one fact a line:
     init RC                      what nvmlInit returns
     card UUID BUS                a card; NVML counts them in the order of these lines
     cuda CARD                    a CUDA device; CUDA counts them in the order of these lines
     pid CARD PID                 a process on a card
     set CARD SECONDS KEY VALUE   from that time on; keys are below
   Time is virtual: fake_nvml_set_time says what time it is. Nothing here reads a clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
typedef size_t D; /* 1 + number of the card */
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, MAX = 64 };

/* watts, clock_mhz, events, temperature: what they say. sensor: factor on the power that is reported.
   step_s: the counter is brought up to date so often. frozen, reset: 1 = from here on. start_mj: where it began. modulo_mj: where it turns over.
   rc: what every call on the card returns; energy_rc, power_rc, clock_rc, default_rc, max_rc, events_rc, temperature_rc: of one.
   instant: whether field 186 is there. instant_factor: on what it reports. mig, ecc: -1 = cannot. */
typedef struct { int card; double t; char key[24]; double value; } Fact;
static Fact facts[4096];
static int n_facts, n_cards, n_cuda, n_pids, init_rc, n_open, is_read;
static char uuids[MAX][96];
static int bus[MAX], cuda[MAX], pid_card[MAX], pid[MAX];
static double now;

void fake_nvml_set_time(double seconds) { now = seconds; }
int fake_nvml_n_open(void) { return n_open; }

static void read_script(void) {
    const char *path = getenv("FAKE_NVML_SCRIPT");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    if (is_read++) return;
    while (file && fgets(line, sizeof line, file)) {
        Fact *f = &facts[n_facts];
        if (sscanf(line, "set %d %lf %23s %lf", &f->card, &f->t, f->key, &f->value) == 4) n_facts++;
        else if (sscanf(line, "card %95s %d", uuids[n_cards], &bus[n_cards]) == 2) n_cards++;
        else if (sscanf(line, "cuda %d", &cuda[n_cuda]) == 1) n_cuda++;
        else if (sscanf(line, "pid %d %d", &pid_card[n_pids], &pid[n_pids]) == 2) n_pids++;
        else if (sscanf(line, "init %d", &init_rc) != 1) { fprintf(stderr, "fake_nvml: %s", line); abort(); }
    }
    if (file) fclose(file);
}

static int is_fact(const Fact *f, D d, const char *key) { return f->card == (int)d - 1 && !strcmp(f->key, key); }

/* The value that a key has at a time; the last line wins. */
static double at(D d, const char *key, double t, double otherwise) {
    for (int i = 0; i < n_facts; i++)
        if (is_fact(&facts[i], d, key) && facts[i].t <= t) otherwise = facts[i].value;
    return otherwise;
}

/* When a switch was last turned on, or a time after everything. */
static double since(D d, const char *key, double otherwise) {
    for (int i = 0; i < n_facts; i++)
        if (is_fact(&facts[i], d, key) && facts[i].t <= now) otherwise = facts[i].value ? facts[i].t : otherwise;
    return otherwise;
}

/* The integral of the power over [from, to]; its lines stand in the order of time. */
static double joules(D d, double from, double to) {
    double sum = 0, t = from, w = at(d, "watts", from, 100);
    for (int i = 0; i < n_facts; i++)
        if (is_fact(&facts[i], d, "watts") && facts[i].t > from && facts[i].t < to) {
            sum += w * (facts[i].t - t);
            t = facts[i].t;
            w = facts[i].value;
        }
    return to > t ? sum + w * (to - t) : sum;
}

static R rc(D d, const char *key) {
    if (!n_open) return UNINITIALIZED;
    if (d < 1 || d > (D)n_cards) return INVALID;
    R all = (R)at(d, "rc", now, 0);
    return all ? all : (R)at(d, key, now, 0);
}

R nvmlInitWithFlags(unsigned flags) { (void)flags; read_script(); if (!init_rc) n_open++; return init_rc; }
R nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
R nvmlShutdown(void) { if (n_open <= 0) return UNINITIALIZED; n_open--; return OK; }
const char *nvmlErrorString(R r) { (void)r; return "simulated error"; }
R nvmlSystemGetDriverVersion(char *text, unsigned size) { if (!n_open) return UNINITIALIZED; snprintf(text, size, "580.00.simulated"); return OK; }
R nvmlDeviceGetCount_v2(unsigned *n) { if (!n_open) return UNINITIALIZED; *n = n_cards; return OK; }
R nvmlDeviceGetHandleByIndex_v2(unsigned i, D *d) {
    if (!n_open) return UNINITIALIZED;
    if ((int)i >= n_cards) return INVALID;
    *d = i + 1;
    return (R)at(*d, "handle_rc", now, 0);
}
R nvmlDeviceGetHandleByUUID(const char *uuid, D *d) {
    if (!n_open) return UNINITIALIZED;
    for (int i = 0; i < n_cards; i++)
        if (!strcmp(uuids[i], uuid)) { *d = i + 1; return (R)at(*d, "handle_rc", now, 0); }
    return NOT_FOUND;
}
R nvmlDeviceGetUUID(D d, char *text, unsigned size) { R r = rc(d, "uuid_rc"); if (!r) snprintf(text, size, "%s", uuids[d - 1]); return r; }
R nvmlDeviceGetName(D d, char *text, unsigned size) { R r = rc(d, "name_rc"); if (!r) snprintf(text, size, "Simulated %d", (int)d - 1); return r; }

R nvmlDeviceGetTotalEnergyConsumption(D d, unsigned long long *mj) {
    R r = rc(d, "energy_rc");
    if (r) return r;
    double step = at(d, "step_s", now, 0), t = now, frozen = since(d, "frozen", 1e300), from = since(d, "reset", 0);
    if (t > frozen) t = frozen;
    if (step > 0) t = step * (long long)(t / step + 1e-9);
    *mj = (unsigned long long)(at(d, "start_mj", now, 0) * (from == 0) + 1e3 * joules(d, from, t > from ? t : from) + 0.5);
    unsigned long long modulo = (unsigned long long)at(d, "modulo_mj", now, 0);
    if (modulo) *mj %= modulo;
    return OK;
}
static unsigned milliwatts(D d) { return (unsigned)(1e3 * at(d, "watts", now, 100) * at(d, "sensor", now, 1) + 0.5); }
R nvmlDeviceGetPowerUsage(D d, unsigned *mw) { R r = rc(d, "power_rc"); if (!r) *mw = milliwatts(d); return r; }

typedef struct {
    unsigned field, scope; long long timestamp, latency; unsigned type; R ret;
    union { double d; unsigned ui; unsigned long long ull; } value;
} FieldValue;
R nvmlDeviceGetFieldValues(D d, int n, FieldValue *values) {
    R r = rc(d, "fields_rc");
    for (int i = 0; i < n && !r; i++) {
        values[i].ret = values[i].field == 186 && at(d, "instant", now, 1) ? (R)at(d, "power_rc", now, 0) : NOT_SUPPORTED;
        values[i].type = 1;
        values[i].value.ull = 0;
        values[i].value.ui = (unsigned)(milliwatts(d) * at(d, "instant_factor", now, 1));
    }
    return r;
}

static R number(D d, const char *rc_key, const char *key, double otherwise, unsigned *found) {
    R r = rc(d, rc_key);
    if (!r) *found = (unsigned)at(d, key, now, otherwise);
    return r;
}
R nvmlDeviceGetClockInfo(D d, int type, unsigned *mhz) { return type == 1 ? number(d, "clock_rc", "clock_mhz", 1980, mhz) : INVALID; }
R nvmlDeviceGetMaxClockInfo(D d, int type, unsigned *mhz) { return type == 1 ? number(d, "max_rc", "max_mhz", 1980, mhz) : INVALID; }
R nvmlDeviceGetDefaultApplicationsClock(D d, int type, unsigned *mhz) { return type == 1 ? number(d, "default_rc", "default_mhz", 1600, mhz) : INVALID; }
R nvmlDeviceGetTemperature(D d, int sensor, unsigned *c) { (void)sensor; return number(d, "temperature_rc", "temperature", 45, c); }
typedef struct { unsigned version, sensor; int c; } Temperature;
R nvmlDeviceGetTemperatureV(D d, Temperature *t) { return number(d, "temperature_v_rc", "temperature", 45, (unsigned *)&t->c); }
R nvmlDeviceGetCurrentClocksEventReasons(D d, unsigned long long *bits) {
    unsigned found = 0;
    R r = number(d, "events_rc", "events", 0, &found);
    *bits = found;
    return r;
}
R nvmlDeviceGetEnforcedPowerLimit(D d, unsigned *mw) { return number(d, "limit_rc", "limit_mw", 700000, mw); }
typedef struct { unsigned long long total, free_, used; } Memory;
R nvmlDeviceGetMemoryInfo(D d, Memory *m) { R r = rc(d, "memory_rc"); if (!r) { m->total = 85899345920ULL; m->used = 0; m->free_ = m->total; } return r; }
static R two_states(D d, const char *key, unsigned *current, unsigned *pending) {
    R r = rc(d, "state_rc");
    double state = at(d, key, now, -1);
    if (!r && state < 0) r = NOT_SUPPORTED;
    if (!r) *current = *pending = (unsigned)state;
    return r;
}
R nvmlDeviceGetEccMode(D d, unsigned *current, unsigned *pending) { return two_states(d, "ecc", current, pending); }
R nvmlDeviceGetMigMode(D d, unsigned *current, unsigned *pending) { return two_states(d, "mig", current, pending); }
R nvmlDeviceGetCudaComputeCapability(D d, int *major, int *minor) { R r = rc(d, "capability_rc"); *major = 9; *minor = 0; return r; }
typedef struct { char legacy[16]; unsigned domain, bus, device, id, sub; char text[32]; } Pci;
R nvmlDeviceGetPciInfo_v3(D d, Pci *p) { R r = rc(d, "pci_rc"); if (!r) { memset(p, 0, sizeof *p); p->bus = bus[d - 1]; } return r; }
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu, compute; } Process;
R nvmlDeviceGetComputeRunningProcesses_v3(D d, unsigned *n, Process *found) {
    R r = rc(d, "pids_rc");
    unsigned room = *n;
    if (r) return r;
    *n = 0;
    for (int i = 0; i < n_pids; i++)
        if (pid_card[i] == (int)d - 1) {
            if (*n < room) { memset(&found[*n], 0, sizeof *found); found[*n].pid = pid[i]; }
            ++*n;
        }
    return *n > room ? TOO_SMALL : OK;
}

/* libcuda */
int cuInit(unsigned flags) { (void)flags; read_script(); return n_cuda ? 0 : 100; }
int cuDeviceGetCount(int *n) { *n = n_cuda; return 0; }
int cuDeviceGet(int *device, int i) { *device = i; return i < n_cuda ? 0 : 101; }
int cuDeviceGetUuid_v2(unsigned char *octets, int device) {
    const char *text = uuids[cuda[device]] + 4;
    for (int i = 0; i < 16; text++)
        if (*text != '-') { unsigned octet; sscanf(text, "%2x", &octet); octets[i++] = (unsigned char)octet; text++; }
    return 0;
}
