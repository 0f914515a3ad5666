/// Templates that add to the text around them nothing that is read with it: pointers to other articles, notes, icons, marks
/// of places, and values that are computed or looked up.
///
/// Most of them stand where `InlineTemplate` shows nothing. These are names of those that also stand as a word does.
enum AsideTemplate {
    static func isAside(_ name: String) -> Bool {
        names.contains(name[...])
            || firstWords.contains(name.prefix { $0 != " " && $0 != "-" && $0 != "/" })
    }

    /// Whether a template shows a flag before the name of a country or a town.
    static func isFlag(_ name: String, _ written: String) -> Bool {
        if written.utf8.count == 3, written.allSatisfy({ $0.isUppercase && $0.isASCII }) {
            return true
        }
        return flags.isPart(of: name.utf8)
    }

    private static let icons: WordParts = ["icon", "ikon", "deco", "bild"]

    /// Whether a flag is never more than a picture.
    static func isIcon(_ name: String) -> Bool {
        icons.isPart(of: name.utf8)
    }

    private static let flags: WordParts = [
        "flag", "vlag", "bandera", "bandeira", "bandiera", "drapeau", "fáni", "zászló", "vlajka", "zastava",
        "steag",
        "lipp", "karogs", "vėliava", "флаг", "прапор", "знаме", "застава", "сцяг", "σημαία", "bayrak", "دولة",
        "علم",
        "پرچم", "דגל", "国旗", "旗", "국기", "ธง", "झंडा", "cờ", "bendera",
    ]

    private static func list(_ text: String) -> Set<Substring> {
        Set(
            text.split(whereSeparator: \.isNewline).flatMap { $0.split(separator: ",") }.map { entry in
                entry.drop { $0 == " " }
            })
    }

    /// Whole names.
    private static let names = list(
        """
        main, main article, details, further, further information, see, see also, about, for, for2, other uses, otheruses
        redirect, redirect-distinguish, distinguish, not to be confused with, hatnote, dablink, rellink, broader, more
        hauptartikel, siehe auch, weiterleitungshinweis, begriffsklärungshinweis, dieser artikel, anker, absatz
        article détaillé, articles détaillés, loupe, voir aussi, voir homonymes, homonymes, confusion, ancre, article général
        ap, at, vt, artículo principal, véase también, otros usos, redirige aquí, ancla, artigo principal, ver também, vertambém
        vedi anche, nota disambigua, torna a, ancora, vedi, zie hoofdartikel, zie ook, zie artikel, zie dp, hoofdartikel, anker
        osobny artykuł, zobacz też, inne znaczenia, dłuższy artykuł, kotwica, huvudartikel, se även, olika betydelser, ankare
        hovedartikel, hovedartikkel, se også, uddybende, for alternative betydninger, pääartikkeli, katso myös, tämä artikkeli
        основная статья, см. также, другие значения, перенаправление, не путать, якорь, см, о
        головна стаття, дивись також, див. також, інші значення, не плутати, якір, основна статия, вижте също
        главни чланак, видети још, друго значење, glavni članak, također pogledajte, hlavní článek, viz též, podrobne
        fő, főcikk, lásd még, egyért2, articol principal, vezi și, articole detaliate, peaartikkel, vaata ka
        κύριο, κύριο άρθρο, δείτε επίσης, ana madde, ayrıca bakınız, diğer anlamı, bakınız, çapa
        مفصلة, اقرأ أيضا, انظر أيضا, وضح, طالع أيضا, اصلی, همچنین ببینید, دیگر کاربردها, نوشتار اصلی
        הפניה לערך מורחב, ערך מורחב, פירוש נוסף, ראו גם, עוגן, מקור, כ
        主要記事, 参照, 関連記事, 混同, アンカー, 要出典, 主条目, 主條目, 另见, 参见, 參見, 另見, 锚, 錨
        본문, 참고, 다른 뜻, 다른 뜻 넘어옴, 앵커, 출처, chính, xem thêm, bài chính, định hướng khác, neo
        บทความหลัก, ดูเพิ่มเติม, ความหมายอื่น, मुख्य, मुख्य लेख, यह भी देखें, utama, lihat pula, artikel utama, rencana utama
        anchor, anchors, citation needed, cn, fact, note, ref, refn, efn, sfn, sfnp, sfnm, harv, r, rp, ref label, note label
        listen, coordinates, clarify, who, which, when, by whom, dubious, better source needed, dead link
        inflation, currentyear, update after, update inline, increase, decrease, steady, gain, loss, profit, rise, fall
        decreasepositive, increasenegative, loop, clear, break, col-break, wikidata, #invoke, hs, ntsh, sdash, shy, zwsp
        """)

    /// What names begin with.
    private static let firstWords: Set<Substring> = [
        "coord", "coor", "coordinate", "koordinaten", "koordinate", "coordonnées", "coordenadas",
        "координаты", "координати",
        "souřadnice", "koord", "age", "inflation", "metadaten", "wikidata", "statistiek", "cite", "cita",
        "cytuj", "literatur",
        "internetquelle", "lien", "ouvrage", "isbn", "issn", "doi", "oclc", "pmid", "audio", "audio2",
        "sound", "commons",
        "commonscat", "wiktionary", "wikiquote", "wikisource", "image",
    ]
}
