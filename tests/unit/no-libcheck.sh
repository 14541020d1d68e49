#!/bin/sh
# SPDX-License-Identifier: MIT
# Stands in for the unit tests when configure did not find libcheck.
echo "unit tests skipped: libcheck is missing (Debian package: check)"
echo "0 passed, 0 failed, 1 skipped"
exit 77
