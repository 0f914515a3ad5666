// Kindred's C kernels. Each header states sizes, alignment, aliasing and tails of its functions.
#ifndef KINDRED_KERNELS_H
#define KINDRED_KERNELS_H

#include "kindred_bf16.h"
#include "kindred_blocks.h"
#include "kindred_codes.h"
#include "kindred_crc32c.h"
#include "kindred_features.h"
#include "kindred_gradients.h"
#include "kindred_graph.h"
#include "kindred_int8.h"
#include "kindred_interrupts.h"
#include "kindred_layers.h"
#include "kindred_neighbors.h"

#endif
