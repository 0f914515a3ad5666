/// The element-wise parts of a decoder's layers, on ranges that are checked here. See `kindred_layers.h`.
package enum LayerKernels {}
