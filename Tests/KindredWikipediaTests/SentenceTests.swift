import Testing

@testable import KindredWikipedia

private func sentences(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return SentenceCutter.sentences(bytes, 0..<bytes.count).map { String(decoding: bytes[$0], as: UTF8.self) }
}

@Suite struct SentenceTests {
    @Test(arguments: [
        ["The bridge sways.", "Dampers hold it!", "Do they?", "Yes."],
        ["Она поёт.", "Он слушает!", "Почему?"], ["Κοιμάται το παιδί;", "Ναι.", "Πού\u{37E}", "Όχι."],
        ["هل هذا جسر؟", "نعم هو جسر.", "انتهى"], ["یہ ایک پل ہے۔", "وہ ندی ہے۔"],
        ["Սա կամուրջ է։", "Այո։"], ["ይህ ድልድይ ነው።", "አዎ።"],
        ["He said \u{201C}stop.\u{201D}", "Then he left."], ["Il dit « non. »", "Elle rit."],
        ["So… She left.", "He stayed."],
    ])
    func `sentences end at the marks of their script before a space`(_ expected: [String]) {
        let wanted =
            expected == ["So… She left.", "He stayed."] ? ["So…", "She left.", "He stayed."] : expected
        #expect(sentences(expected.joined(separator: " ")) == wanted)
    }

    @Test(arguments: [
        ["橋が揺れる。", "止まるか？", "はい！"], ["桥在摇晃。", "他说：“停。”", "走了。"], ["यह पुल है।", "वह नदी है॥"],
        ["ဒါတံတားပါ။", "မြစ်ပါ။"], ["នេះជាស្ពាន។", "ទន្លេ៕"], ["「揺れる。」", "止まった。"], ["ｱｲｳ｡", "ｴｵ｡"],
    ])
    func `sentences of scripts without spaces end at their marks`(_ expected: [String]) {
        #expect(sentences(expected.joined()) == expected)
    }

    @Test(arguments: [
        "Dr. Ada met J. R. Smith at 3.14 miles on 5 Oct. Monday.", "А. С. Пушкин и др. Писатели",
        "Am 3. Oktober 1990 und am 12. Mai",
        "Das ist z.B. Wasser", "в 1990 г. Москва", "np. Warszawa", "it ends. but goes on",
        "Это конец. но нет", "e.g. The end",
    ])
    func `abbreviations, initials, ordinals and small letters go on`(_ text: String) {
        #expect(sentences(text) == [text])
    }

    @Test func `a line is a sentence, and marks alone are none`() {
        #expect(sentences("one\ntwo") == ["one", "two"])
        #expect(sentences("... !!! Well.") == ["... !!! Well."])
    }

    @Test func `no sentence begins with a part of a character`() {
        #expect(sentences("Yes!\u{301} Well. 👍") == ["Yes!\u{301} Well.", "👍"])
        #expect(sentences("はい。\u{3099}いいえ。") == ["はい。\u{3099}いいえ。"])
    }

    @Test(arguments: [".", "。", "! ", "…", "؟ ", ". A", "\u{301}", "\"", "।"])
    func `many marks take linear work`(_ mark: String) {
        let text = String(repeating: mark, count: 300_000)
        #expect(sentences(text).map(\.utf8.count).reduce(0, +) <= text.utf8.count)
    }
}
