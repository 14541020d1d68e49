# SPDX-License-Identifier: MIT
# A small tree of C files, compiled and linked (bench/programs/set-smp.sh).
SHELL = /bin/bash
PARTS = 1 2 3 4 5 6 7 8
all.o: $(PARTS:%=part%.o)
	/usr/bin/ld -r -o $@ $^
%.o: %.c
	/usr/bin/gcc -c -w -ffreestanding -O1 -o $@ $<
