/// Pages that list what their title may mean, by the templates and categories that mark them
/// (each wiki's "MediaWiki:Disambiguationspage").
enum Disambiguation {
    /// Whether a template marks such a page.
    /// - Parameter name: as `TemplateCall` has it, in lower case.
    static func isTemplate(_ name: String) -> Bool {
        if templates.contains(name[...]) { return true }
        // "Disambiguation cleanup", "Homonymie de personnes", "Begriffsklärung-Ort": the first word tells.
        let first = name.prefix { $0.isLetter || !$0.isASCII }
        return first.count > 3 && firstWords.contains(first)
    }

    /// Whether a category holds such pages.
    static func isCategory(_ name: String) -> Bool {
        stems.isPart(of: name.lowercased().utf8)
    }

    /// Whether a title says so in brackets at its end, "Otter (disambiguation)".
    static func isTitle(_ title: String) -> Bool {
        guard let last = title.last, last == ")" || last == "）",
            let open = title.lastIndex(where: { $0 == "(" || $0 == "（" })
        else { return false }
        return isCategory(String(title[open...]))
    }

    /// Names of templates, whole.
    private static let templates: Set<Substring> = Set(
        """
        dab disamb disambig disambiguation disambiguación disambigua aimai hndis geodis hndis-cleanup geodis-cleanup
        mathdab numberdis letter-disambig schooldis hospitaldis airport-disambig species-disambig surname-disambig dp bkl
        homonymie homon paronymie toponymie patronymie internationalisation desambiguación desambig desambiguação
        desambiguació dab-orte doorverwijspagina förgrening gren gaffel flertydig fleirtyding pekerside ujednoznacznienie
        disambig2 неоднозначность неоднозначності багатозначність многозначност пояснение пояснителна значения disamb2
        вишезначна одредница одредница višeznačna odrednica čvor razvojka rozcestník rozcestník-příjmení rozlišovacia
        rozlišovacia-stránka egyért egyértelműsítő dezambiguizare disambiguizare dezambig täsmennyssivu täsmennys täpsustus
        täpsustuslehekülg nozīmju-atdalīšana nuorodinis-straipsnis αποσαφήνιση anlam-ayrımı anlamayrımı dəqiqləşdirmə
        мъгълар мағына айрық توضيح تفرقة ابهام‌زدایی ابهام-زدایی گنگ-زدایی ضدابہام فرق פירושונים פירוש-נוסף
        曖昧さ回避 曖昧 人名の曖昧さ回避 地名の曖昧さ回避 同名の曖昧さ回避 消歧义 消歧義 消歧义页 消歧義頁 地名消歧义 人名消歧义 동음이의 동명이인
        định-hướng trang-định-hướng แก้กำกวม แก้ความกำกวม बहुविकल्पी बहुविकल्पी-शब्द निःसंदिग्धीकरण দ্ব্যর্থতা-নিরসন பக்கவழி-நெறிப்படுத்தல்
        disambiguasi nyahkekaburan apartigilo argipen dezambiguisashon aðgreining tvíræðni kthjellim kthjellime
        """.split(whereSeparator: \.isWhitespace).map { Substring($0.replacing("-", with: " ")) }
    ).union(["hndis-cleanup", "geodis-cleanup", "letter-disambig", "species-disambig", "airport-disambig"])

    /// Words that such a template begins with, whatever follows.
    private static let firstWords: Set<Substring> = [
        "disambig", "disambiguation", "homonymie", "begriffsklärung", "desambiguación", "desambiguação",
        "disambigua", "ujednoznacznienie", "неоднозначность", "багатозначність", "пояснение", "rozcestník",
        "förgrening", "doorverwijspagina", "täsmennyssivu", "razvojka", "egyértelműsítő", "αποσαφήνιση",
    ]

    /// What the names of such categories have in the languages of the larger wikis.
    private static let stems: WordParts = [
        "disambig", "disambigua", "begriffsklärung", "homonymie", "desambigua", "doorverwijspagina",
        "förgreningssid", "flertydig", "pekersider", "ujednoznacznieni", "неоднозначност", "многозначн",
        "багатозначн", "пояснителни страници", "вишезначн", "rozcestník", "rozlišovac",
        "egyértelműsítő lapok",
        "dezambiguizare", "täsmennyssivu", "täpsustuslehe", "αποσαφήνιση", "anlam ayrımı", "صفحات توضيح",
        "صفحه‌های ابهام‌زدایی", "פירושונים", "曖昧さ回避", "消歧义", "消歧義", "동음이의", "trang định hướng",
        "หน้าแก้ความกำกวม", "बहुविकल्पी", "disambiguasi", "nyahkekaburan", "razvojka", "višeznačn", "apartigil",
    ]
}
