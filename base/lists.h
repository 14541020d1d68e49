/* SPDX-License-Identifier: MIT */
/** Lists as options have them: items between commas, of which two stand for one within an item. */
#ifndef TWIN86_BASE_LISTS_H
#define TWIN86_BASE_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Cut the first item off *list, in place; *list is NULL after the last one. */
char *list_cut(char **list);
/** The same, of "key=value" or "key": then *value is NULL. False: there is none any more. */
bool list_cut_property(char **list, char **key, char **value);

/** The whole text is a number from 0 to `max`, decimal, or hexadecimal behind 0x. */
bool list_number(const char *text, uint64_t max, uint64_t *number);
/** A PCI slot as QEMU's addr= has it: "SLOT" or "SLOT.0", hexadecimal with or without 0x, up to `max`. */
bool list_pci_slot(const char *text, uint64_t max, uint64_t *slot);
/** The whole text is "on" or "off". */
bool list_switch(const char *text, bool *on);

#endif
