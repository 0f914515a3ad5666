/// The names of a wiki's namespaces, as its dump's `<siteinfo>` gives them, beside the English ones that every MediaWiki
/// knows (mediawiki.org, Manual:Namespace).
package struct WikiNamespaces: Hashable, Sendable {
    static let file = 6
    static let category = 14

    private var numbers: [String: Int] = [
        "media": -2, "special": -1, "talk": 1, "user": 2, "user talk": 3, "project": 4, "project talk": 5,
        "file": 6,
        "image": 6, "file talk": 7, "image talk": 7, "mediawiki": 8, "mediawiki talk": 9, "template": 10,
        "template talk": 11, "help": 12, "help talk": 13, "category": 14, "category talk": 15,
    ]
    /// Whether the dump named any.
    package private(set) var areTold = false

    package init() {}

    mutating func add(_ name: String, number: Int) {
        guard !name.isEmpty else { return }
        areTold = true
        numbers[Self.normalized(name)] = number
    }

    /// The number of the namespace whose name stands before a title's colon; nil where it is none.
    func number(of prefix: some StringProtocol) -> Int? { numbers[Self.normalized(prefix)] }

    /// The same for the prefix of a link. An excerpt's `<siteinfo>` may be shortened, or that of another wiki: so the
    /// names that other languages have for files and categories count too.
    func number(ofLink prefix: some StringProtocol) -> Int? {
        let name = Self.normalized(prefix)
        if let number = numbers[name] { return number }
        if Self.categoryNames.contains(name[...]) { return Self.category }
        return Self.fileNames.contains(name[...]) ? Self.file : nil
    }

    /// Names of the namespace for categories (MediaWiki's languages/messages), spaces as `_`; without those that are words
    /// of other languages.
    private static let categoryNames = names(
        """
        categoria categoría categorie catégorie categorîa categorìa catègorie categuria catigurìa categori
        category catagóir kategooria kategori kategorî kategoria kategória kategoriija kategorija kategoreja
        kategorio kategoriýa kategoriye kategory kategorya kategorie kategoriya kateqoriya kateggoría
        katiguriya kattegoriy kategorėjė luokka bólkur flocc rummad kaarangay turkum thể_loại sokajy
        ñemohenda abdeeling категория категорія катэгорыя категорија категори санат төркем ангилал гурӯҳ
        κατηγορία կատեգորիա კატეგორია კატეგორი קטגוריה קאטעגאריע تصنيف رده زمره تۈر پۆل زمرو وېشنيزه فئة
        تصنیف श्रेणी वर्ग वर्गः श्रेणि विषयश्रेणी শ্রেণী বিষয়শ্রেণী শ্ৰেণী શ્રેણી ਸ਼੍ਰੇਣੀ శ్రేణి వర్గం
        பகுப்பு ವರ್ಗ വർഗ്ഗം විභාග ประเภท หมวดหมู่ ໝວດ ចំណាត់ថ្នាក់ចំណាត់ក្រុម ကဏ္ဍ カテゴリ 分類 分类 분류 መደብ ޤިސްމު
        ཁོངས་གཏོགས 類別 flokkur
        """)

    /// The same for files.
    private static let fileNames = names(
        """
        archivo ficheiro fichero fichier fitxer fitxategi datei bild bilde billede bestand plik soubor súbor
        fájl tiedosto kuva fil fisier fişier fișier datoteka dosya attēls vaizdas fail immagine imagem
        imagen imatge grafika obrázok slika fasciculus dosiero berkas gambar imej larawan lêer restr
        skeudenn mynd íomhá delwedd ìomhaigh файл изображение зображення выява слика датотека сурет сүрәт
        рәсем картинка αρχείο εικόνα պատկեր სურათი קובץ תמונה ملف صورة پرونده تصویر فائل ھۆججەت وێنە चित्र
        संचिका चित्रम् চিত্র ছবি ચિત્ર ਤਸਵੀਰ దస్త్రం బొమ్మ படிமம் ಚಿತ್ರ പ്രമാണം ചിത്രം ගොනුව ไฟล์ ภาพ ຮູບ
        ဖိုင် ファイル 画像 檔案 文件 图像 圖像 파일 그림 tập_tin hình wêne şəkil fayl
        """)

    private static func names(_ list: String) -> Set<Substring> {
        Set(list.split(whereSeparator: \.isWhitespace).map { Substring($0.replacing("_", with: " ")) })
    }

    /// The namespace that a title is in, 0 for one without a prefix of this wiki.
    func number(ofTitle title: String) -> Int {
        title.firstIndex(of: ":").flatMap { number(of: title[..<$0]) } ?? 0
    }

    /// Names are the same in any case, and with `_` for a space.
    private static func normalized(_ name: some StringProtocol) -> String {
        name.lowercased().split { $0 == " " || $0 == "_" }.joined(separator: " ")
    }
}

/// What a link's prefix says where it is no namespace's name.
enum LinkPrefix {
    /// A link to a file by one of the old names of the namespace, which `<siteinfo>` does not list: what it names ends
    /// as only files do (mediawiki.org, Manual:$wgFileExtensions, as Wikimedia sets it).
    static func namesFile(_ target: Substring) -> Bool {
        guard let dot = target.lastIndex(of: ".") else { return false }
        return fileExtensions.contains(target[target.index(after: dot)...].lowercased())
    }

    private static let fileExtensions: Set<String> = [
        "png", "gif", "jpg", "jpeg", "jpe", "jp2", "webp", "xcf", "pdf", "mid", "midi", "ogg", "ogv", "oga",
        "svg",
        "djvu", "tiff", "tif", "opus", "flac", "wav", "webm", "mp3", "mp4", "mpg", "mpeg", "stl",
    ]

    /// Whether a prefix leads to another site: a sister project, a catalogue (meta.wikimedia.org, Interwiki map).
    static func isOtherSite(_ prefix: String) -> Bool { otherSites.contains(prefix.lowercased()[...]) }

    private static let otherSites: Set<Substring> = Set(
        """
        b books c commons d doi foundation hdl m mail mailarchive mediawikiwiki meta mw n outreach phab phabricator
        pmid q rev rfc s source species testwiki toollabs toolforge v voy w wikibooks wikidata wikimedia wikinews wikipedia
        wikiquote wikisource wikispecies wikt wiktionary wikiversity wikivoyage wmf
        """.split(whereSeparator: \.isWhitespace))

    /// Whether a prefix is a language's: a link to the same article in that language, which MediaWiki shows beside the
    /// article and not in it.
    static func isLanguage(_ prefix: String) -> Bool { languages.contains(prefix.lowercased()[...]) }

    /// The languages that Wikipedias are in, by the codes that their links have (meta.wikimedia.org, List of
    /// Wikipedias), with those of older ones.
    private static let languages: Set<Substring> = Set(
        """
        aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba ban bar
        bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bho bi bjn blk bm bn bo bpy br bs btm bug bxr ca cbk-zam cdo
        ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy cz da dag de dga din diq dk dsb dtp dty dv dz ee egl el eml
        en eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got
        gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is
        it iu ja jam jbo jp jv ka kaa kab kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky
        la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min minnan mk
        ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nds nds-nl ne new ng nia nl nn no nb nov nqo
        nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pt-br pwn qu rm
        rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn si simple sk skr sl
        sm smn sn so sq sr srn ss st stq su sv sw szl szy ta tay tcy tdd te tet tg th ti tig tk tl tly tn to tpi tr trv
        ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh
        zh-classical zh-cn zh-min-nan zh-tw zh-yue zu
        """.split(whereSeparator: \.isWhitespace))
}
