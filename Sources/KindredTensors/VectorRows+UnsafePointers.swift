import KindredSystem

extension VectorRows {
    /// The first of the rows with a number that is not finite or so large that its square could not be summed.
    package static func firstUnusable(_ rows: AlignedBuffer<Float>, count: Int, dimensions: Int) -> Int? {
        let values = unsafe rows.pointer(0..<count * dimensions)
        return (0..<count).first { row in
            var usable = true
            let start = unsafe values + row * dimensions
            for column in 0..<dimensions { usable = unsafe usable && abs(start[column]) < 1e15 }
            return !usable
        }
    }
}
