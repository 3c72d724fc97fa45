/* A simulated libcuda.so.1: the calls that list devices, and nothing that computes.

   gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.1 simulated_cuda.c

   SIMULATED_CUDA says what there is: VERSION;INIT;UUID,MODE,NAME;UUID,MODE,NAME… where VERSION is what cuDriverGetVersion gives, INIT what cuInit
   returns, and MODE the compute mode. CUDA_VISIBLE_DEVICES with UUIDs is applied as CUDA does it: in its order, and the first entry that is
   none ends the list. Of MIG instances, whose name has " MIG ", the first is shown and nothing beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char uuid[64], name[96]; int mode; } Device;
static Device all[16], shown[16];
static int n_all, n_shown, version, init_rc;

static int is_cut(const Device *d) { return strstr(d->name, " MIG ") != NULL; }

static void show(const Device *d) {
    for (int i = 0; i < n_shown; i++)
        if (is_cut(&shown[i]) || is_cut(d)) return;
    shown[n_shown++] = *d;
}

static void read_all(void) {
    const char *given = getenv("SIMULATED_CUDA"), *visible = getenv("CUDA_VISIBLE_DEVICES");
    char text[2048], list[1024], *rest = text, *part;
    n_all = n_shown = version = init_rc = 0;
    snprintf(text, sizeof text, "%s", given ? given : "0;100");
    if ((part = strsep(&rest, ";"))) version = atoi(part);
    if ((part = strsep(&rest, ";"))) init_rc = atoi(part);
    while ((part = strsep(&rest, ";")) && n_all < 16)
        if (sscanf(part, "%63[^,],%d,%95[^;]", all[n_all].uuid, &all[n_all].mode, all[n_all].name) == 3) n_all++;
    if (!visible) {
        for (int i = 0; i < n_all; i++) show(&all[i]);
        return;
    }
    snprintf(list, sizeof list, "%s", visible);
    rest = list;
    while ((part = strsep(&rest, ","))) {
        int found = -1;
        for (int i = 0; i < n_all; i++)
            if (!strcmp(all[i].uuid, part)) found = i;
        if (found < 0) return;
        show(&all[found]);
    }
}

int cuDriverGetVersion(int *found) { read_all(); *found = version; return 0; }
int cuInit(unsigned flags) { (void)flags; read_all(); return init_rc ? init_rc : n_shown ? 0 : 100; }
int cuDeviceGetCount(int *n) { *n = n_shown; return 0; }
int cuDeviceGet(int *device, int i) { *device = i; return i < n_shown ? 0 : 101; }
int cuDeviceGetName(char *text, int size, int device) { snprintf(text, size, "%s", shown[device].name); return 0; }
int cuDeviceGetAttribute(int *found, int attribute, int device) { *found = shown[device].mode; return attribute == 20 ? 0 : 1; }
int cuDeviceGetUuid_v2(unsigned char *octets, int device) {
    const char *text = shown[device].uuid + 4;
    for (int i = 0; i < 16; text++)
        if (*text != '-') { unsigned octet; sscanf(text, "%2x", &octet); octets[i++] = (unsigned char)octet; text++; }
    return 0;
}
