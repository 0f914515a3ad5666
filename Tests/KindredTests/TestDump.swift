/// A dump of short pages whose texts can be told apart.
func dump(_ pages: [(id: Int, title: String, text: String)]) -> [UInt8] {
    var xml =
        "<mediawiki><siteinfo><sitename>T</sitename><dbname>t</dbname><base>https://t.example/wiki/M</base></siteinfo>"
    for page in pages {
        xml +=
            "<page><title>\(page.title)</title><ns>0</ns><id>\(page.id)</id><revision><id>1</id><text>\(page.text)</text></revision></page>"
    }
    return Array((xml + "</mediawiki>").utf8)
}

func pages(_ count: Int, word: String = "basalt") -> [(id: Int, title: String, text: String)] {
    (1...count).map { page in
        (
            page, "Stone \(page)",
            "Stone number \(page) is made of \(word) and lies in valley \(page * 7).\n\n== Finding ==\nPeople found stone \(page) near the river."
        )
    }
}
