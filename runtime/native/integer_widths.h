/* A product of one direction for each stored width, from a body that takes the width as a constant. */
#ifndef BP_INTEGER_WIDTHS_H
#define BP_INTEGER_WIDTHS_H

#define FOR_EACH_WIDTH(direction)                                                                  \
    static void direction##_1(const bp_product *p) { direction##_bits(p, 1); }                     \
    static void direction##_2(const bp_product *p) { direction##_bits(p, 2); }                     \
    static void direction##_4(const bp_product *p) { direction##_bits(p, 4); }                     \
    static void direction##_8(const bp_product *p) { direction##_bits(p, 8); }                     \
    static void direction(const bp_product *p) {                                                   \
        switch (p->w->bits) {                                                                      \
        case 1: direction##_1(p); break;                                                           \
        case 2: direction##_2(p); break;                                                           \
        case 4: direction##_4(p); break;                                                           \
        default: direction##_8(p); break;                                                          \
        }                                                                                          \
    }

#endif
