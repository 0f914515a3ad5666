/// Plain work on rows of floats in a buffer, a row being `dimensions` long.
package enum VectorRows {
    /// A vector whose numbers are all smaller has squares that vanish in 32 bits.
    package static let smallest: Float = 1e-15
}
