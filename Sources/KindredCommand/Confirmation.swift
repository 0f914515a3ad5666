import KindredSystem

/// A question that a person at the terminal answers.
enum Confirmation {
    /// Whether the answer is "y" or "yes"; anything else, the end of the input too, is no.
    static func ask(_ question: String) -> Bool {
        CommandOutput.error("\(question) [y/N] ")
        let answer = readLine()?.lowercased() ?? ""
        return ["y", "yes"].contains(answer)
    }
}
