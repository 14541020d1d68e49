/* SPDX-License-Identifier: MIT */
/* `twin86 doctor`: what this build of the engine makes of this host's processor. */
#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/watch/watch.h"

static const struct {
    enum HostFeature feature;
    const char *name;
} features[] = {
    {HOST_SSE3, "sse3"},    {HOST_SSSE3, "ssse3"},         {HOST_SSE41, "sse4.1"},
    {HOST_SSE42, "sse4.2"}, {HOST_POPCNT, "popcnt"},       {HOST_LZCNT, "lzcnt"},
    {HOST_BMI1, "bmi1"},    {HOST_BMI2, "bmi2"},           {HOST_AES, "aes"},
    {HOST_SHA, "sha"},      {HOST_PCLMULQDQ, "pclmulqdq"}, {HOST_GFNI, "gfni"},
    {HOST_AVX, "avx"},      {HOST_AVX2, "avx2"},           {HOST_FMA, "fma"},
    {HOST_F16C, "f16c"},
};

void tcg_doctor(FILE *f) {
#ifdef TWIN86_NO_TAIL_CALLS
    fprintf(f, "  built without tail calls, so slower; clang 15 and later have them\n");
#endif
    fprintf(f, "  vector kernels use:");
    unsigned used = 0;
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (host_has(features[i].feature)) {
            fprintf(f, " %s", features[i].name);
            used++;
        }
    fprintf(f, "%s\n", used == 0 ? " sse2 alone" : "");
}
