/* SPDX-License-Identifier: MIT */
/* See probe.h. */
#include "block/probe.h"

#include <string.h>

static const struct Magic {
    const char *name;
    size_t offset, length;
    const char *bytes;
} magics[] = {
    {"qcow2", 0, 8, "QFI\xfb\0\0\0\2"},
    {"qcow2", 0, 8, "QFI\xfb\0\0\0\3"},
    {"qcow", 0, 8, "QFI\xfb\0\0\0\1"},
    {"qcow2", 0, 4, "QFI\xfb"}, /* of a version that is refused by its number */
    {"qed", 0, 4, "QED\0"},
    {"vmdk", 0, 4, "KDMV"},
    {"vmdk", 0, 4, "COWD"},
    {"vmdk", 0, 20, "# Disk DescriptorFil"},
    {"vhdx", 0, 8, "vhdxfile"},
    {"vpc", 0, 8, "conectix"},
    {"vdi", 64, 4, "\x7f\x10\xda\xbe"},
    {"parallels", 0, 16, "WithoutFreeSpace"},
    {"parallels", 0, 16, "WithouFreSpacExt"},
    {"luks", 0, 6, "LUKS\xba\xbe"},
    {"bochs", 0, 26, "Bochs Virtual HD Image\0\0\0\0"},
};

const char *block_probe(const unsigned char *data, size_t n) {
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct Magic *m = &magics[i];
        if (m->offset + m->length <= n && memcmp(data + m->offset, m->bytes, m->length) == 0)
            return m->name;
    }
    return "raw";
}
