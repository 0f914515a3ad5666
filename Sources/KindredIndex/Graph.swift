import KindredSystem

/// A graph over rows of heads, with where walks start.
struct Graph {
    let links: LinkRows
    /// The walk starts from the best of these; every node can be reached from the first.
    let entries: [UInt32]
    /// Rows in an order that puts near ones together.
    let order: [UInt32]
}

/// The nodes that can be reached along links.
struct Reachability {
    private var reached: [Bool]
    private(set) var count = 0
    private var waiting: [UInt32] = []
    private var list: [UInt32] = []

    init(_ links: LinkRows, from entry: UInt32) {
        reached = Array(repeating: false, count: links.count)
        extend(links, from: entry)
    }

    func contains(_ node: UInt32) -> Bool { reached[Int(node)] }

    mutating func extend(_ links: LinkRows, from node: UInt32) {
        guard !reached[Int(node)] else { return }
        reached[Int(node)] = true
        count += 1
        waiting.append(node)
        while let next = waiting.popLast() {
            links.links(of: Int(next), into: &list)
            for neighbor in list where !reached[Int(neighbor)] {
                reached[Int(neighbor)] = true
                count += 1
                waiting.append(neighbor)
            }
        }
    }
}
