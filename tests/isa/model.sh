# SPDX-License-Identifier: MIT
# model IMAGE COMMAND...: the option that chooses the CPU for an image, unless the command has one: the features that a
# test is about are there.
model() {
    case $1:$* in
    *" -cpu "*) ;;
    pku64:* | xsave64:* | system64:*) echo "-cpu max" ;;
    esac
}
