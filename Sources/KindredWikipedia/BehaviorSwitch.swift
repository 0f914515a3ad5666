/// Words such as `__NOTOC__`, which steer a page and are not shown (mediawiki.org, Help:Magic words).
enum BehaviorSwitch {
    /// The English words, which every wiki knows in any case, and those of the extensions of Wikipedias.
    private static let english: Set<String> = [
        "notoc", "forcetoc", "toc", "noeditsection", "newsectionlink", "nonewsectionlink", "nogallery",
        "hiddencat",
        "expectunusedcategory", "expectunusedtemplate", "nocontentconvert", "nocc", "notitleconvert", "notc",
        "index",
        "noindex", "staticredirect", "disambig", "archivedtalk", "notalk", "noglobal",
        "expected_unconnected_page",
        "expectunconnectedpage", "end", "start", "norealtimepreview", "noautolinks",
    ]

    /// Those of large wikis that have no letter beyond ASCII, where none of the rules below knows them.
    private static let others: Set<String> = [
        "kein_inhaltsverzeichnis", "keininhaltsverzeichnis", "inhaltsverzeichnis_erzwingen",
        "inhaltsverzeichnis",
        "abschnitte_nicht_bearbeiten", "keine_galerie", "keinegalerie", "neuer_abschnittslink",
        "versteckte_kategorie",
        "indexieren", "nicht_indexieren", "permanente_weiterleitung", "aucunsommaire", "aucuntdm", "sanstdm",
        "forcersommaire", "forcertdm", "sommaire", "tdm", "sectionnoneditable", "aucunegalerie", "notdc",
        "no_tdc",
        "forzartdc", "forzar_tdc", "tdc", "noeditarseccion", "nogaleria", "noindexar", "indexar",
        "geeninhoud",
        "forceerinhoud", "inhoud_dwingen", "inhoud", "nietbewerkbaresectie", "geen_galerij", "noindice",
        "forzaindice", "indice", "bezspisu", "zespisem", "spis", "bezedycjisekcji", "semtdc", "semsumario",
        "forcartdc", "forcarsumario", "sumario", "naoeditarsecao", "semeditarsecao", "paksadaftarisi",
        "tanpadaftarisi",
    ]

    /// Past the switch that starts at `start`; nil where none does.
    ///
    /// No dump says what the words of its language are. They are written in capitals, or in a script that has none: so
    /// such a word with letters beyond ASCII, which no macro of a programming language has, is a switch anywhere, and
    /// any such word where it stands alone on its line.
    static func end(_ text: [UInt8], _ start: Int, until limit: Int) -> Int? {
        let underscore = UInt8(ascii: "_")
        guard start + 4 < limit, text[start + 1] == underscore, Bytes.isWord(text[start + 2]) else {
            return nil
        }
        var end = start + 2
        while end < limit, end - start < 120, Bytes.isWord(text[end]) || text[end] == underscore {
            if end > start + 2, text[end] == underscore, end + 1 < limit, text[end + 1] == underscore {
                break
            }
            end += 1
        }
        guard end > start + 2, end + 1 < limit, text[end] == underscore, text[end + 1] == underscore else {
            return nil
        }
        let word = String(decoding: text[(start + 2)..<end], as: UTF8.self)
        let after = end + 2
        if english.contains(word.lowercased()) || others.contains(word.lowercased()) { return after }
        guard word.allSatisfy({ !$0.isLowercase }) else { return nil }
        let isForeign = word.contains { !$0.isASCII }
        return isForeign || isAlone(text, start, after, limit) ? after : nil
    }

    private static func isAlone(_ text: [UInt8], _ start: Int, _ end: Int, _ limit: Int) -> Bool {
        var before = start
        while before > 0, text[before - 1] == 0x20 || text[before - 1] == 0x09 { before -= 1 }
        var after = end
        while after < limit, text[after] == 0x20 || text[after] == 0x09 { after += 1 }
        return (before == 0 || text[before - 1] == 0x0A) && (after == limit || text[after] == 0x0A)
    }
}
