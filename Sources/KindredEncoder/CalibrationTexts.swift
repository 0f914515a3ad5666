/// Texts on which the error of 8-bit weights is measured: short ones, in which one token weighs most, and passages.
enum CalibrationTexts {
    static let short = [
        "rain", "Lisbon", "why?", "42", "photosynthesis", "A", "the", "price of gold", "who wrote Faust",
        "moon landing date", "how do bees find their way home", "capital of Mongolia", "1848 revolutions",
        "def add(a, b): return a + b", "E = mc²", "cheap flights to Oslo in May",
        "vitamin D deficiency symptoms",
        "What causes the tides?", "Is glass a liquid?", "Treaty of Westphalia", "SELECT name FROM users;",
        "¿Dónde nace el río Ebro?", "Qui a inventé le stéthoscope ?", "Wie tief ist der Bodensee?",
        "столица Казахстана", "富士山の高さ", "长城有多长", "أطول نهر في العالم", "हिमालय कहाँ है", "서울의 인구",
        "Quem descobriu o Brasil?", "hurricane", "12 March 1999", "jazz piano trio", "Ada Lovelace", "NaCl",
        "old bridge over the Neretva", "largest desert", "https://example.org/a?b=1", "yes",
        "the second law of thermodynamics", "how long does milk keep", "Bach cello suites", "tax on carbon",
        "stop words", "left-handed batters", "Who was the first woman to fly across the Atlantic alone?",
        "best way to learn the violin as an adult",
    ]

    static let passages = [
        """
        A glacier forms where more snow falls in winter than melts in summer. Year after year the layers \
        press on one another until air is squeezed out and the snow turns to ice. Under its own weight the \
        ice begins to flow downhill, a few centimetres to several metres a day, and carries with it the \
        stones that it breaks from the bed.
        """,
        """
        The printing press spread from Mainz to more than two hundred cities within fifty years. Printers \
        followed trade routes and universities; Venice alone had over a hundred workshops by 1500. Prices of \
        books fell by two thirds, and with them the cost of being wrong: errors could now be listed, and \
        corrected in the next edition.
        """,
        """
        A binary search tree keeps its keys in order: those in the left subtree of a node are smaller than \
        its own, those in the right subtree larger. A lookup follows one path from the root, so its cost is \
        the height of the tree. If keys arrive sorted the tree degenerates to a list; rotations after each \
        insertion keep the height logarithmic.
        """,
        """
        The patient, a 54-year-old man, was admitted with chest pain that had lasted for two hours. The \
        electrocardiogram showed ST elevation in leads II, III and aVF. He received aspirin and was taken to \
        the catheter laboratory, where the right coronary artery was found to be occluded and was opened \
        with a stent.
        """,
        """
        Section 4. The tenant shall keep the premises in good repair and shall not make alterations without \
        the written consent of the landlord. If the tenant fails to pay the rent within fourteen days after \
        it falls due, the landlord may terminate this agreement by notice in writing. Deposits are returned \
        within thirty days.
        """,
        """
        The river rises in the uplands north of the town, runs south for 84 km through a narrow valley and \
        enters the sea in a wide estuary. Salmon were common until the weirs of the mills were built; since \
        the last of them was removed in 2011 fish have been counted again in all tributaries.
        """,
        """
        After the interval the orchestra returned with the third symphony. The slow movement was taken at a \
        pace that let every voice be heard, the horns above all. In the finale the conductor held back until \
        the last pages, and the audience, which had coughed through most of the evening, sat still.
        """,
        """
        Le marché se tient chaque samedi sur la place, devant l'église. On y vend des fruits, des fromages \
        de montagne et des paniers que les vanniers tressent sous les yeux des passants. En hiver, quand la \
        neige bloque le col, les étals sont moins nombreux et les prix montent.
        """,
        """
        Die Eisenbahn erreichte die Stadt im Jahr 1857. Binnen zweier Jahrzehnte verdreifachte sich die Zahl \
        der Einwohner; Webereien und eine Zuckerfabrik entstanden am Nordufer. Nach dem Krieg wurde der \
        Güterbahnhof stillgelegt, heute stehen dort Wohnungen und eine Bibliothek.
        """,
        """
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            with open(path, encoding="utf-8") as file:
                counts.update(word.lower() for word in file.read().split())
        print(counts.most_common(20))
        """,
    ]
}
