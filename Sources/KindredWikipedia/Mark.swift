/// Control characters, which no XML holds, as marks in text on its way from wikitext to lines.
enum Mark {
    /// What follows is text, whatever it looks like: it begins no heading, list or row of a table.
    static let text: UInt8 = 1
    /// Here something was left out.
    static let dropped: UInt8 = 2
    /// An apostrophe that is text.
    static let apostrophe: UInt8 = 3
    /// The line is shown as it is.
    static let verbatim: UInt8 = 4
    /// The lines below may be rows of a table that does not close.
    static let rows: UInt8 = 5
    /// The lines below may be parameters of a template that does not close.
    static let parameters: UInt8 = 15
    /// A link begins or ends.
    static let link: UInt8 = 6
    static let linkEnd: UInt8 = 7
    /// The link just begun leaves the wiki.
    static let external: UInt8 = 8

    /// The line is a row of a table.
    static let row: UInt8 = 14

    /// A cell of a row ends, and another follows.
    static let cell: UInt8 = 16
    /// The same in a table of HTML.
    static let htmlCell: UInt8 = 17

    static func contains(_ byte: UInt8) -> Bool {
        (text...external).contains(byte) || byte == row || byte == parameters
    }

    /// Whether a byte says what a line is, and not what a word of it is.
    static func isLineStart(_ byte: UInt8) -> Bool {
        [text, dropped, verbatim, rows, parameters, row].contains(byte)
    }
}
